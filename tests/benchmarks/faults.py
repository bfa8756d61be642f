"""Faults that the accelerator's checks must find."""

import dataclasses
import os
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import optax

from experiments.benchmarks import ours
from experiments.benchmarks.accelerator import games
from jaxgan import GAN, losses, penalties


def coarse(x):
    """Rounds to bfloat16, but not in the reference's float64."""
    if x.dtype != jnp.float32:
        return x
    return x.astype(jnp.bfloat16).astype(jnp.float32)


def loss() -> losses.AdversarialLoss:
    """A loss that is taken in too low a precision."""
    half = losses.hinge.discriminator
    return dataclasses.replace(
        losses.hinge, discriminator=lambda r, f: half(coarse(r), coarse(f))
    )


def penalty(critic, real, fake, key):
    """R1 that lost a per cent of its weight in float32."""
    found = penalties.r1(critic, real, fake, key)
    hidden = critic(real)
    return found if hidden.dtype == jnp.float64 else 0.99 * found


class Coarse(nn.Module):
    """A judge that computes in bfloat16 where float32 is asked for."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, condition=None, *, train: bool):
        x = x.reshape(x.shape[0], -1)
        x = nn.leaky_relu(nn.Dense(64, dtype=self.dtype)(x), 0.2)
        return nn.Dense(1, dtype=self.dtype)(coarse(x))[:, 0]


def network(dtype) -> GAN:
    """The MLP's game with that judge."""
    return dataclasses.replace(games.mlp(dtype), discriminator=Coarse(dtype))


def unrepeatable(work) -> GAN:
    """A game whose learning rate is another in every process."""
    rate = 1e-4 * (1 + os.urandom(1)[0] / 256 + 1e-3 * os.urandom(1)[0] / 256)
    return dataclasses.replace(ours.make_gan(work), g_optimizer=optax.adam(rate))


def broken(work) -> GAN:
    """No game at all."""
    raise ValueError("planted")
