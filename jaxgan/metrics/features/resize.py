"""Images as the judging networks take them: 8 bits, three channels, of one size.

Each resize is one reference's, and features depend on which: FID moves by whole points
between them (Parmar et al. 2022, arXiv:2104.11222). All take images ``[n h w c]`` of
pixels in 0 ... 255 and return float32 ``[n size size c]`` in the same range, on the
host: it is a small part of the network's work, and under ``jit`` XLA may contract a
product and a sum into one rounding, which moves bits.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.images import as_uint8

Size: TypeAlias = int | tuple[int, int]
"""Both sides in pixels, or (height, width)."""

Images: TypeAlias = np.ndarray

_Places: TypeAlias = Callable[[int, int], np.ndarray]
"""Where on a line of so many pixels each of so many new ones lies, in float32."""


def _nvidia(x: np.ndarray) -> np.ndarray:
    return np.clip(x * np.float32(127.5) + 128, 0, 255).astype(np.uint8)


def _truncate(x: np.ndarray) -> np.ndarray:
    return np.clip((x + 1) / 2 * 255, 0, 255).astype(np.uint8)


QUANTISATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    # The nearest pixel, a half to the even one: what `jaxgan.images` writes.
    "round": lambda x: np.asarray(as_uint8(x)),
    # The fractions of 127.5 x + 128 are dropped, as StyleGAN's metrics do.
    "nvidia": _nvidia,
    # The fractions of 255 (x + 1) / 2 are dropped.
    "truncate": _truncate,
}
"""How floats become pixels, by name; the rule moves FID in the second decimal."""


def quantise(images: Any, rule: str) -> Images:
    """Images in [-1, 1] as uint8 by a rule of `QUANTISATIONS`; the rest is clipped.

    Raises:
        InputError: for an unknown rule.

    Example:
        >>> x = np.array([-1, 0, 0.01, 1], np.float32)
        >>> {rule: quantise(x, rule).tolist() for rule in ("round", "nvidia")}
        {'round': [0, 128, 129, 255], 'nvidia': [0, 128, 129, 255]}
        >>> quantise(x, "truncate").tolist()
        [0, 127, 128, 255]
    """
    if rule not in QUANTISATIONS:
        raise InputError(
            f"Unknown quantisation {rule!r}; choose one of {', '.join(QUANTISATIONS)}."
        )
    return QUANTISATIONS[rule](np.asarray(images, np.float32))


def as_rgb_uint8(images: Any, rule: str = "round") -> Images:
    """Images ``[n h w c]`` as uint8 ``[n h w 3]``; a grey channel is repeated.

    Args:
        images: uint8 in 0 ... 255, or floats in [-1, 1].
        rule: of `quantise`, for floats.

    Raises:
        InputError: for other shapes, dtypes and ranges.

    Example:
        >>> as_rgb_uint8(np.zeros((2, 28, 28, 1), np.float32)).shape
        (2, 28, 28, 3)
    """
    images = np.asarray(images)
    if images.ndim != 4 or 0 in images.shape or images.shape[3] not in (1, 3):
        advice = (
            "Compose an alpha channel onto a background first."
            if images.ndim == 4 and images.shape[3] in (2, 4)
            else "Put the channels last, and stack single images."
        )
        raise InputError(
            f"The images have the shape {images.shape}, expected [n h w c] with 1 or 3 "
            f"channels. {advice}"
        )
    if np.issubdtype(images.dtype, np.floating):
        # Written so that NaN is refused as well.
        if not (images.min() >= -1 and images.max() <= 1):
            raise InputError(
                f"The images are floats from {images.min():.4g} to "
                f"{images.max():.4g}, expected [-1, 1]. Scale them, clip what lies "
                "outside, or give pixels as uint8."
            )
        images = quantise(images, rule)
    if images.dtype != np.uint8:
        raise InputError(
            f"The images are {images.dtype}, expected uint8 in 0 ... 255 or floats in "
            "[-1, 1]. Convert pixels with .astype(np.uint8)."
        )
    return images if images.shape[3] == 3 else images.repeat(3, axis=3)


def tf1_bilinear(images: Images, size: Size) -> Images:
    """TensorFlow 1's bilinear resize, to the bit: torch-fidelity's.

    Corners are not aligned, pixels have no centre, and nothing is filtered.

    Example:
        >>> tf1_bilinear(np.array([0, 6], np.uint8).reshape(1, 1, 2, 1), (1, 4)).ravel()
        array([0., 3., 6., 6.], dtype=float32)
    """
    return _bilinear(images, size, _from_corners)


def torch_bilinear(images: Images, size: Size) -> Images:
    """PyTorch's bilinear resize without a filter: pytorch-fid's.

    Example:
        >>> x = np.array([0, 6], np.uint8).reshape(1, 1, 2, 1)
        >>> torch_bilinear(x, (1, 4)).ravel()
        array([0. , 1.5, 4.5, 6. ], dtype=float32)
    """
    return _bilinear(images, size, _from_centres)


def _from_corners(old: int, new: int) -> np.ndarray:
    return np.arange(new, dtype=np.float32) * np.float32(old / new)


def _from_centres(old: int, new: int) -> np.ndarray:
    half = np.float32(0.5)
    places = (np.arange(new, dtype=np.float32) + half) * np.float32(old / new) - half
    return np.maximum(places, 0)


def _bilinear(images: Images, size: Size, places: _Places) -> Images:
    """The columns, then the rows: in float32, each pixel by the reference's sums."""
    _, high, wide, channels = images.shape
    to_high, to_wide = _pair(size)
    result = np.empty((len(images), to_high, to_wide, channels), np.float32)
    columns, rows = places(wide, to_wide), places(high, to_high)
    # One image at a time stays in the cache.
    for image, out in zip(images, result, strict=True):
        narrow = image.astype(np.float32).transpose(1, 0, 2)
        # The width leads so that whole lines are gathered.
        lines = np.ascontiguousarray(_between(narrow, columns).transpose(1, 0, 2))
        out[...] = _between(lines, rows)
    return result


def _between(lines: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Lines ``[n ...]`` at fractional places: a + (b - a) t, rounded at each step."""
    low = places.astype(np.int64)
    high = np.minimum(low + 1, len(lines) - 1)
    share = (places - low.astype(np.float32)).reshape(-1, *(1,) * (lines.ndim - 1))
    first, mixed = lines[low], lines[high]
    mixed -= first
    mixed *= share
    mixed += first
    return mixed


def pil_bicubic(images: Images, size: Size) -> Images:
    """Pillow's bicubic resize with its filter, each channel in floats: clean-fid's.

    Nothing is rounded to pixels. What the cubic overshoots is clipped to 0 ... 255, as
    clean-fid does since 2022.
    """
    # Pillow takes floats one channel at a time.
    resized = [
        [_by_pillow(channel, size) for channel in np.moveaxis(image, -1, 0)]
        for image in images.astype(np.float32)
    ]
    return np.clip(np.moveaxis(np.asarray(resized), 1, -1), 0, 255)


def pil_bicubic_uint8(images: Images, size: Size) -> Images:
    """Pillow's bicubic resize with its filter, of RGB in 8 bits: whole numbers.

    Args:
        images: uint8 ``[n h w 3]``, as `as_rgb_uint8` returns them.
        size: an int stands for both sides, not for the shorter one.
    """
    return np.stack([_by_pillow(image, size) for image in images]).astype(np.float32)


def _by_pillow(image: np.ndarray, size: Size) -> np.ndarray:
    high, wide = _pair(size)
    resized = Image.fromarray(image).resize((wide, high), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def center_crop(images: Images, size: Size) -> Images:
    """The middle of each image; of an odd rest, torchvision's half.

    Raises:
        InputError: if the images are smaller.

    Example:
        >>> center_crop(np.arange(5).reshape(1, 1, 5, 1), (1, 2)).ravel()
        array([2, 3])
    """
    sides = _pair(size)
    if any(map(np.less, images.shape[1:3], sides)):
        raise InputError(
            f"Images of {images.shape[1]} x {images.shape[2]} pixels cannot be cropped "
            f"to {sides[0]} x {sides[1]}; resize them first."
        )
    # Python rounds a half to the even pixel, and so does torchvision.
    top, left = (
        round((old - new) / 2)
        for old, new in zip(images.shape[1:3], sides, strict=True)
    )
    return images[:, top : top + sides[0], left : left + sides[1]]


def _pair(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
