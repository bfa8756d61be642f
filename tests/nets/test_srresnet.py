"""SRResNet and its judge: PyTorch's derivatives, Pillow's bicubic, and the reach."""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan import InputError
from jaxgan.nets import srresnet
from tests.nets.test_sngan import _draw, assert_twin_agrees

KEY = jax.random.key(0)


class Rows(nn.Module):
    """A network that has no mode, in any mode; a dict's leaves in a row ``[b n]``."""

    network: nn.Module

    def __call__(self, x, *, train):
        made = jax.tree.leaves(self.network(x))
        return jnp.concatenate([leaf.reshape(len(leaf), -1) for leaf in made], axis=1)


def flat(torch, leaves):
    return torch.cat([leaf.reshape(len(leaf), -1) for leaf in leaves], dim=1)


def same_conv(torch, p, x, stride=1):
    """Ours pads at the end where a stride of 2 leaves one zero."""
    kernel = p["kernel"].permute(3, 2, 0, 1)
    pads = (0, 1, 0, 1) if stride == 2 else 4 * (kernel.shape[-1] // 2,)
    x = torch.nn.functional.pad(x, pads)
    return torch.nn.functional.conv2d(x, kernel, p["bias"], stride=stride)


def generator_twin(torch, p, x, *, blocks, doublings, resize):
    """With PyTorch's own pixel shuffle, PReLU and antialiased bicubic filter."""
    p, functional = p["network"], torch.nn.functional

    def activated(x, name):
        if f"{name}_slope" in p:
            return functional.prelu(x, p[f"{name}_slope"].reshape(1))
        return functional.leaky_relu(x, 0.2)

    def shuffled(x):
        # PyTorch's channels are those of a pixel, then of the next; ours of a corner.
        b, c, h, w = x.shape
        x = x.reshape(b, 4, c // 4, h, w).transpose(1, 2).reshape(b, c, h, w)
        return functional.pixel_shuffle(x, 2)

    image = x.permute(0, 3, 1, 2)
    y = first = activated(same_conv(torch, p["first"], image), "first")
    for i in range(blocks):
        z = activated(same_conv(torch, p[f"block_{i}_1"], y), f"block_{i}")
        y = y + same_conv(torch, p[f"block_{i}_2"], z)
    y = first + same_conv(torch, p["last_block"], y)
    for i in range(doublings):
        if resize:
            y = functional.interpolate(y, scale_factor=2, mode="nearest")
        y = same_conv(torch, p[f"double_{i}"], y)
        y = activated(y if resize else shuffled(y), f"double_{i}")
    how = {"mode": "bicubic", "antialias": True}
    size = tuple(side * 2**doublings for side in image.shape[2:])
    base = functional.interpolate(image, size, **how)
    made = base + same_conv(torch, p["image"], y)
    return flat(torch, [made.permute(0, 2, 3, 1)])


@pytest.mark.parametrize("resize", [False, True])
@pytest.mark.parametrize(
    ("scale", "ends", "prelu"), [(2, 5, True), (4, 3, False)], ids=["x2", "x4"]
)
def test_generator_is_pytorchs(scale, ends, prelu, resize):
    torch = pytest.importorskip("torch")
    fields = {"blocks": 2, "ends": ends, "prelu": prelu, "resize": resize}
    module = srresnet.Generator(scale, 3, **fields)
    how = {"blocks": 2, "doublings": scale // 2, "resize": resize}
    twin = lambda torch, p, x: generator_twin(torch, p, x, **how)
    assert_twin_agrees(torch, Rows(module), _draw(2, 5, 6, 2), twin)


@pytest.mark.parametrize("flatten", [False, True])
def test_discriminator_is_pytorchs(flatten):
    torch = pytest.importorskip("torch")
    module = srresnet.Discriminator(width=2, flatten=flatten)

    def twin(torch, p, x):
        p, leaky = p["network"], torch.nn.functional.leaky_relu
        y, maps = x.permute(0, 3, 1, 2), []
        for i in range(8):
            y = leaky(same_conv(torch, p[f"conv_{i}"], y, 1 + i % 2), 0.2)
            maps += [y.permute(0, 2, 3, 1)] if i % 2 else []
        y = y.permute(0, 2, 3, 1).flatten(1) if flatten else y.mean(dim=(2, 3))
        y = leaky(y @ p["hidden"]["kernel"] + p["hidden"]["bias"], 0.2)
        logits = y @ p["logit"]["kernel"] + p["logit"]["bias"]
        return flat(torch, [*maps, logits])

    assert_twin_agrees(torch, Rows(module), _draw(2, 32, 48, 3), twin)


def test_the_papers_networks_have_its_layers():
    """Counted by layers, without batch norm."""
    k = 9 * 64 * 64 + 64
    by_layers = (81 * 3 * 64 + 64) + 33 * k + 2 * (4 * k) + (81 * 64 * 3 + 3) + 19
    network = srresnet.Generator(4, 64, 16, 9, prelu=True)
    assert count(network, (1, 24, 24, 3)) == by_layers
    widths = [3, *(64 * 2 ** (i // 2) for i in range(8))]
    convolutions = sum(9 * a * b + b for a, b in itertools.pairwise(widths))
    dense = 36 * 512 * 1024 + 1024 + 1024 + 1
    judge = srresnet.Discriminator(flatten=True)
    assert count(judge, (1, 96, 96, 3)) == convolutions + dense


def count(module, shape):
    init = lambda key: module.init(key, jnp.zeros(shape))
    return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(init, KEY)))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_enlargement_is_pillows(scale):
    """At the borders too, of floats, which Pillow does not round."""
    x = _draw(7, 9)
    size = (9 * scale, 7 * scale)
    expected = np.asarray(Image.fromarray(x).resize(size, Image.Resampling.BICUBIC))
    made = srresnet.enlarge(jnp.asarray(x)[None, :, :, None], scale)
    np.testing.assert_allclose(made[0, :, :, 0], expected, atol=1e-6)


def test_enlargement_follows_its_input():
    """Its derivative is itself, as it is linear; in bfloat16 it stays so."""
    x, direction = (jnp.asarray(_draw(1, 4, 5, 2, seed=seed)) for seed in (0, 1))
    enlarge = lambda x: srresnet.enlarge(x, 4)
    _, along = jax.jvp(enlarge, (x,), (direction,))
    np.testing.assert_allclose(along, enlarge(direction), atol=1e-6)
    assert enlarge(x.astype(jnp.bfloat16)).dtype == jnp.bfloat16


@pytest.mark.parametrize("resize", [False, True])
@pytest.mark.parametrize(
    ("scale", "blocks", "ends"), [(2, 1, 5), (4, 1, 3), (4, 0, 9), (8, 0, 1)]
)
def test_an_output_sees_as_far_as_the_radius(scale, blocks, ends, resize):
    """A change within it matters, and one further away changes nothing, to the bit."""
    network = srresnet.Generator(scale, 3, blocks=blocks, ends=ends, resize=resize)
    reach = network.radius
    side, middle = 2 * reach + 5, reach + 2
    x = jnp.asarray(_draw(1, side, side, 1))
    variables = jax.jit(network.init)(KEY, x)
    # Weights that are small, as at first, would hide what is far away.
    noise = lambda leaf: leaf + 0.3 * _draw(*leaf.shape, seed=leaf.size)
    variables = jax.tree.map(noise, variables)
    play = jax.jit(network.apply)
    changed = play(variables, x.at[0, middle, middle, 0].add(3.0))
    differs = np.asarray(changed != play(variables, x))[0, :, :, 0]
    places = np.argwhere(differs) // scale
    assert np.abs(places - middle).max() == reach


def test_the_first_image_is_bicubic_without_a_checkerboard():
    """But for little, which is equal for the pixels of a small one."""
    x = jnp.asarray(_draw(1, 9, 9, 3))
    network = srresnet.Generator(2, 16, blocks=2, ends=1)
    variables = jax.jit(network.init)(KEY, x)
    added = np.asarray(network.apply(variables, x) - srresnet.enlarge(x, 2))
    assert 0 < np.abs(added).max() < 0.2
    corners = added.reshape(1, 9, 2, 9, 2, 3)
    np.testing.assert_allclose(
        corners, corners[:, :, :1, :, :1] + 0 * corners, atol=1e-6
    )


def test_what_is_flat_stays_flat_with_resize_only():
    """Away from the border, at any weights."""
    x = jnp.full((1, 30, 30, 3), 0.3)
    for resize in (False, True):
        network = srresnet.Generator(4, 8, blocks=1, resize=resize)
        variables = jax.jit(network.init)(KEY, x)
        variables = jax.tree.map(
            lambda leaf: leaf + 0.3 * _draw(*leaf.shape, seed=leaf.size), variables
        )
        made = np.asarray(network.apply(variables, x))[0, 48:-48, 48:-48]
        assert (made.std(axis=(0, 1)).max() < 1e-4) == resize


def test_norms_and_weights_are_those_asked_for():
    from jaxgan.layers import InstanceNorm, spectral_norm

    judge = srresnet.Discriminator(width=2, norm=InstanceNorm, weight=spectral_norm)
    init = lambda key: judge.init_with_output(key, jnp.zeros((2, 16, 16, 1)))
    seen = []

    def note(play, args, kwargs, context):
        seen.append(type(context.module).__name__)
        return play(*args, **kwargs)

    with nn.intercept_methods(note):
        made, variables = jax.eval_shape(init, KEY)
    assert seen.count("InstanceNorm") == 7
    assert len(variables["spectral_norm"]) == 10
    assert made["logits"].shape == (2,)


def test_bfloat16_keeps_images_and_logits_in_float32():
    x = jnp.zeros((1, 16, 16, 3))
    for network in (
        srresnet.Generator(2, 4, 1, dtype=jnp.bfloat16),
        srresnet.Discriminator(width=2, dtype=jnp.bfloat16),
    ):
        made, variables = jax.eval_shape(
            lambda key, network=network: network.init_with_output(key, x), KEY
        )
        leaves = jax.tree.leaves((made, variables))
        assert {leaf.dtype for leaf in leaves} == {jnp.dtype(jnp.float32)}


@pytest.mark.parametrize(
    ("fields", "message"), [({"scale": 3}, "scale"), ({"ends": 4}, "middle")]
)
def test_networks_that_cannot_be_are_refused(fields, message):
    with pytest.raises(InputError, match=message):
        count(srresnet.Generator(**fields), (1, 8, 8, 3))
