"""CycleGAN: its losses by hand, its pools against a replay with lists."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import parallel
from jaxgan.checks import InputError
from jaxgan.draws import Draws
from jaxgan.methods import cyclegan
from jaxgan.methods.cyclegan import Pool
from tests import games
from tests.methods import plays

KEY = games.KEY
SHAPE = (4, 4, 1)


class Affine(nn.Module):
    """A translator ``x -> scale x + shift`` of every pixel."""

    scale: float = 0.5

    @nn.compact
    def __call__(self, x):
        scale = self.param("scale", nn.initializers.constant(self.scale), ())
        return scale * x + self.param("shift", nn.initializers.constant(0.1), ())


class Pixels(nn.Module):
    """A judge whose patches are pixels, ``x -> slope x``: logits ``[b h w]``."""

    slope: float = 0.7

    @nn.compact
    def __call__(self, x):
        slope = self.param("slope", nn.initializers.constant(self.slope), ())
        return {"logits": slope * x[..., 0]}


@functools.lru_cache
def affine(**settings):
    values = {
        "generator_ab": Affine(0.5),
        "generator_ba": Affine(-0.3),
        "discriminator_a": Pixels(0.7),
        "discriminator_b": Pixels(1.3),
        "shape_a": SHAPE,
        "g_optimizer": optax.sgd(0.02),
        "d_optimizer": optax.sgd(0.02),
    }
    return cyclegan.cyclegan(**{**values, **settings})


def images(size=8, n=1):
    random = np.random.default_rng(0)
    draw = lambda: random.uniform(-1, 1, (n, size, *SHAPE)).astype(np.float32)
    return {"a": jnp.asarray(draw()), "b": jnp.asarray(draw())}


def test_plays(tmp_path):
    """Three rounds in which the pools fill, are full, and trade."""
    state, _ = plays.check(affine(pool=12), images(), tmp_path, microbatches=2)
    assert state.memory["pool_a"].size == 12
    assert (state.memory["pool_b"].images != 0).all()


def test_losses_are_those_of_the_paper():
    game, batch = affine(pool=0), plays.first(images())
    start = jaxgan.init(game, KEY, batch)
    a, b = np.asarray(batch["a"], np.float64), np.asarray(batch["b"], np.float64)
    g, f = lambda x: 0.5 * x + 0.1, lambda x: -0.3 * x + 0.1
    d_a, d_b = lambda x: 0.7 * x, lambda x: 1.3 * x
    _, found = jaxgan.make_update(game, "g")(start, batch, KEY)
    adversarial = np.mean((d_b(g(a)) - 1) ** 2) + np.mean((d_a(f(b)) - 1) ** 2)
    cycle = np.mean(np.abs(f(g(a)) - a)) + np.mean(np.abs(g(f(b)) - b))
    identity = np.mean(np.abs(g(b) - b)) + np.mean(np.abs(f(a) - a))
    close = functools.partial(np.testing.assert_allclose, rtol=1e-5)
    close(found["g_adversarial"], adversarial)
    close(found["g_cycle"], cycle)
    close(found["g_identity"], identity)
    close(found["g_loss"], adversarial + 10 * cycle + 5 * identity)
    _, found = jaxgan.make_update(game, "d")(start, batch, KEY)
    of_a = np.mean((d_a(a) - 1) ** 2) / 2 + np.mean(d_a(f(b)) ** 2) / 2
    of_b = np.mean((d_b(b) - 1) ** 2) / 2 + np.mean(d_b(g(a)) ** 2) / 2
    close(found["d_loss_a"], of_a)
    close(found["d_loss"], of_a + of_b)


def test_weights_may_follow_the_images_and_the_identity_may_be_left_out():
    game, batch = affine(cycle=lambda images: images, identity=None), images()
    state = jaxgan.init(game, KEY, plays.first(batch))
    step = jax.jit(jaxgan.make_train_step(game))
    state, first = step(state, batch, KEY)
    assert first["g_loss"] == first["g_adversarial"]
    _, second = step(state, batch, KEY)
    expected = second["g_adversarial"] + 8 * second["g_cycle"]
    np.testing.assert_allclose(second["g_loss"], expected, rtol=1e-6)


def one_by_one(pool, capacity, fakes, coins, slots):
    """The paper's pool, a fake at a time: what is shown; ``pool`` changes."""
    shown = []
    for fake, coin, slot in zip(fakes, coins, slots, strict=True):
        if len(pool) < capacity:
            pool.append(fake)
            shown.append(fake)
        elif coin:
            shown.append(pool[slot])
            pool[slot] = fake
        else:
            shown.append(fake)
    return shown


def batch_by_batch(pool, capacity, fakes, coins, order):
    """The same for a batch, each of whose fakes sees the pool as it was."""
    old, shown = list(pool), list(fakes)
    for i, fake in enumerate(fakes):
        if len(old) < capacity:
            if len(pool) < capacity:
                pool.append(fake)
        elif coins[i] and i < capacity:
            shown[i] = old[order[i]]
            pool[order[i]] = fake
    return shown


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_pool_is_that_of_a_replay_with_lists(batch_size):
    """Pool of 5: batches of 1 as in the paper, smaller than the pool, and larger."""
    random, capacity, number = np.random.default_rng(0), 5, 0
    pool, kept = Pool(images=jnp.zeros((capacity, 1)), size=jnp.int32(0)), []
    for _ in range(12):
        fakes = np.arange(number, number + batch_size, dtype=np.float32)
        number += batch_size
        coins = random.random(batch_size) < 0.5
        order = random.permutation(capacity)
        places = cyclegan.places_by(
            pool.size, jnp.arange(batch_size), jnp.array(coins), jnp.array(order)
        )
        shown = pool.shown(jnp.array(fakes)[:, None], *places)
        new = pool.stored(jnp.array(fakes)[:, None], *places)
        had = [float(x) for x in pool.images[: pool.size, 0]]
        if batch_size == 1:
            expected = one_by_one(kept, capacity, fakes, coins, order[:1])
        else:
            expected = batch_by_batch(kept, capacity, fakes, coins, order)
        np.testing.assert_array_equal(shown[:, 0], expected)
        np.testing.assert_array_equal(new.images[: new.size, 0], kept)
        if len(had) == capacity:  # nothing is shown and kept, and nothing is lost
            both = np.concatenate([shown[:, 0], new.images[:, 0]])
            np.testing.assert_array_equal(np.sort(both), np.sort([*had, *fakes]))
        pool = new


def test_half_of_the_fakes_trade_and_each_old_one_is_as_likely():
    pool = Pool(images=jnp.zeros((5, 1)), size=jnp.int32(5))

    def draw(step):
        draws = Draws("d", KEY, step, jnp.arange(1))
        return *cyclegan.places(pool, draws, "a"), *cyclegan.places(pool, draws, "b")

    slots, trades, other_slots, other_trades = jax.vmap(draw)(jnp.arange(4000))
    assert abs(float(trades.mean()) - 0.5) < 4 * 0.5 / np.sqrt(4000)
    shares = np.bincount(slots[:, 0], minlength=5) / 4000
    np.testing.assert_allclose(shares, 0.2, atol=4 * np.sqrt(0.16 / 4000))
    for one, other in ((trades, other_trades), (slots, other_slots), (slots, trades)):
        assert abs(np.corrcoef(one[:, 0], other[:, 0])[0, 1]) < 4 / np.sqrt(4000)


@pytest.mark.parametrize("devices", [1, 8])
def test_discriminator_sees_what_the_pool_gives_for_what_it_takes(devices):
    """One update on full pools, replayed in NumPy by the draws of its examples."""
    game, batch = affine(pool=12), plays.first(images())
    state = jaxgan.init(game, KEY, batch)
    old = np.random.default_rng(1).uniform(-1, 1, (12, *SHAPE)).astype(np.float32)
    full = Pool(images=jnp.asarray(old), size=jnp.int32(12))
    state = state.replace(
        memory={"pool_a": full, "pool_b": full},
        updates={**state.updates, "d": jnp.int32(3)},
    )
    if devices == 1:
        after, found = jax.jit(jaxgan.make_update(game, "d"))(state, batch, KEY)
    else:
        step = jaxgan.make_update(game, "d", axis_name=parallel.AXIS)
        after, found = parallel.spread(step)(parallel.put_shared(state), batch, KEY)
    draws = Draws("d", KEY, 3, jnp.arange(8))
    slots, trades = map(np.asarray, cyclegan.places(full, draws, "b"))
    assert 0 < trades.sum() < 8
    fakes, kept = 0.5 * np.asarray(batch["a"]) + 0.1, list(old)
    order = np.concatenate([slots, np.setdiff1d(np.arange(12), slots)])
    shown = np.stack(batch_by_batch(kept, 12, fakes, trades, order))
    np.testing.assert_allclose(after.memory["pool_b"].images, kept, atol=1e-6)
    real = np.asarray(batch["b"])
    expected = np.mean((1.3 * real - 1) ** 2) / 2 + np.mean((1.3 * shown) ** 2) / 2
    np.testing.assert_allclose(found["d_loss_b"], expected, rtol=1e-5)


def test_samples_are_translations_there_and_back():
    game, batch = affine(), plays.first(images())
    state = jaxgan.init(game, KEY, batch)
    made = jaxgan.sample(game, state, KEY, 8, condition=batch, batch_size=3)
    there = 0.5 * batch["a"] + 0.1
    np.testing.assert_allclose(made["fake_b"], there, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(made["cycle_a"], -0.3 * there + 0.1, atol=1e-6)
    pixels = {"b": np.full((2, *SHAPE), 255, np.uint8)}
    made = jaxgan.sample(game, state, KEY, 2, condition=pixels)
    assert set(made) == {"fake_a", "cycle_b"}
    np.testing.assert_allclose(made["fake_a"], -0.2, atol=1e-6)


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="identity"):
        affine(shape_b=(4, 4, 3))
    affine(shape_b=(4, 4, 3), identity=None)
    state = jaxgan.init(affine(), KEY, plays.first(images()))
    with pytest.raises(InputError, match="condition"):
        jaxgan.sample(affine(), state, KEY, 8)
