"""Prints the Fréchet distance of two sets of noise, seen through a small network.

python -m tests.evaluation.seen_sets [COORDINATOR PROCESSES PROCESS]
"""

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import processes
from jaxgan.data import pictures
from jaxgan.evaluation import quality, seen
from jaxgan.metrics.features import layers
from jaxgan.metrics.features.extractor import Extractor


def network() -> Extractor:
    """Two random convolutions, and the mean over all pixels."""
    random = np.random.default_rng(0)
    kernels = [random.normal(size=shape).astype(np.float32) / 9 for shape in SHAPES]

    def apply(params, x):
        for kernel in params:
            x = jnp.maximum(layers.conv({"kernel": kernel}, x, stride=2), 0)
        return {"features": x.mean(axis=(1, 2))}

    return Extractor(
        name="random",
        protocol="random",
        distance="Fréchet distance",
        weights_sha256="0" * 64,
        prepare=lambda images: images.astype(np.float32) / 255,
        apply=apply,
        params=kernels,
    )


SHAPES = ((3, 3, 3, 32), (3, 3, 32, 48))


def main(arguments: list[str]) -> None:
    """Judges, and prints the distance and the features' order as JSON."""
    if arguments:
        coordinator, count, index = arguments
        processes.join(coordinator, int(count), int(index))
    random = np.random.default_rng(1)
    sets = [
        pictures.of_array(random.integers(low, 256, (1_000, 16, 16, 3), np.uint8), name)
        for low, name in ((0, "real"), (100, "fake"))
    ]
    extractor = network()
    kept = [seen.look(extractor, s, {seen.MOMENTS, seen.FEATURES}) for s in sets]
    pair = quality.Pair(extractor, *kept, jax.random.key(0))
    found = quality.judge(["fid"], pair)["fid"]
    direct = [np.cov(s.features, rowvar=False).trace() for s in kept]
    merged = [s.moments.covariance.trace() for s in kept]
    print(json.dumps({"fid": found.value, "direct": direct, "merged": merged}))


if __name__ == "__main__":
    main(sys.argv[1:])
