"""MLP and DCGAN: shapes, parameter counts by hand, initialisation, dtypes, labels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.nets import dcgan, mlp


def _count(module, x, condition=None):
    init = lambda key: module.init(key, x, condition, train=False)
    variables = jax.eval_shape(init, jax.random.key(0))
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def _shape(module, x, condition=None):
    def apply(key):
        variables = module.init(key, x, condition, train=False)
        return module.apply(variables, x, condition, train=False)

    return jax.eval_shape(apply, jax.random.key(0))


@pytest.mark.parametrize("resolution", [8, 28, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_dcgan_makes_and_judges_every_resolution(resolution, channels):
    images = _shape(dcgan.Generator(resolution, channels, width=4), jnp.zeros((2, 10)))
    assert images.shape == (2, resolution, resolution, channels)
    assert images.dtype == jnp.float32
    logits = _shape(dcgan.Discriminator(width=4), jnp.zeros(images.shape))
    assert (logits.shape, logits.dtype) == ((2,), jnp.float32)


@pytest.mark.parametrize("resolution", [4, 6, 7, 30, 36, 100, (64, 36), (4, 8)])
def test_dcgan_refuses_what_it_cannot_make(resolution):
    height, width = np.broadcast_to(resolution, 2)
    with pytest.raises(InputError, match=f"not {height}x{width}"):
        dcgan.doublings(resolution)


def test_dcgan_has_the_papers_layers():
    """28x28: 7x7x128 -> 14x14x64 -> 28x28x1 and back, counted by hand."""
    generator = 100 * 7 * 7 * 128 + 2 * 128 + 16 * 128 * 64 + 2 * 64 + 16 * 64 + 1
    assert _count(dcgan.Generator(28, 1), jnp.zeros((1, 100))) == generator
    discriminator = 16 * 64 + 64 + 16 * 64 * 128 + 2 * 128 + 7 * 7 * 128 + 1
    image = jnp.zeros((1, 28, 28, 1))
    assert _count(dcgan.Discriminator(), image) == discriminator
    # Without batch norm a bias takes the place of its scale and bias.
    plain = dcgan.Discriminator(batch_norm=False)
    assert _count(plain, image) == discriminator - 128


def test_dcgan_is_initialised_from_n_0_002():
    variables = dcgan.Generator(28, 1).init(
        jax.random.key(0), jnp.zeros((1, 100)), train=False
    )
    params = variables["params"]
    for name in ("Dense_0", "ConvTranspose_0"):
        kernel = np.asarray(params[name]["kernel"])
        np.testing.assert_allclose(kernel.std(), 0.02, rtol=0.02)
        np.testing.assert_allclose(kernel.mean(), 0, atol=4 * 0.02 / kernel.size**0.5)
    scale = np.asarray(params["BatchNorm_0"]["scale"])
    np.testing.assert_allclose(scale.mean(), 1, atol=4 * 0.02 / 128**0.5)


def test_dcgan_generator_normalises_as_the_paper_says():
    """Before each ReLU a channel has mean 0 and variance 1, times scale, plus bias."""
    module = dcgan.Generator(8, 1, width=8)
    z = jax.random.normal(jax.random.key(1), (64, 10))
    variables = module.init(jax.random.key(0), z, train=False)
    _, captured = module.apply(
        variables,
        z,
        train=True,
        mutable=["batch_stats", "intermediates"],
        capture_intermediates=lambda m, _: type(m).__name__ == "BatchNorm",
    )
    (normalised,) = captured["intermediates"]["BatchNorm_0"]["__call__"]
    scale = variables["params"]["BatchNorm_0"]["scale"]
    np.testing.assert_allclose(normalised.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(normalised.std(axis=(0, 1, 2)), scale, rtol=1e-2)


def test_mlp_has_two_hidden_layers():
    generator = mlp.Generator((8, 8, 1), width=32)
    assert _count(generator, jnp.zeros((1, 5))) == (
        5 * 32 + 32 + 32 * 32 + 32 + 32 * 64 + 64
    )
    discriminator = mlp.Discriminator(width=32)
    assert _count(discriminator, jnp.zeros((1, 8, 8, 1))) == (
        64 * 32 + 32 + 32 * 32 + 32 + 32 + 1
    )


def test_mlp_is_the_function_of_its_matrices():
    """Against NumPy in float64."""
    generator, discriminator = mlp.Generator((2, 2, 1), width=7), mlp.Discriminator(7)
    z = jax.random.normal(jax.random.key(1), (3, 5))

    def layers(module, x):
        variables = module.init(jax.random.key(0), x, train=False)
        params = jax.tree.map(lambda p: np.asarray(p, np.float64), variables["params"])
        dense = [
            (params[f"Dense_{i}"]["kernel"], params[f"Dense_{i}"]["bias"])
            for i in range(3)
        ]
        return variables, dense

    def forward(x, dense, activation):
        for w, b in dense[:-1]:
            x = activation(x @ w + b)
        return x @ dense[-1][0] + dense[-1][1]

    variables, dense = layers(generator, z)
    images = generator.apply(variables, z, train=True)
    twin = np.tanh(
        forward(np.asarray(z, np.float64), dense, lambda v: np.maximum(v, 0))
    )
    np.testing.assert_allclose(images.reshape(3, -1), twin, rtol=1e-4, atol=1e-6)
    variables, dense = layers(discriminator, images)
    logits = discriminator.apply(variables, images, train=True)
    leaky = lambda v: np.where(v > 0, v, 0.2 * v)
    np.testing.assert_allclose(
        logits, forward(twin, dense, leaky)[:, 0], rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(
    ("generator", "discriminator"),
    [
        (mlp.Generator((16, 16, 1), num_classes=3), mlp.Discriminator(num_classes=3)),
        (
            dcgan.Generator(16, 1, width=4, num_classes=3),
            dcgan.Discriminator(width=4, num_classes=3),
        ),
    ],
    ids=["mlp", "dcgan"],
)
def test_conditional_networks_read_each_label(generator, discriminator):
    z, labels = jnp.ones((3, 4)), jnp.array([0, 1, 2])
    variables = generator.init(jax.random.key(0), z, labels, train=False)
    images = generator.apply(variables, z, labels, train=False)
    assert not np.allclose(images[0], images[1])
    same = jnp.broadcast_to(images[:1], images.shape)
    variables = discriminator.init(jax.random.key(0), same, labels, train=False)
    logits = discriminator.apply(variables, same, labels, train=False)
    assert len(set(np.asarray(logits).tolist())) == 3
    with pytest.raises(InputError, match=r"integer labels of shape \[b\]"):
        generator.apply(variables, z, jnp.ones((3, 1)), train=False)
