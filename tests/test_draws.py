"""What an update draws: each example its own, on any devices and in any parts."""

import functools
from unittest import mock

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import draws, example_keys, keys, parallel
from tests import games


def _written(devices: int = 1, microbatches: int = 1):
    """The ledgers after two steps of k = 2: all that was drawn, to the bit."""
    gan, batch = games.ledger(), games.ledger_batch(k=2)
    state = jaxgan.init(gan, games.KEY, jax.tree.map(lambda x: x[0], batch))
    make = functools.partial(
        jaxgan.make_train_step, gan, d_steps=2, microbatches=microbatches
    )
    if devices == 1:
        step = jax.jit(make())
    else:
        who = jax.devices()[:devices]
        step = make(axis_name=parallel.AXIS)
        step = parallel.spread(step, batch_axis=1, devices=who)
        state = parallel.put_shared(state, devices=who)
    for _ in range(2):
        state, _ = step(state, batch, games.KEY)
    return jax.device_get(
        (games.generator(state).params, games.discriminator(state).params)
    )


@pytest.fixture(scope="module")
def alone():
    return _written()


@pytest.mark.parametrize(
    ("devices", "microbatches"),
    [(2, 1), pytest.param(4, 1, marks=pytest.mark.slow), (8, 1), (4, 2)],
)
def test_all_draws_are_exactly_equal(alone, devices, microbatches):
    """Latents, both noises, the points of WGAN-GP, all masks, and whose they are.

    Without XLA's optimisations only (so it is no digest test): they round a product and
    a sum once in one program, twice in the other.
    """
    games.assert_equal(_written(devices, microbatches), alone)


def test_draws_that_depend_on_the_device_are_noticed(alone):
    """The ledger can fail: here every device counts its examples from zero."""
    count = lambda size, axis_name: jnp.arange(size, dtype=jnp.int32)
    with mock.patch.object(keys, "example_indices", new=count):
        wrong = _written(devices=2)
    for one, other in zip(alone, wrong, strict=True):
        changed = (one["rows"] != other["rows"]).any(axis=1)
        # A row of the first device's may be as it was; half of them are the second's.
        assert changed.sum() >= 8


def test_no_two_examples_draw_the_same(alone):
    for ledger in alone:
        assert len(np.unique(ledger["rows"], axis=0)) == 16


def test_draws_of_an_example_follow_from_its_index(key):
    """Against the policy spelled out: key, stream, counter, index."""
    index = jnp.array([7, 3], jnp.int32)
    made = draws.Draws("d", key, 5, index).normal("real_noise", (4,))
    stream = keys.stream(key, "d/real_noise", 5)
    expected = [jax.random.normal(jax.random.fold_in(stream, i), (4,)) for i in (7, 3)]
    np.testing.assert_array_equal(made, np.stack(expected))


@pytest.mark.parametrize("change", [{"objective": "g"}, {"step": 6}])
def test_draws_differ_by_objective_and_update(key, change):
    values = {"objective": "d", "key": key, "step": 5, "index": jnp.arange(2)}
    one, other = draws.Draws(**values), draws.Draws(**{**values, **change})
    noise = lambda draw: draw.normal("latent", (4,))
    assert (noise(one) != noise(other)).all()


class Masks(nn.Module):
    """Two masks, one upon the other, in the ways a network may ask for them."""

    how: str = "plain"

    @nn.compact
    def __call__(self, x, *, train):
        dropout = lambda: nn.Dropout(0.5, deterministic=not train)
        if self.how == "inputs by name":
            return dropout()(inputs=dropout()(inputs=x))
        if self.how == "deterministic by place":
            return nn.Dropout(0.5)(nn.Dropout(0.5)(x, not train), not train)
        if self.how == "no key by name":
            return dropout()(dropout()(x, rng=None), rng=None)
        if self.how == "no key by place":
            return nn.Dropout(0.5)(nn.Dropout(0.5)(x, False, None), False, None)
        if self.how == "own key":
            return dropout()(x, rng=jax.random.key(1))
        if self.how == "turned":
            return dropout()(x.T).T
        if self.how == "scanned":
            return self._scanned(x, deterministic=not train)
        if self.how == "by head":
            lift = {"variable_axes": {}, "split_rngs": {"dropout": True}}
            by_head = nn.vmap(nn.Dropout, in_axes=1, out_axes=1, **lift)
            return by_head(0.5, deterministic=not train)(x)
        if self.how == "normal":
            return jax.random.normal(self.make_rng("dropout"), x.shape)
        return dropout()(dropout()(x))

    def _scanned(self, x, deterministic):
        class Layer(nn.Module):
            @nn.compact
            def __call__(self, x, _):
                return nn.Dropout(0.5, deterministic=deterministic)(x), None

        layers = nn.scan(nn.remat(Layer), length=2, split_rngs={"dropout": True})
        return layers()(x, None)[0]


def _masks(key, index, how="plain"):
    index = jnp.asarray(index, jnp.int32)
    turn = jaxgan.Turn(draws.Draws("d", key, 5, index), jnp.zeros(()), {})
    player = jaxgan.Player(module=Masks(how), optimizer=optax.identity())
    nets = jaxgan.Nets({"masks": player}, {"masks": {}}, turn)
    return np.asarray(nets("masks", jnp.ones((len(index), 64))))


@pytest.mark.parametrize(
    "how",
    ["inputs by name", "deterministic by place", "no key by name", "no key by place"],
)
def test_dropout_masks_each_example_however_it_is_called(key, how):
    np.testing.assert_array_equal(_masks(key, range(4), how), _masks(key, range(4)))


@pytest.mark.parametrize("how", ["plain", "scanned", "by head", "normal"])
def test_dropout_mask_of_an_example_is_its_own(key, how):
    """It moves with the index, whoever stands beside it, and no other has it."""
    masks = _masks(key, range(8), how)
    np.testing.assert_array_equal(_masks(key, [5, 2], how), masks[[5, 2]])
    assert len(np.unique(masks, axis=0)) == 8


def test_masks_are_flaxs_own_of_each_examples_key(key):
    """Against flax, one example at a time, its key by the policy spelled out."""
    masks = _masks(key, range(4), "deterministic by place")
    for i, mask in enumerate(masks):
        np.testing.assert_array_equal(_masks(key, [i])[0], mask)
    noise = _masks(key, range(4), "normal")
    kept = {}

    class Ask(nn.Module):
        @nn.compact
        def __call__(self):
            kept["key"] = self.make_rng("dropout")

    call = keys.stream(key, "d/masks/0", 5)
    Ask().apply({}, rngs={"dropout": keys.stream(call, "dropout", 0)})
    for i, row in enumerate(noise):
        expected = jax.random.normal(jax.random.fold_in(kept["key"], i), (64,))
        np.testing.assert_array_equal(row, expected)


@pytest.mark.parametrize("how", ["plain", "scanned"])
def test_dropout_keeps_its_share_in_every_layer(key, how):
    """Two independent masks of one half: a quarter is left, at four times its size."""
    masks = _masks(key, range(512), how)
    assert set(np.unique(masks)) == {0.0, 4.0}
    # The standard deviation of the share of 32,768 is 0.0024.
    np.testing.assert_allclose((masks > 0).mean(), 0.25, atol=0.01)


def test_dropout_with_a_key_of_its_own_is_left_alone(key):
    ones = jnp.ones((4, 64))
    expected = nn.Dropout(0.5, deterministic=False).apply(
        {}, ones, rng=jax.random.key(1)
    )
    np.testing.assert_array_equal(_masks(key, range(4), "own key"), expected)


def test_dropout_of_what_is_no_batch_is_refused(key):
    with pytest.raises(ValueError, match=r"expected 4 there, got shape \(64, 4\)"):
        _masks(key, range(4), "turned")


@pytest.mark.digest
def test_bits_of_an_example_do_not_depend_on_the_devices(key):
    """Whole numbers, which no compiler rounds."""

    def draw(index):
        return jax.random.bits(example_keys.by_example(key, index), (len(index), 32))

    index = jnp.arange(16, dtype=jnp.int32)
    whole = jax.jit(draw)(index)
    shared = jax.pmap(draw)(index.reshape(8, 2)).reshape(whole.shape)
    np.testing.assert_array_equal(shared, whole)
    assert len(np.unique(whole)) > 500
