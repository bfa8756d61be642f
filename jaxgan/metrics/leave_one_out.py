"""The leave-one-out 1-nearest-neighbour two-sample test, with a p-value."""

import numpy as np
from jaxtyping import Real

from jaxgan.metrics import distances, grid, permutation
from jaxgan.metrics.inputs import (
    AnyArray,
    as_rows,
    check_one_shape,
    describe_key,
    key_or_default,
)
from jaxgan.metrics.result import Result
from jaxgan.typing import Key


def two_sample(
    x: Real[AnyArray, "n ..."],
    y: Real[AnyArray, "m ..."],
    *,
    key: Key | None = None,
    permutations: int = 999,
) -> Result:
    """Returns the share of examples whose nearest other example is in their own set.

    The value is that of `neighbours.two_sample`, in float64: ties between nearest
    neighbours are broken at random, so an example counts by the share of them in its
    own set. Equal distances are detected as exactly as in `prdc.measure`.

    The predictions are dependent, as examples share neighbours, so a binomial p-value
    would be wrong; this one comes from random relabellings of all examples, with the
    neighbours fixed. It is one-sided: small if the sets differ. Copies give an accuracy
    well below 1/2, and a p-value near 1.

    Args:
        x: the first set, of any shape; each example is flattened to a row.
        y: the second set, of the same size, as the chance level is not 1/2 otherwise.
        key: for the relabellings; None means ``jax.random.key(0)``.
        permutations: number of relabellings.

    References:
        Lopez-Paz & Oquab 2017, arXiv:1610.06545; Xu et al. 2018, arXiv:1806.07755.
    """
    check_one_shape(x, y)
    x, y = as_rows(x=x, y=y)
    key = key_or_default(key)
    (examples,) = distances.prepare(*grid.whole(np.concatenate([x, y])))
    labels = np.repeat([False, True], len(x))
    labellings = permutation.relabellings(key, labels, permutations)
    right, permuted = _right(examples, labels, labellings)
    return Result(
        name="1-NN two-sample accuracy",
        value=float(right.mean()),
        # Shares are rounded, and equal sums of them differ in the last digits. Counting
        # too many as equal only raises the p-value.
        p_value=permutation.p_value(permuted, float(right.sum()) - 1e-6),
        protocol=(
            f"leave-one-out, {len(x)} vs {len(y)}, {permutations} permutations, "
            f"{describe_key(key)}"
        ),
        details={
            "accuracy_on_first": float(right[: len(x)].mean()),
            "accuracy_on_second": float(right[len(x) :].mean()),
        },
    )


def _right(
    examples: distances.Rows, labels: np.ndarray, labellings: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns each example's score, ``[n]``, and the total for each labelling."""
    right, sums = np.empty(len(labels)), np.zeros(len(labellings))
    every = np.concatenate([labels[None], labellings]).astype(np.float32)
    for rows, nearest in distances.nearest(examples):
        shares = _shares(nearest, every, every[:, rows])
        right[rows] = shares[0]
        sums += shares[1:].sum(axis=1)
    return right, sums


def _shares(nearest: np.ndarray, labels: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Returns the share of nearest neighbours that have an example's own label.

    ``bool [r n], [l n], [l r] -> [l r]``; the labels are 0 and 1, in float32, which
    counts exactly up to 16 million.
    """
    shares = (labels[:, nearest.argmax(axis=1)] == own).astype(np.float64)
    count = nearest.sum(axis=1)
    tied = count > 1
    if tied.any():
        count = count[None, tied]
        second = labels @ nearest[tied].astype(np.float32).T
        shares[:, tied] = np.where(own[:, tied] > 0, second, count - second) / count
    return shares
