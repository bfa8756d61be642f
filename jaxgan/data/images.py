"""One image file becomes one uint8 array: decoded, cropped, resized."""

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
# Pillow takes 4 bytes a pixel, and each conversion as many.
_AT_ONCE = {2**22: threading.Semaphore(4), 2**25: threading.Semaphore(1)}


class UnreadableImage(InputError):
    """A file is damaged, or no image of a format that is read."""


def is_gray(file: pathlib.Path) -> bool:
    """Returns whether a file's header says grayscale; its pixels are not read.

    Raises:
        UnreadableImage: the header is not that of an image in one of ``FORMATS``.
    """
    return look(file).gray


class Look(NamedTuple):
    """What an image's header says: (width, height), and of its pixels."""

    size: tuple[int, int]
    gray: bool
    transparent: bool


def look(file: pathlib.Path) -> Look:
    """Returns what the header of an image says; its pixels are not read.

    Raises:
        UnreadableImage: the header is not that of an image in one of ``FORMATS``.
    """
    with _naming(str(file)), _opened(file) as image:
        gray = image.mode in _GRAY_MODES or wide.is_gray_with_alpha(image)
        return Look(image.size, gray, image.has_transparency_data)


def decode(
    file: pathlib.Path | io.BytesIO, name: str, **options: Any
) -> UInt8[np.ndarray, "h w c"]:
    """Returns the image alone of `read`, which has the arguments and errors.

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
) -> Decoded:
    """Reads one image, upright, and says how large its 16-bit values are.

    The image is turned as its EXIF orientation says, put on white where transparent,
    cropped, and resized by a Lanczos filter whose support grows with the reduction, so
    that it does not alias. Of an animation or of several pages the first is taken.

    Args:
        file: an image file of one of ``FORMATS``, by path or in memory.
        name: what to call it in an error.
        channels: 1 for grayscale or 3 for RGB.
        resolution: the result's size in pixels, N for N x N or (height, width); None
            keeps the image's own.
        crop: take the centre of an image whose aspect ratio is not that of
            ``resolution``, instead of refusing it; without ``resolution``, the largest
            square.
        bits: how many bits of 16-bit grayscale are used, so that 2**bits - 1 is white;
            None takes what the file says, else 16.

    Returns:
        The image, uint8 [h w c] with c = channels, and see `Decoded`.

    Raises:
        UnreadableImage: the file is damaged, or no image.
        InputError: it is of another aspect ratio, without ``crop``; its values have no
            known range, or are larger than ``bits`` allow.
    """
    with _naming(name), _opened(file) as image, _with_few_others(image):
        plain, largest = _plain(image, name, channels, bits)
    plain = fit(plain, name, resolution, crop)
    pixels = np.asarray(plain).reshape(*plain.size[::-1], channels)
    return Decoded(pixels, largest)


def fit(
    image: Image.Image, name: str, resolution: Size | None, crop: bool
) -> Image.Image:
    """Crops and resizes an image as `read` does, which has the arguments and errors."""
    size = None if resolution is None else as_pair(resolution)
    if size or crop:
        image = _cut(image, name, size or (1, 1), crop)
    if size and image.size != size[::-1]:
        image = image.resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return image


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Raises whatever Pillow raises as an `UnreadableImage` that names the file.

    What it raises for damaged files differs by format, place and version.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        why = str(error) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):
            why = "its content is none that is known"
        raise UnreadableImage(
            f"{name} cannot be read as an image: {why}. "
            f"Expected a whole {', '.join(FORMATS)} file; repair it, take it out of "
            "the folder, or pass --skip-damaged."
        ) from error


@contextmanager
def _opened(file: pathlib.Path | io.BytesIO) -> Iterator[Image.Image]:
    """Opens an image by its content.

    Not by its path: Pillow would map it, and takes a turned TIFF of one strip for one
    of the size that it has upright.
    """
    with ExitStack() as stack:
        by_path = isinstance(file, pathlib.Path)
        content = stack.enter_context(file.open("rb")) if by_path else file
        yield stack.enter_context(Image.open(content, formats=FORMATS))


@contextmanager
def _with_few_others(image: Image.Image) -> Iterator[None]:
    """Bounds the memory of images that are decoded at once."""
    pixels = image.size[0] * image.size[1]
    with ExitStack() as stack:
        for least, limit in _AT_ONCE.items():
            if pixels >= least:
                stack.enter_context(limit)
        yield


def _plain(
    image: Image.Image, name: str, channels: int, bits: int | None
) -> tuple[Image.Image, int | None]:
    """Any mode as "L" or "RGB", upright; what is transparent shows white."""
    facts = wide.facts(image, name)
    image.load()
    largest = None
    if facts is None:
        plain = _on_white(image)
    else:
        plain, largest = wide.to_8_bits(image, name, facts, bits)
        plain = _on_white(plain)
    plain = plain.convert("L" if channels == 1 else "RGB")
    turn = _orientation(image)
    upright = plain.transpose(_UPRIGHT[turn]) if turn in _UPRIGHT else plain
    return upright, largest


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def _orientation(image: Image.Image) -> int | None:
    """The EXIF orientation; None if damage hides it, as the picture does not need it.

    To be read after the pixels: Pillow itself turns TIFF files, then.
    """
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception:
        return None


def _cut(
    image: Image.Image, name: str, shape: tuple[int, int], crop: bool
) -> Image.Image:
    """The centre of an image, as large as fits, with the aspect ratio of ``shape``.

    Without ``crop`` an image of another aspect ratio is refused.
    """
    (width, height), (rows, columns) = image.size, shape
    if height * columns == width * rows:
        return image
    if not crop:
        raise InputError(
            f"{name} is {height}x{width} pixels (height x width), of another shape "
            f"than {rows}x{columns}; pass --crop to take the centre of each image."
        )
    broad = min(width, max(1, round(height * columns / rows)))
    high = min(height, max(1, round(width * rows / columns)))
    left, top = (width - broad) // 2, (height - high) // 2
    return image.crop((left, top, left + broad, top + high))
