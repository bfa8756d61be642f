"""Daubechies' least asymmetric wavelets, and linear maps on lines of pixels from them.

A low-pass filter h of 2 n taps is orthonormal to its own even shifts,

    sum_k h[k] h[k + 2 m] = 1 if m = 0, else 0,

and the moments sum_k k^i g[k] of its high-pass filter g[k] = (-1)^k h[k] vanish for
i < n: "symlets" of order n. Doubling a line's resolution with h and halving it with h
again returns the line.

All maps are matrices that act on one axis of an image. They see the image reflected at
its borders repeatedly.

References: Daubechies, Ten Lectures on Wavelets, 1992, section 8.1.1 and table 8.1.
"""

import functools

import numpy as np

from jaxgan.methods.ada_transforms.blit import reflected

SYM2 = (
    *(-0.12940952255092145, 0.22414386804185735),
    *(0.836516303737469, 0.48296291314469025),
)
SYM6 = (
    *(0.015404109327027373, 0.0034907120842174702, -0.11799011114819057),
    *(-0.048311742585633, 0.4910559419267466, 0.787641141030194),
    *(0.3379294217276218, -0.07263752278646252, -0.021060292512300564),
    *(0.04472490177066578, 0.0017677118642428036, -0.007800708325034148),
)
MARGIN = len(SYM6) // 2 - 1
"""Number of fine pixels that `halving` needs beyond each end of the line."""


@functools.lru_cache
def doubling(size: int) -> np.ndarray:
    """Returns the map to twice the resolution, ``[4 (size - 1), size]``: one period.

    Pixel i is spread over fine pixels around its two halves, 2 i and 2 i + 1. The line
    and its mirror image repeat after 4 (size - 1) fine pixels.
    """
    period, taps = 4 * (size - 1), np.array(SYM6)
    matrix = np.zeros((period, size))
    for pixel in range(period // 2):
        fine = (2 * pixel - MARGIN + np.arange(len(taps))) % period
        np.add.at(matrix[:, reflected(pixel, size)], fine, np.sqrt(2) * taps)
    return matrix.astype(np.float32)


@functools.lru_cache
def halving(size: int) -> np.ndarray:
    """Returns the map to half the resolution, ``[size, 2 size + 2 MARGIN]``."""
    matrix = np.zeros((size, 2 * size + 2 * MARGIN))
    for pixel in range(size):
        matrix[pixel, 2 * pixel : 2 * pixel + len(SYM6)] = np.array(SYM6) / np.sqrt(2)
    return matrix.astype(np.float32)


@functools.lru_cache
def octaves(size: int) -> np.ndarray:
    """Returns maps to four frequency bands, ``[4 size size]``; they sum to identity.

    From the lowest: [0, pi/8], [pi/8, pi/4], [pi/4, pi/2] and [pi/2, pi]. With H the
    transform of `SYM2`, L(z) = H(z) H(1/z) / 2 passes low frequencies, 1 - L(z) = L(-z)
    high ones, and neither shifts anything. The bands are L(z^4) L(z^2) L(z),
    L(-z^4) L(z^2) L(z), L(-z^2) L(z) and L(-z).
    """
    low = np.convolve(SYM2, SYM2[::-1]) / 2
    high = low * (-1.0) ** (1 + np.arange(len(low)))
    bands = np.ones((1, 1))
    for _ in range(3):
        finer = np.zeros((len(bands), 2 * bands.shape[1] - 1))
        finer[:, ::2] = bands
        bands = np.stack([np.convolve(band, low) for band in finer])
        spare = (bands.shape[1] - len(high)) // 2
        bands = np.concatenate([bands, np.pad(high, spare)[None]])
    reach = bands.shape[1] // 2
    matrix = np.zeros((len(bands), size, size))
    for pixel in range(size):
        for offset in range(-reach, reach + 1):
            seen = reflected(pixel + offset, size)
            matrix[:, pixel, seen] += bands[:, reach + offset]
    return matrix.astype(np.float32)
