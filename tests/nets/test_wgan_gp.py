"""WGAN-GP's networks: PyTorch's derivatives, and a critic of each image by itself."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nets import wgan_gp
from tests.nets import twins
from tests.nets.test_sngan import _count, _draw, assert_twin_agrees


def test_networks_have_the_papers_parameters():
    """128 channels, by hand: three blocks of two 3x3 and a 1x1, or two of them."""
    conv3, conv1 = 9 * 128**2 + 128, 128**2 + 128
    image = 9 * 128 * 3 + 3
    generator = 129 * 16 * 128 + 3 * (2 * conv3 + conv1 + 4 * 128) + 2 * 128 + image
    assert _count(wgan_gp.Generator(32, 3), jnp.zeros((1, 128))) == generator
    first = 9 * 3 * 128 + 128 + conv3 + 3 * 128 + 128
    critic = first + 6 * conv3 + conv1 + 129
    assert _count(wgan_gp.Discriminator(), jnp.zeros((1, 32, 32, 3))) == critic


@pytest.mark.slow
def test_generator_is_pytorchs():
    torch = pytest.importorskip("torch")
    doubled = functools.partial(torch.nn.functional.interpolate, scale_factor=2)
    twin = functools.partial(twins.generator, base=4, upsample=doubled)
    module = wgan_gp.Generator(32, 3, width=8)
    assert_twin_agrees(torch, module, _draw(3, 5), twin)


LAYER_NORM = functools.partial(nn.LayerNorm, reduction_axes=(1, 2, 3), feature_axes=-1)


def test_critic_is_pytorchs():
    """With layer norm, which is an option."""
    torch = pytest.importorskip("torch")
    how = {"halvings": 2, "pool": "mean", "norm": twins.layer_norm}
    twin = functools.partial(twins.discriminator, **how)
    module = wgan_gp.Discriminator(width=8, norm=LAYER_NORM)
    assert_twin_agrees(torch, module, _draw(3, 32, 32, 3), twin)


@pytest.mark.parametrize("norm", [None, LAYER_NORM], ids=["plain", "layer norm"])
def test_critic_judges_each_image_by_itself(norm):
    critic = wgan_gp.Discriminator(width=4, norm=norm)
    images = jnp.asarray(_draw(3, 32, 32, 1))
    variables = jax.jit(lambda key: critic.init(key, images, train=True))(
        jax.random.key(0)
    )
    assert set(variables) == {"params"}
    judge = jax.jit(lambda x: critic.apply(variables, x, train=True))
    others = judge(images.at[1:].multiply(10.0))
    np.testing.assert_allclose(others[0], judge(images)[0], rtol=1e-5)
    assert not np.allclose(others[1:], judge(images)[1:], rtol=1e-2)
