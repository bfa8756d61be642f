"""Nearest-neighbour judges against scikit-learn, and on sets whose answer is known."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from jaxgan.metrics import neighbours


def _sets(shift: float, n: int = 200, d: int = 3, seed: int = 0):
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(2, n, d)).astype(np.float32)
    return x, y + np.float32(shift)


def _leave_one_out(x, y):
    """The same by scikit-learn: each point's second neighbour, the first is itself."""
    points, labels = np.concatenate([x, y]), np.repeat([0, 1], len(x))
    nearest = KNeighborsClassifier(1).fit(points, labels)
    index = nearest.kneighbors(points, 2, return_distance=False)[:, 1]
    return labels[index] == labels


@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0])
def test_two_sample_agrees_with_scikit_learn(shift):
    x, y = _sets(shift)
    right = _leave_one_out(x, y)
    result = neighbours.two_sample(jnp.asarray(x), jnp.asarray(y))
    np.testing.assert_allclose(result.accuracy, right.mean(), rtol=1e-6)
    np.testing.assert_allclose(result.first, right[:200].mean(), rtol=1e-6)
    np.testing.assert_allclose(result.second, right[200:].mean(), rtol=1e-6)


def test_two_sample_is_near_a_half_for_one_distribution():
    accuracies = []
    for seed in range(20):
        x, y = _sets(0.0, seed=seed)
        accuracies.append(
            neighbours.two_sample(jnp.asarray(x), jnp.asarray(y)).accuracy
        )
    # 400 labels each: the mean of 20 is within 0.5 +- 4 * 0.5 / sqrt(8000) = 0.022.
    np.testing.assert_allclose(np.mean(accuracies), 0.5, atol=0.03)


def test_two_sample_tells_sets_apart_and_copies_too_close():
    x, y = _sets(50.0)
    assert neighbours.two_sample(jnp.asarray(x), jnp.asarray(y)).accuracy == 1
    copies = jnp.asarray(x) + 1e-3
    assert neighbours.two_sample(jnp.asarray(x), copies).accuracy < 0.01


def test_two_sample_refuses_sets_of_unequal_size():
    with pytest.raises(ValueError, match=r"\(4, 2\) and \(5, 2\)"):
        neighbours.two_sample(jnp.zeros((4, 2)), jnp.zeros((5, 2)))


@pytest.mark.parametrize("block", [7, 64, 1000])
def test_classify_agrees_with_scikit_learn(block):
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 4)).astype(np.float32)
    labels = random.integers(0, 3, 300).astype(np.int32)
    queries = random.normal(size=(101, 4)).astype(np.float32)
    expected = KNeighborsClassifier(5).fit(x, labels).predict(queries)
    predicted = neighbours.classify(
        jnp.asarray(x), jnp.asarray(labels), jnp.asarray(queries), num_classes=3,
        block=block,
    )  # fmt: skip
    np.testing.assert_array_equal(predicted, expected)


def test_squared_distances_are_exact_enough_and_never_negative():
    x, y = _sets(0.5)
    distances = neighbours.squared_distances(jnp.asarray(x), jnp.asarray(y))
    twin = ((x[:, None].astype(np.float64) - y[None]) ** 2).sum(axis=-1)
    np.testing.assert_allclose(distances, twin, rtol=1e-4, atol=1e-5)
    itself = neighbours.squared_distances(jnp.asarray(x), jnp.asarray(x))
    assert (np.asarray(itself) >= 0).all()
