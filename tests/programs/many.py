"""A population: 4 seeds by 3 learning rates, in one compiled program."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxgan
from jaxgan import keys, nets, population

table = jnp.asarray(np.random.default_rng(0).normal(size=(500, 2)), jnp.float32)
networks = {
    "generator": nets.mlp.Generator((2,), width=16, bounded=False),
    "discriminator": nets.mlp.Discriminator(width=16),
}
make_gan = lambda lr: jaxgan.GAN(
    **networks, g_optimizer=optax.adam(lr), d_optimizer=optax.adam(lr), latent_dim=2
)
draw = lambda key, step: {
    "image": table[jax.random.randint(keys.stream(key, "data", step), (1, 64), 0, 500)]
}
measure = lambda gan, state, key: jaxgan.sample(gan, state, key, 64).mean(0)
seeds, rates = np.meshgrid(np.arange(4), [1e-4, 1e-3, 1e-2], indexing="ij")
members, hypers = jax.vmap(jax.random.key)(seeds.ravel()), {"lr": rates.ravel()}
trained = population.train(
    make_gan, members, hypers, draw, steps=50, every=10, measure=measure
)
print(
    {name: metric.shape for name, metric in trained.metrics.items()},
    trained.measures.shape,
)
gan, state = population.member(trained, 5, make_gan, hypers, {"image": table[:8]})
print(int(state.step), jaxgan.sample(gan, state, jax.random.key(0), 3).shape)
