"""Scaling of images with more than 8 bits to 8.

16-bit grayscale is scaled by its range: ``bits`` if passed, else what the file says
(sBIT of PNG, BitsPerSample and MaxSampleValue of TIFF), else 16 bits. For colour,
Pillow keeps only the upper 8 bits, so a narrower range is refused there.
"""

import struct
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.data.source import USUAL_BITS

_FULL = 16
_PNG_GRAY_ALPHA = "LA;16B"
_WIDE_MODES = ("F", "I", "I;16", "I;16B", "I;16L", "I;16N")
# TIFF tags, and their values.
_BITS_PER_SAMPLE, _PHOTOMETRIC, _MAX_SAMPLE_VALUE = 258, 262, 281
_PLANES, _SAMPLE_FORMAT = 284, 339
_WHITE_IS_ZERO, _SEPARATE, _SIGNED = 0, 2, 2


class Facts(NamedTuple):
    """The properties of a file's samples of more than 8 bits.

    Attributes:
        rawmode: the mode in which Pillow unpacks them.
        significant: the bits of PNG's sBIT, else None.
        peak: the largest value according to TIFF's tags, else None.
        inverted: whether zero is white.
        scaled: whether Pillow scales the samples to all 16 bits itself.
    """

    rawmode: str
    significant: int | None = None
    peak: int | None = None
    inverted: bool = False
    scaled: bool = False


def is_gray_with_alpha(image: Image.Image) -> bool:
    """Returns whether a file is 16-bit grayscale with alpha, RGBA to Pillow."""
    return _rawmode(image) == _PNG_GRAY_ALPHA


def facts(image: Image.Image, name: str) -> Facts | None:
    """Returns a file's `Facts`, or None if it has 8 bits; before the pixels are read.

    Makes Pillow unpack 16-bit grayscale with alpha as four bytes, which is lossless.

    Raises:
        InputError: for a TIFF that Pillow would read wrongly: separate planes of more
            than 8 bits, or signed 8-bit samples.
    """
    rawmode = _rawmode(image)
    file: Any = image  # has attributes that Pillow's types do not declare
    if rawmode == _PNG_GRAY_ALPHA:
        file.tile = [each._replace(args="RGBA") for each in file.tile]
    if image.format == "PNG" and ";16" in rawmode:
        return Facts(rawmode, significant=_significant_bits(image))
    if image.format == "TIFF":
        _check_tiff(file.tag_v2, name)
    if image.format == "TIFF" and (";16" in rawmode or image.mode in _WIDE_MODES):
        tags = file.tag_v2
        depth = int(np.max(tags.get(_BITS_PER_SAMPLE, _FULL)))
        peak = tags.get(_MAX_SAMPLE_VALUE, 2**depth - 1 if depth < _FULL else None)
        peak = min(peak) if isinstance(peak, tuple) else peak
        inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
        return Facts(rawmode, peak=peak, inverted=inverted)
    if image.format == "PPM" and image.mode == "RGB":
        maximum = file.tile[0].args[1]
        return Facts(rawmode) if maximum == 2**_FULL - 1 else None
    if image.mode in _WIDE_MODES:
        # PPM files have decoders of this name, which scale by the file's maximum.
        return Facts(rawmode, scaled=file.tile[0].codec_name.startswith("ppm"))
    return None


def to_8_bits(
    image: Image.Image, name: str, told: Facts, bits: int | None
) -> tuple[Image.Image, int | None]:
    """Scales a loaded image to 8 bits, rounded to the nearest.

    Args:
        image: as `facts` left it, with its pixels loaded.
        name: its name in error messages.
        told: see `facts`.
        bits: the range, in place of the file's own.

    Returns:
        An image of mode "L", "LA", "RGB" or "RGBA", and the largest value if neither
        the file nor ``bits`` gives the range, else None.

    Raises:
        InputError: the values are floats or integers of 32 bits, negative, or larger
            than ``bits`` allow; colour of less than 16 bits.
    """
    if not is_gray(image, told):
        largest = _check_colour(image, name, told, bits)
        return image, None if _is_told(told, bits) else largest
    values, alpha, peak, largest = _gray_and_peak(image, name, told, bits)
    gray = _scaled(peak, 255, told)[values]
    if alpha is not None:
        gray = np.stack([gray, alpha], axis=-1)
    return Image.fromarray(gray), None if _is_told(told, bits) else largest


def is_gray(image: Image.Image, told: Facts) -> bool:
    """Returns whether an image of more than 8 bits is grayscale, perhaps with alpha."""
    return image.mode in _WIDE_MODES or told.rawmode == _PNG_GRAY_ALPHA


def to_16_bits(
    image: Image.Image, name: str, told: Facts
) -> tuple[UInt16[np.ndarray, "h w"], UInt8[np.ndarray, "h w"] | None]:
    """Scales a loaded grayscale image to 16 bits; returns values and alpha, if any.

    Args and errors are those of `to_8_bits`.
    """
    values, alpha, peak, _ = _gray_and_peak(image, name, told, None)
    return _scaled(peak, 2**_FULL - 1, told)[values], alpha


def _gray_and_peak(
    image: Image.Image, name: str, told: Facts, bits: int | None
) -> tuple[np.ndarray, np.ndarray | None, int, int]:
    """Returns values, alpha, the value of white, and the largest value."""
    values, alpha = _gray(image, name, told)
    present = np.zeros(2**_FULL, bool)
    present[values] = True
    found = np.flatnonzero(present)  # far fewer values than pixels
    peak = _peak(found, name, told, bits)
    return values, alpha, peak, int(found.max(initial=0))


def _scaled(peak: int, most: int, told: Facts) -> np.ndarray:
    """Returns a table from values to 0 ... ``most``, where ``peak`` is white."""
    scaled = np.minimum(np.arange(2**_FULL), peak) * (most / peak)
    scaled = most - scaled if told.inverted else scaled
    return np.rint(scaled).astype(np.uint8 if most < 2**8 else np.uint16)


def _is_told(told: Facts, bits: int | None) -> bool:
    """Returns whether the range of the values is known, not guessed."""
    return told.scaled or any(
        x is not None for x in (bits, told.significant, told.peak)
    )


def _check_tiff(tags: Any, name: str) -> None:
    depth = int(np.max(tags.get(_BITS_PER_SAMPLE, 1)))
    if tags.get(_PLANES) == _SEPARATE and depth > 8:
        raise InputError(
            f"{name} holds each colour of {depth} bits in a plane of its own, which "
            "cannot be read; convert it to 8 bits."
        )
    if _SIGNED in np.atleast_1d(tags.get(_SAMPLE_FORMAT, 1)) and depth <= 8:
        raise InputError(
            f"{name} holds signed integers of 8 bits; convert it to unsigned ones."
        )


def _gray(
    image: Image.Image, name: str, told: Facts
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the values in uint16, and alpha in uint8 if there is any."""
    if told.rawmode == _PNG_GRAY_ALPHA:
        bands = [np.asarray(image.getchannel(i)).astype(np.uint16) for i in range(4)]
        values, alpha = bands[0] << 8 | bands[1], bands[2] << 8 | bands[3]
        return values, np.rint(np.arange(2**_FULL) / 257).astype(np.uint8)[alpha]
    if image.mode == "F" or ";32" in told.rawmode:
        raise InputError(
            f"{name} holds {'floats' if image.mode == 'F' else '32-bit integers'}, "
            "whose range is not known; convert it to 8 or 16 bits."
        )
    values = np.asarray(image)
    if values.min(initial=0) < 0:
        raise InputError(
            f"{name} holds negative values, such as {values.min()}; convert it to "
            "unsigned integers of 8 or 16 bits."
        )
    values = values.astype(np.uint16, copy=False)
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return values, None
    return values, np.where(values == clear, 0, 255).astype(np.uint8)


def _peak(found: np.ndarray, name: str, told: Facts, bits: int | None) -> int:
    """Returns the value of white, for an image that holds the values ``found``."""
    largest = int(found.max(initial=0))
    if bits is not None and not told.scaled:
        if largest >= 2**bits:
            raise InputError(
                f"{name} holds the value {largest}, more than {bits} bits can; pass "
                "the bits that the files have, or leave out --bits."
            )
        return 2**bits - 1
    if told.peak is not None:
        if not largest <= told.peak < 2**_FULL or told.peak < 1:
            raise InputError(
                f"{name} holds the value {largest}, and says that its largest is "
                f"{told.peak}; pass --bits with the bits that the files have."
            )
        return told.peak
    if told.significant is not None and not _fills(found, told.significant):
        if largest >= 2**told.significant:
            raise InputError(
                f"{name} holds the value {largest}, and says that it has "
                f"{told.significant} bits; pass --bits with the bits that the files "
                "have."
            )
        return 2**told.significant - 1
    return 2**_FULL - 1


def _fills(values: np.ndarray, bits: int) -> bool:
    """Returns whether values of ``bits`` bits were scaled up to 16, as PNG prescribes.

    If so, the lower bits are zeros or repeat the upper ones, or the scaling is linear.
    Many writers store the values unscaled instead.
    """
    below = values & (2 ** (_FULL - bits) - 1)
    ratio = (2**_FULL - 1) / (2**bits - 1)
    linear = np.rint(np.rint(values / ratio) * ratio)
    ways = (below == 0, below == values >> bits, values == linear)
    return any(bool(way.all()) for way in ways)


def _check_colour(image: Image.Image, name: str, told: Facts, bits: int | None) -> int:
    """Returns the colours' largest 16-bit value, roughly; refuses narrow ranges."""
    clear = image.info.get("transparency")
    if isinstance(clear, tuple):  # 16-bit values; the pixels are the upper 8 bits
        image.info["transparency"] = tuple(value >> 8 for value in clear)
    bands: Any = image.getextrema()
    colours = bands[:3] if image.mode.startswith("RGB") else bands
    highest = max(high for _, high in colours)
    # Pillow rounds the values of a PPM; of others it takes the upper byte.
    rounded = image.format == "PPM"
    largest = max(0, highest * 257 - 128) if rounded else highest * 256 + 255
    narrow = bits or told.significant or (told.peak or 2**_FULL - 1).bit_length()
    if image.mode == "RGBA" and max(largest, bands[3][1] * 256 + 255) < 2**USUAL_BITS:
        narrow = min(narrow, USUAL_BITS)  # nothing is opaque: alpha has that range, too
    if narrow < _FULL and largest < 2**narrow:
        raise InputError(
            f"{name} holds colours of {narrow} bits in 16, of which the upper 8 are "
            "read, and would be almost black; convert it to 8 bits."
        )
    return largest


def _rawmode(image: Image.Image) -> str:
    """Returns the mode in which Pillow will unpack the samples; empty if unknown."""
    tile = getattr(image, "tile", None)
    args = tile[0][3] if tile else ""
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _significant_bits(image: Image.Image) -> int | None:
    """Returns the smallest number in PNG's chunk sBIT; None if there is none."""
    file = image.fp  # pyright: ignore[reportAttributeAccessIssue]
    place = file.tell()
    try:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"sBIT":
                found = [n for n in file.read(min(length, 4)) if 0 < n <= _FULL]
                return min(found, default=None)
            if kind == b"IDAT":
                return None
            file.seek(length + 4, 1)
        return None
    finally:
        file.seek(place)
