"""The classifier two-sample test: can a classifier tell the two sets apart?

Half of each set trains a classifier, the other half tests it. If both sets come from
the same distribution, its held-out accuracy is near 1/2; a learnt difference raises it.
The same test shows whether deployed data still resemble a training set.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Real
from scipy.special import bdtrc, betaincinv

from jaxgan import scan
from jaxgan.metrics import neighbours, permutation
from jaxgan.metrics.inputs import AnyArray, as_rows, describe_key, generator
from jaxgan.metrics.result import Interval, Result
from jaxgan.typing import Key

Classifier = Callable[[Key, Array, Array, Array], Array]
"""``(key, rows [n d], labels [n] of 0 and 1, queries [m d]) -> scores [m]``.

A score in [0, 1] is the confidence that a query belongs to class 1, which is predicted
above 1/2. The classifier's repr goes into the protocol.
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MLP:
    """A network with one hidden ReLU layer, trained by Adam on standardised columns."""

    width: int = 64
    steps: int = 500
    batch_size: int = 128
    learning_rate: float = 1e-3

    def __call__(self, key, rows, labels, queries):
        mean = rows.mean(axis=0, keepdims=True)
        std = rows.std(axis=0, keepdims=True)
        std = jnp.where(std > 0, std, 1)  # a constant column says nothing
        params = _train(key, (rows - mean) / std, labels, self)
        return jax.nn.sigmoid(_logits(params, (queries - mean) / std))


@dataclasses.dataclass(frozen=True, kw_only=True)
class KNN:
    """The majority vote of the nearest neighbours; an odd number avoids ties."""

    neighbours: int = 5

    def __call__(self, key, rows, labels, queries):
        vote = neighbours.classify(
            rows, labels, queries, num_classes=2, neighbours=self.neighbours
        )
        return vote.astype(jnp.float32)


class Difference(NamedTuple):
    """The test's result, and held-out deployed examples, least like training first."""

    result: Result
    rows: Int[np.ndarray, " m"]
    scores: Float[np.ndarray, " m"]


def two_sample(
    x: Real[AnyArray, "n ..."],
    y: Real[AnyArray, "m ..."],
    *,
    key: Key,
    classifier: Classifier = MLP(),
    permutations: int = 0,
) -> Result:
    """Returns the test's held-out accuracy, with a calibrated p-value.

    Under the null hypothesis the number of correct predictions has mean N/2 and, since
    the held-out examples are independent of each other and of training, a tail no
    heavier than that of Binomial(N, 1/2) (Hoeffding 1956: a sum of independent
    indicators with that mean). So the binomial p-value is exact for a classifier that
    predicts "second" for half of all examples, and conservative for any other. It needs
    independent examples: frames of one film, or samples that share a batch's
    statistics, are not independent.

    Args:
        x: the first set, of any shape; each example is flattened to a row.
        y: the second set; the larger set is subsampled to the size of the smaller one.
        key: for the split and the training.
        classifier: `MLP` or `KNN` of this module, or any `Classifier`.
        permutations: 0 for the binomial p-value; otherwise the number of random
            relabellings of the held-out examples for a permutation p-value.

    Returns:
        The accuracy, with its exact (Clopper-Pearson) interval.

    References:
        Lopez-Paz & Oquab 2017, arXiv:1610.06545.
    """
    return _judge(x, y, key, classifier, permutations)[0]


def tell_apart(
    training: Real[AnyArray, "n ..."],
    deployed: Real[AnyArray, "m ..."],
    *,
    key: Key,
    classifier: Classifier = MLP(),
    permutations: int = 0,
) -> Difference:
    """Tests whether deployed data differ from a training set, and ranks the examples.

    The arguments and errors are those of `two_sample`.

    Returns:
        The test's result; the indices of the held-out examples of ``deployed``, sorted
        by the classifier's score for "deployed", and those scores. Half of the examples
        train the classifier and are not ranked.
    """
    result, rows, scores = _judge(training, deployed, key, classifier, permutations)
    order = np.argsort(-scores, kind="stable")
    return Difference(result, rows[order], scores[order])


def _judge(x, y, key: Key, classifier: Classifier, permutations: int):
    x, y = as_rows(x=x, y=y)
    split_key, train_key, permute_key = jax.random.split(key, 3)
    (x_train, x_test), (y_train, y_test) = _split(split_key, len(x), len(y))
    rows = np.concatenate([x[x_train], y[y_train]]).astype(np.float32)
    queries = np.concatenate([x[x_test], y[y_test]]).astype(np.float32)
    labels = np.repeat(np.arange(2, dtype=np.int32), len(x_train))
    truth = np.repeat([False, True], len(x_test))
    scores = np.asarray(
        classifier(train_key, *map(jnp.asarray, (rows, labels, queries)))
    )
    called = scores > 0.5
    if permutations:
        p_value = _permuted(permute_key, called, truth, permutations)
    else:
        p_value = _binomial_tail(int((called == truth).sum()), len(truth))
    how = f"{permutations} permutations" if permutations else "binomial"
    protocol = (
        f"{classifier!r}, {len(labels)} train, {len(truth)} test, half of each set, "
        f"{how} p-value, {describe_key(key)}"
    )
    return _result(called == truth, truth, p_value, protocol), y_test, scores[truth]


def _result(right, truth, p_value: float, protocol: str) -> Result:
    return Result(
        name="classifier two-sample accuracy",
        value=float(right.mean()),
        interval=_clopper_pearson(int(right.sum()), len(right)),
        p_value=p_value,
        protocol=protocol,
        details={
            "accuracy_on_first": float(right[~truth].mean()),
            "accuracy_on_second": float(right[truth].mean()),
        },
    )


def _split(key: Key, n: int, m: int):
    """Returns training and test indices of each set, all four of equal length."""
    random, half = generator(key), min(n, m) // 2
    orders = random.permutation(n), random.permutation(m)
    return [(rows[:half], rows[half : 2 * half]) for rows in orders]


def _binomial_tail(right: int, n: int) -> float:
    """Returns P(Binomial(n, 1/2) >= right)."""
    return float(bdtrc(right - 1, n, 0.5)) if right > 0 else 1.0


def _clopper_pearson(right: int, n: int, level: float = 0.95) -> Interval:
    tail = (1 - level) / 2
    low = float(betaincinv(right, n - right + 1, tail)) if right > 0 else 0.0
    high = float(betaincinv(right + 1, n - right, 1 - tail)) if right < n else 1.0
    return Interval(low, high, level, "Clopper-Pearson")


def _permuted(key: Key, called, truth, permutations: int) -> float:
    shuffled = permutation.relabellings(key, truth, permutations)
    right = (shuffled == called).sum(axis=1)
    return permutation.p_value(right, int((truth == called).sum()))


@partial(jax.jit, static_argnames="config")
def _train(key: Key, rows, labels, config: MLP):
    init_key, batch_key = jax.random.split(key)
    params = _init(init_key, rows.shape[1], config.width)
    optimizer = optax.adam(config.learning_rate)

    def loss(params, index):
        logits = _logits(params, rows[index])
        targets = labels[index].astype(jnp.float32)
        return optax.sigmoid_binary_cross_entropy(logits, targets).mean()

    keys = jax.random.split(batch_key, config.steps)
    draw = lambda i: jax.random.randint(keys[i], (config.batch_size,), 0, len(rows))
    return scan.descend(loss, params, optimizer, draw, steps=config.steps)


def _init(key: Key, features: int, width: int):
    hidden, last = jax.random.split(key)
    return {
        "hidden": jax.random.normal(hidden, (features, width)) * (2 / features) ** 0.5,
        "bias": jnp.zeros((1, width)),
        "last": jax.random.normal(last, (width,)) * width**-0.5,
        "last_bias": jnp.zeros(()),
    }


def _logits(params, rows):
    hidden = jax.nn.relu(rows @ params["hidden"] + params["bias"])
    return hidden @ params["last"] + params["last_bias"]
