"""The problems for the tips of `experiments.studies.tricks`: digits, and a ring."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import jaxgan.data
from experiments.studies import points
from jaxgan.images import as_float
from jaxgan.metrics import kernel_distance, neighbours, prdc

# By measure, whether more is better.
DIGITS = {
    "digits: kernel distance": False,
    "digits: 1-NN accuracy": False,
    "digits: coverage": True,
}
RING = {"ring-8: modes": True, "ring-8: % high quality": True}
Scores = dict[str, list[float]]
"""A value for each seed, by measure."""


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """Data to learn, of ``[d]`` numbers per example, and the judge of samples."""

    name: str
    size: int
    steps: int
    width: int
    latent_dim: int
    bounded: bool
    sample: Callable[[jax.Array, int], jax.Array]
    judge: Callable[[np.ndarray], Scores]


def digits(data_dir: Path, steps: int, width: int) -> Problem:
    """Returns the bundled digits, judged against those of other writers."""
    data = jaxgan.data.load("digits", data_dir=data_dir)
    flat = lambda part: as_float(part.images).reshape(len(part), -1)
    train, test = flat(data.train), flat(data.test)

    def judge(made: np.ndarray) -> Scores:
        # A generator that diverged is judged as one that makes black images.
        made = np.where(np.isfinite(made), np.clip(made, -1, 1), -1)
        found: dict[str, list[float]] = {name: [] for name in DIGITS}
        key, n = jax.random.key(0), len(test)
        few = {"features": "pixels", "key": key, "resamples": 2}
        for fake in made:
            distance = kernel_distance.distance(
                test, fake[:n], subsets=1, subset_size=n, **few
            )
            near = neighbours.two_sample(test, jnp.asarray(fake[:n]))
            covered = prdc.measure(np.asarray(test), fake[:n], **few).coverage
            values = (distance.value, float(near.accuracy), covered.value)
            for name, value in zip(found, values, strict=True):
                found[name].append(value)
        return found

    def sample(key, n):
        return train[jax.random.randint(key, (n,), 0, len(train))]

    return Problem("digits", 64, steps, width, 16, True, sample, judge)


def ring(steps: int, width: int) -> Problem:
    """Returns eight narrow modes, judged by `points.scores`."""
    target = points.ring()

    def judge(made: np.ndarray) -> Scores:
        scores = points.scores(made, target)
        quality = [100 * share for share in scores["quality"]]
        return dict(zip(RING, (scores["modes"], quality), strict=True))

    draw = target.density.sample
    return Problem("ring-8", 2, steps, width, 2, False, draw, judge)
