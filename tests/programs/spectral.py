"""A spectrally normalised critic; minibatch standard deviation under R1."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

import jaxgan
from jaxgan import losses, nets, penalties


class Spectral(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        x = x.reshape(len(x), -1)
        for width in (64, 64):
            x = nn.SpectralNorm(nn.Dense(width))(x, update_stats=train)
            x = nn.leaky_relu(x, 0.1)
        return nn.SpectralNorm(nn.Dense(1))(x, update_stats=train)


class Spread(nn.Module):
    group: int = 4

    @nn.compact
    def __call__(self, x):
        x = x.reshape(-1, min(self.group, len(x)), 64)
        std = jnp.sqrt(x.var(axis=1, keepdims=True) + 1e-8).mean(axis=2, keepdims=True)
        x = jnp.concatenate([x, jnp.broadcast_to(std, (*x.shape[:2], 1))], axis=-1)
        return nn.Dense(1)(nn.leaky_relu(nn.Dense(64)(x), 0.2)).reshape(-1)


key, adam = jax.random.key(0), optax.adam(1e-4)
batch = {"image": jax.random.uniform(key, (1, 32, 8, 8, 1), minval=-1)}
networks = {"generator": nets.mlp.Generator((8, 8, 1), width=32)}
for discriminator, each in (
    (Spectral(), {"loss": losses.hinge}),
    (Spectral(), {"penalties": [(1.0, penalties.r1)]}),
    (Spread(), {"penalties": [(1.0, penalties.summed(penalties.r1))]}),
):
    gan = jaxgan.GAN(
        **networks,
        **each,
        discriminator=discriminator,
        g_optimizer=adam,
        d_optimizer=adam,
    )
    state = jaxgan.init(gan, key, {"image": batch["image"][0]})
    state, metrics = jax.jit(jaxgan.make_train_step(gan))(state, batch, key)
    print({name: round(float(value), 4) for name, value in metrics.items()})
