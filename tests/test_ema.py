"""The average: half-lives that hold for every batch size, and no shared buffer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import ema

TREE = {"w": jnp.array([1.0, -2.0]), "b": jnp.array(3.0), "count": jnp.array(7)}


def _pointers(tree):
    return {leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(tree)}


def _run(start, value, steps, **knobs):
    move = lambda _, average: ema.update(average, value, images_seen=0, **knobs)
    return jax.jit(lambda a: jax.lax.fori_loop(0, steps, move, a))(start)


@pytest.mark.parametrize("images_per_step", [1, 8, 64, 1024, 8192])
def test_update_halves_the_start_after_a_half_life(images_per_step):
    half_life = 8192
    knobs = {"images_per_step": images_per_step, "half_life": half_life}
    steps = half_life // images_per_step
    start, value = jnp.array([1.0, 5.0]), jnp.array([0.0, 3.0])
    once = _run(start, value, steps, **knobs)
    np.testing.assert_allclose(once, [0.5, 4.0], rtol=2e-5)
    thrice = _run(start, value, 3 * steps, **knobs)
    np.testing.assert_allclose(thrice, [0.125, 3.25], rtol=5e-5)


def test_update_rate_keeps_its_digits_for_long_half_lives():
    # One step from 0 to 1 shows the rate itself: 1 - 0.5^(n/h), here about 4e-6.
    moved = ema.update(
        jnp.array(0.0), jnp.array(1.0), images_per_step=64, half_life=1e7, images_seen=0
    )
    np.testing.assert_allclose(moved, -np.expm1(-np.log(2) * 64 / 1e7), rtol=1e-6)


def test_update_leaves_the_fixed_point_alone():
    value = jnp.asarray(np.random.default_rng(0).normal(size=100), jnp.float32)
    same = _run(value, value, 1000, images_per_step=64, half_life=5e5)
    np.testing.assert_array_equal(same, value)


@pytest.mark.parametrize("images_seen", [0, 100, 4_000, 100_000_000])
def test_update_ramp_up_bounds_the_half_life(images_seen):
    moved = jax.jit(
        lambda seen: ema.update(
            jnp.array(1.0),
            jnp.array(0.0),
            images_per_step=100,
            half_life=1000,
            ramp_up=0.05,
            images_seen=seen,
        )
    )(jnp.array(images_seen))
    half_life = min(1000, 0.05 * images_seen)
    expected = 0.5 ** (100 / half_life) if half_life else 0.0
    np.testing.assert_allclose(moved, expected, rtol=1e-5)


@pytest.mark.parametrize("knobs", [(0, None), (1000, 0.05), (1000, 0.0)])
def test_update_without_averaging_is_the_value_to_the_bit(knobs):
    half_life, ramp_up = knobs
    value = {"w": jnp.array([0.1, 1e-30, 1e30])}
    average = {"w": jnp.array([1e30, 1.0, -3.0])}
    moved = ema.update(
        average,
        value,
        images_per_step=64,
        half_life=half_life,
        ramp_up=ramp_up,
        images_seen=0,
    )
    np.testing.assert_array_equal(moved["w"], value["w"])


def test_update_gradient_at_the_start_is_finite():
    def moved(value, seen):
        return ema.update(
            jnp.array(2.0),
            value,
            images_per_step=64,
            half_life=100.0,
            ramp_up=0.05,
            images_seen=seen,
        )

    by_value, by_seen = jax.grad(moved, argnums=(0, 1))(jnp.array(1.0), jnp.array(0.0))
    np.testing.assert_array_equal(by_value, 1.0)
    assert np.isfinite(by_seen)


def test_average_is_float32_and_counts_are_copied():
    value = {"w": jnp.ones(3, jnp.bfloat16), "count": jnp.array(7)}
    average = ema.init(value)
    moved = ema.update(
        average,
        {"w": jnp.zeros(3, jnp.bfloat16), "count": jnp.array(8)},
        images_per_step=10,
        half_life=10,
        images_seen=0,
    )
    assert average["w"].dtype == moved["w"].dtype == jnp.float32
    assert average["count"].dtype == moved["count"].dtype == jnp.int32
    np.testing.assert_allclose(moved["w"], 0.5 * np.ones(3), rtol=1e-6)
    np.testing.assert_array_equal(average["count"], 7)
    np.testing.assert_array_equal(moved["count"], 8)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_init_shares_no_buffer_and_can_be_donated(wrap):
    value = jax.tree.map(jnp.copy, TREE)
    state = {"params": value, "ema": wrap(ema.init)(value)}
    assert not _pointers(state["params"]) & _pointers(state["ema"])
    for name in TREE:
        np.testing.assert_array_equal(state["ema"][name], TREE[name])

    def step(state):
        params = jax.tree.map(lambda x: x + 1, state["params"])
        average = ema.update(
            state["ema"], params, images_per_step=4, half_life=4, images_seen=0
        )
        return {"params": params, "ema": average}

    # Warnings are errors here, so an unusable donation would fail; and donating one
    # buffer twice raises.
    step = jax.jit(step, donate_argnums=0)
    for _ in range(3):
        state = step(state)
    assert not _pointers(state["params"]) & _pointers(state["ema"])
    np.testing.assert_allclose(state["ema"]["b"], 3 + 0.125 + 0.5 + 1.5, rtol=1e-6)


def test_state_made_inside_jit_can_be_donated():
    def make():
        params = {"w": jnp.zeros(4)}
        return {"params": params, "ema": ema.init(params)}

    state = jax.jit(make)()
    assert len(_pointers(state)) == 2
    jax.jit(lambda s: jax.tree.map(lambda x: x + 1, s), donate_argnums=0)(state)


@pytest.mark.parametrize("half_life", [0, 10])
def test_update_shares_no_buffer_with_the_value(half_life):
    value = jax.tree.map(jnp.copy, TREE)
    moved = ema.update(
        ema.init(value),
        value,
        images_per_step=4,
        half_life=half_life,
        images_seen=0,
    )
    assert not _pointers(moved) & _pointers(value)


def test_update_runs_over_many_half_lives_at_once():
    half_lives = jnp.array([0.0, 10.0, 20.0])
    move = lambda h: ema.update(
        jnp.array(1.0), jnp.array(0.0), images_per_step=20, half_life=h, images_seen=0
    )
    np.testing.assert_allclose(jax.vmap(move)(half_lives), [0, 0.25, 0.5], rtol=1e-6)


@pytest.mark.parametrize("name", ["images_per_step", "half_life", "ramp_up"])
def test_update_refuses_negative_numbers(name):
    knobs = {"images_per_step": 1, "half_life": 1, "ramp_up": 0.1, name: -1}
    with pytest.raises(ValueError, match=f"{name} must be >= 0, got -1"):
        ema.update(jnp.ones(2), jnp.ones(2), images_seen=0, **knobs)


def test_update_refuses_another_shape():
    with pytest.raises(ValueError, match=r"\(2,\).*\(1,\)"):
        ema.update(
            jnp.ones(2), jnp.ones(1), images_per_step=1, half_life=1, images_seen=0
        )
