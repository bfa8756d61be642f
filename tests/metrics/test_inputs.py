"""Sets of any shape become the rows that NumPy makes of them; keys have a default."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError, metrics
from jaxgan.metrics import birthday, c2st, collapse, modes, neighbours, parzen
from jaxgan.metrics.inputs import as_floats, as_rows, describe_key, flatten

FEW = {"resamples": 4}
NAMED = {"features": "pixels"}
SHAPE = (30, 3, 3, 2)
CLASSIFIER = c2st.KNN()

JUDGES = {
    "frechet": partial(metrics.frechet_distance, **NAMED, **FEW),
    "frechet-infinity": partial(metrics.frechet_infinity, **NAMED, points=3),
    "kid": partial(metrics.kid, **NAMED, **FEW, subsets=2, subset_size=10),
    "prdc": partial(metrics.precision_recall, **NAMED, **FEW),
    "sliced": partial(metrics.sliced_wasserstein, **FEW, projections=8),
    "1nn": partial(metrics.two_sample_1nn, permutations=9),
    "mmd": partial(metrics.two_sample_mmd, **FEW, permutations=9),
    "modes": partial(modes.of_points, standard_deviation=150.0, **FEW),
}
WITHOUT_A_DEFAULT_KEY = {
    "classifier": partial(
        metrics.two_sample_classifier, key=jax.random.key(1), classifier=CLASSIFIER
    ),
    "neighbours": lambda x, y: neighbours.two_sample(jnp.asarray(x), jnp.asarray(y)),
    "classes": lambda x, y: neighbours.classify(
        jnp.asarray(x), jnp.arange(30) % 3, jnp.asarray(y), num_classes=3, block=16
    ),
    "collapse": lambda x, y: collapse.signs(
        jnp.asarray(x), jnp.asarray(y), jnp.ones(4), jnp.zeros(4)
    ),
    "parzen": lambda x, y: metrics.parzen_log_likelihood(x / 255, y / 255, y / 255),
    "densities": lambda x, y: parzen.log_densities(x, y, [100.0]),
    "birthday": lambda x, y: birthday.closest_pairs(x, count=3),
}


def _images(dtype):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (2, *SHAPE), np.uint8).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("name", [*JUDGES, *WITHOUT_A_DEFAULT_KEY])
def test_images_are_judged_as_their_rows(name, dtype):
    judge = {**JUDGES, **WITHOUT_A_DEFAULT_KEY}[name]
    x, y = _images(dtype)
    rows = judge(x.reshape(30, 18), y.reshape(30, 18))
    jax.tree.map(np.testing.assert_array_equal, judge(x, y), rows)


@pytest.mark.parametrize("name", JUDGES)
def test_the_default_key_is_zero(name):
    x, y = _images(np.float32)
    result = JUDGES[name](x, y)
    assert repr(result) == repr(JUDGES[name](x, y, key=jax.random.key(0)))
    assert "key 0:0" in repr(result)
    assert repr(result) != repr(JUDGES[name](x, y, key=jax.random.key(1)))


def test_the_default_key_of_class_judges_is_zero():
    zero, one = jax.random.key(0), jax.random.key(1)
    p = np.random.default_rng(0).dirichlet(np.ones(4), 40)
    score = partial(metrics.inception_score, p, classifier="test", **FEW)
    assert score() == score(key=zero) != score(key=one)
    coverage = partial(modes.of_labels, np.arange(40) % 7, num_modes=9, **FEW)
    assert coverage() == coverage(key=zero) != coverage(key=one)


def test_rows_keep_the_order_of_numbers_and_raw_values():
    images = _images(np.uint8)[0]
    (rows,) = as_rows(images=images)
    assert rows.dtype == np.float64
    twin = [[float(value) for value in image.flat] for image in images]
    np.testing.assert_array_equal(rows, twin)
    (numbers,) = as_rows(numbers=np.arange(3))
    np.testing.assert_array_equal(numbers, [[0.0], [1.0], [2.0]])


@pytest.mark.parametrize(
    ("given", "expected"),
    [(jnp.uint8, jnp.float32), (jnp.bfloat16, jnp.float32), (jnp.int32, jnp.float32)],
)
def test_floats_are_float32_under_jit(given, expected):
    (rows,) = jax.jit(lambda x: as_floats(x=x))(jnp.full((5, 2, 3), 200, given))
    assert rows.dtype == expected
    np.testing.assert_array_equal(rows, np.full((5, 6), 200.0))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros(()), r"samples .*\(\)"),
        (np.zeros((3, 0)), r"samples .*\(3, 0\)"),
        (np.zeros((1, 2)), "samples .* two examples"),
        (np.array([[0.0], [np.nan]]), "samples .*NaN"),
    ],
    ids=["scalar", "empty", "one", "nan"],
)
def test_rows_are_checked(rows, message):
    with pytest.raises(InputError, match=message):
        as_rows(samples=rows)


def test_examples_must_have_one_shape():
    first, last = np.zeros((9, 1, 4, 4)), np.zeros((9, 4, 4, 1))
    with pytest.raises(InputError, match=r"'x': \(1, 4, 4\), 'y': \(4, 4, 1\)"):
        flatten(x=first, y=last)


def test_keys_are_described_by_their_words():
    assert describe_key(jax.random.key(7)) == "key 0:7"
