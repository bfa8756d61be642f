"""The contestants of the study `baselines`, all functions from a key to samples."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.studies import likelihood_models as models
from experiments.studies import pixels
from experiments.studies.pixels import PixelConfig, Split
from jaxgan import GAN, losses, nets, penalties, sample
from jaxgan import keys as streams
from jaxgan.typing import Key

REAL = "training images"
AUTOENCODER = "autoencoder, random codes"
FITTED = "autoencoder, codes of a Gaussian"
VAE = "variational autoencoder"
MIXTURE = "Gaussian mixture"
PLAIN = "GAN, non-saturating"
BEST = "GAN, relativistic, R1 and R2"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contest(PixelConfig):
    """The settings that all contestants share."""

    # Seeds of each model.
    seeds: int = 3
    # Updates of every network that makes images.
    steps: int = 8_000
    # Examples of one update.
    batch_size: int = 64
    # Units of each of the two hidden layers of every network.
    width: int = 256
    # Dimensions of the latent space.
    latent_dim: int = 16
    # Adam's initial learning rate, decaying along a cosine.
    learning_rate: float = 1e-3
    # Adam's learning rate in the game of the 2014 paper.
    plain_rate: float = 2e-4
    # Weight of R1 and of R2 in the relativistic game.
    penalty: float = 1.0
    # Half-life of the averaged generators, in images.
    half_life: int = 30_000
    # Gaussians in the mixture.
    components: int = 100
    # Principal components in which the mixture is fitted.
    dimensions: int = 50
    # Samples of each model.
    samples: int = 10_000
    # Samples that each judge takes, except Parzen windows, which take all.
    pairs: int = 2_000


class Made(NamedTuple):
    """Samples as rows in [0, 1], the parameter count, and the test log-likelihood."""

    rows: np.ndarray
    parameters: int
    nats: float | None = None


Model = Callable[[int, Key], Made]


def zoo(config: Contest, data: Split) -> dict[str, Model]:
    """Returns every model by name, a function from a seed and its key to samples."""
    coder = models.Coder(data.shape, config.latent_dim, config.width)
    decoder = _size(coder.init(jax.random.key(0))["decoder"])
    train, rows = {"image": jnp.asarray(data.train)}, data.rows
    count, size = config.samples, (config.samples, config.latent_dim)

    def fit(objective, key):
        begin = coder.init(streams.stream(key, "init", 0))
        how = (config.steps, config.batch_size, config.learning_rate)
        return models.descend(objective, begin, train, key, *how)

    def decoded(params, codes):
        return np.asarray(coder.decode(params, jnp.asarray(codes, jnp.float32)))

    def real(seed, key):
        random = np.random.default_rng(seed)
        return Made(rows[random.choice(len(rows), count, replace=False)], 0)

    def autoencoder(seed, key):
        params = fit(coder.squared_error, key)
        noise = jax.random.normal(streams.stream(key, "codes", 0), size)
        return Made(decoded(params, noise), decoder)

    def fitted(seed, key):
        params = fit(coder.squared_error, key)
        codes = np.asarray(coder.encode(params, jnp.asarray(rows))[0], np.float64)
        random = np.random.default_rng(seed)
        mean, covariance = codes.mean(axis=0), np.cov(codes, rowvar=False)
        drawn = random.multivariate_normal(mean, covariance, count)
        return Made(decoded(params, drawn), decoder)

    def variational(seed, key):
        params = fit(coder.minus_elbo, key)
        noise = jax.random.normal(streams.stream(key, "codes", 0), size)
        test = {"image": jnp.asarray(pixels.as_images(data.test, data.shape))}
        bound = coder.minus_elbo(params, test, streams.stream(key, "elbo", 0))
        return Made(decoded(params, noise), decoder, -float(bound.mean()))

    def mixture(seed, key):
        found = models.fit_mixture(
            rows,
            components=config.components,
            dimensions=config.dimensions,
            seed=config.seed + seed,
        )
        nats = float(found.log_density(data.test).mean())
        return Made(found.sample(count), found.parameters, nats)

    games = {PLAIN: plain_game(config, data), BEST: best_game(config, data)}

    def player(gan):
        def play(seed, key):
            how = (config.steps, config.batch_size)
            state = pixels.trained(gan, train["image"], key, *how)
            made = sample(gan, state, key, count, batch_size=min(count, 1_000))
            return Made((np.asarray(made).reshape(count, -1) + 1) / 2, decoder)

        return play

    likelihoods = {AUTOENCODER: autoencoder, FITTED: fitted, VAE: variational}
    players = {name: player(gan) for name, gan in games.items()}
    return {REAL: real, **likelihoods, MIXTURE: mixture, **players}


def plain_game(config: Contest, data: Split) -> GAN:
    """Returns the non-saturating game of 2014, with the usual toy's Adam."""
    adam = optax.adam(config.plain_rate, b1=0.5)
    return GAN(
        generator=nets.mlp.Generator(data.shape, width=config.width),
        discriminator=nets.mlp.Discriminator(width=config.width),
        g_optimizer=adam,
        d_optimizer=adam,
        latent_dim=config.latent_dim,
        ema_half_life=config.half_life,
    )


def best_game(config: Contest, data: Split) -> GAN:
    """Returns the relativistic game with R1 and R2."""
    rate = optax.cosine_decay_schedule(config.learning_rate, config.steps)
    adam = optax.adam(rate, b1=0.0, b2=0.99)
    return dataclasses.replace(
        plain_game(config, data),
        loss=losses.relativistic,
        penalties=((config.penalty, penalties.r1), (config.penalty, penalties.r2)),
        g_optimizer=adam,
        d_optimizer=adam,
    )


def _size(params: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params))
