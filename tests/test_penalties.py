"""The penalties against closed forms on linear and quadratic critics."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

from jaxgan import penalties

CASES = {
    "r1": penalties.r1,
    "r2": penalties.r2,
    "wgan_gp": penalties.wgan_gp(),
    "wgan_gp_one_sided": penalties.wgan_gp(one_sided=True),
    "dragan": penalties.dragan(),
}
NORM_PENALTIES = [name for name in CASES if name not in ("r1", "r2")]
every_penalty = pytest.mark.parametrize("name", CASES)


def _normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


REAL, FAKE = _normal(1, 6, 5), _normal(2, 6, 5)
WEIGHT = _normal(3, 5)
MATRIX = _normal(4, 5, 5) + _normal(4, 5, 5).T


def linear(weight):
    return lambda x: jnp.sum(weight * x) + 0.7


def quadratic(matrix):
    return lambda x: 0.5 * x @ matrix @ x  # the gradient is matrix @ x


@every_penalty
def test_penalty_of_linear_critic_and_its_gradient(name, key):
    each = lambda w: CASES[name](linear(w), REAL, FAKE, key)
    both = lambda w: (each(w), jax.grad(lambda w: each(w).mean())(w))
    direction = np.asarray(WEIGHT, np.float64) / np.linalg.norm(WEIGHT)
    scales = np.array([[0.1], [3.0]])  # a gradient shorter than 1, and a longer one
    weights = scales * direction
    excess = np.maximum(scales - 1, 0) if "one_sided" in name else scales - 1
    value, by_weight = excess**2, 2 * excess * direction
    if name in ("r1", "r2"):
        value, by_weight = scales**2, 2 * weights
    values, gradients = jax.jit(jax.vmap(both))(jnp.asarray(weights, jnp.float32))
    np.testing.assert_allclose(values, np.tile(value, 6), rtol=1e-5)
    np.testing.assert_allclose(gradients, by_weight, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["r1", "r2"])
def test_penalty_of_quadratic_critic_and_its_gradient(name, key):
    points = np.asarray(REAL if name == "r1" else FAKE, np.float64)
    matrix = np.asarray(MATRIX, np.float64)
    slopes = points @ matrix
    each = lambda a: CASES[name](quadratic(a), REAL, FAKE, key)
    np.testing.assert_allclose(each(MATRIX), (slopes**2).sum(1), rtol=1e-5)
    # The gradient of x'Ax/2 is Bx with B = (A + A')/2, so that of ||Bx||^2 by A is
    # the symmetric part of 2 Bx x'.
    outer = 2 * np.einsum("bi,bj->ij", slopes, points)
    by_matrix = jax.grad(lambda a: each(a).sum())(MATRIX)
    np.testing.assert_allclose(by_matrix, (outer + outer.T) / 2, rtol=1e-4, atol=1e-4)


def test_wgan_gp_points_are_uniform_between_real_and_fake(key):
    # With a gradient of x itself, fake = 0 and target 0, the penalty is e^2 ||x||^2.
    real = jnp.broadcast_to(WEIGHT, (4000, 5))
    penalty = penalties.wgan_gp(target=0)
    far = 3 * real

    @jax.jit
    def both(key):
        each = penalty(quadratic(jnp.eye(5)), real, jnp.zeros_like(real), key)
        return each, penalty(bend, real, far, key)

    # On the line through both ends x is in [1, 3] times the weight, so this bend of a
    # critic, which charges for leaving the line, stays free: one e for all of x.
    unit = WEIGHT / jnp.linalg.norm(WEIGHT)
    bend = lambda x: jnp.sum((x - jnp.sum(x * unit) * unit) ** 2)
    each, off_line = both(key)
    epsilon = np.sqrt(each) / np.linalg.norm(WEIGHT)
    assert stats.kstest(epsilon, "uniform").pvalue > 1e-3
    np.testing.assert_allclose(off_line, np.zeros(4000), atol=1e-9)


def test_wgan_gp_one_sided_is_free_below_the_target(key):
    two_sided, one_sided = (
        penalties.wgan_gp(target=2, one_sided=side)(quadratic(MATRIX), REAL, FAKE, key)
        for side in (False, True)
    )
    charged = np.asarray(one_sided) > 0
    assert charged.any()
    np.testing.assert_array_equal(one_sided[charged], two_sided[charged])
    below = penalties.wgan_gp(target=100, one_sided=True)
    np.testing.assert_array_equal(below(linear(WEIGHT), REAL, FAKE, key), np.zeros(6))


def test_dragan_points_are_gaussian_around_the_reals(key):
    # With a gradient of x itself and target 0 the penalty is ||x + d||^2, whose mean
    # over std^2 follows a noncentral chi-squared law.
    real = jnp.broadcast_to(WEIGHT, (4000, 5))
    penalty = penalties.dragan(std=0.3, target=0)
    each = jax.jit(lambda key: penalty(quadratic(jnp.eye(5)), real, -real, key))(key)
    scaled = np.asarray(each) / 0.3**2
    law = stats.ncx2(df=5, nc=np.sum(np.square(WEIGHT)) / 0.3**2)
    assert stats.kstest(scaled, law.cdf).pvalue > 1e-3
    none = penalties.dragan(std=0, target=0)(quadratic(MATRIX), REAL, FAKE, key)
    r1 = penalties.r1(quadratic(MATRIX), REAL, FAKE, key)
    np.testing.assert_allclose(none, r1, rtol=1e-5)


@every_penalty
def test_penalty_is_finite_and_differentiable_at_zero_gradient(name, key):
    critic = lambda w: lambda x: w[0] * jnp.sum(jax.nn.relu(w[1] * x)) + w[2]
    total = lambda w: CASES[name](critic(w), REAL, FAKE, key).sum()
    everything = jax.jit(
        lambda w: (total(w), jax.grad(total)(w), jax.hessian(total)(w))
    )
    for weight in ([0.0, 0.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0]):
        w = jnp.array(weight)
        slopes = jax.vmap(jax.grad(critic(w)))(REAL)
        np.testing.assert_array_equal(slopes, jnp.zeros_like(slopes))
        for value in everything(w):
            assert np.isfinite(value).all()


@pytest.mark.parametrize("name", NORM_PENALTIES)
def test_penalty_at_zero_gradient_is_the_squared_target(name, key):
    flat = CASES[name](lambda x: 0.0 * jnp.sum(x), REAL, FAKE, key)
    expected = 0.0 if "one_sided" in name else 1.0
    np.testing.assert_allclose(flat, np.full(6, expected), rtol=1e-5)


@every_penalty
def test_penalty_travels_with_its_example(name):
    # As the steps call it: single examples, each with a key of its own.
    penalty, critic = CASES[name], quadratic(MATRIX)
    one = lambda x, y, key: penalty(critic, x[None], y[None], key)[0]
    every = jax.jit(jax.vmap(one))
    keys = jax.random.split(jax.random.key(7), 6)
    order = np.array([3, 1, 5, 0, 2, 4])
    twice = np.concatenate([np.arange(6), order])
    each, permuted = jnp.split(every(REAL[twice], FAKE[twice], keys[twice]), 2)
    np.testing.assert_allclose(permuted, each[order], rtol=1e-6)
    assert len(np.unique(each)) > 1


@pytest.mark.parametrize("name", ["r1", "r2"])
def test_penalty_mean_is_invariant_under_permutation_and_duplication(name, key):
    each = CASES[name](quadratic(MATRIX), REAL, FAKE, key)
    for order in (np.array([3, 1, 5, 0, 2, 4]), np.tile(np.arange(6), 2)):
        again = CASES[name](quadratic(MATRIX), REAL[order], FAKE[order], key)
        np.testing.assert_allclose(again, each[order], rtol=1e-6)
        np.testing.assert_allclose(again.mean(), each.mean(), rtol=1e-6)


@every_penalty
def test_penalty_of_an_example_ignores_the_others(name, key):
    penalty, critic = CASES[name], quadratic(MATRIX)
    every = jax.jit(lambda real, fake: penalty(critic, real, fake, key))
    each = every(REAL, FAKE)
    np.testing.assert_allclose(every(REAL[:2], FAKE[:2]), each[:2], rtol=1e-6)
    first = np.arange(6)[:, None] < 1
    others = every(np.where(first, REAL, 9 * REAL), np.where(first, FAKE, 1 + FAKE))
    np.testing.assert_allclose(others[0], each[0], rtol=1e-6)


@pytest.mark.parametrize("name", NORM_PENALTIES)
def test_penalty_draws_anew_for_every_example_and_key(name, key):
    real, fake = jnp.ones((4, 3)), -3 * jnp.ones((4, 3))
    critic = lambda x: jnp.sum(x**4) + 9 * jnp.sum(x)  # never below the target
    draw = jax.jit(lambda key: CASES[name](critic, real, fake, key))
    each = draw(key)
    assert len(np.unique(each)) == 4
    np.testing.assert_array_equal(draw(key), each)
    assert not np.isin(draw(jax.random.key(1)), each).any()


@pytest.mark.parametrize("name", ["r1", "wgan_gp"])
def test_penalty_jit_equals_eager_on_images(name, key):
    real, fake = _normal(5, 3, 4, 4, 2), _normal(6, 3, 4, 4, 2)
    critic = lambda x: jnp.sum(jnp.tanh(x) * x[::-1])
    compiled = jax.jit(lambda *args: CASES[name](critic, *args))(real, fake, key)
    eager = CASES[name](critic, real, fake, key)
    assert eager.shape == (3,)
    np.testing.assert_allclose(compiled, eager, rtol=1e-5, atol=1e-6)


@every_penalty
def test_penalty_computes_in_float32(name, key):
    critics = (linear(WEIGHT), lambda x: jnp.sum(x).astype(jnp.bfloat16))
    for critic, dtype in zip(critics, (jnp.bfloat16, jnp.float32), strict=True):
        each = lambda real, fake, critic=critic: CASES[name](critic, real, fake, key)
        out = jax.eval_shape(each, REAL.astype(dtype), FAKE.astype(dtype))
        assert out.dtype == jnp.float32
        assert out.shape == (6,)


@every_penalty
def test_penalty_refuses_what_it_cannot_use(name, key):
    penalty = CASES[name]
    with pytest.raises(ValueError, match=r"\(6, 4\)"):
        penalty(linear(WEIGHT), REAL, FAKE[:, :4], key)
    column = lambda x: jnp.sum(x, keepdims=True)
    with pytest.raises(ValueError, match=r"critic.*0 dimension.*\(1,\)"):
        jax.eval_shape(lambda: penalty(column, REAL, FAKE, key))


def test_penalty_parameters_are_checked():
    with pytest.raises(ValueError, match="target must be >= 0, got -1"):
        penalties.wgan_gp(target=-1)
    with pytest.raises(ValueError, match=r"std must be >= 0, got -0\.5"):
        penalties.dragan(std=-0.5)
    with pytest.raises(ValueError, match="limit must be > 0, got 0"):
        penalties.clip_weights(0)


def test_penalties_are_equal_and_hash_equal_with_equal_arguments():
    assert penalties.wgan_gp() == penalties.wgan_gp(one_sided=False, target=1)
    assert hash(penalties.wgan_gp()) == hash(penalties.wgan_gp(target=1.0))
    assert penalties.dragan() == penalties.dragan(target=1, std=0.5)
    assert len({*CASES.values(), penalties.dragan(std=0.1)}) == 6


def _clip(limit, params, updates):
    optimizer = penalties.clip_weights(limit)
    updates, _ = optimizer.update(updates, optimizer.init(params), params)
    return optax.apply_updates(params, updates)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("limit", [0.01, 3.3])
@pytest.mark.parametrize("spread", [0.5, 1e3], ids=["near", "far"])
def test_clip_weights_lands_inside_exactly(limit, dtype, spread):
    params = (limit * spread * _normal(8, 20_000)).astype(dtype)
    updates = (limit * spread * _normal(9, 20_000)).astype(dtype)
    landed = jax.jit(lambda p, u: _clip(limit, p, u))(params, updates)
    assert landed.dtype == dtype
    assert (jnp.abs(landed) <= jnp.asarray(limit, dtype)).all()
    # Near, where no digit is lost to a huge parameter, it is the clipped sum.
    if spread < 1:
        expected = np.clip(np.asarray(params + updates, np.float64), -limit, limit)
        resolution = 4 * limit * float(jnp.finfo(dtype).eps)
        np.testing.assert_allclose(
            np.asarray(landed, np.float64), expected, atol=resolution
        )


def test_clip_weights_leaves_an_inner_update_alone():
    params = {"w": jnp.array([0.25, -0.5]), "b": jnp.array(0.125)}
    updates = {"w": jnp.array([0.125, 0.25]), "b": jnp.array(-0.5)}
    landed = _clip(0.75, params, updates)
    np.testing.assert_array_equal(landed["w"], [0.375, -0.25])
    np.testing.assert_array_equal(landed["b"], -0.375)


def test_clip_weights_holds_through_training():
    optimizer = optax.chain(optax.rmsprop(0.05), penalties.clip_weights(0.01))
    params = {"w": 0.02 * _normal(10, 300)}

    def step(carry, key):
        params, state = carry
        gradients = {"w": jax.random.normal(key, (300,))}
        updates, state = optimizer.update(gradients, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), jnp.abs(params["w"]).max()

    keys = jax.random.split(jax.random.key(0), 50)
    _, largest = jax.lax.scan(step, (params, optimizer.init(params)), keys)
    np.testing.assert_array_equal(largest, np.full(50, 0.01, np.float32))


def test_clip_weights_needs_the_parameters():
    optimizer = penalties.clip_weights(0.1)
    with pytest.raises(ValueError, match="expected the parameters, got None"):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))
