"""Images as input of the feature networks: quantised to 8 bits and resized.

Each resize follows one reference, and features depend on the choice: FID moves by whole
points between them (Parmar et al. 2022, arXiv:2104.11222). All take images
``[n h w c]`` of pixels in 0 ... 255 and return float32 ``[n size size c]`` in the same
range, on the host: the cost is small beside the network's, and under ``jit`` XLA may
contract a product and a sum into one rounding, which changes bits.
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
"""``(old, new) -> [new]``, float32 positions of new pixels on a line of old ones."""


def _nvidia(x: np.ndarray) -> np.ndarray:
    return np.clip(x * np.float32(127.5) + 128, 0, 255).astype(np.uint8)


def _truncate(x: np.ndarray) -> np.ndarray:
    return np.clip((x + 1) / 2 * 255, 0, 255).astype(np.uint8)


QUANTISATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    # The nearest integer, halves to even: what `jaxgan.images` writes.
    "round": lambda x: np.asarray(as_uint8(x)),
    # 127.5 x + 128 without its fraction, as in StyleGAN's metrics.
    "nvidia": _nvidia,
    # 255 (x + 1) / 2 without its fraction.
    "truncate": _truncate,
}
"""The rules that turn floats into pixels; they move FID in the second decimal."""


def quantise(images: Any, rule: str) -> Images:
    """Returns images in [-1, 1] as uint8, clipped, by a rule of `QUANTISATIONS`.

    Raises:
        InputError: if the rule is unknown.

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


def tf1_bilinear(images: Images, size: Size) -> Images:
    """Resizes bilinearly like TensorFlow 1, bit for bit, as torch-fidelity does.

    There are no aligned corners, no half-pixel centres and no antialiasing.

    Example:
        >>> tf1_bilinear(np.array([0, 6], np.uint8).reshape(1, 1, 2, 1), (1, 4)).ravel()
        array([0., 3., 6., 6.], dtype=float32)
    """
    return _bilinear(images, size, _from_corners)


def torch_bilinear(images: Images, size: Size) -> Images:
    """Resizes bilinearly like PyTorch without antialiasing, as pytorch-fid does.

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
    """Resizes columns, then rows, in float32 with the same sums as the reference."""
    _, high, wide, channels = images.shape
    to_high, to_wide = _pair(size)
    result = np.empty((len(images), to_high, to_wide, channels), np.float32)
    columns, rows = places(wide, to_wide), places(high, to_high)
    # One image at a time, to stay in the cache.
    for image, out in zip(images, result, strict=True):
        narrow = image.astype(np.float32).transpose(1, 0, 2)
        # The width comes first so that whole lines are gathered.
        lines = np.ascontiguousarray(_between(narrow, columns).transpose(1, 0, 2))
        out[...] = _between(lines, rows)
    return result


def _between(lines: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Interpolates lines ``[n ...]`` as a + (b - a) t, rounded at each step."""
    low = places.astype(np.int64)
    high = np.minimum(low + 1, len(lines) - 1)
    share = (places - low.astype(np.float32)).reshape(-1, *(1,) * (lines.ndim - 1))
    first, mixed = lines[low], lines[high]
    mixed -= first
    mixed *= share
    mixed += first
    return mixed


def pil_bicubic(images: Images, size: Size) -> Images:
    """Resizes by Pillow's antialiased bicubic, each channel in floats, as clean-fid.

    Nothing is rounded to pixels. Overshoots of the cubic are clipped to 0 ... 255, as
    clean-fid has done since 2022.
    """
    # Pillow takes floats one channel at a time.
    resized = [
        [_by_pillow(channel, size) for channel in np.moveaxis(image, -1, 0)]
        for image in images.astype(np.float32)
    ]
    return np.clip(np.moveaxis(np.asarray(resized), 1, -1), 0, 255)


def pil_bicubic_uint8(images: Images, size: Size) -> Images:
    """Resizes 8-bit RGB to whole numbers by Pillow's antialiased bicubic.

    Args:
        images: uint8 ``[n h w 3]``.
        size: an int stands for both sides, not for the shorter one.
    """
    return np.stack([_by_pillow(image, size) for image in images]).astype(np.float32)


def _by_pillow(image: np.ndarray, size: Size) -> np.ndarray:
    high, wide = _pair(size)
    resized = Image.fromarray(image).resize((wide, high), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def _pair(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
