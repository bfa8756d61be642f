"""The library's loop on a game that is conditional on an image, and on points."""

import tempfile
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxgan
from jaxgan import hooks, nets
from jaxgan.methods.pix2pix import pix2pix

folder, key = Path(tempfile.mkdtemp()), jax.random.key(0)
adam = optax.adam(1e-4, b1=0.5)


class Patches(nn.Module):
    @nn.compact
    def __call__(self, image, input):
        return nn.Conv(1, (4, 4), strides=2)(jnp.concatenate([image, input], -1))


game = pix2pix(
    generator=nn.Sequential((nn.Conv(1, (3, 3)), nn.tanh)), discriminator=Patches()
)
images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), np.uint8)
pairs = {"input": images, "target": 255 - images}
state = jaxgan.init(game, key, pairs)
shown = (hooks.Log(folder, every=2), hooks.Samples(folder, every=2))
state = jaxgan.fit(game, state, pairs, key, steps=4, batch_size=8, hooks=shown)
print("pairs:", int(state.step), hooks.read_metrics(folder)[-1]["g_l1"])

game = jaxgan.GAN(
    generator=nets.mlp.Generator((2,), width=8, bounded=False),
    discriminator=nets.mlp.Discriminator(width=8),
    g_optimizer=adam,
    d_optimizer=adam,
    latent_dim=2,
)
points = {"image": np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)}
state = jaxgan.init(game, key, points)
shown = (hooks.Samples(folder / "points", every=2),)
state = jaxgan.fit(game, state, points, key, steps=4, batch_size=8, hooks=shown)
print("points:", int(state.step), len(list((folder / "points/samples").iterdir())))
