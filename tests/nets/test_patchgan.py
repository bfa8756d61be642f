"""PatchGAN: PyTorch's derivatives, patches as large as published, equal weights."""

import collections
import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.examples import logits_of
from jaxgan.layers import spectral_norm
from jaxgan.nets import patchgan
from tests.nets.test_sngan import _count, _draw, _shapes, assert_twin_agrees

AFFINE = functools.partial(nn.GroupNorm, num_groups=None, group_size=1)


def twin(torch, p, x, condition=None, *, strides, padding):
    """With instance norm before each LeakyReLU but the first."""
    functional = torch.nn.functional
    if condition is not None:
        x = torch.cat([x, torch.tensor(condition, dtype=x.dtype)], dim=-1)
    x = x.permute(0, 3, 1, 2)

    def conv(layer, x, stride):
        kernel = layer["kernel"].permute(3, 2, 0, 1)
        return functional.conv2d(x, kernel, layer["bias"], stride, padding)

    for i, stride in enumerate(strides):
        x = conv(p[f"conv_{i}"], x, stride)
        x = functional.instance_norm(x) if i > 0 else x
        x = functional.leaky_relu(x, 0.2)
    return conv(p["logit"], x, 1)[:, 0]


def test_patches_are_judged_as_by_pytorch():
    """Of an image of odd height, beside its input."""
    torch = pytest.importorskip("torch")
    module = patchgan.Discriminator(layers=2, width=3)
    same = functools.partial(twin, strides=(2, 2, 1), padding=1)
    image, condition = _draw(2, 21, 18, 2), _draw(2, 21, 18, 1, seed=1)
    assert_twin_agrees(torch, module, image, same, condition)


def test_pixels_are_judged_as_by_pytorch():
    torch = pytest.importorskip("torch")
    module = patchgan.Discriminator(layers=0, width=3)
    same = functools.partial(twin, strides=(1, 1), padding=0)
    assert_twin_agrees(torch, module, _draw(2, 5, 4, 3), same)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_parameters_are_as_many_as_in_pytorch(layers):
    """With batch norm and no biases before it, as in the authors' pix2pix, and ours."""
    torch = pytest.importorskip("torch")
    size = collections.Counter()
    for batch_norm in (True, False):
        conv = functools.partial(torch.nn.Conv2d, kernel_size=4, device="meta")
        widths = [64 * 2**i for i in range(layers + 1)]
        stack = [conv(6, widths[0]), conv(widths[-1], 1)]
        for i in range(layers):
            stack.append(conv(widths[i], widths[i + 1], bias=not batch_norm))
            if batch_norm:
                stack.append(torch.nn.BatchNorm2d(widths[i + 1], device="meta"))
        size[batch_norm] = sum(p.numel() for m in stack for p in m.parameters())
    pair = (jnp.zeros((1, 64, 64, 3)),) * 2
    affine = {"norm": AFFINE, "use_bias": False}
    assert _count(patchgan.Discriminator(layers, **affine), *pair) == size[True]
    assert _count(patchgan.Discriminator(layers), *pair) == size[False]


def test_the_largest_is_as_large_as_published():
    """2.769 million parameters in pix2pix, 2.765 in CycleGAN, in the authors' code."""
    image = jnp.zeros((1, 256, 256, 3))
    affine = patchgan.Discriminator(norm=AFFINE, use_bias=False)
    assert _count(affine, image, image) == 2_768_705
    assert _count(patchgan.Discriminator(), image) == 2_764_737


@pytest.mark.parametrize(("layers", "side"), [(0, 1), (1, 16), (2, 34), (3, 70)])
def test_receptive_field_is_the_support_of_the_gradient(layers, side):
    """Without a norm; kernels of ones, so that every pixel of a patch counts."""
    assert patchgan.receptive_field(layers) == side
    module = patchgan.Discriminator(layers, width=1, norm=None)
    image = jnp.ones((1, 112, 112, 1))
    shapes = _shapes(module, image)["params"]
    params = jax.tree.map(lambda leaf: jnp.ones(leaf.shape), shapes)
    size = jax.eval_shape(lambda: module.apply({"params": params}, image, train=True))
    middle = size.shape[1] // 2

    def logit(image):
        logits: Any = module.apply({"params": params}, image, train=True)
        return logits[0, middle, middle]

    gradient = np.abs(np.asarray(jax.jit(jax.grad(logit))(image)))[0, :, :, 0]
    seen = gradient > 1e-6 * gradient.max()  # rounding leaves less elsewhere
    rows, columns = np.nonzero(seen.any(axis=1))[0], np.nonzero(seen.any(axis=0))[0]
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (side, side)
    assert seen.sum() == side**2


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (33, 50), (128, 128)])
@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_logits_have_the_documented_shape(size, layers):
    module = patchgan.Discriminator(layers, width=2, dtype=jnp.bfloat16)
    image = jnp.zeros((2, *size, 3))
    play = lambda key: module.init_with_output(key, image, train=True)
    logits, variables = jax.eval_shape(play, jax.random.key(0))
    grid = [n // 2**layers - 2 if layers else n for n in size]
    assert logits.shape == (2, *grid)
    leaves = jax.tree.leaves((logits, variables))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype(jnp.float32)}


@pytest.mark.parametrize(("layers", "least"), [(1, 6), (2, 12), (3, 24)])
def test_images_without_a_logit_are_refused(layers, least):
    module = patchgan.Discriminator(layers, width=1)
    _shapes(module, jnp.zeros((1, least, least + 1, 1)))
    with pytest.raises(InputError, match=rf"{least} .* not 64x{least - 1}"):
        _shapes(module, jnp.zeros((1, 64, least - 1, 1)))


def test_other_mistakes_are_refused():
    image = jnp.zeros((1, 16, 16, 1))
    with pytest.raises(InputError, match="layers=-1"):
        _shapes(patchgan.Discriminator(-1), image)
    with pytest.raises(InputError, match="Resize the input"):
        _shapes(patchgan.Discriminator(1), image, image[:, :8])


def test_weights_may_be_normalised():
    module = patchgan.Discriminator(1, width=2, weight=spectral_norm)
    shapes = _shapes(module, jnp.zeros((1, 16, 16, 1)))
    assert set(shapes["spectral_norm"]) == set(shapes["params"])


def test_discriminators_of_several_patches_judge_as_each_alone():
    modules = tuple(patchgan.Discriminator(n, width=2) for n in (0, 1))
    together = patchgan.MultiPatch(modules)
    image, condition = jnp.asarray(_draw(2, 12, 10, 2)), _draw(2, 12, 10, 1, seed=1)

    @jax.jit
    def judged(key):
        how: dict[str, Any] = {"train": True}
        logits, found = together.init_with_output(key, image, condition, **how)
        params = (found["params"][f"discriminators_{i}"] for i in (0, 1))
        alone = [
            module.apply({"params": own}, image, condition, **how)
            for module, own in zip(modules, params, strict=True)
        ]
        return logits, alone

    logits, alone = judged(jax.random.key(0))
    assert logits_of(logits, image).shape == (2, 2 * 120)
    first, second = np.split(np.asarray(logits), 2, axis=1)
    np.testing.assert_allclose(first, alone[0].reshape(2, -1), atol=1e-6)
    repeated = np.repeat(alone[1].reshape(2, -1), 120 // 12, axis=1)
    np.testing.assert_allclose(second, repeated, atol=1e-6)


def test_a_mean_over_logits_is_one_over_discriminators():
    """Exactly, where those of each are all equal."""
    rows = [jnp.full((2, 3, 3), 1.0), jnp.full((2, 10, 7), 4.0), jnp.zeros((2, 5))]
    alike = patchgan.weighed_alike(rows)
    assert alike.shape == (2, 210)
    np.testing.assert_allclose(alike.mean(axis=1), 5 / 3, rtol=1e-6)


def test_logits_are_repeated_equally_often_up_to_one():
    counts = [30**2, 14**2, 6**2]  # of patches of an image of 64x64
    rows = [jnp.arange(float(n)).reshape(1, -1) for n in counts]
    alike = np.split(patchgan.weighed_alike(rows)[0], 3)
    for n, row in zip(counts, alike, strict=True):
        values, times = np.unique(row, return_counts=True)
        np.testing.assert_array_equal(values, np.arange(n))
        assert np.ptp(times) == (900 % n > 0)
