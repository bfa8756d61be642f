"""Lazy penalties, Karras et al. 2020 (StyleGAN2, arXiv:1912.04958, appendix B).

    d      E loss.discriminator                 each round
    d_reg  k E (weighted penalties)             every k rounds, as a separate update

A penalty costs a second derivative. Computed every k rounds with k times its weight, it
has the same mean over the rounds. But in the rounds between D has no penalty: Huang et
al. 2024 (R3GAN, arXiv:2501.05441) report that with R1 and R2 every 8 rounds the
relativistic game fails on toy data and on Stacked MNIST. `experiments.studies.lazy`
tests this.
"""

import dataclasses
import functools

from jaxgan.checks import InputError
from jaxgan.game import Game, Objective
from jaxgan.gan import GAN, condition_of, latents, penalty
from jaxgan.methods.derived import derived
from jaxgan.rounds import Move
from jaxgan.turn import Nets, Turn
from jaxgan.typing import Batch


def lazy(gan: GAN, every: int) -> Game:
    """Returns the game with its penalties, weighted by k, in an objective "d_reg".

    The update of "d_reg" draws its own latents. Both kinds of the discriminator's
    updates share its optimizer: `jaxgan.methods.stylegan2.lazy_adam` moves as far in
    k + 1 of them as Adam in k.

    Args:
        gan: a game with penalties.
        every: k, the period in rounds; play the game with ``schedule(k)``.

    Raises:
        InputError: there is no penalty, or k is below 1.

    Example:
        >>> import flax.linen as nn, jax, jax.numpy as jnp, jaxgan, optax
        >>> gan = jaxgan.GAN(
        ...     generator=nn.Dense(2),
        ...     discriminator=nn.Dense(1),
        ...     g_optimizer=optax.adam(1e-3),
        ...     d_optimizer=optax.adam(1e-3),
        ...     penalties=((0.5, jaxgan.penalties.r1),),
        ... )
        >>> game = lazy(gan, every=4)
        >>> batch = {"image": jnp.ones((1, 8, 2))}
        >>> state = jaxgan.init(game, jax.random.key(0), {"image": batch["image"][0]})
        >>> step = jax.jit(jaxgan.make_train_step(game, schedule=schedule(4)))
        >>> state, metrics = step(state, batch, jax.random.key(0))
    """
    if not gan.penalties:
        raise InputError("The game has no penalties to make lazy; add some.")
    if every < 1:
        raise InputError(f"The period must be at least 1 round, got {every}.")
    loss = functools.partial(d_reg_loss, gan, every)
    return derived(
        dataclasses.replace(gan, penalties=()),
        objectives={"d_reg": Objective(players=("discriminator",), loss=loss)},
    )


def schedule(every: int, *, fresh_reals: bool = False) -> tuple[str | Move, ...]:
    """Returns a round of a lazy game: "d", "d_reg" every k rounds, "g".

    Args:
        every: k.
        fresh_reals: whether "g" takes a new batch, as R3GAN's does.
    """
    return (
        "d",
        Move(objective="d_reg", fresh=False, every=every),
        Move(objective="g", fresh=fresh_reals),
    )


def d_reg_loss(gan: GAN, every: int, nets: Nets, batch: Batch, turn: Turn):
    """Computes ``k`` times the weighted penalties, ``[b]``."""
    real, condition = batch["image"], condition_of(gan, batch)
    fake = nets("generator", latents(gan, turn), *condition)
    value = every * penalty(gan, nets, real, fake, condition, turn)
    return value, {"penalty": value / every}
