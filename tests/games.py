"""Small games and batches that several tests play.

Games, their first states and their compiled steps are cached: compiling is nearly all
that these tests cost.
"""

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxgan
from jaxgan import nets, penalties

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
def init(gan: jaxgan.GAN) -> jaxgan.GameState:
    return jaxgan.init(gan, KEY, batch())


def generator(state: jaxgan.GameState) -> jaxgan.NetworkState:
    return state.players["generator"]


def discriminator(state: jaxgan.GameState) -> jaxgan.NetworkState:
    return state.players["discriminator"]


def average(state: jaxgan.GameState):
    return state.averages["generator"]


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


class DropoutGenerator(nn.Module):
    """One hidden layer, half of which is dropped."""

    image_shape: tuple[int, ...] = SHAPE

    @nn.compact
    def __call__(self, z, condition=None, *, train):
        x = nn.relu(nn.Dense(16)(z))
        x = nn.Dropout(0.5, deterministic=not train)(x)
        x = nn.Dense(math.prod(self.image_shape))(x)
        return jnp.tanh(x).reshape(-1, *self.image_shape)


class DropoutDiscriminator(nn.Module):
    """One hidden layer, half of which is dropped, as are some of the pixels."""

    @nn.compact
    def __call__(self, x, condition=None, *, train):
        x = nn.Dropout(0.2, deterministic=not train)(x.reshape(len(x), -1))
        x = nn.leaky_relu(nn.Dense(16)(x), 0.2)
        x = nn.Dropout(0.5, deterministic=not train)(x)
        return nn.Dense(1)(x)[:, 0]


@functools.lru_cache
def dropout(image_shape=SHAPE, **changes) -> jaxgan.GAN:
    networks = {
        "generator": DropoutGenerator(image_shape),
        "discriminator": DropoutDiscriminator(),
    }
    return mlp(**{**networks, **changes})


class LedgerGenerator(nn.Module):
    """Its gradient notes in row i what its update showed the discriminator of data i.

    The rows start at zero, so that they add nothing to the masked latent.
    """

    @nn.compact
    def __call__(self, z, condition=None, *, train):
        rows = self.param("rows", nn.initializers.zeros, (16, z.shape[1]))
        return nn.Dropout(0.5, deterministic=not train)(z) + rows[condition]


class LedgerDiscriminator(nn.Module):
    """Its gradient notes in row i what it saw beside data i, noise and mask included.

    The logit is r_i x + x²/2: its gradient by the row is x, and by x, x.
    """

    @nn.compact
    def __call__(self, x, condition=None, *, train):
        rows = self.param("rows", nn.initializers.zeros, (16, x.shape[1]))
        x = nn.Dropout(0.5, deterministic=not train)(x)
        return ((rows[condition] + x / 2) * x).sum(axis=-1)


def ledger(**changes) -> jaxgan.GAN:
    """A game whose parameters, after one step, hold all that was drawn, to the bit.

    An example's row gets no other example's terms, so no sum is rounded otherwise.
    """
    values = {
        "generator": LedgerGenerator(),
        "discriminator": LedgerDiscriminator(),
        "loss": jaxgan.AdversarialLoss(lambda r, f: r + f, lambda r, f: f),
        "penalties": ((1.0, penalties.wgan_gp()),),
        "instance_noise": optax.constant_schedule(0.1),
        "condition": "row",
        "latent_dim": 8,
        "g_optimizer": optax.sgd(1.0),
        "d_optimizer": optax.sgd(1.0),
    }
    return jaxgan.GAN(**{**values, **changes})


def ledger_batch(k: int = 1) -> dict[str, jax.Array]:
    """Sixteen data in k other orders, ``[k 16 ...]``."""
    random = np.random.default_rng(0)
    data = random.standard_normal((16, 8), np.float32)
    rows = np.stack([random.permutation(16) for _ in range(k)])
    return {"image": jnp.asarray(data[rows]), "row": jnp.asarray(rows, jnp.int32)}


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


def start_of_points(gan: jaxgan.GAN, key, size: int = 64):
    """A new state of a game of points in the plane, and a batch of zeros."""
    batch = {"image": jnp.zeros((size, 2))}
    return jaxgan.init(gan, key, batch), batch
