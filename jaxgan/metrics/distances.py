"""Squared Euclidean distances in float64, a block of rows at a time."""

from collections.abc import Iterator

import numpy as np

BLOCK = 500  # rows: 500 x 50,000 distances are 200 MB


def blocks(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields ``(rows of x, [r m] squared distances to all of y)`` in bounded memory.

    ||x||^2 - 2 x·y + ||y||^2 is one matrix product, and loses half of the digits if
    the distance is small beside the norms; float64 leaves eight.
    """
    centre = x.mean(axis=0)
    x, y = x - centre, y - centre
    y2 = (y**2).sum(axis=1)
    for start in range(0, len(x), BLOCK):
        rows = slice(start, min(start + BLOCK, len(x)))
        x2 = (x[rows] ** 2).sum(axis=1)
        block = x2[:, None] - 2 * x[rows] @ y.T + y2[None, :]
        yield rows, np.maximum(block, 0, out=block)


def squared(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns all squared distances at once, ``[n m]``."""
    return np.concatenate([block for _, block in blocks(x, y)])


def others(x: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields `blocks` of a set with itself; each example is at infinity from itself."""
    for rows, block in blocks(x, x):
        block[np.arange(len(block)), np.arange(rows.start, rows.stop)] = np.inf
        yield rows, block
