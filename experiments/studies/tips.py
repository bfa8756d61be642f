"""The pieces of `experiments.studies.tricks` that jaxgan does not bring.

Two networks, a prior, the interval of a paired difference, and two discriminator
updates: one that mixes real and fake in a batch, one that remembers old fakes.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float
from scipy import stats

from jaxgan import GAN, GANState, init, keys, make_g_step, population, sampling
from jaxgan.draws import Draws
from jaxgan.population import Draw
from jaxgan.typing import Batch, Key, Variables

SAMPLES = 2_500  # of one generator
MEMORY = 1_024  # old fakes that are kept

DStep = Callable[[GANState, Array, Batch, Key], tuple[GANState, Array]]
"""``(state, memory, batch, key) -> (state, memory)``, the batch being ``[b ...]``."""
Trainer = Callable[[GAN, Key, Draw, int], Array]
"""``(gan, keys [n], draw, steps) -> samples [n s ...]`` of the trained generators."""


class Dropped(nn.Module):
    """A generator of points ``[b d]`` with dropout after every hidden layer."""

    size: int
    width: int
    bounded: bool
    rate: float = 0.5

    @nn.compact
    def __call__(self, z, condition=None, *, train: bool):
        for _ in range(2):
            z = nn.relu(nn.Dense(self.width)(z))
            z = nn.Dropout(self.rate, deterministic=not train)(z)
        z = nn.Dense(self.size)(z)
        return jnp.tanh(z) if self.bounded else z


class Normalised(nn.Module):
    """A discriminator of points ``[b d]`` with batch norm in every hidden layer."""

    width: int
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x, condition=None, *, train: bool):
        for _ in range(2):
            x = nn.Dense(self.width, use_bias=False)(x)
            x = nn.BatchNorm(
                use_running_average=not train, momentum=0.9, axis_name=self.axis_name
            )(x)
            x = nn.leaky_relu(x, 0.2)
        return nn.Dense(1)(x)[:, 0]


def uniform_prior(key: Key, latent_dim: int) -> Float[Array, " z"]:
    """One latent of the cube [-1, 1]^z."""
    return jax.random.uniform(key, (latent_dim,), minval=-1.0)


def standard(gan: GAN, members: Key, draw: Draw, steps: int) -> Array:
    """A `Trainer`: Algorithm 1 as jaxgan plays it."""
    trained = population.train(
        lambda: gan, members, {}, draw, steps=steps, measure=samples
    )
    return trained.measures[:, -1]


def with_d_step(make_d_step: Callable[[GAN], DStep]) -> Trainer:
    """A `Trainer` whose discriminator moves by a step of the study's own."""

    def train(gan: GAN, members: Key, draw: Draw, steps: int) -> Array:
        d_step, g_step = make_d_step(gan), make_g_step(gan)

        def one(key):
            batch = lambda step: jax.tree.map(lambda x: x[0], draw(key, step))
            state = init(gan, key, batch(0))

            def step(i, carry):
                state, memory = carry
                state, memory = d_step(state, memory, batch(i), key)
                return g_step(state, batch(i), key)[0], memory

            memory = fakes(gan, state, jax.random.fold_in(key, 0), MEMORY)
            state, _ = lax.fori_loop(0, steps, step, (state, memory))
            return samples(gan, state, keys.stream(key, "measure", steps))

        return jax.jit(jax.vmap(one))(members)

    return train


def samples(gan: GAN, state: GANState, key: Key) -> Array:
    """What the generator makes, ``[s ...]``; dropout stays on, as the tip asks."""
    z = sampling.latents(gan, key, SAMPLES)
    made: Any = gan.generator.apply(
        state.generator.variables, z, None, train=True, rngs={"dropout": key}
    )
    return made


def fakes(gan: GAN, state: GANState, key: Key, count: int) -> Array:
    """The fakes that the library's discriminator update would see."""
    draw = Draws("d", key, state.discriminator.step, jnp.arange(count))
    z = jax.vmap(lambda key: gan.prior(key, gan.latent_dim))(draw("latent"))
    return sampling.generate(gan, state.generator.variables, z)


def mixed(gan: GAN) -> DStep:
    """Real and fake in one batch, so that batch norm takes its statistics over both."""

    def d_step(state, memory, batch, key):
        real = batch["image"]
        both = jnp.concatenate([real, fakes(gan, state, key, len(real))])

        def judge(variables):
            logits, collections = play(gan, variables, both)
            return *jnp.split(logits, 2), collections

        return improve(gan, state, judge), memory

    return d_step


def replaying(gan: GAN) -> DStep:
    """Half of the fakes are old ones, whose places in the memory new ones take.

    Shrivastava et al. 2017, arXiv:1612.07828, section 2.3.
    """

    def d_step(state, memory, batch, key):
        real = batch["image"]
        half = len(real) // 2
        fresh = fakes(gan, state, key, len(real))
        chosen = keys.stream(key, "memory", state.discriminator.step)
        place = jax.random.randint(chosen, (half,), 0, len(memory))
        fake = jnp.concatenate([memory[place], fresh[half:]])

        def judge(variables):
            real_logits, new = play(gan, variables, real)
            fake_logits, new = play(gan, {**variables, **new}, fake)
            return real_logits, fake_logits, new

        return improve(gan, state, judge), memory.at[place].set(fresh[:half])

    return d_step


def play(gan: GAN, variables: Variables, x: Array) -> tuple[Array, Variables]:
    """The discriminator's logits, and its collections after them."""
    played: Any = gan.discriminator.apply(
        variables, x, None, train=True, mutable=["batch_stats"]
    )
    return played


def improve(gan: GAN, state: GANState, judge: Callable[[Variables], Any]) -> GANState:
    """One optimizer step of D, ``judge(variables) -> (real, fake, collections)``."""
    network = state.discriminator

    def objective(params):
        real, fake, new = judge({"params": params, **network.collections})
        return gan.loss.discriminator(real, fake).mean(), new

    grads, collections = jax.grad(objective, has_aux=True)(network.params)
    moved = network.apply_gradients(grads=grads, collections=collections)
    return state.replace(discriminator=moved)


def median_interval(values: np.ndarray) -> tuple[float, float]:
    """The interval of the median by order statistics, at 95 % or more.

    Exact for any distribution: the count of values below the median is
    Binomial(n, 1/2). Fewer than 6 values have no such interval.

    Example:
        >>> median_interval(np.arange(1, 17.0))
        (4.0, 13.0)
    """
    ordered = np.sort(values)
    skipped = int(stats.binom.ppf(0.025, len(ordered), 0.5))
    if skipped == 0:
        raise ValueError(f"At least 6 values are needed, got {len(ordered)}.")
    return float(ordered[skipped - 1]), float(ordered[-skipped])
