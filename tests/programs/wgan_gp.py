"""WGAN-GP with networks of one's own, as one would type it first: n_critic = 5."""

import flax.linen as nn
import jax
import optax

import jaxgan
from jaxgan import losses, penalties


class Generator(nn.Module):
    @nn.compact
    def __call__(self, z):
        return nn.Dense(2)(nn.relu(nn.Dense(64)(z)))


class Critic(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(nn.leaky_relu(nn.Dense(64)(x), 0.2))


adam = optax.adam(1e-4, b1=0.0, b2=0.9)
gan = jaxgan.GAN(
    generator=Generator(),
    discriminator=Critic(),
    loss=losses.wasserstein,
    penalties=[(10.0, penalties.wgan_gp())],
    g_optimizer=adam,
    d_optimizer=adam,
    latent_dim=2,
)
key = jax.random.key(0)
data = {"image": jax.random.normal(key, (5, 64, 2))}
state = jaxgan.init(gan, key, {"image": data["image"][0]})
step = jax.jit(jaxgan.make_train_step(gan, d_steps=5))
for _ in range(3):
    state, metrics = step(state, data, key)
print({name: round(float(value), 4) for name, value in metrics.items()})
print(jaxgan.sample(gan, state, key, 3).shape)
