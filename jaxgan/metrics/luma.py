"""The channels in which two RGB images are compared: RGB itself, or the luma Y.

BT.601 weights red, green and blue by 0.299, 0.587, 0.114. Video keeps Y in [16, 235],
and so do MATLAB's ``rgb2ycbcr`` and the papers on super-resolution; JPEG keeps it in
[0, 255]. The same two images have a PSNR that is 20 log10(255 / 219) = 1.32 dB higher
in the former.

References:
    ITU-R BT.601-7.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

_WEIGHTS = np.array([0.299, 0.587, 0.114])

Planes = Float[np.ndarray, "c h w"]


class Channels(NamedTuple):
    """The channels of an RGB image that are compared.

    Attributes:
        name: their name in protocols, with the colour formula.
        of: converts RGB planes in [0, 255], ``[3 h w]`` in float64, to ``[c h w]``.
    """

    name: str
    of: Callable[[Planes], Planes]


def full(rgb: Float[np.ndarray, "3 h w"]) -> Float[np.ndarray, "1 h w"]:
    """Returns Y = 0.299 R + 0.587 G + 0.114 B, in [0, 255].

    Example:
        >>> full(np.full((3, 1, 1), 255.0)).ravel().tolist()
        [255.0]
    """
    # Without BLAS, whose last bit depends on the processor.
    return (_WEIGHTS.reshape(3, 1, 1) * rgb).sum(axis=0, keepdims=True)


def studio(rgb: Float[np.ndarray, "3 h w"]) -> Float[np.ndarray, "1 h w"]:
    """Returns 16 + 219 Y / 255 for Y of `full`, in [16, 235].

    Example:
        >>> studio(np.full((3, 1, 1), 255.0)).ravel().tolist()
        [235.0]
    """
    return 16 + full(rgb) * (219 / 255)


def rounded(rgb: Float[np.ndarray, "3 h w"]) -> Float[np.ndarray, "1 h w"]:
    """Returns `studio` rounded to whole numbers, as MATLAB does for uint8 images.

    Example:
        >>> rounded(np.full((3, 1, 1), 100.0)).ravel().tolist()  # 101.88
        [102.0]
    """
    return np.floor(studio(rgb) + 0.5)


RGB = Channels("RGB", lambda rgb: rgb)
LUMA = Channels("Y of BT.601 in [16, 235]", studio)
LUMA_ROUNDED = Channels("Y of BT.601 in [16, 235], rounded", rounded)
LUMA_FULL = Channels("Y of BT.601 in [0, 255]", full)
