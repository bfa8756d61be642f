"""A training loop of one's own: 200 steps in one jit; then simultaneous steps."""

import jax
import numpy as np
import optax

import jaxgan
from jaxgan import keys, losses, nets
from jaxgan.simultaneous import make_simultaneous_step

data = np.random.default_rng(0).integers(0, 256, (500, 8, 8, 1), np.uint8)
gan = jaxgan.GAN(
    generator=nets.mlp.Generator((8, 8, 1), width=32),
    discriminator=nets.mlp.Discriminator(width=32),
    g_optimizer=optax.adam(1e-3),
    d_optimizer=optax.adam(1e-3),
    loss=losses.hinge,
    latent_dim=8,
)
key = jax.random.key(0)
state = jaxgan.init(gan, key, {"image": data})


def train(state, data, train_step, batches):
    def body(state, t):
        rows = jax.random.randint(keys.stream(key, "data", t), (batches, 32), 0, 500)
        return train_step(state, {"image": data[rows]}, key)

    return jax.lax.scan(body, state, jax.numpy.arange(200))


for step in (jaxgan.make_train_step(gan), make_simultaneous_step(gan)):
    played = jax.jit(train, static_argnums=(2, 3))
    end, metrics = played(state, jax.numpy.asarray(data), step, 1)
    print(metrics["d_loss"].shape, float(metrics["d_loss"][-1]), int(end.step))
