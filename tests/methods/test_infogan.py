"""InfoGAN: log-likelihoods against SciPy, Q's gradient by hand, given codes."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import special, stats

import jaxgan
from jaxgan import losses, nets, penalties
from jaxgan.checks import InputError
from jaxgan.methods.infogan import Codes, infogan
from jaxgan.turn import Turn
from tests import games
from tests.methods import plays

KEY = games.KEY
CODES = Codes(noise=2, categorical=(3, 2), continuous=2)


class Judge(nn.Module):
    """Logits and the layer before them."""

    @nn.compact
    def __call__(self, x):
        features = nn.tanh(nn.Dense(5)(x))
        return {"logits": nn.Dense(1)(features)[:, 0], "features": features}


@functools.lru_cache
def game(rate=0.05, **settings):
    values = {
        "generator": nn.Dense(4),
        "discriminator": Judge(),
        "q": nn.Dense(CODES.q_dim),
        "codes": CODES,
        "g_optimizer": optax.sgd(rate),
        "d_optimizer": optax.sgd(rate),
    }
    return infogan(**{**values, **settings})


def points(size=16, n=1):
    random = np.random.default_rng(0)
    return {"image": jnp.asarray(random.normal(size=(n, size, 4)), jnp.float32)}


def parts_of(size, name="g"):
    return jax.vmap(CODES.draw)(Turn.first(name, KEY, {}, size).draws("latent"))


def test_plays(tmp_path):
    penalised = game(penalties=((0.1, penalties.r1),), loss=losses.relativistic)
    plays.check(penalised, points(), tmp_path, microbatches=2)


def test_images_out_of_the_generators_range_are_refused():
    bounded = game(generator=nets.mlp.Generator((4,), width=4))
    with pytest.raises(InputError, match="generator makes values in"):
        jaxgan.init(bounded, KEY, {"image": 9 * points()["image"][0]})


def information(q, parts):
    """``log Q(c | x) + H(c)`` by SciPy, in float64."""
    q, parts = np.asarray(q, np.float64), jax.device_get(parts)
    one, two, mean, log_std = np.split(q, [3, 5, 7], axis=1)
    row, labels = np.arange(len(q)), parts["categorical"]
    known = special.log_softmax(one, axis=1)[row, labels[:, 0]]
    known = known + special.log_softmax(two, axis=1)[row, labels[:, 1]]
    entropies = [stats.entropy(np.full(k, 1 / k)) for k in (3, 2)]
    logs = stats.norm.logpdf(parts["continuous"], mean, np.exp(log_std)).sum(axis=1)
    uniform = 2 * stats.uniform(-1, 2).entropy()
    return {"categorical": known + sum(entropies), "continuous": logs + uniform}


def test_information_is_that_of_scipy():
    parts = parts_of(50)
    q = jax.random.normal(jax.random.key(1), (50, CODES.q_dim)) * 2
    found, expected = CODES.information(q, parts), information(q, parts)
    for kind, each in expected.items():
        np.testing.assert_allclose(found[kind], each, rtol=1e-5, atol=1e-5)


def test_information_of_a_q_that_knows_is_the_entropy_and_else_nothing():
    parts = parts_of(50)
    nothing = CODES.information(jnp.zeros((50, CODES.q_dim)), parts)
    np.testing.assert_allclose(nothing["categorical"], 0, atol=1e-6)
    ones = [jax.nn.one_hot(parts["categorical"][:, i], k) for i, k in ((0, 3), (1, 2))]
    all_known = jnp.hstack([100 * part for part in ones] + [jnp.zeros((50, 4))])
    found = CODES.information(all_known, parts)["categorical"]
    np.testing.assert_allclose(found, np.log(3) + np.log(2), rtol=1e-6)


def test_codes_of_one_kind_are_enough():
    for codes in (Codes(categorical=()), Codes(continuous=0), Codes(noise=0)):
        parts = jax.vmap(codes.draw)(Turn.first("g", KEY, {}, 4).draws("latent"))
        z = jax.vmap(codes.latent)(parts)
        assert z.shape == (4, codes.latent_dim)
        q = jax.random.normal(jax.random.key(1), (4, codes.q_dim))
        found = codes.information(q, parts)
        assert (found["categorical"] == 0).all() == (len(codes.categorical) == 0)
        assert (found["continuous"] == 0).all() == (codes.continuous == 0)


def test_codes_have_the_distributions_of_the_paper():
    parts = parts_of(2000)
    labels = np.asarray(parts["categorical"])
    for i, k in ((0, 3), (1, 2)):
        assert stats.chisquare(np.bincount(labels[:, i], minlength=k)).pvalue > 1e-3
    uniform, normal = stats.uniform(-1, 2).cdf, stats.norm.cdf
    assert stats.kstest(np.ravel(parts["continuous"]), uniform).pvalue > 1e-3
    assert stats.kstest(np.ravel(parts["noise"]), normal).pvalue > 1e-3
    z = np.asarray(jax.vmap(CODES.latent)(parts))
    np.testing.assert_array_equal(z[:, :2], parts["noise"])
    np.testing.assert_array_equal(z[:, 2:5], np.eye(3)[labels[:, 0]])
    np.testing.assert_array_equal(z[:, 5:7], np.eye(2)[labels[:, 1]])
    np.testing.assert_array_equal(z[:, 7:], parts["continuous"])
    correlations = np.corrcoef(z[:, [0, 1, 2, 5, 7, 8]].T) - np.eye(6)
    assert np.abs(correlations).max() < 5 / np.sqrt(2000)


def by_hand(movers, judge, parts):
    """``softplus(-D(G(z))) - 1.0 L_cat - 0.1 L_con``, and the two L_I."""
    z = jax.vmap(CODES.latent)(parts)
    fake = z @ movers["generator"]["kernel"] + movers["generator"]["bias"][None]
    output = Judge().apply(judge, fake)
    q = output["features"] @ movers["q"]["kernel"] + movers["q"]["bias"][None]
    one, two, mean, log_std = jnp.split(q, [3, 5, 7], axis=1)
    known = 0.0
    for logits, label, k in zip(
        (one, two), parts["categorical"].T, (3, 2), strict=True
    ):
        shares = jnp.exp(logits) / jnp.exp(logits).sum(axis=1, keepdims=True)
        known = known + jnp.log((shares * jax.nn.one_hot(label, k)).sum(axis=1) * k)
    squares = ((parts["continuous"] - mean) / jnp.exp(log_std)) ** 2
    numbers = (jnp.log(2) - squares / 2 - log_std - jnp.log(2 * jnp.pi) / 2).sum(axis=1)
    fools = jnp.logaddexp(0, -output["logits"])
    return (fools - known - 0.1 * numbers).mean(), (known.mean(), numbers.mean())


def test_generator_and_q_move_together_by_their_gradients():
    """By a step of SGD at rate 1; the layers that Q shares with D stay."""
    batch, parts = plays.first(points()), parts_of(16)
    state = jaxgan.init(game(1.0), KEY, batch)
    after, found = jax.jit(jaxgan.make_update(game(1.0), "g"))(state, batch, KEY)
    movers = {name: state.players[name].params for name in ("generator", "q")}
    judge = state.players["discriminator"].variables
    measure = jax.value_and_grad(by_hand, has_aux=True)
    (value, (known, numbers)), grads = measure(movers, judge, parts)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-4)
    close(found["g_loss"], value)
    close(found["g_categorical_information"], known)
    close(found["g_continuous_information"], numbers)
    moved = {
        n: jax.tree.map(jnp.subtract, p, after.players[n].params)
        for n, p in movers.items()
    }
    games.assert_close(moved, grads, rtol=1e-4, atol=1e-5)
    games.assert_equal(after.players["discriminator"], state.players["discriminator"])


def test_discriminator_and_terms_are_the_gans():
    batch = plays.first(points())
    more = game(
        generator_terms=((3.0, lambda fake, batch: jnp.ones(len(fake))),),
        loss=losses.relativistic,
        categorical=lambda images: 2.0 + images,
        continuous=0.0,
    )
    state = jaxgan.init(more, KEY, batch)
    _, found = jax.jit(jaxgan.make_update(more, "g"))(state, batch, KEY)
    z = jax.vmap(CODES.latent)(parts_of(16))
    fake = nn.Dense(4).apply(state.players["generator"].variables, z)
    judge = lambda x: np.asarray(
        Judge().apply(state.players["discriminator"].variables, x)["logits"]
    )
    r, f = judge(batch["image"]), judge(fake)
    expected = np.log1p(np.exp(r - f)).mean() + 3
    expected = expected - 2 * found["g_categorical_information"]
    np.testing.assert_allclose(found["g_loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(found["g_real_logit"], r.mean(), rtol=1e-4)
    _, found = jax.jit(jaxgan.make_d_step(game()))(state, batch, KEY)
    z = jax.vmap(CODES.latent)(parts_of(16, "d"))
    f = judge(nn.Dense(4).apply(state.players["generator"].variables, z))
    expected = (np.log1p(np.exp(-r)) + np.log1p(np.exp(f))).mean()
    np.testing.assert_allclose(found["d_loss"], expected, rtol=1e-5)


def test_images_come_to_tell_their_codes():
    """The bound nears the entropy of the categorical codes, log 6."""
    learning = game(features=None, g_optimizer=optax.adam(0.02))
    batch = points(64)
    state = jaxgan.init(learning, KEY, plays.first(batch))
    step = jax.jit(jaxgan.make_train_step(learning))
    first, last = {}, {}
    for number in range(150):
        state, last = step(state, batch, KEY)
        first = last if number == 0 else first
    name = "g_categorical_information"
    assert first[name] < 0.3
    assert 0.9 * np.log(6) < last[name] < np.log(6)
    assert last["g_continuous_information"] > first["g_continuous_information"] + 1


def test_samples_are_of_given_codes():
    """By NumPy; of codes without noise, the noise is drawn."""
    state = jaxgan.init(game(), KEY, plays.first(points()))
    generator = state.averages["generator"]
    make = functools.partial(jaxgan.sample, game(), state, KEY, 6)
    assert make().shape == (6, 4)
    games.assert_close(make(batch_size=4), make(), rtol=1e-5, atol=1e-6)
    labels = np.stack([np.arange(6) % 3, np.arange(6) % 2], axis=1)
    numbers = np.linspace(-1, 1, 12, dtype=np.float32).reshape(6, 2)
    given = {"categorical": labels, "continuous": numbers}
    noise = np.zeros((6, 2), np.float32)
    made = make(condition={"noise": noise, **given})
    z = np.hstack([noise, np.eye(3)[labels[:, 0]], np.eye(2)[labels[:, 1]], numbers])
    expected = nn.Dense(4).apply(generator, jnp.asarray(z, jnp.float32))
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)
    kernel = np.asarray(generator["params"]["kernel"])
    gap = np.asarray(make(condition=given)) - expected
    drawn, rest = np.linalg.lstsq(kernel[:2].T, gap.T, rcond=None)[:2]
    np.testing.assert_allclose(rest, 0, atol=1e-8)
    assert np.abs(drawn).min() > 1e-3


@pytest.mark.parametrize(
    "condition", [{"categories": np.zeros((4, 2))}, {"categorical": np.zeros(4)}]
)
def test_parts_that_do_not_fit_are_refused(condition):
    state = jaxgan.init(game(), KEY, plays.first(points()))
    with pytest.raises(InputError, match="parts"):
        jaxgan.sample(game(), state, KEY, 4, condition=condition)


def test_networks_that_do_not_fit_are_refused():
    batch = plays.first(points())
    with pytest.raises(InputError, match="features"):
        jaxgan.init(game(discriminator=nn.Dense(1)), KEY, batch)
    jaxgan.init(game(discriminator=nn.Dense(1), features=None), KEY, batch)
    with pytest.raises(InputError, match="q must return"):
        jaxgan.init(game(q=nn.Dense(5)), KEY, batch)
