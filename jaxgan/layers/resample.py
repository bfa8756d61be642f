"""Up- and downsampling of images by 2, with a low-pass filter along each axis.

A filter is given by its taps along one axis, such as ``(1, 3, 3, 1)``: the same along
both axes, symmetric, and scaled here to a sum of 1. With ``k`` taps ``f`` and
``p = k // 2``, along each axis and with zeros outside the image,

    up:    y[n] = 2 sum_i f[2i - n + p] x[i]            n = 0 ... 2h - 1
    down:  y[n] = sum_j f[j] x[2n + j - (k - 1) // 2]   n = 0 ... h/2 - 1
    blur:  y[n] = sum_j f[j] x[n + j - padding]

With an even number of taps the pixels' corners stay in place: ``(1, 1)`` repeats and
averages pixels, `BILINEAR` interpolates between their centres. With an odd number the
centres of every other pixel do: ``(1, 2, 1)`` keeps ``y[2i] = x[i]`` and puts means
between them. Down is a quarter of up's transpose.

All are sums of shifted slices, not depthwise convolutions: XLA's are slow on CPUs, and
so are their derivatives.

References:
    Zhang 2019, arXiv:1904.11486 (a filter before subsampling); Karras et al. 2018,
    arXiv:1812.04948 (such filters in a GAN).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jaxgan.checks import InputError

Pair = tuple[int, int]
Taps = Sequence[float]

BILINEAR: Taps = (1.0, 3.0, 3.0, 1.0)
"""Bilinear interpolation by a factor of 2; (1, 2, 1) convolved with (1, 1)."""

_ROWS_AND_COLUMNS = (1, 2)


def up(x: Float[Array, "b h w c"], taps: Taps) -> Float[Array, "b h2 w2 c"]:
    """Upsamples images to twice the height and width, with zeros beyond the border.

    Args:
        x: the images, of any size.
        taps: the filter along each axis. Its even and its odd taps must have the same
            sum, or a constant image would become a checkerboard.

    Raises:
        InputError: for taps that are not symmetric, or differ in these sums.

    Example:
        >>> x = jnp.array([4.0, 8.0]).reshape(1, 1, 2, 1)
        >>> print(up(x, (1, 1))[0, 0, :, 0], up(x, (1, 2, 1))[0, 0, :, 0])
        [4. 4. 8. 8.] [4. 6. 8. 4.]
    """
    taps = _normalised(taps)
    if not math.isclose(sum(taps[::2]), 0.5, rel_tol=1e-3):
        raise InputError(
            "Upsampling needs taps of even and of odd index with equal sums, got "
            f"{sum(taps[::2]):.4g} and {sum(taps[1::2]):.4g} of the whole. Convolve "
            "the taps with (1, 1)."
        )
    return _along_both(x, lambda x, axis: _doubled(x, axis, taps))


def down(x: Float[Array, "b h w c"], taps: Taps) -> Float[Array, "b h2 w2 c"]:
    """Downsamples images to half the height and width, with zeros beyond the border.

    Args:
        x: the images, of even height and width.
        taps: the filter along each axis.

    Raises:
        InputError: for odd sizes, or taps that are not symmetric.

    Example:
        >>> x = jnp.array([4.0, 8.0, 8.0, 8.0, 8.0, 4.0]).reshape(1, 1, 6, 1)
        >>> print(down(jnp.repeat(x, 2, axis=1), (1, 1))[0, 0, :, 0])
        [6. 8. 6.]
    """
    height, width = x.shape[1:3]
    if height % 2 or width % 2:
        raise InputError(
            f"Images of {height}x{width} pixels (height x width) have no half: both "
            "must be even. Pad them, or resize them first."
        )
    taps = _normalised(taps)
    before = (len(taps) - 1) // 2
    pads = before, len(taps) - 2 - before
    return _along_both(x, lambda x, axis: _filtered(x, axis, taps, pads, stride=2))


def blur(
    x: Float[Array, "b h w c"], taps: Taps, *, padding: Pair | None = None
) -> Float[Array, "b g q c"]:
    """Filters images, with zeros beyond the border.

    Args:
        x: the images, of any size.
        taps: the filter along each axis.
        padding: zeros before and after, along each axis; a total of ``k - 1`` keeps the
            size. By default equal on both sides, which needs an odd number of taps.

    Raises:
        InputError: for an even number of taps without ``padding``, taps that are not
            symmetric, or more of them than the padded image has pixels.

    Example:
        >>> x = jnp.array([0.0, 0.0, 4.0, 0.0]).reshape(1, 1, 4, 1)
        >>> line = jnp.broadcast_to(x, (1, 3, 4, 1))
        >>> print(blur(line, (1, 2, 1))[0, 1, :, 0])
        [0. 1. 2. 1.]
    """
    taps = _normalised(taps)
    if padding is None:
        if len(taps) % 2 == 0:
            raise InputError(
                f"{len(taps)} taps have no middle, so the padding is not clear: pass "
                "padding=(before, after), or use an odd number of taps."
            )
        padding = len(taps) // 2, len(taps) // 2
    if min(x.shape[1:3]) + sum(padding) < len(taps):
        raise InputError(
            f"A filter of {len(taps)} taps is larger than images of {x.shape[1]}x"
            f"{x.shape[2]} pixels with padding {tuple(padding)}. Pad more."
        )
    return _along_both(x, lambda x, axis: _filtered(x, axis, taps, padding))


def average_pool(x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c"]:
    """Averages each 2x2 block of pixels; the height and the width must be even.

    Example:
        >>> print(average_pool(jnp.arange(4.0).reshape(1, 2, 2, 1)).squeeze())
        1.5
    """
    return down(x, (1.0, 1.0))


def upsample_nearest(x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c"]:
    """Repeats each pixel as a 2x2 block.

    Example:
        >>> print(upsample_nearest(jnp.ones((1, 2, 3, 1))).shape)
        (1, 4, 6, 1)
    """
    return up(x, (1.0, 1.0))


def upsample_bilinear(x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c"]:
    """Doubles height and width by bilinear interpolation between the pixels' centres.

    The border's pixels continue beyond it, as with PyTorch's
    ``align_corners=False``: constant images stay constant. So this is
    ``up(x, BILINEAR)``, which has zeros there, divided by the sum of the taps that are
    inside.

    Example:
        >>> x = jnp.array([4.0, 8.0]).reshape(1, 1, 2, 1)
        >>> print(upsample_bilinear(x)[0, 0, :, 0])
        [4. 5. 7. 8.]
    """
    _, height, width, _ = x.shape
    inside = np.outer(*(_share_inside(2 * size) for size in (height, width)))
    return up(x, BILINEAR) / jnp.asarray(inside, x.dtype)[None, :, :, None]


def _share_inside(size: int) -> np.ndarray:
    """Returns the sum of `BILINEAR`'s taps that are inside the border, ``[size]``."""
    share = np.ones(size)
    share[[0, -1]] = 3 / 4
    return share


def _normalised(taps: Taps) -> tuple[float, ...]:
    """Scales the taps to a sum of 1.

    Raises:
        InputError: if they are not symmetric, or cannot be scaled.
    """
    taps = tuple(float(tap) for tap in taps)
    if len(taps) < 2 or taps != taps[::-1] or sum(taps) <= 0:
        raise InputError(
            "A filter has 2 or more taps, symmetric and with a sum above 0, such as "
            f"(1, 3, 3, 1); got {taps}."
        )
    return tuple(tap / sum(taps) for tap in taps)


def _along_both(x: Any, change: Callable[[Any, int], Any]) -> Any:
    for axis in _ROWS_AND_COLUMNS:
        x = change(x, axis)
    return x


def _doubled(x: Any, axis: int, taps: Taps) -> Any:
    """Upsamples along an axis: interleaves the pixels y[2m] and y[2m + 1].

    Each uses half of the taps: filtering an image with zeros in between would multiply
    the other half by 0, and take two to four times as long.
    """
    middle, length, halves = len(taps) // 2, x.shape[axis], []
    for odd in (0, 1):
        # The tap j = 2i - n + p, with n = 2m + odd, is at the pixel i = m + shift.
        shifts = {
            (j - middle + odd) // 2: 2 * tap
            for j, tap in enumerate(taps)
            if (j - middle + odd) % 2 == 0
        }
        before, after = max(0, -min(shifts)), max(0, max(shifts))
        wide = _with_zeros(x, axis, before, after)
        halves.append(
            sum(
                tap * lax.slice_in_dim(wide, before + i, before + i + length, axis=axis)
                for i, tap in shifts.items()
            )
        )
    y = jnp.stack(halves, axis + 1)
    return y.reshape(*x.shape[:axis], 2 * length, *x.shape[axis + 1 :])


def _filtered(x: Any, axis: int, taps: Taps, pads: Pair, stride: int = 1) -> Any:
    wide = _with_zeros(x, axis, *pads)
    last = (wide.shape[axis] - len(taps)) // stride * stride
    return sum(
        tap * lax.slice_in_dim(wide, j, j + last + 1, stride, axis)
        for j, tap in enumerate(taps)
    )


def _with_zeros(x: Any, axis: int, before: int, after: int) -> Any:
    ends = [(0, 0, 0)] * x.ndim
    ends[axis] = (before, after, 0)  # negative ones crop
    return lax.pad(x, jnp.zeros((), x.dtype), ends)
