"""The leave-one-out 1-nearest-neighbour two-sample test, with a p-value."""

import numpy as np
from jaxtyping import Real

from jaxgan.checks import InputError
from jaxgan.metrics import distances, permutation
from jaxgan.metrics.inputs import AnyArray, as_rows, describe_key, key_or_default
from jaxgan.metrics.result import Result
from jaxgan.typing import Key


def two_sample(
    x: Real[AnyArray, "n ..."],
    y: Real[AnyArray, "m ..."],
    *,
    key: Key | None = None,
    permutations: int = 999,
) -> Result:
    """Returns the share of examples whose nearest other example is of their own set.

    The value is that of `neighbours.two_sample`, in float64. The answers depend on each
    other, as examples share neighbours, so a binomial p-value would be wrong; this one
    comes from random relabellings of all examples, over fixed neighbours. It is
    one-sided: small if the sets differ. Copies give an accuracy well below 1/2, and a
    p-value near 1.

    Args:
        x: the first set, of any shape; each example is flattened to a row.
        y: the second set, of the same size: otherwise chance is not 1/2.
        key: of the relabellings; None is ``jax.random.key(0)``.
        permutations: number of relabellings.

    References:
        Lopez-Paz & Oquab 2017, arXiv:1610.06545; Xu et al. 2018, arXiv:1806.07755.
    """
    if x.shape != y.shape:
        raise InputError(
            f"Both sets must have one shape, got {x.shape} and {y.shape}; take as many "
            "examples of each."
        )
    x, y = as_rows(x=x, y=y)
    key = key_or_default(key)
    nearest = _nearest(np.concatenate([x, y]))
    labels = np.repeat([False, True], len(x))
    right = labels[nearest] == labels
    shuffled = permutation.relabellings(key, labels, permutations)
    permuted = (shuffled[:, nearest] == shuffled).sum(axis=1)
    return Result(
        name="1-NN two-sample accuracy",
        value=float(right.mean()),
        p_value=permutation.p_value(permuted, int(right.sum())),
        protocol=(
            f"leave-one-out, {len(x)} vs {len(y)}, {permutations} permutations, "
            f"{describe_key(key)}"
        ),
        details={
            "accuracy_on_first": float(right[: len(x)].mean()),
            "accuracy_on_second": float(right[len(x) :].mean()),
        },
    )


def _nearest(rows: np.ndarray) -> np.ndarray:
    return np.concatenate([block.argmin(axis=1) for _, block in distances.others(rows)])
