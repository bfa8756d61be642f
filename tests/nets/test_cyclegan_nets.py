"""CycleGAN's generator: PyTorch's derivatives, the published size, what is refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.nets import cyclegan
from tests.nets.test_sngan import _draw, assert_twin_agrees


def _shapes(module, x):
    init = lambda key: module.init(key, x, train=False)
    return jax.eval_shape(init, jax.random.key(0))


def _count(module, x):
    return sum(leaf.size for leaf in jax.tree.leaves(_shapes(module, x)))


def twin(torch, p, x):
    """``image [b h w i] -> image [b h w c]``."""
    functional = torch.nn.functional
    x = x.permute(0, 3, 1, 2)

    def conv(name, x, *, reflect=0, layers=p, **how):
        kernel = layers[name]["kernel"].permute(3, 2, 0, 1)
        x = functional.pad(x, (reflect,) * 4, mode="reflect") if reflect else x
        return functional.conv2d(x, kernel, layers[name]["bias"], **how)

    def up(name, x):
        kernel, bias = p[name]["kernel"].permute(3, 2, 0, 1), p[name]["bias"]
        how = {"stride": 2, "padding": 1, "output_padding": 1}
        return functional.conv_transpose2d(x, kernel, bias, **how)

    norm = functional.instance_norm
    x = torch.relu(norm(conv("first", x, reflect=3)))
    for name in ("down_1", "down_2"):
        x = torch.relu(norm(conv(name, x, stride=2, padding=1)))
    for name in sorted(name for name in p if name.startswith("block")):
        y = torch.relu(norm(conv("conv_1", x, reflect=1, layers=p[name])))
        x = x + norm(conv("conv_2", y, reflect=1, layers=p[name]))
    for name in ("up_1", "up_0"):
        x = torch.relu(norm(up(name, x)))
    return torch.tanh(conv("last", x, reflect=3)).permute(0, 2, 3, 1)


def test_generator_is_pytorchs():
    torch = pytest.importorskip("torch")
    module = cyclegan.Generator(2, width=3, blocks=2)
    assert_twin_agrees(torch, module, _draw(2, 16, 20, 1), twin)


@pytest.mark.parametrize("residual", [False, True])
def test_a_residual_of_zero_weights_is_the_image(residual):
    image = jnp.asarray(_draw(1, 8, 8, 2))
    module = cyclegan.Generator(2, width=1, blocks=1, residual=residual)
    zeros = jax.tree.map(lambda s: jnp.zeros(s.shape), _shapes(module, image))
    made = jax.jit(lambda: module.apply(zeros, image, train=True))()
    np.testing.assert_array_equal(made, image if residual else 0 * image)


def test_parameters_are_as_many_as_in_pytorch():
    """In the authors' code, 11.378 million with 9 blocks; counted layer by layer."""
    torch = pytest.importorskip("torch")
    conv = functools.partial(torch.nn.Conv2d, device="meta")
    up = functools.partial(torch.nn.ConvTranspose2d, device="meta")
    stack = [conv(3, 64, 7), conv(64, 128, 3), conv(128, 256, 3)]
    stack += [conv(256, 256, 3) for _ in range(2 * 9)]
    stack += [up(256, 128, 3), up(128, 64, 3), conv(64, 3, 7)]
    expected = sum(p.numel() for layer in stack for p in layer.parameters())
    assert expected == 11_378_179
    assert _count(cyclegan.Generator(3), jnp.zeros((1, 256, 256, 3))) == expected


def test_images_below_256_pixels_have_six_blocks():
    """Each of two 3x3 convolutions of 256 channels, with biases."""
    block = 2 * (9 * 256**2 + 256)
    small = _count(cyclegan.Generator(3), jnp.zeros((1, 128, 256, 3)))
    assert small == 11_378_179 - 3 * block


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (128, 128), (8, 36)])
def test_translations_have_the_images_size(size):
    module = cyclegan.Generator(2, width=2, blocks=1, dtype=jnp.bfloat16)
    image = jnp.zeros((2, *size, 3))
    play = lambda key: module.init_with_output(key, image, train=True)
    made, variables = jax.eval_shape(play, jax.random.key(0))
    assert made.shape == (2, *size, 2)
    leaves = jax.tree.leaves((made, variables))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype(jnp.float32)}


@pytest.mark.parametrize("size", [(30, 32), (32, 34), (4, 32), (32, 33)])
def test_other_sizes_are_refused(size):
    with pytest.raises(InputError, match=f"not {size[0]}x{size[1]}"):
        _shapes(cyclegan.Generator(1), jnp.zeros((1, *size, 1)))


def test_a_residual_of_other_channels_is_refused():
    with pytest.raises(InputError, match="residual=False"):
        _shapes(cyclegan.Generator(1, residual=True), jnp.zeros((1, 8, 8, 3)))


def test_kernels_are_initialised_from_n_0_002():
    module = cyclegan.Generator(3, width=16, blocks=1)
    init = jax.jit(lambda key: module.init(key, jnp.zeros((1, 8, 8, 3)), train=False))
    layers = init(jax.random.key(0))["params"]
    for layer in (layers["first"], layers["block_0"]["conv_1"], layers["up_1"]):
        kernel = np.asarray(layer["kernel"])
        np.testing.assert_allclose(kernel.std(), 0.02, rtol=3 / kernel.size**0.5)
        np.testing.assert_allclose(kernel.mean(), 0, atol=4 * 0.02 / kernel.size**0.5)
        np.testing.assert_array_equal(layer["bias"], 0)
