"""Image files with all that an edited copy should keep: bits, alpha and profile.

`jaxgan.data.images.read` makes images to train on: of 8 bits, on white, of one number
of channels. Here they stay what they are, as far as Pillow can read and write it.
"""

import pathlib
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image

from jaxgan.data import images, wide

_GRAY = ("1", "L", "LA", "La")
_OWN_PROFILE = ("CMYK", "YCbCr", "LAB", "HSV")  # which is not that of RGB


class Original(NamedTuple):
    """An image as its file holds it.

    Attributes:
        pixels: grey [h w] in uint8 or uint16, or RGB [h w 3] in uint8. Black is 0, and
            white the dtype's largest value.
        alpha: uint8 [h w]; None if the file has no transparency.
        profile: the ICC profile of the pixels; None if there is none.
        frames: the number of frames or pages in the file, of which this is the first.
    """

    pixels: Shaped[np.ndarray, "h w *c"]
    alpha: UInt8[np.ndarray, "h w"] | None
    profile: bytes | None
    frames: int


def read(file: pathlib.Path, *, otherwise: str) -> Original:
    """Reads one image, upright.

    Grey of more than 8 bits becomes 16 bits, from black to white; with alpha, 8 bits,
    since Pillow writes no other. Of colours of 16 bits Pillow reads the upper 8.

    Args:
        file: an image file of one of `jaxgan.data.images.FORMATS`.
        otherwise: what to do, besides repairing it, with a file that cannot be read.

    Raises:
        UnreadableImage: the file is damaged, or not an image.
        InputError: its values have no known range.
    """
    with images.naming(str(file), otherwise), images.opened(file) as image:
        frames = int(getattr(image, "n_frames", 1))
        facts = wide.facts(image, str(file))
        image.load()
        profile = image.info.get("icc_profile")
        if image.mode in _OWN_PROFILE:
            profile = None
        if facts is not None and wide.is_gray(image, facts):
            pixels, alpha = wide.to_16_bits(image, str(file), facts)
            if alpha is not None:
                pixels = np.rint(pixels / 257).astype(np.uint8)
        else:
            if facts is not None:
                image, _ = wide.to_8_bits(image, str(file), facts, None)
            pixels, alpha = _of_8_bits(image)
        turn = images.orientation(image)
        up = lambda x: np.asarray(images.upright(Image.fromarray(x), turn))
        return Original(
            up(pixels), None if alpha is None else up(alpha), profile, frames
        )


def _of_8_bits(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the pixels and alpha of an image of 8 bits or fewer."""
    mode = "L" if image.mode in _GRAY else "RGB"
    if not image.has_transparency_data:
        return np.asarray(image.convert(mode)), None
    both = image.convert(f"{mode}A")
    return np.asarray(both.convert(mode)), np.asarray(both.getchannel("A"))
