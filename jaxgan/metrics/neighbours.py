"""Nearest-neighbour methods that run under ``jit``: a two-sample test, a classifier.

Both compare the raw values of examples: bring the sets to the same scale first.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Real

from jaxgan.metrics.inputs import as_floats, check_one_shape, flatten
from jaxgan.metrics.nearest import judge_blocks, squared_distances


class TwoSample(NamedTuple):
    """Leave-one-out 1-NN accuracies: of all examples, the first set and the second."""

    accuracy: Float[Array, ""]
    first: Float[Array, ""]
    second: Float[Array, ""]


@jax.jit
def two_sample(x: Real[Array, "n ..."], y: Real[Array, "m ..."]) -> TwoSample:
    """Returns the 1-NN two-sample test (Lopez-Paz & Oquab 2017, section 2).

    Each example is given the label, first or second, of its nearest neighbour among all
    the others. If both sets come from the same distribution, about half the labels are
    right; 1 means that the sets are separate; below 1/2, examples lie closer to the
    other set than to their own, as copies do. `leave_one_out` adds a p-value.

    Ties between nearest neighbours are broken at random, and the accuracies are
    expectations over the draw: an example counts by the share of its nearest neighbours
    in its own set. Distances of 8-bit integers, such as uint8 pixels, are exact. For
    other numbers, copies are at distance 0, and other distances are as exact as a
    float32 sum of squared differences.

    Args:
        x: the first set, of any shape; each example is flattened to a row.
        y: the second set, of the same size, as the chance level is not 1/2 otherwise.

    Returns:
        The accuracies; NaN if an example holds NaN.

    Raises:
        InputError: if the sets differ in shape.

    References:
        Lopez-Paz & Oquab 2017, arXiv:1610.06545; Xu et al. 2018, arXiv:1806.07755.
    """
    check_one_shape(x, y)
    x, y = flatten(x=jnp.asarray(x), y=jnp.asarray(y))
    is_second = jnp.arange(2 * len(x)) >= len(x)

    def share_right(nearest, rows):
        own = is_second[rows][:, None] == is_second[None, :]
        return (nearest & own).sum(axis=1) / nearest.sum(axis=1)

    right = judge_blocks(share_right, jnp.concatenate([x, y]))
    return TwoSample(right.mean(), right[: len(x)].mean(), right[len(x) :].mean())


def classify(
    examples: Real[Array, "n ..."],
    labels: Int[Array, " n"],
    queries: Real[Array, "m ..."],
    *,
    num_classes: int,
    neighbours: int = 5,
    block: int = 500,
) -> Int[Array, " m"]:
    """Returns the majority class of each query's neighbours; the lowest class on a tie.

    Args:
        examples: training examples, of any shape; each is flattened to a row.
        labels: their classes.
        queries: examples to classify, of the same shape.
        num_classes: number of classes.
        neighbours: number of nearest examples that vote.
        block: queries classified at a time; memory is ``n x block`` floats.
    """
    examples, queries = as_floats(examples=examples, queries=queries)
    neighbours = min(neighbours, len(examples))
    # The last block is padded, so that one program serves all of them.
    padded = jnp.pad(queries, ((0, -len(queries) % block), (0, 0)))
    blocks = padded.reshape(-1, block, padded.shape[1])
    votes = [_vote(examples, labels, b, num_classes, neighbours) for b in blocks]
    return jnp.concatenate(votes)[: len(queries)]


@partial(jax.jit, static_argnames=("num_classes", "neighbours"))
def _vote(examples, labels, queries, num_classes: int, neighbours: int):
    _, nearest = lax.top_k(-squared_distances(queries, examples), neighbours)
    votes = jax.nn.one_hot(labels[nearest], num_classes).sum(axis=1)
    return votes.argmax(axis=1).astype(jnp.int32)
