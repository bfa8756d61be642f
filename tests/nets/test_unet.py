"""The U-Net: PyTorch's derivatives, the published size, and dropout as its noise."""

import functools
import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan
from jaxgan import InputError, parallel
from jaxgan.methods.pix2pix import pix2pix
from jaxgan.nets import patchgan, unet
from tests.nets.test_sngan import _draw, assert_twin_agrees

KEY = jax.random.key(0)
AFFINE = functools.partial(nn.GroupNorm, num_groups=None, group_size=1, epsilon=1e-5)


def _shapes(module, x):
    init = lambda key: module.init(key, x, train=False)
    return jax.eval_shape(init, KEY)


def _count(module, x):
    return sum(leaf.size for leaf in jax.tree.leaves(_shapes(module, x)))


def twin(torch, p, x, *, residual):
    """From the inside out, as the authors build it; the norm's gains, if it has any."""
    functional = torch.nn.functional
    depth = sum(name.startswith("down") for name in p)
    fine = sum(name.startswith("in_") for name in p)
    norms = iter(sorted(name for name in p if name.startswith("GroupNorm")))
    # In the order in which they are called: down, then up.
    order = [f"down_{i}" for i in range(1, depth - 1)]
    order += [f"up_{i}" for i in range(depth - 1, 0, -1)]
    gains = dict(zip(order, norms, strict=False))

    def layer(name, x, conv):
        kernel = p[name]["kernel"].permute(3, 2, 0, 1)
        y = conv(x, kernel, p[name].get("bias"), stride=2, padding=1)
        if name not in order:
            return y
        own = p[gains[name]] if gains else {}
        scale, bias = own.get("scale"), own.get("bias")
        return functional.instance_norm(y, weight=scale, bias=bias)

    def block(i, x):
        before = functional.leaky_relu(x, 0.2) if i or fine else x
        y = layer(f"down_{i}", before, functional.conv2d)
        y = y if i == depth - 1 else torch.cat([y, block(i + 1, y)], dim=1)
        return layer(f"up_{i}", torch.relu(y), functional.conv_transpose2d)

    def plain(name, x):
        kernel = p[name]["kernel"].permute(3, 2, 0, 1)
        return functional.conv2d(x, kernel, p[name].get("bias"), padding=1)

    y = x.permute(0, 3, 1, 2)
    for i in range(fine):
        y = plain(f"in_{i}", functional.leaky_relu(y, 0.2) if i else y)
    y = torch.cat([y, block(0, y)], dim=1) if fine else block(0, y)
    for name in [*(f"out_{i}" for i in reversed(range(fine))), "out"] if fine else []:
        y = plain(name, torch.relu(y))
    y = y.permute(0, 2, 3, 1)
    return x + y if residual else torch.tanh(y)


def test_residual_is_pytorchs():
    """Down to one pixel, with instance norm and biases."""
    torch = pytest.importorskip("torch")
    module = unet.Generator(2, width=2, dropout=0.0)
    same = functools.partial(twin, residual=True)
    assert_twin_agrees(torch, module, _draw(2, 32, 32, 2), same)


def test_generator_is_pytorchs():
    """Of an oblong image, with tanh, a norm with gains, and no biases beside them."""
    torch = pytest.importorskip("torch")
    module = unet.Generator(1, width=3, dropout=0.0, norm=AFFINE, use_bias=False)
    same = functools.partial(twin, residual=False)
    assert_twin_agrees(torch, module, _draw(2, 8, 24, 2), same)


@pytest.mark.parametrize("fine", [(3,), (3, 4)])
def test_layers_at_full_resolution_are_pytorchs(fine):
    torch = pytest.importorskip("torch")
    module = unet.Generator(1, width=2, depth=3, fine=fine, dropout=0.0)
    same = functools.partial(twin, residual=True)
    assert_twin_agrees(torch, module, _draw(2, 8, 16, 1), same)


def test_layers_at_full_resolution_need_features():
    with pytest.raises(InputError, match="fine"):
        _shapes(unet.Generator(1, width=2, fine=(4, 0)), jnp.zeros((1, 32, 32, 1)))


@pytest.mark.parametrize(
    ("size", "batch_norm", "expected"),
    [(256, True, 54_413_955), (256, False, 54_409_603), (128, False, None)],
)
def test_parameters_are_as_many_as_in_pytorch(size, batch_norm, expected):
    """With batch norm as in the authors' code: 54.414 million."""
    torch = pytest.importorskip("torch")
    depth = size.bit_length() - 1
    widths = [3, *(64 * min(2**i, 8) for i in range(depth))]
    how = {"kernel_size": 4, "device": "meta"}
    stack = []
    for i, (outer, inner) in enumerate(itertools.pairwise(widths)):
        below = inner if i == depth - 1 else 2 * inner
        stack.append(torch.nn.Conv2d(outer, inner, bias=not batch_norm, **how))
        bias = not batch_norm or i == 0
        stack.append(torch.nn.ConvTranspose2d(below, outer, bias=bias, **how))
        normalised = [inner] * (0 < i < depth - 1) + [outer] * (i > 0)
        if batch_norm:
            stack += [torch.nn.BatchNorm2d(n, device="meta") for n in normalised]
    count = sum(p.numel() for layer in stack for p in layer.parameters())
    assert count == (expected or count)
    how = {"norm": AFFINE, "use_bias": False} if batch_norm else {}
    assert _count(unet.Generator(3, **how), jnp.zeros((1, size, size, 3))) == count


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (128, 128), (32, 96), (28, 28)])
@pytest.mark.parametrize("channels", [1, 3])
def test_translations_have_the_images_size(size, channels):
    module = unet.Generator(channels, width=2, dtype=jnp.bfloat16)
    image = jnp.zeros((2, *size, 3))
    play = lambda key: module.init_with_output(key, image, train=True)
    made, variables = jax.eval_shape(play, KEY)
    assert made.shape == (2, *size, channels)
    leaves = jax.tree.leaves((made, variables))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype(jnp.float32)}


@pytest.mark.parametrize(
    ("size", "depth", "message"),
    [
        ((30, 32), None, r"30x32 .* halved 1 times"),
        ((31, 32), None, r"31x32 .* halved 0 times"),
        ((48, 32), 5, r"halved 4 times\. depth=5"),
        ((32, 32), 1, r"depth=1"),
        ((512, 512), 9, r"depth=9"),
    ],
)
def test_sizes_that_cannot_be_halved_are_refused(size, depth, message):
    with pytest.raises(InputError, match=message):
        _shapes(unet.Generator(1, depth=depth), jnp.zeros((1, *size, 1)))


@pytest.mark.parametrize("dropout", [-0.1, 1.0, 2.0])
def test_a_dropout_that_is_no_probability_is_refused(dropout):
    with pytest.raises(InputError, match="dropout"):
        _shapes(unet.Generator(1, width=1, dropout=dropout), jnp.zeros((1, 8, 8, 1)))


@pytest.mark.parametrize("residual", [False, True, None])
def test_a_residual_of_zero_weights_is_the_image(residual):
    image = jnp.asarray(_draw(1, 8, 8, 2))
    module = unet.Generator(2, width=1, noise=False, residual=residual)
    zeros = jax.tree.map(lambda s: jnp.zeros(s.shape), _shapes(module, image))
    made = jax.jit(lambda: module.apply(zeros, image, train=False))()
    np.testing.assert_array_equal(made, 0 * image if residual is False else image)


def test_a_residual_of_other_channels_is_refused():
    image = jnp.zeros((1, 8, 8, 3))
    with pytest.raises(InputError, match="residual=False"):
        _shapes(unet.Generator(1, residual=True), image)


def test_kernels_are_initialised_from_n_0_002():
    module = unet.Generator(3, width=16)
    init = jax.jit(lambda key: module.init(key, jnp.zeros((1, 8, 8, 3)), train=False))
    for layer in init(KEY)["params"].values():
        kernel = np.asarray(layer["kernel"])
        np.testing.assert_allclose(kernel.std(), 0.02, rtol=3 / kernel.size**0.5)
        np.testing.assert_array_equal(layer["bias"], 0)


@pytest.mark.parametrize("size", [32, 64, 128, 256])
def test_dropout_is_in_the_innermost_blocks_up(size):
    """Of 2x2, 4x4 and 8x8 pixels and 8 widths; fewer of small images."""
    module, image, seen = unet.Generator(1, width=2), jnp.zeros((1, size, size, 1)), []

    def note(play, args, kwargs, context):
        if isinstance(context.module, nn.Dropout):
            seen.append((args[0].shape, context.module.rate))
        return play(*args, **kwargs)

    with nn.intercept_methods(note):
        _shapes(module, image)
    number = {32: 1, 64: 2, 128: 3, 256: 3}[size]
    assert seen == [((1, 2**i, 2**i, 16), 0.5) for i in range(1, number + 1)]


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("train", [False, True])
def test_dropout_is_off_only_in_test_mode_without_noise(noise, train):
    module, image = unet.Generator(1, width=2, noise=noise), jnp.zeros((1, 8, 8, 1))
    seen = []

    def note(play, args, kwargs, context):
        if isinstance(context.module, nn.Dropout):
            seen.append(context.module.deterministic)
        return play(*args, **kwargs)

    with nn.intercept_methods(note):
        jax.eval_shape(lambda key: module.init(key, image, train=train), KEY)
    assert seen == [not (train or noise)]


def game(noise=True):
    generator = unet.Generator(1, width=2, noise=noise)
    judges = tuple(patchgan.Discriminator(n, width=2) for n in (0, 1))
    return pix2pix(generator=generator, discriminator=patchgan.MultiPatch(judges))


@functools.cache
def state():
    """A game's with weights that are not small, so that dropout matters."""
    pairs = {name: jnp.asarray(_draw(2, 8, 8, 1)) for name in ("input", "target")}
    start = jaxgan.init(game(), KEY, pairs)
    player = start.players["generator"]
    params = jax.tree.map(lambda leaf: 10 * leaf, player.params)
    players = {**start.players, "generator": player.replace(params=params)}
    return start.replace(players=players)


def translations(key, count=7, *, noise=True, place=lambda x: x, **how):
    """Of one input, ``[count 8 8 1]``."""
    inputs = place(jnp.broadcast_to(_draw(1, 8, 8, 1), (count, 8, 8, 1)))
    made = jaxgan.sample(game(noise), state(), key, count, condition=inputs, **how)
    return np.asarray(made)


def test_samples_draw_their_dropout_by_key_and_example():
    """And not by how many are made at a time, or on how many devices."""
    made = translations(KEY, 8)
    np.testing.assert_array_equal(translations(KEY, 8, batch_size=256), made)
    np.testing.assert_allclose(translations(KEY, 8, batch_size=3), made, atol=1e-5)

    mesh = jax.sharding.Mesh(np.array(jax.devices()), (parallel.AXIS,))
    assert mesh.size == 8
    place = lambda x: jax.device_put(x, jax.NamedSharding(mesh, jax.P(parallel.AXIS)))
    np.testing.assert_allclose(translations(KEY, 8, place=place), made, atol=1e-5)

    other = translations(jax.random.key(1), 8)
    assert (np.abs(other - made).max(axis=(1, 2, 3)) > 0.01).all()
    apart = np.abs(made[:, None] - made[None]).max(axis=(2, 3, 4))
    assert (apart[~np.eye(8, dtype=bool)] > 0.01).all()


def test_without_noise_samples_depend_on_the_input_alone():
    """By the same variables; the mean of noisy ones is another image."""
    still = translations(KEY, 64, noise=False)
    again = translations(jax.random.key(1), 64, noise=False)
    np.testing.assert_array_equal(still, again)
    np.testing.assert_allclose(still, np.repeat(still[:1], 64, axis=0), atol=1e-5)
    noisy = translations(KEY, 64)
    spread = noisy.std(axis=0, ddof=1)
    assert spread.max() > 0.01
    errors = np.abs(noisy.mean(axis=0) - still[0]) / (spread / 8 + 1e-6)
    assert errors.max() > 6  # standard errors of a mean of 64
