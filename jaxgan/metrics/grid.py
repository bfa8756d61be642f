"""The whole numbers behind pixels and other discrete values.

Pixels divided by 255, or features in tenths, lie on a grid up to rounding, and rounding
breaks ties: 0.3 - 0.2 is not 0.2 - 0.1. Counted in steps of the grid they are whole
numbers, whose sums and products are exact.
"""

from collections.abc import Iterable

import numpy as np

_LEVELS = 2**16  # at most, the number in 16-bit images
_CHUNK = 2**18  # numbers at a time
_ROUNDING = 4  # units in the last place of the largest number
_CLEAR = 32  # a step must be at least this many times the assumed rounding


def whole(*sets: np.ndarray) -> tuple[np.ndarray, ...]:
    """Returns the sets in steps of their common grid, or unchanged if there is none.

    All distances change by the same factor, so every comparison of distances comes out
    as on the grid.

    Args:
        sets: float64 arrays, assumed to come from float32 if it holds every number.

    Example:
        >>> tenths, = whole(np.array([[0.1, 0.2], [0.3, 0.7]]))
        >>> tenths.tolist()
        [[0.0, 1.0], [2.0, 6.0]]
        >>> whole(np.array([[0.1, 0.2, np.pi]]))[0].tolist()
        [[0.1, 0.2, 3.141592653589793]]
    """
    levels = _levels(sets)
    if levels is None:
        return sets
    with np.errstate(over="ignore", invalid="ignore"):
        step = _step(levels)
    if step is None:
        return sets
    return tuple(np.rint((numbers - levels[0]) / step) for numbers in sets)


def _levels(sets: Iterable[np.ndarray]) -> np.ndarray | None:
    """Returns all distinct numbers, sorted; None if there are too many."""
    found = np.empty(0)
    for numbers in map(np.ravel, sets):
        for start in range(0, len(numbers), _CHUNK):
            found = np.union1d(found, numbers[start : start + _CHUNK])
            if len(found) > _LEVELS:
                return None
    return found


def _step(levels: np.ndarray) -> float | None:
    """Returns the step of the grid that the levels lie on, within rounding."""
    if len(levels) == 1:
        return 1.0
    single = (levels == levels.astype(np.float32)).all()
    precision = float(np.finfo(np.float32 if single else np.float64).eps)
    rounding = _ROUNDING * precision * float(np.abs(levels).max())
    gaps = np.diff(levels)
    if gaps.min() < _CLEAR * rounding:
        return None
    # The smallest gap is one step up to rounding; the whole range is more precise.
    steps = np.concatenate([[0.0], np.rint(gaps / gaps.min()).cumsum()])
    step = float((levels[-1] - levels[0]) / steps[-1])
    off = np.abs(levels - (levels[0] + steps * step)).max()
    return step if off <= rounding else None
