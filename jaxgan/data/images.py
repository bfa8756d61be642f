"""One image file becomes one uint8 array: decoded, cropped, resized."""

import io
import pathlib
import struct

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from jaxgan.checks import InputError

FORMATS = ("PNG", "JPEG", "WEBP")

_GRAY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N")
# What Pillow raises for damaged files, by format and by place of the damage.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error)
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def _unreadable(name: str, error: BaseException) -> InputError:
    return InputError(
        f"{name} cannot be read as an image: {error}. Expected a whole PNG, JPEG or "
        "WebP file; repair it or take it out of the folder."
    )


def is_gray(file: pathlib.Path) -> bool:
    """Whether the file's header says grayscale; colours are not looked at.

    Raises:
        InputError: the header is not that of a PNG, JPEG or WebP file.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            return image.mode in _GRAY_MODES
    except (*_DAMAGE, *_BOMB) as error:
        raise _unreadable(str(file), error) from error


def _to_8_bit(image: Image.Image) -> Image.Image:
    """16-bit gray to 8-bit: 65535 becomes 255, where Pillow would clip at 255."""
    wide = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
    return Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8))


def _plain(image: Image.Image, channels: int) -> Image.Image:
    """Converts any mode to "L" or "RGB"; what is transparent shows white."""
    if image.mode.startswith("I"):
        image = _to_8_bit(image)
    elif image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("L" if channels == 1 else "RGB")


def _square(image: Image.Image, name: str, crop: bool) -> Image.Image:
    """The centre of a non-square image, or a refusal."""
    width, height = image.size
    if width == height:
        return image
    if not crop:
        raise InputError(
            f"{name} is {width}x{height} pixels (width x height), and square images "
            "are expected; pass --crop to take the centre of each."
        )
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side))


def decode(
    file: pathlib.Path | io.BytesIO,
    name: str,
    *,
    channels: int,
    resolution: int | None = None,
    crop: bool = False,
) -> UInt8[np.ndarray, "h w c"]:
    """Reads one image, upright and square.

    The image is turned as its EXIF orientation says, put on white where transparent,
    cropped, and resized by a Lanczos filter whose support grows with the reduction, so
    that it does not alias.

    Args:
        file: a PNG, JPEG or WebP file, by path or in memory.
        name: what to call it in an error.
        channels: 1 for grayscale or 3 for RGB.
        resolution: side of the result in pixels; None keeps the image's own.
        crop: take the centre of a non-square image instead of refusing it.

    Returns:
        uint8 array [h w c], with h = w and c = channels.

    Raises:
        InputError: the file is damaged, no image, or not square without ``crop``.

    Example:
        >>> file = io.BytesIO()
        >>> Image.new("RGB", (4, 4), (255, 0, 0)).save(file, "PNG")
        >>> decode(file, "red", channels=3, resolution=2)[0, 0].tolist()
        [255, 0, 0]
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            image = _plain(ImageOps.exif_transpose(image), channels)
    except (*_DAMAGE, *_BOMB) as error:
        raise _unreadable(name, error) from error
    image = _square(image, name, crop)
    if resolution is not None and image.size != (resolution, resolution):
        image = image.resize((resolution, resolution), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(*image.size[::-1], channels)
