"""The pieces of `experiments.studies.tricks` that jaxgan does not have.

Two networks, a prior, the interval of a paired difference, and two games whose
discriminator has another loss: one mixes real and fake in a batch, one remembers old
fakes.
"""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import stats

from jaxgan import GAN, Game, GameState, Memory, Nets, Objective, Turn, keys
from jaxgan.gan import latents
from jaxgan.methods.cyclegan import Pool, places_by
from jaxgan.typing import Batch, Key

SAMPLES = 2_500  # of one generator
MEMORY = 1_024  # old fakes that are kept


class Dropped(nn.Module):
    """A generator of points ``[b d]`` with dropout after every hidden layer."""

    size: int
    width: int
    bounded: bool
    rate: float = 0.5

    @nn.compact
    def __call__(self, z, *, train: bool):
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
    def __call__(self, x, *, train: bool):
        for _ in range(2):
            x = nn.Dense(self.width, use_bias=False)(x)
            x = nn.BatchNorm(
                use_running_average=not train, momentum=0.9, axis_name=self.axis_name
            )(x)
            x = nn.leaky_relu(x, 0.2)
        return nn.Dense(1)(x)[:, 0]


def uniform_prior(key: Key, latent_dim: int) -> Float[Array, " z"]:
    """Draws one latent from the cube [-1, 1]^z."""
    return jax.random.uniform(key, (latent_dim,), minval=-1.0)


def mixed(gan: GAN) -> Game:
    """Puts real and fake in one batch, so that batch norm's statistics are of both."""
    return _with_d_loss(gan, mixed_loss)


def mixed_loss(gan: GAN, nets: Nets, batch: Batch, turn: Turn):
    """Computes ``loss.discriminator`` of logits that come from one batch, ``[b]``."""
    real = batch["image"]
    fake = nets("generator", latents(gan, turn))
    logits = nets("discriminator", jnp.concatenate([real, fake]))
    return gan.loss.discriminator(*jnp.split(logits, 2)), {}


def replaying(gan: GAN, size: int) -> Game:
    """Replaces half of the fakes by old ones, which leave the memory for new ones.

    Shrivastava et al. 2017, arXiv:1612.07828, section 2.3; the memory fills up first.

    Args:
        gan: the game.
        size: the numbers d of a point ``[d]``.
    """

    def empty() -> Pool:
        return Pool(images=jnp.zeros((MEMORY, size)), size=jnp.int32(0))

    def keep(pool: Pool, outputs: Any, turn: Turn) -> Pool:
        return pool.stored(outputs["fake"], *every_second(pool, turn))

    memory = Memory(init=empty, update=keep, after=("d",), whole=("fake",))
    return _with_d_loss(gan, replaying_loss, {"fakes": memory})


def replaying_loss(gan: GAN, nets: Nets, batch: Batch, turn: Turn):
    """Computes ``loss.discriminator`` ``[b]`` of new and old fakes; outputs the new."""
    fake = nets("generator", latents(gan, turn))
    pool = turn.memory["fakes"]
    shown = pool.shown(fake, *every_second(pool, turn))
    real_logits = nets("discriminator", batch["image"])
    fake_logits = nets("discriminator", shown)
    return gan.loss.discriminator(real_logits, fake_logits), {"fake": fake}


def every_second(pool: Pool, turn: Turn) -> tuple[Array, Array]:
    """Returns new fakes' places in the pool, ``[b]``, and which of them stay there."""
    order = jax.random.permutation(turn.draws.stream("memory"), len(pool.images))
    index = turn.draws.index
    return places_by(pool.size, index, index % 2 == 0, order)


def _with_d_loss(gan: GAN, loss: Any, memory: dict[str, Memory] | None = None) -> Game:
    d = Objective(players=("discriminator",), loss=functools.partial(loss, gan))
    return Game(
        players=gan.players,
        objectives={**gan.objectives, "d": d},
        clock=gan.clock,
        memory=memory or {},
        sample=gan.sample,
    )


def samples(game: Game, state: GameState, key: Key) -> Array:
    """Draws the generator's samples, ``[s ...]``; dropout stays on, as the tip asks."""
    turn = Turn.first("sample", key, state.memory, SAMPLES)
    variables = {name: player.variables for name, player in state.players.items()}
    example_keys = keys.per_example(keys.stream(key, "sample", 0), turn.draws.index)
    assert game.sample is not None
    return game.sample(Nets(game.players, variables, turn), example_keys, None)


def median_interval(values: np.ndarray) -> tuple[float, float]:
    """Returns the interval of the median by order statistics, at 95 % or more.

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
