"""Networks on captions: PyTorch's derivatives, and what padding may not change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nets import df_gan, gan_cls, text
from tests.nets import twins
from tests.nets.test_sngan import _draw, assert_twin_agrees

KEY = jax.random.key(0)
CAPTIONS = np.int32([[3, 1, 4, 1, 0, 0], [5, 2, 0, 0, 0, 0], [6, 5, 3, 5, 1, 2]])


def dense(p, x):
    return x @ p["kernel"] + p["bias"]


def strided(torch, p, x):
    """A 4x4 convolution that halves ``[b h w c]``."""
    kernel = p["kernel"].permute(3, 2, 0, 1)
    return torch.nn.functional.conv2d(x, kernel, p["bias"], 2, 1)


def doubled(torch, p, x):
    """A transposed 4x4 convolution; our kernel is [k k out in]."""
    kernel = p["kernel"].permute(3, 2, 0, 1)
    return torch.nn.functional.conv_transpose2d(x, kernel, p["bias"], 2, 1)


def named(p, start):
    """The layers whose names begin so, in order."""
    found = [name for name in p if name.startswith(start)]
    return [p[name] for name in sorted(found, key=lambda n: int(n.rpartition("_")[2]))]


def group_norm(torch, p, x, groups):
    how = {"weight": p["scale"], "bias": p["bias"], "eps": 1e-6}
    return torch.nn.functional.group_norm(x, groups, **how)


def leaky(torch, x):
    return torch.nn.functional.leaky_relu(x, 0.2)


def cls_generator(torch, p, z, caption):
    caption = leaky(
        torch, dense(p["text_dense"], torch.tensor(caption, dtype=torch.float64))
    )
    x = dense(p["Dense_0"], torch.cat([z, caption], dim=1))
    x = x.reshape(len(z), 4, 4, -1).permute(0, 3, 1, 2)
    ups, norms = named(p, "ConvTranspose"), named(p, "GroupNorm")
    for up, norm in zip(ups, norms, strict=True):
        groups = min(8, x.shape[1])
        x = doubled(torch, up, torch.relu(group_norm(torch, norm, x, groups)))
    return torch.tanh(x).permute(0, 2, 3, 1)


def cls_discriminator(torch, p, x, caption):
    x = x.permute(0, 3, 1, 2)
    for layer in named(p, "Conv"):
        x = leaky(torch, strided(torch, layer, x))
    caption = leaky(
        torch, dense(p["text_dense"], torch.tensor(caption, dtype=torch.float64))
    )
    wide = caption[:, :, None, None].expand(-1, -1, *x.shape[2:])
    x = torch.cat([x, wide], dim=1).permute(0, 2, 3, 1)
    x = leaky(torch, dense(p["Dense_0"], x))
    return dense(p["Dense_1"], x.reshape(len(x), -1))[:, 0]


def projection_discriminator(torch, p, x, caption):
    x = x.permute(0, 3, 1, 2)
    for layer in named(p, "Conv"):
        x = leaky(torch, strided(torch, layer, x))
    x = x.permute(0, 2, 3, 1).reshape(len(x), -1)
    seen = leaky(torch, dense(p["Dense_0"], x))
    caption = dense(p["text_dense"], torch.tensor(caption, dtype=torch.float64))
    fits = torch.einsum("bf,bf->b", seen, caption) / seen.shape[1] ** 0.5
    return dense(p["Dense_1"], seen)[:, 0] + fits


def affine(torch, p, x, condition):
    def made(name):
        hidden = torch.relu(dense(p[f"{name}_1"], condition))
        return dense(p[f"{name}_2"], hidden)[:, :, None, None]

    return made("scale") * x + made("shift")


def up_block(torch, p, x, condition):
    x = torch.nn.functional.interpolate(x, scale_factor=2, mode="nearest")
    shortcut = twins.conv(torch, p["shortcut"], x) if "shortcut" in p else x
    fusions = iter(named(p, "Affine"))
    for layer in named(p, "Conv"):
        for _ in range(2):
            x = leaky(torch, affine(torch, next(fusions), x, condition))
        x = twins.conv(torch, layer, x)
    return shortcut + x


def df_generator(torch, p, z, caption):
    condition = torch.cat([z, torch.tensor(caption, dtype=torch.float64)], dim=1)
    x = dense(p["Dense_0"], z).reshape(len(z), 4, 4, -1).permute(0, 3, 1, 2)
    for block in named(p, "UpBlock"):
        x = up_block(torch, block, x, condition)
    x = twins.conv(torch, p["Conv_0"], leaky(torch, x))
    return torch.tanh(x).permute(0, 2, 3, 1)


def down_block(torch, p, x):
    first, second = named(p, "Conv")
    y = leaky(torch, strided(torch, first, x))
    y = leaky(torch, twins.conv(torch, second, y))
    shortcut = twins.halved(torch, x)
    if "shortcut" in p:
        shortcut = twins.conv(torch, p["shortcut"], shortcut)
    return shortcut + p["gain"] * y


def df_discriminator(torch, p, x, caption):
    first, joint = named(p, "Conv")
    x = twins.conv(torch, first, x.permute(0, 3, 1, 2))
    for block in named(p, "DownBlock"):
        x = down_block(torch, block, x)
    wide = torch.tensor(caption, dtype=torch.float64)[:, :, None, None].expand(
        -1, -1, *x.shape[2:]
    )
    x = leaky(torch, twins.conv(torch, joint, torch.cat([x, wide], dim=1)))
    x = x.permute(0, 2, 3, 1).reshape(len(x), -1)
    return dense(p["Dense_0"], x)[:, 0]


class Plain:
    """A module that has no ``train``, for a check that passes it."""

    def __init__(self, module):
        self._module = module

    def init(self, key, *inputs, train):
        return self._module.init(key, *map(jnp.asarray, inputs))

    def apply(self, variables, *inputs, train=False, **how):
        return self._module.apply(variables, *map(jnp.asarray, inputs), **how)


@pytest.mark.parametrize(
    ("module", "twin"),
    [
        (gan_cls.Generator(16, 2, width=4, text=3), cls_generator),
        (df_gan.Generator(16, 2, width=2), df_generator),
    ],
)
def test_generators_are_pytorchs(module, twin):
    torch = pytest.importorskip("torch")
    assert_twin_agrees(torch, Plain(module), _draw(3, 5), twin, _draw(3, 4, seed=2))


@pytest.mark.parametrize(
    ("module", "twin"),
    [
        (gan_cls.Discriminator(width=3, text=4, hidden=5), cls_discriminator),
        (
            gan_cls.ProjectionDiscriminator(width=3, hidden=5),
            projection_discriminator,
        ),
        (df_gan.Discriminator(width=2), df_discriminator),
    ],
)
def test_discriminators_are_pytorchs(module, twin):
    torch = pytest.importorskip("torch")
    image = _draw(3, 16, 16, 3)
    assert_twin_agrees(torch, Plain(module), image, twin, _draw(3, 4, seed=2))


def test_text_encoder_is_numpys():
    """Windows of three words, residual, and the mean and the maximum over words."""
    module = text.TextEncoder(7, dim=4, width=5, depth=2)
    variables = module.init(KEY, jnp.asarray(CAPTIONS))
    p = jax.tree.map(lambda x: np.asarray(x, np.float64), variables["params"])
    made = module.apply(variables, jnp.asarray(CAPTIONS))
    for caption, vector in zip(CAPTIONS, np.asarray(made), strict=True):
        words = caption[caption > 0]
        x = p["Embed_0"]["embedding"][words]
        for i in range(2):
            padded = np.pad(x, ((1, 1), (0, 0)))
            near = np.stack([padded[j : j + 3].reshape(-1) for j in range(len(words))])
            layer = p[f"Dense_{i}"]
            x = x + np.maximum(near @ layer["kernel"] + layer["bias"], 0)
        seen = np.concatenate([x.mean(axis=0), x.max(axis=0)])
        y = seen @ p["Dense_2"]["kernel"] + p["Dense_2"]["bias"]
        y = y / np.sqrt(np.square(y).mean())
        np.testing.assert_allclose(vector, y, rtol=1e-4, atol=1e-5)


def test_padding_changes_no_embedding():
    module = text.TextEncoder(7)
    longer = np.pad(CAPTIONS, ((0, 0), (0, 5)))
    variables = module.init(KEY, jnp.asarray(CAPTIONS))
    embed = jax.jit(lambda captions: module.apply(variables, captions))
    np.testing.assert_allclose(embed(CAPTIONS), embed(longer), atol=1e-5)


def test_words_that_change_places_change_the_embedding():
    """A bag of words would take "red on blue" for "blue on red"."""
    module = text.TextEncoder(7)
    captions = jnp.asarray(np.int32([[1, 2, 3, 4, 5], [1, 5, 3, 4, 2]]))
    embed = module.init_with_output(KEY, captions)[0]
    assert np.abs(embed[0] - embed[1]).max() > 0.05


@pytest.mark.parametrize("size", [(8, 8), (32, 32), (48, 48), (28, 56)])
def test_all_sizes_are_drawn_and_judged(size):
    shape = jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)
    z, words = jnp.zeros((2, 5)), jnp.zeros((2, 6))
    for family in (gan_cls, df_gan):
        if size == (48, 48):
            continue
        maker, judge = family.Generator(size, 3, width=4), family.Discriminator(4)
        made = jax.eval_shape(lambda m=maker: m.init_with_output(KEY, z, words)[0])
        assert made.shape == shape.shape
        logits = jax.eval_shape(
            lambda m=judge: m.init_with_output(KEY, jnp.zeros(shape.shape), words)[0]
        )
        assert logits.shape == (2,)
    seen = jax.eval_shape(
        lambda: text.ImageEncoder(8).init_with_output(KEY, jnp.zeros(shape.shape))[0]
    )
    assert seen.shape == (2, 8)
