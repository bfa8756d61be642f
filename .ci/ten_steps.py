"""Ten steps on the digits by an installed jaxgan, far from any checkout."""

import importlib.util
import tempfile
from pathlib import Path

import jax
import numpy as np
import optax

import jaxgan
import jaxgan.data
import jaxgan.report

assert "site-packages" in jaxgan.__file__, jaxgan.__file__
assert importlib.util.find_spec("experiments") is None

gan = jaxgan.GAN(
    generator=jaxgan.nets.mlp.Generator(image_shape=(8, 8, 1), width=16),
    discriminator=jaxgan.nets.mlp.Discriminator(width=16),
    g_optimizer=optax.adam(1e-3),
    d_optimizer=optax.adam(1e-3),
    latent_dim=8,
)
with tempfile.TemporaryDirectory() as folder:
    images = jaxgan.data.load("digits", data_dir=Path(folder)).train.images
key = jax.random.key(0)
start = state = jaxgan.init(gan, key, {"image": images[:1]})
step = jax.jit(jaxgan.make_train_step(gan, d_steps=2))
for i in range(10):
    batch = {"image": np.asarray(images[32 * i : 32 * i + 32]).reshape(2, 16, 8, 8, 1)}
    state, metrics = step(state, batch, key)
assert int(state.step) == 10
assert all(np.isfinite(value) for value in metrics.values()), metrics
samples = jaxgan.sample(gan, state, key, 4)
assert samples.shape == (4, 8, 8, 1)
assert (samples != jaxgan.sample(gan, start, key, 4)).any()
print(f"jaxgan {jaxgan.__version__}: ten steps, d_loss {metrics['d_loss']:.3f}")
