"""Small games and batches that several tests play.

Games, their first states and their compiled steps are cached: compiling is nearly all
that these tests cost.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxgan
from jaxgan import nets

SHAPE = (16, 16, 1)
KEY = jax.random.key(0)


@functools.lru_cache
def mlp(**changes) -> jaxgan.GAN:
    num_classes = 10 if changes.get("condition") == "label" else 0
    values = {
        "generator": nets.mlp.Generator(SHAPE, width=16, num_classes=num_classes),
        "discriminator": nets.mlp.Discriminator(width=16, num_classes=num_classes),
        "g_optimizer": optax.adam(1e-3),
        "d_optimizer": optax.adam(1e-3),
        "latent_dim": 4,
    }
    return jaxgan.GAN(**{**values, **changes})


@functools.lru_cache
def dcgan(**changes) -> jaxgan.GAN:
    num_classes = 10 if changes.get("condition") == "label" else 0
    batch_norm = not changes.get("penalties")
    values = {
        "generator": nets.dcgan.Generator(16, 1, width=4, num_classes=num_classes),
        "discriminator": nets.dcgan.Discriminator(
            width=4, batch_norm=batch_norm, num_classes=num_classes
        ),
        "latent_dim": 4,
    }
    return mlp(**{**values, **changes})


@functools.lru_cache
def init(gan: jaxgan.GAN) -> jaxgan.GANState:
    return jaxgan.init(gan, KEY, batch())


@functools.lru_cache
def step(make, gan: jaxgan.GAN, **how):
    """``make(gan, **how)``, compiled."""
    return jax.jit(make(gan, **how))


def batch(size: int = 16, seed: int = 0) -> dict[str, jax.Array]:
    random = np.random.default_rng(seed)
    return {
        "image": jnp.asarray(random.integers(0, 256, (size, *SHAPE), np.uint8)),
        "label": jnp.asarray(random.integers(0, 10, size), jnp.int32),
    }


def stacked(k: int, size: int = 16) -> dict[str, jax.Array]:
    batches = [batch(size, seed) for seed in range(k)]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *batches)


class Latents(nn.Module):
    """A generator of points whose output is its latent times one parameter."""

    @nn.compact
    def __call__(self, z, condition=None, *, train):
        return z * self.param("scale", nn.initializers.ones, (), jnp.float32)


class First(nn.Module):
    """A discriminator whose logit is the point's first coordinate times a parameter."""

    @nn.compact
    def __call__(self, x, condition=None, *, train):
        return x[:, 0] * self.param("slope", nn.initializers.ones, (), jnp.float32)


SEEN: list[np.ndarray] = []


class Spy(First):
    """`First`, which also notes in `SEEN` what each device's batch was."""

    def __call__(self, x, condition=None, *, train):
        jax.debug.callback(lambda x: SEEN.append(np.asarray(x)), x)
        return super().__call__(x, condition, train=train)


def points(**changes) -> jaxgan.GAN:
    values = {
        "generator": Latents(),
        "discriminator": First(),
        "g_optimizer": optax.sgd(0.0),
        "d_optimizer": optax.sgd(0.0),
        "latent_dim": 2,
    }
    return jaxgan.GAN(**{**values, **changes})


def assert_equal(a, b) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


def assert_close(a, b, *, rtol: float, atol: float) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=atol)


def differ(a, b) -> bool:
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return any(not np.array_equal(x, y) for x, y in pairs)
