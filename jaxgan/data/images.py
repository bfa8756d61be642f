"""Image files as uint8 arrays: decoded, cropped and resized."""

import io
import pathlib
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from jaxgan.checks import InputError
from jaxgan.data import wide
from jaxgan.data.size import Size, as_pair
from jaxgan.data.source import Decoded

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "PPM", "GIF")

_GRAY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N")
_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow takes 4 bytes per pixel, and each conversion as many again.
_AT_ONCE = {2**22: threading.Semaphore(4), 2**25: threading.Semaphore(1)}
_OTHERWISE = "take it out of the folder, or pass --skip-damaged"


class UnreadableImage(InputError):
    """The error for a file that is damaged, or not an image of a supported format."""


def is_gray(file: pathlib.Path) -> bool:
    """Returns whether a file's header says grayscale; its pixels are not read.

    Raises:
        UnreadableImage: the header is not that of an image in one of ``FORMATS``.
    """
    return look(file).gray


class Look(NamedTuple):
    """The contents of an image's header: (width, height), and the kind of pixels."""

    size: tuple[int, int]
    gray: bool
    transparent: bool


def look(file: pathlib.Path, *, otherwise: str = _OTHERWISE) -> Look:
    """Reads the header of an image, but not its pixels.

    Args:
        file: the image file.
        otherwise: see `read`.

    Raises:
        UnreadableImage: the header is not that of an image in one of ``FORMATS``.
    """
    with naming(str(file), otherwise), opened(file) as image:
        gray = image.mode in _GRAY_MODES or wide.is_gray_with_alpha(image)
        return Look(image.size, gray, image.has_transparency_data)


def decode(
    file: pathlib.Path | io.BytesIO, name: str, **options: Any
) -> UInt8[np.ndarray, "h w c"]:
    """Returns only the image of `read`, which describes the arguments and errors.

    Example:
        >>> file = io.BytesIO()
        >>> Image.new("RGB", (4, 4), (255, 0, 0)).save(file, "PNG")
        >>> decode(file, "red", channels=3, resolution=2)[0, 0].tolist()
        [255, 0, 0]
    """
    return read(file, name, **options).image


def read(
    file: pathlib.Path | io.BytesIO,
    name: str,
    *,
    channels: int,
    resolution: Size | None = None,
    crop: bool = False,
    bits: int | None = None,
    otherwise: str = _OTHERWISE,
) -> Decoded:
    """Reads one image, upright, and the largest of its 16-bit values.

    The image is turned to its EXIF orientation, put on white where transparent,
    cropped, and resized by a Lanczos filter whose support grows with the reduction, so
    that it does not alias. Of several frames or pages the first is taken.

    Args:
        file: an image file of one of ``FORMATS``, by path or in memory.
        name: its name in error messages.
        channels: 1 for grayscale or 3 for RGB.
        resolution: the result's size in pixels, N for N x N or (height, width); None
            keeps the image's own.
        crop: take the centre of an image whose aspect ratio is not that of
            ``resolution``, instead of refusing it; without ``resolution``, the largest
            square.
        bits: the number of bits of 16-bit grayscale in use, so that 2**bits - 1 is
            white; None takes it from the file, else 16.
        otherwise: what to do, besides repairing it, with a file that cannot be read.

    Returns:
        The image, uint8 [h w c] with c = channels, and the largest value, see
        `Decoded`.

    Raises:
        UnreadableImage: the file is damaged, or not an image.
        InputError: the image has another aspect ratio, without ``crop``; its values
            have no known range, or are larger than ``bits`` allow.
    """
    with (
        naming(name, otherwise),
        opened(file) as image,
        _with_few_others(image),
    ):
        plain, largest = _plain(image, name, channels, bits)
    plain = fit(plain, name, resolution, crop)
    pixels = np.asarray(plain).reshape(*plain.size[::-1], channels)
    return Decoded(pixels, largest)


def fit(
    image: Image.Image, name: str, resolution: Size | None, crop: bool
) -> Image.Image:
    """Crops and resizes an image like `read`, which describes arguments and errors."""
    size = None if resolution is None else as_pair(resolution)
    if size or crop:
        image = _cut(image, name, size or (1, 1), crop)
    if size and image.size != size[::-1]:
        image = image.resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return image


@contextmanager
def naming(name: str, otherwise: str) -> Iterator[None]:
    """Turns any error of Pillow into an `UnreadableImage` that names the file.

    Pillow's errors for damaged files differ by format, place and version.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        why = str(error) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):
            why = "its format is not recognised"
        if isinstance(error, Image.DecompressionBombError):
            most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
            raise UnreadableImage(
                f"{name} has more than {most:,} pixels, the most that are read: a "
                "file of few bytes could fill the memory. Cut it into parts, "
                f"{otherwise}."
            ) from error
        raise UnreadableImage(
            f"{name} cannot be read as an image: {why}. Expected a whole "
            f"{', '.join(FORMATS)} file; repair it, {otherwise}."
        ) from error


@contextmanager
def opened(file: pathlib.Path | io.BytesIO) -> Iterator[Image.Image]:
    """Opens an image as an open file, not by its path.

    Given a path, Pillow would memory-map the file, and it reads a rotated TIFF of one
    strip as if it had its upright size.
    """
    with ExitStack() as stack:
        by_path = isinstance(file, pathlib.Path)
        content = stack.enter_context(file.open("rb")) if by_path else file
        yield stack.enter_context(Image.open(content, formats=FORMATS))


@contextmanager
def _with_few_others(image: Image.Image) -> Iterator[None]:
    """Bounds the memory of images that are decoded at the same time."""
    pixels = image.size[0] * image.size[1]
    with ExitStack() as stack:
        for least, limit in _AT_ONCE.items():
            if pixels >= least:
                stack.enter_context(limit)
        yield


def _plain(
    image: Image.Image, name: str, channels: int, bits: int | None
) -> tuple[Image.Image, int | None]:
    """Converts any mode to "L" or "RGB", upright and on a white background."""
    facts = wide.facts(image, name)
    image.load()
    largest = None
    if facts is None:
        plain = _on_white(image)
    else:
        plain, largest = wide.to_8_bits(image, name, facts, bits)
        plain = _on_white(plain)
    plain = plain.convert("L" if channels == 1 else "RGB")
    return upright(plain, orientation(image)), largest


def upright(image: Image.Image, turn: int | None) -> Image.Image:
    """Turns an image, given its file's `orientation`."""
    return image.transpose(_UPRIGHT[turn]) if turn in _UPRIGHT else image


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def orientation(image: Image.Image) -> int | None:
    """Returns the EXIF orientation; None if it is missing or damaged.

    Such damage does not hide the picture. To be called after the pixels are read: by
    then Pillow has rotated TIFF files itself.
    """
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception:
        return None


def _cut(
    image: Image.Image, name: str, shape: tuple[int, int], crop: bool
) -> Image.Image:
    """Crops the largest centre of an image with the aspect ratio of ``shape``.

    Without ``crop`` an image of another aspect ratio is refused.
    """
    (width, height), (rows, columns) = image.size, shape
    if height * columns == width * rows:
        return image
    if not crop:
        raise InputError(
            f"{name} is {height}x{width} pixels (height x width), not of the aspect "
            f"ratio of {rows}x{columns}; pass --crop to take the centre of each image."
        )
    broad = min(width, max(1, round(height * columns / rows)))
    high = min(height, max(1, round(width * rows / columns)))
    left, top = (width - broad) // 2, (height - high) // 2
    return image.crop((left, top, left + broad, top + high))
