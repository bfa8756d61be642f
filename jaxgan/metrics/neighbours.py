"""Judges by nearest neighbours: the two-sample test, and a classifier.

Both take examples as rows; for images these are the pixels, all on one scale.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from jaxgan.checks import check_rank


class TwoSample(NamedTuple):
    """Leave-one-out 1-NN accuracy: of all examples, of the first set, of the second."""

    accuracy: Float[Array, ""]
    first: Float[Array, ""]
    second: Float[Array, ""]


def squared_distances(
    x: Float[Array, "n d"], y: Float[Array, "m d"]
) -> Float[Array, "n m"]:
    """||x_i - y_j||^2, as ||x||^2 - 2 x·y + ||y||^2, never below zero."""
    x2, y2 = (x**2).sum(axis=1), (y**2).sum(axis=1)
    # In full float32 on every platform: the terms cancel where it matters, nearby.
    products = jnp.matmul(x, y.T, precision=lax.Precision.HIGHEST)
    return jnp.maximum(x2[:, None] - 2 * products + y2[None, :], 0)


@jax.jit
def two_sample(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> TwoSample:
    """The 1-nearest-neighbour two-sample test (Lopez-Paz & Oquab 2017, section 2).

    Each example is given the label, first or second, of its nearest neighbour among all
    the others. Where both sets come from one distribution, about half the labels are
    right; 1 means that they are told apart; below 1/2 that the sets lie closer to each
    other than to themselves, as copies do.

    Args:
        x: the first set.
        y: the second set, just as large: otherwise chance is not 1/2.

    Raises:
        ValueError: if the sets differ in size.

    References:
        Lopez-Paz & Oquab 2017, arXiv:1610.06545; Xu et al. 2018, arXiv:1806.07755.
    """
    check_rank("x", x, 2)
    check_rank("y", y, 2)
    if x.shape != y.shape:
        raise ValueError(f"The sets must be of one shape, got {x.shape} and {y.shape}.")
    examples = jnp.concatenate([x, y])
    is_second = jnp.arange(2 * len(x)) >= len(x)
    distances = squared_distances(examples, examples)
    itself = jnp.eye(2 * len(x), dtype=bool)
    nearest = jnp.where(itself, jnp.inf, distances).argmin(axis=1)
    right = (is_second[nearest] == is_second).astype(jnp.float32)
    return TwoSample(right.mean(), right[: len(x)].mean(), right[len(x) :].mean())


def classify(
    examples: Float[Array, "n d"],
    labels: Int[Array, " n"],
    queries: Float[Array, "m d"],
    *,
    num_classes: int,
    neighbours: int = 5,
    block: int = 500,
) -> Int[Array, " m"]:
    """The majority class among each query's nearest examples; a tie to the lowest.

    Args:
        examples: what the classifier has seen.
        labels: their classes.
        queries: what to classify.
        num_classes: how many classes there are.
        neighbours: how many examples vote.
        block: queries classified at a time; memory is ``n x block`` floats.
    """
    neighbours = min(neighbours, len(examples))
    # The last block is filled up, so that one program serves all of them.
    padded = jnp.pad(queries, ((0, -len(queries) % block), (0, 0)))
    blocks = padded.reshape(-1, block, padded.shape[1])
    votes = [_vote(examples, labels, b, num_classes, neighbours) for b in blocks]
    return jnp.concatenate(votes)[: len(queries)]


@partial(jax.jit, static_argnames=("num_classes", "neighbours"))
def _vote(examples, labels, queries, num_classes: int, neighbours: int):
    _, nearest = lax.top_k(-squared_distances(queries, examples), neighbours)
    votes = jax.nn.one_hot(labels[nearest], num_classes).sum(axis=1)
    return votes.argmax(axis=1).astype(jnp.int32)
