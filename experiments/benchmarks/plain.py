"""The same games in Flax and optax, written the obvious way.

flax.linen's own layers, `value_and_grad`, one jitted train step, a Python loop over
batches that NumPy picks.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.training import train_state

from experiments.benchmarks import (
    families,
    plain_residual,
    random_data,
    residual,
    works,
)
from experiments.benchmarks.works import Work
from jaxgan.checks import InputError

_init = nn.initializers.normal(0.02)


class MLPGenerator(nn.Module):
    """``[b z] -> [b ...]``."""

    work: Work

    @nn.compact
    def __call__(self, z, train: bool = True):
        x = nn.relu(nn.Dense(self.work.width)(z))
        x = nn.relu(nn.Dense(self.work.width)(x))
        x = nn.Dense(self.work.pixels)(x)
        if len(self.work.image_shape) == 3:
            x = jnp.tanh(x)
        return x.reshape(-1, *self.work.image_shape)


class MLPDiscriminator(nn.Module):
    """``[b ...] -> [b]``."""

    work: Work

    @nn.compact
    def __call__(self, x, train: bool = True):
        x = x.reshape(x.shape[0], -1)
        x = nn.leaky_relu(nn.Dense(self.work.width)(x), 0.2)
        x = nn.leaky_relu(nn.Dense(self.work.width)(x), 0.2)
        return nn.Dense(1)(x)[:, 0]


def _norm(train: bool) -> nn.BatchNorm:
    scale = lambda key, shape, dtype: 1 + _init(key, shape, dtype)
    return nn.BatchNorm(use_running_average=not train, momentum=0.9, scale_init=scale)


class DCGANGenerator(nn.Module):
    """``[b z] -> [b r r c]``."""

    work: Work

    @nn.compact
    def __call__(self, z, train: bool = True):
        base, times = self.work.maps
        features = self.work.width << (times - 1)
        x = nn.Dense(base * base * features, use_bias=False, kernel_init=_init)(z)
        x = nn.relu(_norm(train)(x.reshape(-1, base, base, features)))
        for _ in range(times - 1):
            features //= 2
            x = nn.ConvTranspose(
                features, (4, 4), strides=(2, 2), use_bias=False, kernel_init=_init
            )(x)
            x = nn.relu(_norm(train)(x))
        channels = self.work.image_shape[2]
        x = nn.ConvTranspose(channels, (4, 4), strides=(2, 2), kernel_init=_init)(x)
        return jnp.tanh(x)


class DCGANDiscriminator(nn.Module):
    """``[b r r c] -> [b]``."""

    work: Work

    @nn.compact
    def __call__(self, x, train: bool = True):
        for i in range(self.work.maps[1]):
            norm = self.work.batch_norm and i > 0
            x = nn.Conv(
                self.work.width << i,
                (4, 4),
                strides=(2, 2),
                use_bias=not norm,
                kernel_init=_init,
            )(x)
            x = nn.leaky_relu(_norm(train)(x) if norm else x, 0.2)
        x = x.reshape(x.shape[0], -1)
        return nn.Dense(1, kernel_init=_init)(x)[:, 0]


@functools.cache
def networks(work: Work) -> tuple[nn.Module, nn.Module]:
    """Returns the generator and the discriminator, the same objects for all members."""
    if work.network == "mlp":
        return MLPGenerator(work), MLPDiscriminator(work)
    if work.network in residual.NETWORKS:
        return plain_residual.networks(work)
    return DCGANGenerator(work), DCGANDiscriminator(work)


@functools.cache
def optimizer(work: Work) -> optax.GradientTransformation:
    """Returns Adam, for both players."""
    return optax.adam(work.learning_rate, b1=work.beta1, b2=work.beta2)


class TrainState(train_state.TrainState):
    """Flax's own train state, with batch norm's averages."""

    batch_stats: Any = None


def variables(state: TrainState) -> dict[str, Any]:
    """Returns the variables that ``apply`` takes."""
    return {"params": state.params, "batch_stats": state.batch_stats}


# Modules and optimizers are part of a program's identity: were they made anew for each
# member, each member would compile its own.
_initial = jax.jit(lambda module, key, x: module.init(key, x), static_argnums=0)


def create(work: Work, key) -> tuple[TrainState, TrainState]:
    """Returns the generator's and the discriminator's state before the first step."""

    def one(module, x, key):
        values = _initial(module, key, x)
        return TrainState.create(
            apply_fn=module.apply,
            params=values["params"],
            tx=optimizer(work),
            batch_stats=values.get("batch_stats", {}),
        )

    generator, discriminator = networks(work)
    g_key, d_key = jax.random.split(key)
    g_state = one(generator, jnp.zeros((1, work.latent_dim)), g_key)
    return g_state, one(discriminator, jnp.zeros((1, *work.image_shape)), d_key)


D_LOSSES = {
    "non_saturating": lambda real, fake: nn.softplus(-real) + nn.softplus(fake),
    "wasserstein": lambda real, fake: fake - real,
    "hinge": lambda real, fake: nn.relu(1 - real) + nn.relu(1 + fake),
    "relativistic": lambda real, fake: nn.softplus(fake - real),
}
"""The discriminator's loss of logits, by `works.Work.loss`."""


def d_objective(work: Work, params, g_state, d_state, real, z, epsilon):
    """Returns the discriminator's loss, and its new averages."""
    fake, _ = g_state.apply_fn(variables(g_state), z, mutable=["batch_stats"])
    judge = lambda stats, x: d_state.apply_fn(
        {"params": params, "batch_stats": stats}, x, mutable=["batch_stats"]
    )
    real_logits, new = judge(d_state.batch_stats, real)
    fake_logits, new = judge(new.get("batch_stats", {}), fake)
    loss = D_LOSSES[work.loss](real_logits, fake_logits)
    squared = lambda x: (
        jnp.square(jax.grad(lambda x: judge({}, x)[0].sum())(x))
        .reshape(len(x), -1)
        .sum(axis=1)
    )
    if work.r1:
        loss = loss + work.r1 * squared(real)
    if work.r2:
        loss = loss + work.r2 * squared(fake)
    if work.gp:
        epsilon = epsilon.reshape(-1, *[1] * len(work.image_shape))
        norms = jnp.sqrt(squared(epsilon * real + (1 - epsilon) * fake) + 1e-12)
        loss = loss + work.gp * jnp.square(norms - 1)
    return loss.mean(), new.get("batch_stats", {})


def g_objective(work: Work, params, g_state, d_state, z, real):
    """Returns the generator's loss (not all games use ``real``) and new averages."""
    values = {"params": params, "batch_stats": g_state.batch_stats}
    fake, new = g_state.apply_fn(values, z, mutable=["batch_stats"])
    judge = lambda x: d_state.apply_fn(variables(d_state), x, mutable=["batch_stats"])
    logits, _ = judge(fake)
    if work.g_reals:
        loss = nn.softplus(judge(real)[0] - logits)
    elif work.loss == "non_saturating":
        loss = nn.softplus(-logits)
    else:
        loss = -logits
    return loss.mean(), new.get("batch_stats", {})


def make_train_step(work: Work) -> Callable:
    """Returns ``(g_state, d_state, images [k b ...], key) -> (*states, losses)``."""

    def draw(key):
        return jax.random.normal(key, (work.batch_size, work.latent_dim))

    def d_step(g_state, d_state, images, key):
        z_key, epsilon_key = jax.random.split(key)
        epsilon = jax.random.uniform(epsilon_key, (work.batch_size,))
        inputs = scaled(images), draw(z_key), epsilon
        objective = lambda params: d_objective(work, params, g_state, d_state, *inputs)
        value_and_grad = jax.value_and_grad(objective, has_aux=True)
        (loss, stats), grads = value_and_grad(d_state.params)
        return d_state.apply_gradients(grads=grads, batch_stats=stats), loss

    def g_step(g_state, d_state, images, key):
        inputs = draw(key), scaled(images)
        objective = lambda params: g_objective(work, params, g_state, d_state, *inputs)
        value_and_grad = jax.value_and_grad(objective, has_aux=True)
        (loss, stats), grads = value_and_grad(g_state.params)
        return g_state.apply_gradients(grads=grads, batch_stats=stats), loss

    @jax.jit
    def train_step(g_state, d_state, images, key):
        g_key, *d_keys = jax.random.split(key, 1 + work.d_steps)
        d_loss = jnp.zeros(())
        for batch, d_key in zip(images, d_keys, strict=not work.g_reals):
            d_state, d_loss = d_step(g_state, d_state, batch, d_key)
        g_state, g_loss = g_step(g_state, d_state, images[-1], g_key)
        return g_state, d_state, (d_loss, g_loss)

    return train_step


def scaled(images):
    """Maps uint8 to [-1, 1]; points stay as they are."""
    if images.dtype != np.uint8:
        return images
    return images.astype(jnp.float32) / 127.5 - 1


def start(spec: Mapping[str, Any]) -> Callable[[int], None]:
    """Returns a function that does a number of units of the work."""
    work = works.from_json(spec["work"])
    if work.network in families.NETWORKS:
        raise InputError(
            f"Plain Flax has no networks for {work.network!r}; leave flax out of the "
            "--rivals of this work."
        )
    return _sampling(work) if work.samples else _training(work)


def _training(work: Work) -> Callable[[int], None]:
    """Returns a run in which the members of a population take turns."""
    keys = list(jax.random.split(jax.random.key(0), work.members))
    players = [create(work, key) for key in keys]
    train_step = make_train_step(work)
    images, random = random_data.table(work), np.random.default_rng(0)
    shape = (work.batches, work.batch_size)

    def run(count: int) -> None:
        losses = None
        for _ in range(count):
            for i, (g_state, d_state) in enumerate(players):
                keys[i], key = jax.random.split(keys[i])
                batch = images[random.integers(0, len(images), shape)]
                g_state, d_state, losses = train_step(g_state, d_state, batch, key)
                players[i] = g_state, d_state
        jax.block_until_ready((players, losses))

    return run


def _sampling(work: Work) -> Callable[[int], None]:
    g_state, _ = create(work, jax.random.key(0))
    generate = jax.jit(lambda values, z: g_state.apply_fn(values, z, train=False))
    key = jax.random.key(1)

    def run(count: int) -> None:
        nonlocal key
        for _ in range(count):
            made = []
            for _ in range(math.ceil(work.samples / work.sample_batch)):
                key, z_key = jax.random.split(key)
                z = jax.random.normal(z_key, (work.sample_batch, work.latent_dim))
                made.append(generate(variables(g_state), z))
            np.concatenate(made)

    return run
