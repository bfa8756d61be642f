"""Conditions in a dict, a generator that draws, a discriminator of patches."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

import jaxgan
from jaxgan import nets


def joined(x, condition):
    label = jax.nn.one_hot(condition["label"], 10)
    return jnp.concatenate([x.reshape(len(x), -1), label, condition["attr"]], -1)


class Generator(nn.Module):
    @nn.compact
    def __call__(self, z, condition):
        h = nn.Dense(64)(nn.relu(nn.Dense(32)(joined(z, condition))))
        h = h + jax.random.normal(self.make_rng("noise"), h.shape)
        return nn.tanh(h).reshape(-1, 8, 8, 1)


class Discriminator(nn.Module):
    @nn.compact
    def __call__(self, x, condition):
        return nn.Dense(1)(nn.leaky_relu(nn.Dense(32)(joined(x, condition))))


class Patches(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Conv(1, (4, 4), strides=2)(x)[..., 0]


def play(generator, discriminator, batch, **how):
    adam = optax.adam(1e-4)
    gan = jaxgan.GAN(
        generator=generator,
        discriminator=discriminator,
        g_optimizer=adam,
        d_optimizer=adam,
        **how,
    )
    state = jaxgan.init(gan, key, batch)
    state, metrics = jaxgan.make_d_step(gan)(state, batch, key)
    condition = batch.get("condition")
    print(
        float(metrics["d_loss"]),
        jaxgan.sample(gan, state, key, 16, condition=condition).shape,
    )


key = jax.random.key(0)
images = {"image": jax.random.uniform(key, (16, 8, 8, 1), minval=-1)}
condition = {"label": jnp.arange(16) % 10, "attr": jnp.ones((16, 3))}
play(
    Generator(),
    Discriminator(),
    {**images, "condition": condition},
    condition="condition",
)
play(nets.mlp.Generator((8, 8, 1), width=32), Patches(), images)
