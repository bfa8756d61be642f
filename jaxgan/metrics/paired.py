"""Protocols for comparing images in pairs: the pixels and the channels to compare.

PSNR and SSIM of the same images differ by decibels between protocols. A `Protocol` is
one of them; its text is part of every result.

================  ====================================================================
`RGB`             all pixels of all channels; SSIM with the Gaussian window
`RGB_CROP_4`      the same without 4 pixels at each border; as in BasicSR's tables
`SCIKIT_IMAGE`    all pixels; SSIM with scikit-image's default, the uniform window
`Y_CROP_2` to     Y in [16, 235], cropped at each border by the scale factor in pixels;
`Y_CROP_4`        the protocol of papers on super-resolution (`super_resolution`)
================  ====================================================================
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from jaxgan.checks import InputError
from jaxgan.metrics import luma
from jaxgan.metrics.luma import Channels
from jaxgan.metrics.windows import GAUSSIAN, UNIFORM, Window

DATA_RANGE = 255
"""The range from the darkest to the brightest value, also for Y in [16, 235]."""

Images = np.ndarray | Sequence[np.ndarray]
"""uint8 images ``[n h w 3]``, or a list of ``[h w 3]``, which may differ in size."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
    """A protocol for comparing two images.

    Attributes:
        channels: of `jaxgan.metrics.luma`: `RGB`, `LUMA`, `LUMA_ROUNDED`, `LUMA_FULL`.
        crop: number of pixels left out at each border.
        window: the window of SSIM; PSNR uses none.

    Example:
        >>> print(super_resolution(4))
        Y of BT.601 in [16, 235], 4 px cropped at each border, data range 255
    """

    channels: Channels = luma.RGB
    crop: int = 0
    window: Window = GAUSSIAN

    def __post_init__(self):
        if self.crop < 0:
            raise InputError(f"crop must be 0 or more pixels, got crop={self.crop}.")

    def planes(self, image: np.ndarray) -> Float[np.ndarray, "c h w"]:
        """Returns the planes of a uint8 image ``[h w 3]`` to compare, in float64.

        Raises:
            InputError: if it is not such an image, or the crop leaves no pixels.
        """
        _check(image)
        height, width, _ = image.shape
        if min(height, width) <= 2 * self.crop:
            raise InputError(
                f"An image of {height} x {width} pixels has nothing left after a crop "
                f"of {self.crop} at each border; give larger images or a smaller crop."
            )
        inside = slice(self.crop, -self.crop or None)
        rgb = np.moveaxis(image[inside, inside], -1, 0)
        return self.channels.of(np.ascontiguousarray(rgb, np.float64))

    def __str__(self) -> str:
        crop = f"{self.crop} px cropped at each border" if self.crop else "no crop"
        return f"{self.channels.name}, {crop}, data range {DATA_RANGE}"


def super_resolution(scale: int) -> Protocol:
    """Returns the protocol of papers on super-resolution by a factor of ``scale``."""
    return Protocol(channels=luma.LUMA, crop=scale)


RGB = Protocol()
RGB_CROP_4 = Protocol(crop=4)
SCIKIT_IMAGE = Protocol(window=UNIFORM)
Y_CROP_2, Y_CROP_3, Y_CROP_4 = (super_resolution(scale) for scale in (2, 3, 4))

PROTOCOLS: Mapping[str, Protocol] = {
    "rgb": RGB,
    "rgb-crop-4": RGB_CROP_4,
    "scikit-image": SCIKIT_IMAGE,
    "y-crop-2": Y_CROP_2,
    "y-crop-3": Y_CROP_3,
    "y-crop-4": Y_CROP_4,
}
"""The protocols by name."""


def pairs(real: Images, fake: Images) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields pairs of images at the same position.

    Raises:
        InputError: if the numbers of images differ or are zero, or the two images of a
            pair differ in size.
    """
    if len(real) != len(fake) or not len(real):
        raise InputError(
            f"Pairs need as many fake images as real ones, got {len(real)} real and "
            f"{len(fake)} fake."
        )
    for number, (a, b) in enumerate(zip(real, fake, strict=True)):
        check_pair(a, b, f"pair {number}")
        yield a, b


def check_pair(real: np.ndarray, fake: np.ndarray, name: str) -> None:
    """Raises `InputError` unless the two images have the same size.

    Args:
        real: an image.
        fake: the other image.
        name: name of the pair, for the message.
    """
    if real.shape != fake.shape:
        sizes = " and ".join(" x ".join(map(str, x.shape)) for x in (real, fake))
        raise InputError(
            f"The images of {name} must have the same size, got {sizes}; resize one "
            "side, or look for an image that is missing or out of order."
        )


def _check(image: np.ndarray) -> None:
    if image.ndim != 3 or image.shape[-1] != 3 or image.dtype != np.uint8:
        raise InputError(
            f"Expected uint8 images [h w 3], got {image.dtype} of the shape "
            f"{list(image.shape)}. Floats in [-1, 1] become pixels by "
            "jaxgan.images.as_uint8; repeat a grey channel three times."
        )
