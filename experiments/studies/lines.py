"""Two parallel lines, one of which a generator moves: the games of `gradients`.

The data are uniform on the segment {0} x [0, 1], the generator makes {theta} x [0, 1]
(Arjovsky et al. 2017, arXiv:1701.07875, example 1). Its one parameter moves the line.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

import jaxgan
from jaxgan import keys, losses, nets, penalties, population
from jaxgan.typing import Key, Schedule

WEIGHT = 10.0
"""The weight of WGAN-GP's penalty, as in its paper."""
NOISES = ("no noise", "constant noise", "fading noise")
_BATCH = 128
_JUDGED = 2048
HALVES = {
    "minimax": losses.minimax,
    "non-saturating": losses.non_saturating,
    "Wasserstein": losses.wasserstein,
}


class Line(nn.Module):
    """A generator that moves its latents along the first axis by one parameter."""

    @nn.compact
    def __call__(self, z):
        shift = self.param("shift", nn.initializers.zeros, (), jnp.float32)
        return z.at[:, 0].add(shift)


class First(nn.Module):
    """A discriminator whose logit is the first coordinate."""

    @nn.compact
    def __call__(self, x):
        return x[:, 0] * self.param("slope", nn.initializers.ones, (), jnp.float32)


def line_at(theta: Any) -> Callable[[Key, int], Array]:
    """Returns the prior of a line at theta: uniform on {theta} x [0, 1]."""
    return lambda key, latent_dim: jnp.stack([theta, jax.random.uniform(key)])


def reals(key: Key, step: Any, count: int) -> dict[str, Array]:
    """Draws the ``count`` batches of one step, from the data's line."""
    u = jax.random.uniform(keys.stream(key, "data", step), (count, _BATCH))
    return {"image": jnp.stack([jnp.zeros_like(u), u], axis=-1)}


def game(
    loss: losses.AdversarialLoss,
    theta: Any,
    *,
    g_rate: Any,
    d_rate: Any,
    terms: tuple = (),
    noise: Schedule | None = None,
) -> jaxgan.GAN:
    """Returns the game of a line at theta, on SGD: Adam would hide a small gradient."""
    return jaxgan.GAN(
        generator=Line(),
        discriminator=nets.mlp.Discriminator(width=32),
        loss=loss,
        penalties=terms,
        g_optimizer=optax.sgd(g_rate),
        d_optimizer=optax.adam(d_rate, b1=0.5, b2=0.99),
        latent_dim=2,
        prior=line_at(theta),
        instance_noise=noise,
    )


def told_by_identity(loss: losses.AdversarialLoss, logit: Any) -> Any:
    """Returns g_step's own g_grad_norm for D(x, y) = x and a line at the logit."""
    gan = game(loss, logit, g_rate=0.0, d_rate=0.0)
    gan = dataclasses.replace(gan, discriminator=First())
    key, batch = jax.random.key(0), {"image": jnp.zeros((4, 2))}
    state = jaxgan.init(gan, key, batch)
    return jaxgan.make_g_step(gan)(state, batch, key)[1]["g_grad_norm"]


def judge(gan: jaxgan.GAN, state: jaxgan.GameState, key: Key) -> dict[str, Array]:
    """Computes a discriminator's estimates, and each generator's gradient from it.

    Returns:
        "jsd", the bound on the Jensen-Shannon divergence that its value gives; "w", the
        difference of its mean scores; and each loss's derivative with respect to theta.
    """
    real_key, fake_key, noise_key = jax.random.split(key, 3)
    u = jax.random.uniform(real_key, (_JUDGED,))
    z = jax.vmap(lambda key: gan.prior(key, 2))(jax.random.split(fake_key, _JUDGED))
    seen = state.images.as_float()
    sigma = 0.0 if gan.instance_noise is None else gan.instance_noise(seen)
    noise = sigma * jax.random.normal(noise_key, (2, _JUDGED, 2))

    def logits(x):
        variables = state.players["discriminator"].variables
        return jnp.asarray(gan.discriminator.apply(variables, x, train=False))

    def of_fakes(shift):
        params = {"shift": state.players["generator"].params["shift"] + shift}
        x = gan.generator.apply({"params": params}, z)
        return logits(jnp.asarray(x) + noise[0])

    r = logits(jnp.stack([jnp.zeros_like(u), u], axis=-1) + noise[1])
    f = of_fakes(0.0)
    told = {
        name: jax.grad(lambda s, half=half: half.generator(r, of_fakes(s)).mean())(0.0)
        for name, half in HALVES.items()
    }
    jsd = jnp.log(2) - losses.minimax.discriminator(r, f).mean() / 2
    return {"jsd": jsd, "w": (r - f).mean(), **told}


def _train(
    make_gan: Callable[..., jaxgan.GAN],
    members: Array,
    hypers: dict[str, np.ndarray],
    measure: population.Measure,
    *,
    steps: int,
    d_steps: int,
    every: int,
) -> Any:
    """Trains each seed with each row of hyper-parameters; measures [row seed time]."""
    rows = len(next(iter(hypers.values())))
    trained = population.train(
        make_gan,
        jnp.tile(members, rows),
        {name: np.repeat(value, len(members)) for name, value in hypers.items()},
        lambda key, step: reals(key, step, d_steps),
        steps=steps,
        d_steps=d_steps,
        every=every,
        measure=measure,
    )
    cut = lambda leaf: np.asarray(leaf).reshape(rows, len(members), *leaf.shape[1:])
    return jax.tree.map(cut, trained.measures)


def waiting(
    name: str, members: Array, thetas: np.ndarray, sigmas: np.ndarray, *, hundreds: int
) -> dict[str, Any]:
    """Trains discriminators against fixed lines, and judges them by `judge`.

    Args:
        name: "GAN" or "WGAN-GP"; the critic sees no noise.
        members: the keys.
        thetas: where the lines are.
        sigmas: the standard deviations of the instance noise.
        hundreds: discriminator updates; every hundredth is judged.

    Returns:
        Each of `judge`'s values, [sigma theta seed time], as lists.
    """
    rate = optax.cosine_decay_schedule(5e-3, 100 * hundreds)

    def gan(theta, sigma):
        noise = lambda images: sigma
        return game(losses.minimax, theta, g_rate=0.0, d_rate=rate, noise=noise)

    def critic(theta, sigma):
        terms = ((WEIGHT, penalties.wgan_gp()),)
        return game(losses.wasserstein, theta, g_rate=0.0, d_rate=rate, terms=terms)

    sigma, theta = (a.ravel() for a in np.meshgrid(sigmas, thetas, indexing="ij"))
    found = _train(
        {"GAN": gan, "WGAN-GP": critic}[name],
        members,
        {"theta": theta, "sigma": sigma},
        judge,
        steps=4 * hundreds,
        d_steps=25,
        every=4,
    )
    shape = (len(sigmas), len(thetas))
    return {k: v.reshape(*shape, *v.shape[1:]).tolist() for k, v in found.items()}


def moving(
    name: str, members: Array, sigma: float, *, g_rate: float, steps: int, d_steps: int
) -> list[Any]:
    """Returns abs(theta) of lines that start at 1, over time.

    Args:
        name: the name of the loss.
        members: the keys.
        sigma: the initial noise; fading noise is 0 after three quarters of the steps.
        g_rate: SGD's learning rate.
        steps: generator updates; measured at 20 times.
        d_steps: discriminator updates for each.

    Returns:
        [noise seed time] as lists, the noises in the order of `NOISES`.
    """
    images = 0.75 * steps * _BATCH

    def make_gan(sigma, fading):
        noise = lambda seen: sigma * jnp.maximum(0.0, 1 - fading * seen)
        return game(HALVES[name], 1.0, g_rate=g_rate, d_rate=2e-3, noise=noise)

    found = _train(
        make_gan,
        members,
        {"sigma": np.array([0, sigma, sigma]), "fading": np.array([0, 0, 1 / images])},
        lambda gan, state, key: abs(1 + state.players["generator"].params["shift"]),
        steps=steps,
        d_steps=d_steps,
        every=steps // 20,
    )
    return found.tolist()
