"""Updates and eigenvalues of games against hand calculation and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import losses, penalties
from jaxgan.theory import games

MATRIX = np.array([[1.0, 0.5], [-0.25, 2.0]])
RATE, WEIGHT, GAMMA = 0.2, 0.4, 0.6
POINT = (np.array([1.0, -2.0]), np.array([0.5, 3.0]))

METHODS = {
    "simultaneous": lambda game: games.simultaneous(game, rate=RATE),
    "alternating": lambda game: games.alternating(game, rate=RATE),
    "extragradient": lambda game: games.extragradient(game, rate=RATE),
    "consensus": lambda game: games.consensus(game, rate=RATE, weight=WEIGHT),
    "optimistic": lambda game: games.optimistic(game, rate=RATE),
}
every_method = pytest.mark.parametrize("name", METHODS)


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def linear_field(x, gamma=0.0):
    """The field of the bilinear game as one matrix."""
    zero = np.zeros((2, 2))
    return np.block([[zero, MATRIX], [-MATRIX.T, -gamma * np.eye(2)]]) @ x


def by_hand(name, x, steps):
    """Points of each method, by NumPy, on vectors."""
    v, points, last = linear_field, [x], linear_field(x)
    jacobian = linear_field(np.eye(4))
    for _ in range(steps):
        now = v(x)
        if name == "simultaneous":
            x = x + RATE * now
        elif name == "alternating":
            d = x[2:] + RATE * now[2:]
            x = np.concatenate([x[:2] + RATE * MATRIX @ d, d])
        elif name == "extragradient":
            x = x + RATE * v(x + RATE * now)
        elif name == "consensus":
            x = x + RATE * (now - WEIGHT * jacobian.T @ now)
        else:
            x = x + 2 * RATE * now - RATE * last
        last = now
        points.append(x)
    return np.stack(points)


@every_method
def test_trajectory_is_that_by_hand(name):
    method = METHODS[name](games.bilinear(MATRIX))
    point = jax.tree.map(jnp.asarray, POINT)
    ours = np.concatenate(games.trajectory(method, point, steps=7), axis=1)
    expected = by_hand(name, np.concatenate(POINT), steps=7)
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


def closed_forms(name, k, singular_values):
    """Each method's eigenvalues where the field's are ±i s, with k = rate s."""
    one = np.ones_like(k)
    forms = {
        "simultaneous": 1 + 1j * k,
        "alternating": 1 - k**2 / 2 + 1j * np.sqrt(k**2 - k**4 / 4),
        "extragradient": 1 - k**2 + 1j * k,
        "consensus": 1 - RATE * WEIGHT * singular_values**2 + 1j * k,
        "optimistic": np.concatenate(
            [sign * np.sqrt(one - 4 * k**2) / 2 + 0.5 + 1j * k for sign in (1, -1)]
        ),
    }
    return np.concatenate([forms[name], forms[name].conj()])


@every_method
def test_eigenvalues_of_the_bilinear_game_match_closed_form(name):
    singular_values = np.linalg.svd(MATRIX, compute_uv=False)
    method = METHODS[name](games.bilinear(MATRIX))
    ours = games.eigenvalues(method.step, method.start((jnp.zeros(2), jnp.zeros(2))))
    expected = closed_forms(name, RATE * singular_values, singular_values)
    np.testing.assert_allclose(
        np.sort_complex(ours.round(10)), np.sort_complex(expected.round(10)), atol=1e-9
    )


@pytest.mark.parametrize("gamma", [0.0, 0.6, 1.0, 2.0])
def test_eigenvalues_of_the_dirac_gan_match_the_paper(gamma):
    game, origin = games.dirac_gan(gamma=gamma), (jnp.zeros(1), jnp.zeros(1))
    ours = games.eigenvalues(lambda x: games.field(game, x), origin)
    root = np.sqrt(gamma**2 / 4 - 0.25 + 0j)
    expected = np.array([-gamma / 2 - root, -gamma / 2 + root])
    np.testing.assert_allclose(
        np.sort_complex(ours), np.sort_complex(expected), atol=1e-7
    )


def test_field_of_the_dirac_gan_is_its_derivatives():
    g, d = 0.7, -1.3
    v = games.field(games.dirac_gan(gamma=GAMMA), (jnp.array([g]), jnp.array([d])))
    sigma = 1 / (1 + np.exp(-g * d))
    np.testing.assert_allclose(v[0], [sigma * d], rtol=1e-12)
    np.testing.assert_allclose(v[1], [-sigma * g - GAMMA * d], rtol=1e-12)


def relativistic_field(x, weights):
    """The field of R3GAN's own losses and penalties, on D(x) = d x, a real 0, a fake g.

    The weights are R1's and R2's.
    """

    def critic(d):
        return lambda image: (d * image).sum()

    def logits(g, d):
        return critic(d)(jnp.zeros(1))[None], critic(d)(g)[None]

    def g_loss(g, d):
        return losses.relativistic.generator(*logits(g, d)).mean()

    def d_loss(d, g):
        loss = losses.relativistic.discriminator(*logits(g, d)).mean()
        pairs = zip(weights, (penalties.r1, penalties.r2), strict=True)
        for weight, penalty in pairs:
            where = jnp.zeros((1, 1)), g[None]
            loss += weight * penalty(critic(d), *where, jax.random.key(0)).mean()
        return loss

    g, d = x[:1], x[1:]
    return -jnp.concatenate([jax.grad(g_loss)(g, d), jax.grad(d_loss)(d, g)])


@pytest.mark.parametrize("weights", [(0, 0), (0.3, 0), (0, 0.3), (0.5, 0.5)], ids=str)
def test_dirac_rpgan_is_the_game_of_the_relativistic_losses(weights):
    """Its field, and its eigenvalues at the origin; a weight is half of a gamma."""
    gamma = 2 * sum(weights)
    game, x = games.dirac_rpgan(gamma=gamma), jnp.array([0.7, -1.3])
    theirs = jax.jit(lambda x: relativistic_field(x, weights))
    ours = games.field(game, (x[:1], x[1:]))
    np.testing.assert_allclose(np.concatenate(ours), theirs(x), rtol=1e-6)
    jacobian = jax.jit(jax.jacfwd(theirs))(jnp.zeros(2))
    root = np.sqrt(gamma**2 / 4 - 0.25 + 0j)
    expected = np.array([-gamma / 2 - root, -gamma / 2 + root])
    origin = jnp.zeros(1), jnp.zeros(1)
    for found in (
        np.linalg.eigvals(np.asarray(jacobian)),
        games.eigenvalues(lambda x: games.field(game, x), origin),
    ):
        np.testing.assert_allclose(
            np.sort_complex(found), np.sort_complex(expected), atol=1e-6
        )


def test_dirac_rpgan_and_dirac_gan_differ_away_from_the_origin():
    """Without a penalty the one circles there, and the other falls inwards."""
    g, d = jnp.array([0.7]), jnp.array([-1.3])
    outwards = {}
    for make in (games.dirac_gan, games.dirac_rpgan):
        v = games.field(make(), (g, d))
        outwards[make.__name__] = float(g @ v[0] + d @ v[1])
    np.testing.assert_allclose(outwards["dirac_gan"], 0, atol=1e-12)
    product = 0.7 * 1.3  # d/dt (g^2 + d^2)/2 = -g d tanh(g d / 2)
    expected = -product * np.tanh(product / 2)
    np.testing.assert_allclose(outwards["dirac_rpgan"], expected, rtol=1e-12)


def test_r1_joins_the_field_of_the_bilinear_game():
    v = games.field(games.bilinear(MATRIX, gamma=GAMMA), jax.tree.map(jnp.array, POINT))
    expected = linear_field(np.concatenate(POINT), GAMMA)
    np.testing.assert_allclose(np.concatenate(v), expected, rtol=1e-12)


def test_consensus_descends_the_field_of_a_game_that_is_not_linear():
    game, point = games.dirac_gan(), (jnp.array([0.7]), jnp.array([-1.3]))
    half = lambda x: sum(jnp.sum(part**2) / 2 for part in games.field(game, x))
    v, gradient = games.field(game, point), jax.grad(half)(point)
    (ours, _) = games.consensus(game, rate=RATE, weight=WEIGHT).step((point, ()))
    for x, a, b, stepped in zip(point, v, gradient, ours, strict=True):
        np.testing.assert_allclose(stepped, x + RATE * (a - WEIGHT * b), rtol=1e-12)


def test_parameters_may_be_pytrees():
    game = games.Game(
        g_loss=lambda g, d: -g["a"] * d[0],
        d_loss=lambda g, d: g["a"] * d[0] + d[1] ** 2,
    )
    point = ({"a": jnp.array(2.0)}, (jnp.array(3.0), jnp.array(5.0)))
    v = games.field(game, point)
    assert v == ({"a": 3.0}, (-2.0, -10.0))
    ours = games.eigenvalues(lambda x: games.field(game, x), point)
    np.testing.assert_allclose(np.sort_complex(ours), [-2, -1j, 1j], atol=1e-12)
