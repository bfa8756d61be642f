"""The permutation test: the share of random relabellings that do as well."""

import numpy as np

from jaxgan.metrics.inputs import generator
from jaxgan.typing import Key


def relabellings(key: Key, is_second: np.ndarray, count: int) -> np.ndarray:
    """Returns random permutations of the labels, bool ``[count n]``."""
    return generator(key).permuted(np.tile(is_second, (count, 1)), axis=1)


def p_value(permuted: np.ndarray, observed: float) -> float:
    """Returns the share of values not below the observed one, itself included.

    Including it keeps the test exact: P(p <= α) <= α for any number of permutations.
    """
    return float((1 + (permuted >= observed).sum()) / (1 + len(permuted)))
