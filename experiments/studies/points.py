"""The two targets of the published tables of mode coverage, and games played on them.

The ring is eight Gaussians (Metz et al. 2016, arXiv:1611.02163), the grid twenty-five
(Lin et al. 2018, arXiv:1712.04086); the modes of both are so narrow that a generator
must be sharp to within a hundredth of its range. A generator is judged by 2,500
samples.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan import GAN, Game, losses, make_train_step, metrics, nets, population, sample
from jaxgan import keys as streams
from jaxgan.gan import Prior, gaussian_prior
from jaxgan.losses import AdversarialLoss
from jaxgan.penalties import Penalty
from jaxgan.theory import densities
from jaxgan.typing import Key
from jaxgan.update import Step

SAMPLES = 2_500  # as in the papers
CODE_SCALE = 16.0  # a code's first layer learns this much faster than a Gaussian's

JUDGE = (
    f"{SAMPLES:,} samples of a generator: one is of high quality if it lies within "
    "3 standard deviations of the nearest mode, and a mode is covered if it is the "
    "nearest of at least one high-quality sample (jaxgan.metrics.modes)"
)


@dataclasses.dataclass(frozen=True, eq=False)
class Target:
    """A mixture of equal Gaussians, and the standard deviation of each."""

    name: str
    density: densities.GaussianMixture
    std: float

    @property
    def modes(self) -> int:
        """The number of modes."""
        return len(self.density.means)


@functools.cache
def ring() -> Target:
    """Returns eight modes of standard deviation 0.02 on a circle of radius 2."""
    return Target("ring-8", densities.ring(std=0.02), 0.02)


@functools.cache
def grid() -> Target:
    """Returns twenty-five modes of standard deviation 0.05, spaced by 2."""
    return Target("grid-25", densities.grid(std=0.05), 0.05)


def coded_prior(key: Key, latent_dim: int) -> jax.Array:
    """Draws one latent ``[z]``: two coordinates of N(0, 1), the others a one-hot code.

    A continuous image of a connected space is connected: from a Gaussian alone, a
    generator's samples must bridge the gaps between the modes. The z - 2 codes, all
    equally likely, give as many separate pieces; they need not be as many as the modes.
    Categorical latents are those of InfoGAN (Chen et al. 2016, arXiv:1606.03657).
    """
    gaussian_key, code_key = jax.random.split(key)
    gaussians = jax.random.normal(gaussian_key, (2,))
    code = jax.random.randint(code_key, (), 0, latent_dim - 2)
    one_hot = jax.nn.one_hot(code, latent_dim - 2, dtype=gaussians.dtype)
    return jnp.concatenate([gaussians, CODE_SCALE * one_hot])


class Waves(nn.Module):
    """A discriminator whose first units are waves over the plane, ``[b 2] -> [b]``.

    The modes are far narrower than they are apart. A rectifier sees a mode's edge only
    where its kink happens to lie, and kinks start at the origin; waves of random
    directions and phases start everywhere, and the shortest of them see a mode's width.
    Sines as units are those of Sitzmann et al. 2020 (arXiv:2006.09661); these learn
    like any other layer.

    Attributes:
        width: units of each hidden layer.
        depth: hidden layers.
        frequencies: the lowest and the highest; unit i's wave vector is drawn from N(0,
            f_i^2 I), and the f_i form a geometric series.
    """

    width: int
    depth: int
    frequencies: tuple[float, float]

    @nn.compact
    def __call__(self, x):
        scales = np.geomspace(*self.frequencies, self.width, dtype=np.float32)

        def waves(key, shape, dtype=jnp.float32):
            return jax.random.normal(key, shape, dtype) * scales[None]

        phases = nn.initializers.uniform(2 * np.pi)
        x = jnp.sin(nn.Dense(self.width, kernel_init=waves, bias_init=phases)(x))
        for _ in range(self.depth - 1):
            x = nn.leaky_relu(nn.Dense(self.width)(x), 0.2)
        return nn.Dense(1)(x)[:, 0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """A game between two small multi-layer perceptrons, and how long it lasts."""

    loss: AdversarialLoss = losses.non_saturating
    # (weight, penalty) pairs.
    penalties: tuple[tuple[float, Penalty], ...] = ()
    # Units of each hidden layer, and hidden layers, of both networks.
    width: int = 64
    g_depth: int = 2
    d_depth: int = 2
    # The lowest and the highest frequency of `Waves` as the discriminator; None for a
    # plain perceptron.
    waves: tuple[float, float] | None = None
    latent_dim: int = 2
    prior: Prior = gaussian_prior
    steps: int = 3_000
    batch_size: int = 64
    # Adam's, for both players; the rate decays to zero along a cosine over the run.
    learning_rate: float = 1e-3
    beta1: float = 0.0
    beta2: float = 0.99
    # Half-life of the averaged generator, in images.
    half_life: int = 10_000


def make_gan(recipe: Recipe) -> GAN:
    """Returns the recipe's game on points ``[b 2]``."""
    rate = optax.cosine_decay_schedule(recipe.learning_rate, recipe.steps)
    adam = optax.adam(rate, b1=recipe.beta1, b2=recipe.beta2)
    judge: Callable[..., nn.Module] = nets.mlp.Discriminator
    if recipe.waves is not None:
        judge = functools.partial(Waves, frequencies=recipe.waves)
    return GAN(
        generator=nets.mlp.Generator(
            (2,), width=recipe.width, depth=recipe.g_depth, bounded=False
        ),
        discriminator=judge(width=recipe.width, depth=recipe.d_depth),
        loss=recipe.loss,
        penalties=recipe.penalties,
        g_optimizer=adam,
        d_optimizer=adam,
        latent_dim=recipe.latent_dim,
        prior=recipe.prior,
        ema_half_life=recipe.half_life,
    )


def clouds(
    recipe: Recipe,
    target: Target,
    keys: Any,
    *,
    make: Callable[..., Game] = make_gan,
    make_step: Callable[..., Step] = make_train_step,
    batches: int = 1,
    hypers: Mapping[str, Any] | None = None,
) -> np.ndarray:
    """Trains the generators of all seeds; returns what they make at the end.

    Args:
        recipe: the game.
        target: the density that data are drawn from, anew for every step.
        keys: one for each seed, ``[n]``.
        make: builds the game from the recipe and a seed's hyper-parameters by name.
        make_step: builds the game's round; by default Algorithm 1.
        batches: how many batches a round takes.
        hypers: hyper-parameters that differ, ``[n]`` each; see `jaxgan.population`.

    Returns:
        Samples of the averaged generators, shape [n 2500 2].
    """

    def draw(key, step):
        data_key = streams.stream(key, "data", step)
        points = target.density.sample(data_key, batches * recipe.batch_size)
        return {"image": points.reshape(batches, recipe.batch_size, -1)}

    def measure(gan, state, key):
        return sample(gan, state, key, SAMPLES, batch_size=SAMPLES)

    devices = jax.devices()
    trained = population.train(
        lambda **hyper: make(recipe, **hyper),
        keys,
        hypers or {},
        draw,
        steps=recipe.steps,
        make_step=make_step,
        measure=measure,
        devices=devices if len(keys) % len(devices) == 0 else None,
    )
    return np.asarray(trained.measures[:, -1])


def scores(clouds: np.ndarray, target: Target) -> dict[str, list[Any]]:
    """Scores each seed by `JUDGE`: modes, share of high quality, KL, completeness.

    ``width`` is the modes' standard deviation relative to the truth. A generator that
    diverged to NaN has no sample near a mode, and scores zero.
    """
    centres = np.asarray(target.density.means)
    results = [
        metrics.modes.of_points(
            cloud,
            centres,
            standard_deviation=target.std,
            key=jax.random.key(0),
            resamples=2,  # its own intervals are not used: a study's are over seeds
        )
        for cloud in clouds
    ]
    qualities = [r.high_quality.value for r in results if r.high_quality is not None]
    return {
        "complete": [result.modes.value == target.modes for result in results],
        "modes": [result.modes.value for result in results],
        "quality": qualities,
        "kl": [result.kl.value for result in results],
        "width": [0.0 if r.width is None else r.width.value for r in results],
    }
