"""Small games whose steps are compared between devices and precisions."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan import GAN, nets, penalties
from jaxgan.typing import Batch

BATCH = 32
LATENT_DIM = 16


class Dropout(nn.Module):
    """An MLP with dropout on each of its hidden layers: ``[b ...] -> [b]``."""

    width: int = 128
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, *, train: bool):
        x = x.reshape(x.shape[0], -1)
        for _ in range(2):
            x = nn.leaky_relu(nn.Dense(self.width, dtype=self.dtype)(x), 0.2)
            x = nn.Dropout(0.3, deterministic=not train)(x)
        return nn.Dense(1, dtype=self.dtype)(x).astype(jnp.float32)[:, 0]


def normal_in_float32(key, latent_dim: int):
    """Draws the Gaussian prior in float32, the same where JAX's floats have 64 bits."""
    return jax.random.normal(key, (latent_dim,), jnp.float32).astype(float)


def mlp(dtype: Any) -> GAN:
    """Returns a game of two MLPs on 28 x 28 pixels."""
    generator = nets.mlp.Generator((28, 28, 1), width=128, dtype=dtype)
    return _game(generator, nets.mlp.Discriminator(width=128, dtype=dtype))


def conditional(dtype: Any) -> GAN:
    """Returns the same game with both players conditioned on the label."""
    how = {"width": 128, "num_classes": 10, "dtype": dtype}
    generator = nets.mlp.Generator((28, 28, 1), **how)
    return _game(generator, nets.mlp.Discriminator(**how), condition="label")


def dropout(dtype: Any) -> GAN:
    """Returns the game of `mlp` with dropout in the discriminator."""
    generator = nets.mlp.Generator((28, 28, 1), width=128, dtype=dtype)
    return _game(generator, Dropout(dtype=dtype))


def dcgan(dtype: Any) -> GAN:
    """Returns a DCGAN on 16 x 16 pixels, with batch norm in both players."""
    generator = nets.dcgan.Generator(16, 3, width=32, dtype=dtype)
    return _game(generator, nets.dcgan.Discriminator(width=32, dtype=dtype))


def dcgan_r1(dtype: Any) -> GAN:
    """Returns the same game, with R1 instead of batch norm in the discriminator."""
    generator = nets.dcgan.Generator(16, 3, width=32, dtype=dtype)
    discriminator = nets.dcgan.Discriminator(width=32, batch_norm=False, dtype=dtype)
    # DCGAN's small initial weights make R1 small too: a large weight makes it count.
    return _game(generator, discriminator, penalties=((100.0, penalties.r1),))


GAMES: Mapping[str, Callable[[Any], GAN]] = {
    "mlp": mlp,
    "dcgan": dcgan,
    "dcgan_r1": dcgan_r1,
    "conditional": conditional,
    "dropout": dropout,
}
"""The games by name, each a function of the dtype that its networks compute in."""


def batch(name: str) -> Batch:
    """Returns random images for a game, with labels."""
    random = np.random.default_rng(0)
    shape = (16, 16, 3) if name.startswith("dcgan") else (28, 28, 1)
    images = random.integers(0, 256, (BATCH, *shape), np.uint8)
    labels = random.integers(0, 10, BATCH).astype(np.int32)
    return {"image": images, "label": labels}


def _game(generator: nn.Module, discriminator: nn.Module, **how: Any) -> GAN:
    # An optimizer that keeps the gradient as its state: the step then returns it.
    keep = optax.trace(decay=0.0)
    return GAN(
        generator=generator,
        discriminator=discriminator,
        g_optimizer=keep,
        d_optimizer=keep,
        latent_dim=LATENT_DIM,
        prior=normal_in_float32,
        ema_half_life=0,
        ema_ramp_up=None,
        **how,
    )
