"""The losses against float64 twins, by value and gradient, up to logits of +-100."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import divergences, losses
from tests import references

CASES = {
    "minimax": (losses.minimax, references.LOSSES["minimax"]),
    "non_saturating": (losses.non_saturating, references.LOSSES["non_saturating"]),
    "least_squares": (losses.least_squares, references.LOSSES["least_squares"]),
    "least_squares_pearson": (
        losses.least_squares_with(a=-1, b=1, c=0),
        references.least_squares_twin(-1, 1, 0),
    ),
    "wasserstein": (losses.wasserstein, references.LOSSES["wasserstein"]),
    "hinge": (losses.hinge, references.LOSSES["hinge"]),
    "relativistic": (losses.relativistic, references.LOSSES["relativistic"]),
}
DIVERGENCES = (*divergences.ALL, divergences.alpha(0.3), divergences.alpha(3))
for divergence in DIVERGENCES:
    CASES[f"f_gan-{divergence.name}"] = (
        losses.f_gan(divergence),
        references.f_gan_twin(divergence.name, saturating=True),
    )
ADDITIVE = [name for name in CASES if name != "relativistic"]
every_loss = pytest.mark.parametrize("name", CASES)

# 0.25 off the kinks at whole numbers, where any slope between is right.
GRID = np.concatenate([np.linspace(-100.25, 100.25, 90), np.linspace(-3.75, 3.75, 16)])
REAL, FAKE = (x.ravel() for x in np.meshgrid(GRID, GRID, indexing="ij"))
REAL, FAKE = REAL.astype(np.float32), FAKE.astype(np.float32)


def _assert_close(actual, twin, rtol=3e-5, atol=1e-6):
    """Equal to the twin in float32; infinite exactly where that is; never NaN."""
    with np.errstate(over="ignore"):
        expected = np.asarray(twin, np.float64).astype(np.float32)
    assert not np.isnan(expected).any()
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def _assert_close_where_finite(actual, twin, atol):
    with np.errstate(over="ignore"):
        expected = np.asarray(twin, np.float64).astype(np.float32)
    finite = np.isfinite(expected)
    np.testing.assert_allclose(
        np.asarray(actual)[finite], expected[finite], rtol=3e-5, atol=atol
    )


def _twin(function, *logits):
    with np.errstate(over="ignore"):
        return function(*(np.asarray(x, np.float64) for x in logits))


@functools.cache
def _compiled(name):
    """Values and gradients of both halves on the grid: ((value, by r, by f), ...)."""
    loss, _ = CASES[name]

    @jax.jit
    def everything(r, f):
        halves = []
        for half in (loss.discriminator, loss.generator):
            value, pull = jax.vjp(half, r, f)
            halves.append((value, *pull(jnp.ones_like(value))))
        return halves

    return everything(REAL, FAKE)


@every_loss
def test_loss_value_matches_twin(name):
    _, twin = CASES[name]
    (discriminator, *_), (generator, *_) = _compiled(name)
    _assert_close(discriminator, _twin(twin.d, REAL, FAKE))
    _assert_close(generator, _twin(twin.g, REAL, FAKE))
    assert discriminator.dtype == generator.dtype == jnp.float32


@every_loss
def test_loss_gradient_matches_twin(name):
    _, twin = CASES[name]
    (_, *by_discriminator), (_, *by_generator) = _compiled(name)
    # Small gradients count, Adam divides by their size: only what float32 on a CPU
    # flushes to zero is excused, and tanh, which saturates by itself.
    atol = 1e-7 if "total_variation" in name else 1e-37
    gradients = (*by_discriminator, *by_generator)
    expected = (twin.d_by_real, twin.d_by_fake, twin.g_by_real, twin.g_by_fake)
    for gradient, reference in zip(gradients, expected, strict=True):
        _assert_close_where_finite(gradient, _twin(reference, REAL, FAKE), atol=atol)


@pytest.mark.parametrize("divergence", DIVERGENCES, ids=lambda d: d.name)
def test_f_gan_not_saturating_matches_twin(divergence):
    loss = losses.f_gan(divergence, saturating=False)
    twin = references.f_gan_twin(divergence.name, saturating=False)
    fake = GRID.astype(np.float32)
    value, pull = jax.vjp(lambda f: loss.generator(f, f), fake)
    _assert_close(value, _twin(twin.g, fake, fake))
    (gradient,) = pull(jnp.ones_like(fake))
    atol = 1e-7 if divergence.name == "total_variation" else 1e-37
    expected = _twin(twin.g_by_fake, fake, fake)
    _assert_close_where_finite(gradient, expected, atol=atol)
    zero_sum = losses.f_gan(divergence)
    np.testing.assert_array_equal(
        loss.discriminator(fake, fake), zero_sum.discriminator(fake, fake)
    )


@every_loss
def test_loss_jit_equals_eager(name):
    loss, _ = CASES[name]
    for half, (compiled, *_) in zip(
        (loss.discriminator, loss.generator), _compiled(name), strict=True
    ):
        np.testing.assert_allclose(compiled, half(REAL, FAKE), rtol=2e-6, atol=1e-6)


@every_loss
def test_loss_uses_real_tells_the_truth(name):
    loss, _ = CASES[name]
    fake = jnp.linspace(-2.0, 2.0, 5)
    same = np.array_equal(loss.generator(fake, fake), loss.generator(fake + 1, fake))
    assert same != loss.uses_real


@every_loss
def test_loss_refuses_bad_logits(name):
    loss, _ = CASES[name]
    b, column = jnp.zeros(4), jnp.zeros((4, 1))
    for half in (loss.discriminator, loss.generator):
        with pytest.raises(ValueError, match=r"\(4, 1\)"):
            half(b, column)
        with pytest.raises(ValueError, match=r"dimension.*\(4, 1\)"):
            half(column, column)
        with pytest.raises(ValueError, match=r"equal shapes.*\(3,\)"):
            half(b, jnp.zeros(3))
        with pytest.raises(TypeError, match="int32"):
            half(b, jnp.zeros(4, jnp.int32))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_loss_computes_in_float32(dtype):
    logits = jnp.array([0.125, -2.0], dtype)
    loss = losses.non_saturating.discriminator(logits, logits)
    expected = _twin(references.LOSSES["non_saturating"].d, logits, logits)
    assert loss.dtype == jnp.float32
    _assert_close(loss, expected, rtol=1e-6)


def test_loss_equal_arguments_give_equal_hash():
    makers = (
        lambda: losses.least_squares_with(a=0.0, b=1, c=1),
        lambda: losses.f_gan(divergences.alpha(0.7)),
        lambda: losses.smooth_labels(losses.hinge, amount=0.1),
        lambda: losses.flip_labels(losses.hinge, probability=0.1),
    )
    for maker in makers:
        assert maker() == maker()
        assert hash(maker()) == hash(maker())
    assert losses.least_squares == losses.least_squares_with(c=1, b=1, a=0)
    assert losses.f_gan(divergences.kl) == losses.f_gan(divergences.kl, saturating=True)
    assert losses.f_gan(divergences.kl) != losses.f_gan(
        divergences.kl, saturating=False
    )


def test_f_gan_of_gan_is_minimax():
    game, original = losses.f_gan(divergences.gan), losses.minimax
    real, fake = jnp.asarray(REAL), jnp.asarray(FAKE)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-6)
    close(
        game.discriminator(real, fake) + np.log(4), original.discriminator(real, fake)
    )
    close(game.generator(real, fake) - np.log(4), original.generator(real, fake))


def test_least_squares_pearson_targets_give_pearson():
    # The best D(x) at densities p, q is (b p + a q)/(p + q); the generator's value is
    # then half Pearson's divergence of (p + q, 2q), up to a constant.
    p, q = np.array([0.2, 0.5, 0.3]), np.array([0.6, 0.1, 0.3])
    loss = losses.least_squares_with(a=-1, b=1, c=0)
    best = jnp.asarray((p - q) / (p + q), jnp.float32)
    value = np.sum((p + q) * np.asarray(loss.generator(best, best)))
    pearson = np.sum((2 * q - (p + q)) ** 2 / (p + q))
    np.testing.assert_allclose(value, pearson / 2, rtol=1e-6)


@pytest.mark.parametrize("name", ADDITIVE)
def test_smooth_labels_is_the_smoothed_sum(name):
    loss, twin = CASES[name]
    smooth = losses.smooth_labels(loss, amount=0.1)
    # From the twin alone: A(r) = D(r, 0) - B(0), and B(0) drops out of what follows.
    r, f = np.linspace(-4.3, 4.3, 12), np.linspace(3.1, -3.1, 12)
    zero = np.zeros_like(r)
    d = lambda r, f: _twin(twin.d, r, f)
    real_part = lambda r: d(r, zero) - d(zero, zero)
    fake_part = lambda f: d(zero, f) - d(zero, zero)
    expected = 0.9 * real_part(r) + 0.1 * fake_part(r) + fake_part(f) + d(zero, zero)
    real, fake = jnp.asarray(r, jnp.float32), jnp.asarray(f, jnp.float32)
    np.testing.assert_allclose(
        smooth.discriminator(real, fake), expected, rtol=1e-4, atol=1e-5
    )
    assert smooth.generator is loss.generator
    assert smooth.uses_real == loss.uses_real


@pytest.mark.parametrize("name", ["minimax", "least_squares", "hinge"])
def test_smooth_labels_gradient_matches_twin(name):
    loss, twin = CASES[name]
    smooth = losses.smooth_labels(loss, amount=0.25)
    total = lambda r, f: smooth.discriminator(r, f).sum()
    by_real, by_fake = jax.grad(total, argnums=(0, 1))(REAL, FAKE)
    expected = 0.75 * _twin(twin.d_by_real, REAL, FAKE)
    expected += 0.25 * _twin(twin.d_by_fake, FAKE, REAL)
    _assert_close(by_real, expected)
    _assert_close(by_fake, _twin(twin.d_by_fake, REAL, FAKE))


def test_smooth_labels_of_minimax_is_cross_entropy():
    smooth = losses.smooth_labels(losses.minimax, amount=0.1)
    r, f = np.linspace(-8, 8, 9), np.linspace(5, -5, 9)
    sigma = lambda x: 1 / (1 + np.exp(-x))
    expected = -0.9 * np.log(sigma(r)) - 0.1 * np.log(1 - sigma(r))
    expected -= np.log(1 - sigma(f))
    actual = smooth.discriminator(r.astype(np.float32), f.astype(np.float32))
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ADDITIVE)
def test_smooth_labels_never_nan(name):
    loss, _ = CASES[name]
    smooth = losses.smooth_labels(loss, amount=0.1)
    assert not np.isnan(smooth.discriminator(REAL, FAKE)).any()


def test_smooth_labels_can_be_made_inside_jit():
    @jax.jit
    def value(logits):
        smooth = losses.smooth_labels(losses.hinge, amount=0.125)
        return smooth.discriminator(logits, logits)

    np.testing.assert_allclose(value(jnp.zeros(2)), [2.0, 2.0])


def test_smooth_labels_refuses_relativistic():
    with pytest.raises(ValueError, match="relativistic"):
        losses.smooth_labels(losses.relativistic, amount=0.1)


@pytest.mark.parametrize("bad", [-0.1, 1.0, 2, float("nan")])
def test_label_transformations_refuse_bad_fraction(bad):
    with pytest.raises(ValueError, match=rf"amount .*\[0, 1\), got {bad}"):
        losses.smooth_labels(losses.hinge, amount=bad)
    with pytest.raises(ValueError, match=rf"probability .*\[0, 1\), got {bad}"):
        losses.flip_labels(losses.hinge, probability=bad)


def test_label_transformations_of_nothing_change_nothing():
    assert losses.smooth_labels(losses.hinge, amount=0) is losses.hinge
    assert losses.flip_labels(losses.hinge, probability=0) is losses.hinge


@every_loss
def test_flip_labels_is_the_mean_of_both(name):
    loss, twin = CASES[name]
    flipped = losses.flip_labels(loss, probability=0.2)
    r, f = np.linspace(-4.3, 4.3, 12), np.linspace(3.1, -3.1, 12)
    expected = 0.8 * _twin(twin.d, r, f) + 0.2 * _twin(twin.d, f, r)
    actual = flipped.discriminator(r.astype(np.float32), f.astype(np.float32))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    assert flipped.generator is loss.generator


@pytest.mark.parametrize("name", ["minimax", "relativistic"])
def test_flip_labels_gradient_is_that_of_draws(name):
    loss, _ = CASES[name]
    probability, draws = 0.3, 40_000
    r, f = jnp.array([1.5, -0.5]), jnp.array([-1.0, 2.0])
    flips = np.random.default_rng(0).random((draws, 2)) < probability

    def drawn(r, f, flip):
        real, fake = jnp.where(flip, f, r), jnp.where(flip, r, f)
        return loss.discriminator(real, fake).sum()

    flipped = losses.flip_labels(loss, probability=probability)
    exact = jax.grad(lambda r, f: flipped.discriminator(r, f).sum(), argnums=(0, 1))
    sample = jax.vmap(jax.grad(drawn, argnums=(0, 1)), in_axes=(None, None, 0))
    for mean, each in zip(exact(r, f), sample(r, f, flips), strict=True):
        error = np.std(each, axis=0) / np.sqrt(draws)
        assert (error > 0).all()
        assert (np.abs(np.mean(each, axis=0) - mean) < 4 * error).all()
