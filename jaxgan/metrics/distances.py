"""Squared Euclidean distances in float64, and exact comparisons of them, by blocks.

||x||^2 - 2 x·y + ||y||^2 is one matrix product, as fast as can be, and rounded: equal
examples come out near zero, and equal distances apart. So a comparison with a threshold
is made in two steps: the product decides wherever its error cannot matter, and the few
distances nearer to the threshold than that are summed once more from the differences
(`settle`). Equal examples are then at distance 0, and examples whose differences are
the same numbers, in whatever order and of whatever sign, at equal distances. Of whole
numbers, such as pixels or what `grid.whole` finds, the product itself is exact.
"""

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np

from jaxgan.checks import InputError

_ROWS, _PAIRS = 500, 2**23  # of a block, at most: 64 MB of distances
_NUMBERS = 2**22  # of differences at a time
_EXACT = 2.0**53  # float64 holds every whole number up to it


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Examples ``[n d]``, ready to be compared with those of the same `prepare`.

    Attributes:
        numbers: the examples.
        centred: less a centre that all the sets share.
        squares: the squared norms of the centred ones, ``[n]``.
        exact: whether the product of these sets is without rounding.
    """

    numbers: np.ndarray
    centred: np.ndarray
    squares: np.ndarray
    exact: bool

    @functools.cached_property
    def twins(self) -> np.ndarray:
        """The index of the first example that equals each, ``[n]``."""
        seen: dict[bytes, int] = {}
        # + 0.0 makes one number of 0.0 and -0.0, whose bytes differ.
        keys = ((row + 0.0).tobytes() for row in self.numbers)
        return np.array([seen.setdefault(key, i) for i, key in enumerate(keys)])


def prepare(*sets: np.ndarray) -> tuple[Rows, ...]:
    """Returns sets ``[n d]`` of one d as `Rows`.

    Raises:
        InputError: for numbers whose squares overflow.
    """
    whole = all((x == np.rint(x)).all() for x in sets)
    with np.errstate(over="ignore", invalid="ignore"):
        centre = sets[0].mean(axis=0)
        centred = [x - (np.rint(centre) if whole else centre) for x in sets]
        squares = [np.einsum("nd,nd->n", x, x) for x in centred]
    largest = max(float(of_set.max()) for of_set in squares)
    if not largest < np.finfo(np.float64).max / 8:
        raise InputError(
            "The squares of the sets' numbers overflow, which reach "
            f"{max(float(np.abs(x).max()) for x in sets):.3g}; divide all sets by one "
            "large number."
        )
    # No distance, nor any sum on the way to it, is above four times the largest norm.
    exact = whole and 4 * largest <= _EXACT
    return tuple(
        Rows(x, c, s, exact) for x, c, s in zip(sets, centred, squares, strict=True)
    )


def blocks(x: Rows, y: Rows) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields ``(rows of x, [r m] squared distances to all of y)`` in bounded memory.

    By the product: in error by up to 2 (d + 16) ε (||x||² + ||y||²), centred; see
    `settle`.
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
    """Yields `blocks` of a set with itself; each example is at infinity from itself."""
    for rows, block in blocks(x, x):
        block[np.arange(len(block)), np.arange(rows.start, rows.stop)] = np.inf
        yield rows, block


def settle(
    block: np.ndarray, x: Rows, rows: slice, y: Rows, *, thresholds: np.ndarray
) -> None:
    """Puts every distance of a block on the right side of its threshold, in place.

    Why what is left alone is right: let c = 2 (d + 16) ε, and let x have the threshold
    t. By the triangle inequality ||y||² <= 2 ||x||² + 2 D for a y at the squared
    distance D, so the product's error there is at most c (3 ||x||² + 2 D). If D <= t,
    the product gives at most t + E with E = c (3 ||x||² + 2 t); if D > t, at least
    t - E. So beyond E from t it is on the side of D. By the same argument the k-th
    smallest distance is within E of the k-th smallest product, and all that may decide
    it within 3 E. Within 4 E, distances are computed from the differences.

    Args:
        block: of `blocks` or `others`.
        x: the examples that the block's rows belong to.
        rows: which of them.
        y: the examples of its columns.
        thresholds: ``[r 1]`` of x, or ``[1 m]`` of y.
    """
    if x.exact:
        return
    of = x.squares[rows, None] if thresholds.shape[1] == 1 else y.squares[None, :]
    rounding = 2 * (x.numbers.shape[1] + 16) * np.finfo(np.float64).eps
    margins = 4 * rounding * (3 * of + 2 * thresholds)
    near = block >= thresholds - margins
    near &= block <= thresholds + margins
    i, j = np.nonzero(near)
    # Copies have the distances of the first of them: a collapsed set costs no more.
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
    """Yields ``(rows, bool [r n])``: the nearest others of each, all that tie."""
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
