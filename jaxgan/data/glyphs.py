"""Letters of the DejaVu fonts in two styles: image pairs that need no download.

matplotlib ships the fonts, and Pillow renders them: white on black, in the middle of a
square. A letter in one style is the input and the same letter in another the target, so
the ground truth is known for every letter. DejaVu Sans and Serif share 1,906 letters.

Many letters of Latin, Greek and Cyrillic look alike, such as A and Alpha. Letters that
share a rendering in either style, or are linked by others that do, are in the same
split, so nothing held out was seen in training.
"""

import dataclasses
import hashlib
import importlib.util
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from fontTools.ttLib import TTFont
from jaxtyping import Int, UInt8
from PIL import Image, ImageDraw, ImageFont
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from jaxgan.checks import InputError
from jaxgan.data.dataset import DataSet
from jaxgan.data.in_memory import from_arrays
from jaxgan.data.source import CREDITS

STYLES = {
    "sans": "DejaVuSans",
    "sans-bold": "DejaVuSans-Bold",
    "sans-oblique": "DejaVuSans-Oblique",
    "sans-bold-oblique": "DejaVuSans-BoldOblique",
    "serif": "DejaVuSerif",
    "serif-bold": "DejaVuSerif-Bold",
    "serif-italic": "DejaVuSerif-Italic",
    "serif-bold-italic": "DejaVuSerif-BoldItalic",
    "mono": "DejaVuSansMono",
    "mono-bold": "DejaVuSansMono-Bold",
    "mono-oblique": "DejaVuSansMono-Oblique",
    "mono-bold-oblique": "DejaVuSansMono-BoldOblique",
}
"""The font of each style."""

_POINTS = 24 / 32  # font size per pixel of the side: about 3 % of the letters are cut
_LEAST = 8  # pixels; many smaller letters look alike


def pairs(source: str, target: str, *, size: int = 32) -> DataSet:
    """Renders the letters that two styles share, a row for each distinct image pair.

    About a tenth is held out, chosen by a hash of the letters, so that their order and
    number do not matter. None of the held-out inputs is an input to train on, and none
    of the held-out targets is a target to train on.

    Args:
        source: the style of the column "input", a key of `STYLES`.
        target: the style of the column "target".
        size: height and width of an image in pixels.

    Returns:
        The set, with columns "input" and "target", uint8 [n size size 1], in the order
        of the letters' code points. The pixels, and so the fingerprint, may change with
        the version of FreeType in Pillow.

    Raises:
        InputError: a style is unknown, both are the same, the size is too small, or
            matplotlib's fonts are not where they should be.

    Example:
        >>> data = pairs("sans", "serif")
        >>> data.train.columns["input"].shape[1:], sorted(data.train.columns)
        ((32, 32, 1), ['input', 'target'])
    """
    if source == target:
        raise InputError(
            f"Pairs need two different styles, got {source} twice; choose another of "
            f"{', '.join(STYLES)}."
        )
    shared = sorted(_characters(source) & _characters(target))
    inputs, targets = (_render(style, shared, size) for style in (source, target))
    groups = _groups(_numbers(inputs), _numbers(targets))
    rows = _first_of_each(np.concatenate([inputs, targets], axis=-1))
    held_out = _held_out(shared, groups)[rows]
    columns = [
        {"input": inputs[each], "target": targets[each]}
        for each in (rows[~held_out], rows[held_out])
    ]
    data = from_arrays(*columns, name=f"glyphs:{source}:{target}")
    note = (
        f"{len(rows):,} distinct pairs of {len(shared):,} letters, {STYLES[source]} to "
        f"{STYLES[target]}; no image held out is one to train on: "
        f"{len(data.train):,} train, {held_out.sum():,} held out."
    )
    return dataclasses.replace(data, note=note, credit=CREDITS["glyphs"])


class Letters(NamedTuple):
    """The distinct images of a style's letters.

    Attributes:
        images: uint8 [n size size 1].
        letters: for each image, the letters that look like it, in the order of their
            code points.
    """

    images: UInt8[np.ndarray, "n size size 1"]
    letters: tuple[str, ...]


def letters(style: str, *, size: int = 32) -> Letters:
    """Renders every letter of a style, as the classes of a letter classifier.

    Args:
        style: a key of `STYLES`.
        size: height and width of an image in pixels.

    Raises:
        InputError: see `pairs`.

    Example:
        >>> found = letters("serif")
        >>> found.letters[0]
        'AΑ'
    """
    characters = sorted(_characters(style))
    images = _render(style, characters, size)
    groups: dict[bytes, str] = {}
    for character, image in zip(characters, images, strict=True):
        key = image.tobytes()
        groups[key] = groups.get(key, "") + character
    return Letters(images[_first_of_each(images)], tuple(groups.values()))


def font_file(style: str) -> Path:
    """Finds the font file of a style, without importing matplotlib, which is slow.

    Raises:
        InputError: the style is unknown, or matplotlib's fonts are not where they
            should be.
    """
    if style not in STYLES:
        raise InputError(
            f"Unknown style {style!r}. Expected one of {', '.join(STYLES)}."
        )
    spec: Any = importlib.util.find_spec("matplotlib")
    folders = spec.submodule_search_locations if spec else ["matplotlib"]
    path = Path(folders[0]) / "mpl-data" / "fonts" / "ttf" / f"{STYLES[style]}.ttf"
    if not path.is_file():
        raise InputError(
            f"{path} is missing; it ships with matplotlib. Reinstall that from PyPI: "
            "pip install --force-reinstall matplotlib."
        )
    return path


def _characters(style: str) -> set[str]:
    """Returns the letters of a style: the Unicode categories Lu, Ll, Lt, Lm and Lo."""
    with TTFont(font_file(style), lazy=True) as font:
        found = map(chr, font.getBestCmap() or ())
        return {each for each in found if unicodedata.category(each).startswith("L")}


def _render(
    style: str, characters: Sequence[str], size: int
) -> UInt8[np.ndarray, "n size size 1"]:
    if size < _LEAST:
        raise InputError(
            f"Letters of {size}x{size} pixels cannot be told apart; the size must be "
            f"at least {_LEAST}, 32 is usual."
        )
    # Not the layout engine Raqm: it needs FriBiDi, and moves letters by fractions of a
    # pixel.
    font = ImageFont.truetype(
        font_file(style), size * _POINTS, layout_engine=ImageFont.Layout.BASIC
    )

    def draw(character: str) -> np.ndarray:
        image = Image.new("L", (size, size))
        middle = (size / 2, size / 2)
        ImageDraw.Draw(image).text(middle, character, 255, font, anchor="mm")
        return np.asarray(image)[..., None]

    return np.stack([draw(each) for each in characters])


def _first_of_each(images: UInt8[np.ndarray, "n h w c"]) -> Int[np.ndarray, " m"]:
    """Returns the rows whose image does not occur in an earlier row."""
    first: dict[bytes, int] = {}
    for row, image in enumerate(images):
        first.setdefault(image.tobytes(), row)
    return np.array(list(first.values()))


def _numbers(images: UInt8[np.ndarray, "n h w c"]) -> Int[np.ndarray, " n"]:
    """Returns a number for each image, equal for equal images."""
    known: dict[bytes, int] = {}
    return np.array([known.setdefault(each.tobytes(), len(known)) for each in images])


def _groups(
    inputs: Int[np.ndarray, " n"], targets: Int[np.ndarray, " n"]
) -> Int[np.ndarray, " n"]:
    """Returns the group of each letter: letters linked by equal inputs or targets.

    The groups are the connected components of the graph whose nodes are the distinct
    images of both styles and whose edges are the letters.

    Example:
        >>> _groups(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])).tolist()
        [0, 0, 0, 1]
    """
    first = inputs.max() + 1
    count = first + targets.max() + 1
    edges = (np.ones(len(inputs)), (inputs, first + targets))
    _, groups = connected_components(coo_array(edges, (count, count)), directed=False)
    return groups[inputs].astype(np.int64)


def _held_out(characters: Sequence[str], groups: Int[np.ndarray, " n"]) -> np.ndarray:
    """Returns whether each letter is held out, [n]; a hash of its group decides."""
    members: dict[int, str] = {}
    for character, group in zip(characters, groups.tolist(), strict=True):
        members[group] = members.get(group, "") + character
    chosen = {group for group, each in members.items() if _digest(each) < 2**64 // 10}
    return np.array([group in chosen for group in groups.tolist()])


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
