"""Small games and their data, for tests of `jaxgan.fit` and of its hooks."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxgan
from jaxgan import nets
from jaxgan.methods.pix2pix import pix2pix

KEY = jax.random.key(5)
HOW = {"steps": 12, "batch_size": 8}


def points(count: int = 64) -> dict[str, np.ndarray]:
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, count)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return {"image": circle.astype(np.float32)}


def ring() -> jaxgan.GAN:
    adam = optax.adam(1e-3)
    return jaxgan.GAN(
        generator=nets.mlp.Generator((2,), width=8, bounded=False),
        discriminator=nets.mlp.Discriminator(width=8),
        g_optimizer=adam,
        d_optimizer=adam,
        latent_dim=2,
    )


class Patches(nn.Module):
    @nn.compact
    def __call__(self, image, input):
        both = jnp.concatenate([image, input], axis=-1)
        return nn.Conv(1, (4, 4), strides=2)(both)


def translation() -> jaxgan.Game:
    return pix2pix(
        generator=nn.Sequential((nn.Conv(1, (3, 3)), nn.tanh)),
        discriminator=Patches(),
    )


def pairs(count: int = 24) -> dict[str, np.ndarray]:
    images = np.random.default_rng(1).integers(0, 256, (count, 8, 12, 1), np.uint8)
    return {"input": images, "target": 255 - images}
