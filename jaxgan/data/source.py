"""Sources of a cache: names and encoded images, from files or records."""

import dataclasses
import io
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

LEAST_BITS = 9  # of --bits: values of 8 bits are not stored in 16-bit files
USUAL_BITS = 12  # of cameras and scanners that write 16-bit files

OWN_SETS = {
    "digits": "1.1.0",
    "mnist": "1.0.0",
    "fashion_mnist": "1.0.0",
    "cifar10": "1.0.0",
}
"""The sets with our own builders, and the version of each.

Increase the version with any change to what a builder writes: it is part of the cache's
key, and of the folder that tfds prepares.
"""


CREDITS = {
    "digits": "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, "
    "UCI Machine Learning Repository; CC BY 4.0.",
    "mnist": "MNIST, Y. LeCun, C. Cortes and C. Burges; CC BY-SA 3.0.",
    "fashion_mnist": "Fashion-MNIST, H. Xiao, K. Rasul and R. Vollgraf; MIT licence.",
    "cifar10": "CIFAR-10, A. Krizhevsky, V. Nair and G. Hinton; no formal licence.",
    "glyphs": "DejaVu fonts, under the licences of Bitstream Vera and Arev, DejaVu's "
    "changes in the public domain; rendered by Pillow.",
    "photos": "china.jpg by danielbuechele and flower.jpg by vultilion, CC BY 2.0, of "
    "scikit-learn; grace_hopper.jpg by the US Navy, public domain, of matplotlib.",
    "photos:more": "china.jpg by danielbuechele and flower.jpg by vultilion, CC BY "
    "2.0, of scikit-learn; grace_hopper.jpg by the US Navy, public domain, of "
    "matplotlib; astronaut.png by NASA and rocket.jpg by SpaceX, public domain, "
    "chelsea.png by Stefan van der Walt and coffee.png by Rachel Michetti, CC0, of "
    "scikit-image.",
}
"""The authors and licences of the built-in sets."""


class DataWarning(UserWarning):
    """A warning that a set was loaded, but perhaps not as its owner intended."""


class Example(NamedTuple):
    """One encoded image, the name to use for it in an error, and its label."""

    name: str
    file: pathlib.Path | io.BytesIO
    label: int | None


class Decoded(NamedTuple):
    """An image, and the largest 16-bit value if its file does not state the range."""

    image: UInt8[np.ndarray, "h w c"]
    largest: int | None


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """``count`` examples, fetched in blocks because records are read in blocks."""

    count: int
    fetch: Callable[[range], list[Example]]


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A set that has not been decoded yet; ``classes`` is empty without labels.

    ``channels`` describes the files: 1 if all are grayscale, else 3.
    """

    channels: int
    classes: tuple[str, ...]
    train: Split
    test: Split
