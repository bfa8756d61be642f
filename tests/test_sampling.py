"""Images from the averaged generator: which, how many, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan
from jaxgan import images, sampling
from tests import games


def test_samples_come_from_the_averaged_generator(key):
    gan = games.mlp()
    state = games.init(gan)
    moved = jax.tree.map(lambda x: 2 * x + 0.1, games.average(state))
    state = state.replace(averages={"generator": moved})
    made = jaxgan.sample(gan, state, key, 5)
    z = sampling.latents(gan, key, 5)
    expected = gan.generator.apply(games.average(state), z, train=False)
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-6)


def test_samples_do_not_depend_on_the_batch_size_the_count_or_the_first(key):
    gan = games.mlp()
    state = games.init(gan)
    whole = jaxgan.sample(gan, state, key, 11, batch_size=11)
    parts = jaxgan.sample(gan, state, key, 11, batch_size=4)
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)
    later = jaxgan.sample(gan, state, key, 4, first=7)
    np.testing.assert_allclose(later, whole[7:], rtol=1e-5, atol=1e-6)
    fewer = jaxgan.sample(gan, state, key, 3)
    np.testing.assert_allclose(fewer, whole[:3], rtol=1e-5, atol=1e-6)
    assert len(np.unique(images.as_uint8(whole), axis=0)) == 11


def test_samples_take_labels_in_order(key):
    gan = games.mlp(condition="label")
    state = games.init(gan)
    labels = jnp.array([3, 1, 4, 1, 5])
    made = jaxgan.sample(gan, state, key, 5, condition=labels, batch_size=2)
    z = sampling.latents(gan, key, 5)
    expected = gan.generator.apply(games.average(state), z, labels, train=False)
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "count", "condition", "message"),
    [
        (
            {"condition": "label"},
            2,
            None,
            r'conditional on "label", but none was given',
        ),
        ({}, 2, [0, 1], "conditional on nothing, but one was given"),
        ({"condition": "label"}, 3, [0, 1], "each of its 3 examples"),
        ({}, 0, None, "count.*at least 1; got 0"),
    ],
    ids=["no labels", "labels unasked", "too few labels", "none"],
)
def test_sample_refuses(key, changes, count, condition, message):
    gan = games.mlp(**changes)
    labels = None if condition is None else jnp.array(condition)
    with pytest.raises(jaxgan.InputError, match=message):
        jaxgan.sample(gan, games.init(gan), key, count, condition=labels)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_parts_without_examples_are_refused(key, batch_size):
    gan = games.mlp()
    with pytest.raises(jaxgan.InputError, match="batch_size"):
        jaxgan.sample(gan, games.init(gan), key, 3, batch_size=batch_size)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((64, 64, 3), 256), ((128, 128, 1), 64), ((4_096, 512, 3), 1), ((2,), 256)],
)
def test_larger_images_are_made_in_smaller_parts(shape, expected):
    made = jax.ShapeDtypeStruct((1, *shape), np.float32)
    small = jax.ShapeDtypeStruct((1, 32, 32, 3), np.float32)
    assert sampling._fitting({"a": made, "b": small}) == expected
