"""One image file becomes one uint8 array: decoded, cropped, resized."""

import io
import pathlib
import struct

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from jaxgan.checks import InputError
from jaxgan.data.size import Size, as_pair

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
    """Returns whether a file's header says grayscale; its pixels are not read.

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
    wide = min(width, max(1, round(height * columns / rows)))
    high = min(height, max(1, round(width * rows / columns)))
    left, top = (width - wide) // 2, (height - high) // 2
    return image.crop((left, top, left + wide, top + high))


def decode(
    file: pathlib.Path | io.BytesIO,
    name: str,
    *,
    channels: int,
    resolution: Size | None = None,
    crop: bool = False,
) -> UInt8[np.ndarray, "h w c"]:
    """Reads one image, upright.

    The image is turned as its EXIF orientation says, put on white where transparent,
    cropped, and resized by a Lanczos filter whose support grows with the reduction, so
    that it does not alias.

    Args:
        file: a PNG, JPEG or WebP file, by path or in memory.
        name: what to call it in an error.
        channels: 1 for grayscale or 3 for RGB.
        resolution: the result's size in pixels, N for N x N or (height, width); None
            keeps the image's own.
        crop: take the centre of an image whose aspect ratio is not that of
            ``resolution``, instead of refusing it; without ``resolution``, the largest
            square.

    Returns:
        uint8 array [h w c], with c = channels.

    Raises:
        InputError: the file is damaged, no image, or of another aspect ratio without
            ``crop``.

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
    size = None if resolution is None else as_pair(resolution)
    if size or crop:
        image = _cut(image, name, size or (1, 1), crop)
    if size and image.size != size[::-1]:
        image = image.resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(*image.size[::-1], channels)
