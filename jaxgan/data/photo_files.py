"""Photo files: those that packages ship, and those in your own folders."""

import importlib.util
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from tqdm import tqdm

from jaxgan.checks import InputError
from jaxgan.data import images
from jaxgan.data.layout import splits_of
from jaxgan.data.source import USUAL_BITS, DataWarning
from jaxgan.data.walk import count_by_suffix, find, listed, printable
from jaxgan.files import expand

_SKLEARN, _SKIMAGE = ("sklearn", "datasets/images"), ("skimage", "data")
_MATPLOTLIB = ("matplotlib", "mpl-data/sample_data")
# To train on, and held out. Several of scikit-image's other colour images are not
# photographs; the stereo pair states no licence, and the deep field is mostly black.
_USUAL = (
    [(*_SKLEARN, "china.jpg"), (*_MATPLOTLIB, "grace_hopper.jpg")],
    [(*_SKLEARN, "flower.jpg")],
)
_MORE = (
    [(*_SKIMAGE, "astronaut.png"), (*_SKIMAGE, "rocket.jpg")],
    [(*_SKIMAGE, "chelsea.png"), (*_SKIMAGE, "coffee.png")],
)
BUILT_IN = {
    "photos": _USUAL,
    "photos:more": (_USUAL[0] + _MORE[0], _USUAL[1] + _MORE[1]),
}
"""The built-in sets: files to train on, and files held out."""


class Photo(NamedTuple):
    """A photo of any size, and its name."""

    name: str
    image: UInt8[np.ndarray, "h w 3"]


class File(NamedTuple):
    """A photo that has not been read yet; its name is for messages and pictures."""

    name: str
    path: Path


def locate(name: str) -> tuple[list[File], list[File]]:
    """Returns the photos to train on and those held out.

    Args:
        name: a key of `BUILT_IN`, or ``folder:PATH``.

    Warns:
        DataWarning: images of formats that are not read were left out.

    Raises:
        InputError: there is no such set, it has fewer than two photos, or the package
            that ships them is not installed.
    """
    if name in BUILT_IN:
        train, test = ([_shipped(*of) for of in split] for split in BUILT_IN[name])
        return train, test
    if not name.startswith("folder:"):
        raise InputError(
            f"Unknown set of photos {name!r}. Expected {', '.join(BUILT_IN)}, or "
            "folder:PATH for photos of your own."
        )
    root = expand(name.removeprefix("folder:"), "--dataset folder:")
    found = find(root)
    if found.unread:
        warnings.warn(
            f"{printable(root)}: {len(found.unread):,} images are left out because "
            f"their formats are not read: {count_by_suffix(found.unread)}. Convert "
            "them, for example to PNG.",
            DataWarning,
            stacklevel=3,
        )
    files = lambda paths: [File(printable(path), root / path) for path in paths]
    train, test = (files(paths) for paths in splits_of(root, found)[:2])
    return train, test


def sizes(files: Sequence[File]) -> dict[str, tuple[int, int]]:
    """Reads the (height, width) of photos from their headers; skips damaged ones."""
    found = {}
    for file in files:
        try:
            width, height = images.look(file.path).size
        except images.UnreadableImage:
            continue  # handled when it is read
        found[file.name] = height, width
    return found


def read(
    files: Sequence[File], *, bits: int | None = None, skip_damaged: bool = False
) -> Iterator[Photo]:
    """Yields photos, upright and in RGB, on white where transparent.

    Args:
        files: the photos.
        bits: see `jaxgan.data.load`.
        skip_damaged: leave out photos that cannot be read.

    Warns:
        DataWarning: photos were left out, or look too dark for their bits.

    Raises:
        UnreadableImage: a file is damaged, or not an image.
    """
    left_out, dark = [], []
    for file in tqdm(files, desc="reading photos", disable=None):
        try:
            with warnings.catch_warnings():
                # Pillow's warnings of harmless damage do not name the file.
                warnings.filterwarnings("ignore", module=r"PIL\.")
                name = printable(file.path)
                image, largest = images.read(file.path, name, channels=3, bits=bits)
        except images.UnreadableImage:
            if not skip_damaged:
                raise
            left_out.append(file.name)
            continue
        dark += [file.name] if 0 < (largest or 0) < 2**USUAL_BITS else []
        yield Photo(file.name, image)
    if dark:
        warnings.warn(
            f"{len(dark):,} photos have 16 bits, but no value of {2**USUAL_BITS:,} or "
            f"more, so they are almost black: {listed(dark)}. If they hold "
            f"{USUAL_BITS} bits, pass --bits {USUAL_BITS} for grayscale, or convert "
            "colour to 8 bits.",
            DataWarning,
            stacklevel=2,
        )
    if left_out:
        warnings.warn(
            f"{len(left_out):,} damaged photos are left out: {listed(left_out)}.",
            DataWarning,
            stacklevel=2,
        )


def _shipped(package: str, folder: str, name: str) -> File:
    """Finds a photo that a package ships, without importing the package."""
    spec: Any = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else []
    for each in folders:
        if (path := Path(each) / folder / name).is_file():
            return File(name, path)
    pip = {"sklearn": "scikit-learn", "skimage": "'jaxgan[photos]'"}.get(package)
    raise InputError(
        f"{name} is missing; it ships with {package}. Install that: pip install "
        f"{pip or package}."
    )
