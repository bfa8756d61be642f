"""The PRNG policy: draws belong to (stream, update, example), not to devices."""

import jax
import numpy as np
import pytest

from jaxgan import InputError, keys


def _bits(key):
    return np.asarray(jax.random.key_data(key)).reshape(-1, 2)


def test_stream_differs_by_name_and_step(key):
    made = [keys.stream(key, name, step) for name in "abc" for step in range(20)]
    assert len({tuple(_bits(k)[0]) for k in made}) == 60


def test_stream_is_the_same_under_jit(key):
    traced = jax.jit(lambda step: keys.stream(key, "d/latent", step))(7)
    np.testing.assert_array_equal(_bits(traced), _bits(keys.stream(key, "d/latent", 7)))


def test_stream_takes_old_style_keys():
    assert keys.stream(jax.random.PRNGKey(0), "a", 0).shape == (2,)


@pytest.mark.parametrize("make", [jax.random.key, jax.random.PRNGKey])
@pytest.mark.parametrize("implementation", ["rbg", "unsafe_rbg"])
def test_keys_that_draw_for_a_whole_batch_are_refused(implementation, make):
    with pytest.raises(InputError, match="threefry2x32"):
        keys.stream(make(0, impl=implementation), "a", 0)


@pytest.mark.parametrize("devices", [1, 2, 8])
def test_example_keys_do_not_depend_on_devices(key, devices):
    whole = keys.per_example(key, keys.example_indices(16))

    def share(_):
        index = keys.example_indices(16 // devices, "d")
        return jax.random.key_data(keys.per_example(key, index))

    shares = jax.pmap(share, "d", devices=jax.devices()[:devices])(np.arange(devices))
    np.testing.assert_array_equal(np.asarray(shares).reshape(-1, 2), _bits(whole))


def test_example_keys_are_distinct(key):
    assert (
        len(np.unique(_bits(keys.per_example(key, keys.example_indices(64))), axis=0))
        == 64
    )
