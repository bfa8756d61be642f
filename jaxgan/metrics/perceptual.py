"""LPIPS, a learned distance between two images, and its mean over pairs."""

import dataclasses
import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, UInt8

from jaxgan import images
from jaxgan.checks import InputError
from jaxgan.metrics import means, paired
from jaxgan.metrics.features import lpips
from jaxgan.metrics.features.extractor import BLOCK
from jaxgan.metrics.features.weights import read_weights
from jaxgan.metrics.means import Values
from jaxgan.metrics.paired import Images
from jaxgan.metrics.result import Result
from jaxgan.typing import Key


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Distance:
    """A network that measures the distance between two images, with its weights.

    Attributes:
        name: name of the distance, such as "LPIPS".
        protocol: everything that it depends on besides the images: the network and the
            weights' hashes.
        weights_sha256: SHA-256 of each weights file by its content, in hexadecimal
            digits.
        apply: ``(params, a, b) -> [n]`` for images ``[n h w 3]`` in [-1, 1], pure.
        params: the network's parameters.
    """

    name: str
    protocol: str
    weights_sha256: dict[str, str]
    apply: Callable[[Any, Any, Any], Any]
    params: Any

    def __call__(
        self, a: UInt8[np.ndarray, "n h w 3"], b: UInt8[np.ndarray, "m u v 3"]
    ) -> Float[np.ndarray, " n"]:
        """Returns the distance of each pair of uint8 images.

        At most two programs are compiled per image size, one for a single pair and one
        for `BLOCK` pairs.
        """
        if a.shape != b.shape or not len(a):
            raise InputError(
                f"{self.name} needs pairs of images of the same size, got the shapes "
                f"{list(a.shape)} and {list(b.shape)}."
            )
        apply = _compiled(self.apply)
        size = BLOCK if len(a) > 1 else 1
        found = [
            apply(self.params, _padded(a[i : i + size], size), _padded(b[i:], size))
            for i in range(0, len(a), size)
        ]
        return np.concatenate([np.asarray(part) for part in found])[: len(a)]


@functools.lru_cache
def _compiled(apply: Callable) -> Callable:
    def of_pixels(params, a, b):
        return apply(params, images.as_float(a), images.as_float(b))

    return jax.jit(of_pixels)


def _padded(block: np.ndarray, size: int) -> np.ndarray:
    block = block[:size]
    return np.pad(block, [(0, size - len(block)), *[(0, 0)] * (block.ndim - 1)])


def load_lpips(vgg: str | Path, heads: str | Path) -> Distance:
    """Returns LPIPS v0.1 on VGG-16.

    Most papers report LPIPS on AlexNet; those values cannot be compared with these.

    Args:
        vgg: the weights of VGG-16, torchvision's ``vgg16-397923af.pth``.
        heads: the weights of the heads, ``lpips/weights/v0.1/vgg.pth`` in the PyPI
            package lpips.

    Raises:
        InputError: if a file is missing, or holds another network's weights.
    """
    of_vgg, of_heads = read_weights(vgg), read_weights(heads)
    digests = f"{of_vgg.sha256[:12]} and {of_heads.sha256[:12]}"
    return Distance(
        name="LPIPS",
        protocol=(
            f"LPIPS v0.1 on VGG-16, weights sha256 {digests}, RGB in [-1, 1], not "
            "resized"
        ),
        weights_sha256={"vgg": of_vgg.sha256, "heads": of_heads.sha256},
        apply=lpips.distance,
        params=lpips.prepare(of_vgg.arrays, of_heads.arrays),
    )


def measure(
    real: Images,
    fake: Images,
    *,
    distance: Distance,
    key: Key | None = None,
    resamples: int = 1000,
) -> Result:
    """Returns the mean distance over pairs of images.

    Args:
        real: uint8 images ``[n h w 3]``, or a list of images that differ in size.
        fake: the images to compare with, in the same order.
        distance: a distance such as that of `load_lpips`.
        key: for the bootstrap; None means ``jax.random.key(0)``.
        resamples: number of bootstrap resamples over pairs; 0 for no interval.

    Raises:
        InputError: if the images cannot be paired, or are too small for the network.
    """
    found = list(paired.pairs(real, fake))
    blocks = [found[i : i + BLOCK] for i in range(0, len(found), BLOCK)]
    values = [of_pairs(distance, *zip(*block, strict=True)) for block in blocks]
    return mean(np.concatenate(values), distance=distance, key=key, resamples=resamples)


def of_pairs(
    distance: Distance, real: Iterable[np.ndarray], fake: Iterable[np.ndarray]
) -> Float[np.ndarray, " n"]:
    """Returns the distance of each of a few pairs of uint8 images, of any sizes."""
    real, fake = list(real), list(fake)
    if len({image.shape for image in real}) == 1:
        return distance(np.stack(real), np.stack(fake))
    one = lambda a, b: distance(a[None], b[None])
    return np.concatenate([one(a, b) for a, b in zip(real, fake, strict=True)])


def mean(
    values: Values,
    *,
    distance: Distance,
    key: Key | None = None,
    resamples: int = 1000,
) -> Result:
    """Returns the mean of the distances of pairs.

    Args:
        values: values of `of_pairs`, all by the same distance.
        distance: that distance.
        key: for the bootstrap; None means ``jax.random.key(0)``.
        resamples: number of bootstrap resamples over pairs; 0 for no interval.
    """
    return means.result(
        distance.name,
        values,
        described=f"{distance.protocol}, mean over {len(values)} pairs",
        key=key,
        resamples=resamples,
        details={"weights_sha256": distance.weights_sha256},
    )
