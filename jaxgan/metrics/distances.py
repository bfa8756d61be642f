"""Squared Euclidean distances in float64, and exact comparisons of them, by blocks.

||x||^2 - 2 x·y + ||y||^2 needs one matrix product, which is fast but rounded: equal
examples are not exactly at zero, and equal distances come out different. So a
comparison with a threshold takes two steps: the product decides wherever its error
cannot matter, and the few distances closer to the threshold than that are recomputed
from the differences (`settle`). Equal examples are then at distance 0, and examples
whose differences are the same numbers, in any order and with any signs, are at equal
distances. For whole numbers, such as pixels or the output of `grid.whole`, the product
itself is exact.
"""

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np

from jaxgan.checks import InputError

_ROWS, _PAIRS = 500, 2**23  # maxima per block: 64 MB of distances
_NUMBERS = 2**22  # differences computed at a time
_EXACT = 2.0**53  # float64 holds every whole number up to it


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Examples ``[n d]``, prepared for comparison within one call of `prepare`.

    Attributes:
        numbers: the examples.
        centred: the examples minus a centre shared by all sets.
        squares: the squared norms of the centred examples, ``[n]``.
        exact: whether the matrix product of these sets is free of rounding.
    """

    numbers: np.ndarray
    centred: np.ndarray
    squares: np.ndarray
    exact: bool

    @functools.cached_property
    def twins(self) -> np.ndarray:
        """The index of the first example equal to each example, ``[n]``."""
        seen: dict[bytes, int] = {}
        # + 0.0 turns -0.0 into 0.0, whose bytes differ.
        keys = ((row + 0.0).tobytes() for row in self.numbers)
        return np.array([seen.setdefault(key, i) for i, key in enumerate(keys)])


def prepare(*sets: np.ndarray) -> tuple[Rows, ...]:
    """Returns sets ``[n d]`` with the same d as `Rows`.

    Raises:
        InputError: if the squares of the numbers overflow.
    """
    whole = all((x == np.rint(x)).all() for x in sets)
    with np.errstate(over="ignore", invalid="ignore"):
        centre = sets[0].mean(axis=0)
        centred = [x - (np.rint(centre) if whole else centre) for x in sets]
        squares = [np.einsum("nd,nd->n", x, x) for x in centred]
    largest = max(float(of_set.max()) for of_set in squares)
    if not largest < np.finfo(np.float64).max / 8:
        raise InputError(
            "The sets hold numbers up to "
            f"{max(float(np.abs(x).max()) for x in sets):.3g}, whose squares overflow; "
            "divide all sets by the same large number."
        )
    # No distance, nor any intermediate sum, exceeds four times the largest norm.
    exact = whole and 4 * largest <= _EXACT
    return tuple(
        Rows(x, c, s, exact) for x, c, s in zip(sets, centred, squares, strict=True)
    )


def blocks(x: Rows, y: Rows) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields ``(rows of x, [r m] squared distances to all of y)`` in bounded memory.

    They come from the matrix product, with an error of up to
    2 (d + 16) ε (||x||² + ||y||²) of the centred examples; see `settle`.
    """
    size = max(1, min(_ROWS, _PAIRS // len(y.numbers)))
    for start in range(0, len(x.numbers), size):
        rows = slice(start, min(start + size, len(x.numbers)))
        block = x.centred[rows] @ y.centred.T
        block *= -2
        block += x.squares[rows, None]
        block += y.squares[None, :]
        yield rows, np.maximum(block, 0, out=block)


def squared(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns all squared distances at once, ``[n m]``; those of copies are 0."""
    rows_x, rows_y = prepare(x, y)
    found, zeros = np.empty((len(x), len(y))), np.zeros((1, len(y)))
    for rows, block in blocks(rows_x, rows_y):
        settle(block, rows_x, rows, rows_y, thresholds=zeros)
        found[rows] = block
    return found


def others(x: Rows) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields `blocks` of a set with itself, with infinity from an example to itself."""
    for rows, block in blocks(x, x):
        block[np.arange(len(block)), np.arange(rows.start, rows.stop)] = np.inf
        yield rows, block


def settle(
    block: np.ndarray, x: Rows, rows: slice, y: Rows, *, thresholds: np.ndarray
) -> None:
    """Puts every distance of a block on the right side of its threshold, in place.

    Proof that the other distances need no correction: let c = 2 (d + 16) ε, and let x
    have the threshold t. By the triangle inequality ||y||² <= 2 ||x||² + 2 D for a y at
    squared distance D, so the product's error there is at most c (3 ||x||² + 2 D). If
    D <= t, the product gives at most t + E with E = c (3 ||x||² + 2 t); if D > t, at
    least t - E. So a product farther than E from t is on the same side as D. By the
    same argument the k-th smallest distance is within E of the k-th smallest product,
    and all distances that may affect it are within 3 E. Distances within 4 E are
    computed from the differences.

    Args:
        block: a block of `blocks` or `others`.
        x: the examples that the block's rows belong to.
        rows: the slice of x that the block covers.
        y: the examples of the block's columns.
        thresholds: ``[r 1]``, one per row, or ``[1 m]``, one per column.
    """
    if x.exact:
        return
    of = x.squares[rows, None] if thresholds.shape[1] == 1 else y.squares[None, :]
    rounding = 2 * (x.numbers.shape[1] + 16) * np.finfo(np.float64).eps
    margins = 4 * rounding * (3 * of + 2 * thresholds)
    near = block >= thresholds - margins
    near &= block <= thresholds + margins
    i, j = np.nonzero(near)
    # Copies reuse the distances of the first one, so a collapsed set costs no more.
    width = len(y.numbers)
    pairs, which = np.unique(x.twins[rows][i] * width + y.twins[j], return_inverse=True)
    block[i, j] = by_differences(x, pairs // width, y, pairs % width)[which]


def kth(x: Rows, k: int) -> np.ndarray:
    """Returns the squared distance of each example to its k-th nearest other one."""
    found = np.empty(len(x.numbers))
    for rows, block in others(x):
        found[rows] = _kth(block, k)
        if not x.exact:
            settle(block, x, rows, x, thresholds=found[rows, None])
            found[rows] = _kth(block, k)
    return found


def nearest(x: Rows) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields ``(rows, bool [r n])``: each example's nearest others, including ties."""
    for rows, block in others(x):
        settle(block, x, rows, x, thresholds=block.min(axis=1, keepdims=True))
        yield rows, block == block.min(axis=1, keepdims=True)


def by_differences(x: Rows, i: np.ndarray, y: Rows, j: np.ndarray) -> np.ndarray:
    """Returns the squared distances of pairs ``(x_i, y_j)`` from their differences."""
    found = np.empty(len(i))
    size = max(1, _NUMBERS // x.numbers.shape[1])
    for start in range(0, len(i), size):
        part = slice(start, start + size)
        apart = np.abs(x.numbers[i[part]] - y.numbers[j[part]])
        # Sorted, so that the order of the columns makes no difference to the rounding.
        apart.sort(axis=1)
        found[part] = np.square(apart, out=apart).sum(axis=1)
    return found


def _kth(block: np.ndarray, k: int) -> np.ndarray:
    return np.partition(block, k - 1, axis=1)[:, k - 1]
