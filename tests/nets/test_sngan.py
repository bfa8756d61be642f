"""SNGAN's networks: parameter counts, initialisation, and PyTorch's derivatives."""

import functools
import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import sngan as sngan_experiment
from experiments import wgan_gp as wgan_gp_experiment
from jaxgan import InputError
from jaxgan.layers import spectral_norm
from jaxgan.layers.resample import upsample_bilinear
from jaxgan.nets import resnet_sizes, sngan
from tests.nets import twins

LABELS = np.array([0, 2, 1])
CONDITIONAL = {"num_classes": 3}


def _draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _shapes(module, x, condition=None):
    init = lambda key: module.init(key, x, condition, train=False)
    return jax.eval_shape(init, jax.random.key(0))


def _count(module, x, condition=None):
    params = _shapes(module, x, condition)["params"]
    return sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize(
    ("resolution", "g", "d"),
    [
        # At 32 pixels as in mimicry; the others by `_by_hand`, from the papers' tables.
        (32, 4_276_739, 1_053_825),
        (48, None, None),
        (64, None, None),
        (128, None, None),
    ],
)
def test_networks_have_the_published_parameters(resolution, g, d):
    expected = _by_hand(resolution)
    assert expected == (g or expected[0], d or expected[1])
    generator = sngan.Generator(resolution, 3)
    discriminator = sngan.Discriminator()
    image = jnp.zeros((1, resolution, resolution, 3))
    got = _count(generator, jnp.zeros((1, 128))), _count(discriminator, image)
    assert got == expected


def _by_hand(resolution):
    base, g, d, halvings = {
        32: (4, [256] * 4, [128] * 4, 2),
        48: (6, [512, 256, 128, 64], [64, 128, 256, 512, 1024], 4),
        64: (4, [1024, 512, 256, 128, 64], [64, 128, 256, 512, 1024], 5),
        128: (
            4,
            [1024, 1024, 512, 256, 128, 64],
            [64, 128, 256, 512, 1024, 1024],
            5,
        ),
    }[resolution]
    conv = lambda k, i, o: k * k * i * o + o
    generator = (128 + 1) * base**2 * g[0] + 2 * g[-1] + conv(3, g[-1], 3)
    for i, o in itertools.pairwise(g):
        generator += 2 * i + conv(3, i, o) + 2 * o + conv(3, o, o) + conv(1, i, o)
    discriminator = conv(3, 3, d[0]) + conv(3, d[0], d[0]) + conv(1, 3, d[0])
    for n, (i, o) in enumerate(itertools.pairwise(d), start=1):
        discriminator += conv(3, i, i) + conv(3, i, o)
        discriminator += conv(1, i, o) if i != o or n < halvings else 0
    return generator, discriminator + d[-1] + 1


@functools.partial(jax.jit, static_argnums=0)
def _played(module, variables, x, *condition):
    """Output in training mode, and the gradients of a weighted sum of it."""

    def loss(params, x):
        how = {"train": True, "mutable": list(variables)}
        now = {**variables, "params": params}
        y, _ = module.apply(now, x, *condition, **how)
        return jnp.vdot(y, _draw(*y.shape, seed=9)), y

    grads, y = jax.grad(loss, (0, 1), has_aux=True)(variables["params"], x)
    return y, *grads


def assert_twin_agrees(torch, module, x, twin, *condition):
    """Output, and gradients by all parameters and the input, to 1e-5 of the largest.

    A bias before batch norm has none: what rounding leaves is beside all others.
    """
    init = lambda key: module.init(key, jnp.asarray(x), *condition, train=False)
    variables = jax.jit(init)(jax.random.key(1))
    # What is zero at first, biases and gains of classes, would hide mistakes.
    seeds = itertools.count()
    changed = lambda p: np.asarray(p) + 0.1 * _draw(*p.shape, seed=next(seeds))
    params = jax.tree.map(changed, variables["params"])
    variables = {**variables, "params": params}
    y, by_params, by_x = _played(module, variables, x, *condition)

    theirs, their_x = twins.tensors(torch, params), twins.tensors(torch, x)
    u = variables.get("spectral_norm")
    used = twins.normalised(torch, theirs, twins.tensors(torch, u)) if u else theirs
    output = twin(torch, used, their_x, *condition)
    (output * torch.tensor(_draw(*y.shape, seed=9))).sum().backward()
    expected = (
        output.detach().numpy(),
        twins.gradients(theirs),
        twins.gradients(their_x),
    )
    for got, want in zip((y, by_params, by_x), expected, strict=True):
        size = max(np.abs(leaf).max() for leaf in jax.tree.leaves(want))
        for one, other in zip(*map(jax.tree.leaves, (got, want)), strict=True):
            atol = 1e-5 * max(np.abs(other).max(), size / 10)
            np.testing.assert_allclose(one, other, rtol=0, atol=atol)


def test_generator_is_pytorchs():
    """Of narrowing blocks, conditional, with bilinear upsampling."""
    torch = pytest.importorskip("torch")
    module = sngan.Generator(48, 3, width=2, upsample=upsample_bilinear, **CONDITIONAL)

    def doubled(x):
        how = {"mode": "bilinear", "align_corners": False}
        return torch.nn.functional.interpolate(x, scale_factor=2, **how)

    def twin(torch, p, z, label):
        label = torch.tensor(label)
        return twins.generator(torch, p, z, label, base=6, upsample=doubled)

    assert_twin_agrees(torch, module, _draw(3, 5), twin, LABELS)


def test_discriminator_is_pytorchs():
    """Of widening blocks, conditional, gradients through spectral norm included."""
    torch = pytest.importorskip("torch")
    module = sngan.Discriminator(width=2, **CONDITIONAL)

    def twin(torch, p, x, label):
        label = torch.tensor(label)
        return twins.discriminator(torch, p, x, label, halvings=4, pool="sum")

    assert_twin_agrees(torch, module, _draw(3, 48, 48, 3), twin, LABELS)


def test_every_layer_of_the_discriminator_is_normalised():
    image, labels = jnp.zeros((1, 32, 32, 3)), jnp.zeros(1, jnp.int32)
    shapes = _shapes(sngan.Discriminator(**CONDITIONAL), image, labels)
    layers = lambda tree: {
        path[:-1] for path, _ in jax.tree_util.tree_leaves_with_path(tree)
    }
    assert layers(shapes["params"]) == layers(shapes["spectral_norm"])
    assert sngan.Discriminator().weight is spectral_norm


def test_networks_are_initialised_by_xavier():
    """Uniform, with gain sqrt 2 in blocks and 1 elsewhere; biases are zero."""
    generator = sngan.Generator(32, 3, width=32)
    init = jax.jit(lambda key: generator.init(key, jnp.zeros((1, 64)), train=False))
    params = init(jax.random.key(0))["params"]
    kernels = {
        2.0: [params["block_0"]["conv_1"], params["block_2"]["conv_2"]],
        1.0: [params["block_1"]["shortcut"], params["dense"], params["image"]],
    }
    for gain_squared, layers in kernels.items():
        for layer in layers:
            kernel = np.asarray(layer["kernel"])
            area = np.prod(kernel.shape[:-2])
            limit = np.sqrt(6 * gain_squared / (area * sum(kernel.shape[-2:])))
            assert 0.98 * limit < np.abs(kernel).max() <= limit
            spread = kernel.std() / (limit / np.sqrt(3))
            np.testing.assert_allclose(spread, 1, atol=2 / kernel.size**0.5)
            np.testing.assert_array_equal(layer["bias"], 0)


@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_and_dtypes(channels):
    how = {"width": 16, "dtype": jnp.bfloat16, **CONDITIONAL}
    labels = jnp.asarray(LABELS)
    generator = sngan.Generator((64, 64), channels, **how)
    discriminator = sngan.Discriminator(**how)

    def play(key):
        z = jnp.zeros((3, 8))
        images, g = generator.init_with_output(key, z, labels, train=False)
        logits, d = discriminator.init_with_output(key, images, labels, train=False)
        return images, logits, g, d

    images, logits, *variables = jax.eval_shape(play, jax.random.key(0))
    assert (images.shape, logits.shape) == ((3, 64, 64, channels), (3,))
    leaves = jax.tree.leaves((images, logits, variables))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype(jnp.float32)}


@pytest.mark.parametrize("size", [(32, 48), (48, 32), (28, 28), (256, 256)])
def test_other_resolutions_are_refused(size):
    message = rf"{size[0]}x{size[1]}.*--resolution"
    with pytest.raises(InputError, match=message):
        _shapes(sngan.Generator(size, 3), jnp.zeros((1, 8)))
    with pytest.raises(InputError, match=message):
        _shapes(sngan.Discriminator(), jnp.zeros((1, *size, 3)))


@pytest.mark.parametrize("plan", resnet_sizes.PLANS.values())
def test_the_width_is_that_of_the_narrowest_map(plan):
    for channels in (plan.generator, plan.discriminator):
        narrow = resnet_sizes.scaled(channels, 3)
        assert min(narrow) == 3
        ratio = np.divide(channels, narrow)
        np.testing.assert_array_equal(ratio, min(channels) / 3)
        assert resnet_sizes.scaled(channels, None) == channels
    with pytest.raises(InputError, match="at least 1"):
        resnet_sizes.scaled(plan.generator, 0)


def test_labels_are_needed_exactly_where_there_are_classes():
    z, image = jnp.zeros((1, 8)), jnp.zeros((1, 32, 32, 3))
    labels = jnp.zeros(1, jnp.int32)
    for plain, conditional, x in [
        (sngan.Generator(32, 3), sngan.Generator(32, 3, **CONDITIONAL), z),
        (sngan.Discriminator(), sngan.Discriminator(**CONDITIONAL), image),
    ]:
        with pytest.raises(InputError, match="no classes"):
            _shapes(plain, x, labels)
        with pytest.raises(InputError, match="no labels"):
            _shapes(conditional, x)


class Images(NamedTuple):
    """As much of a data set as an experiment asks for."""

    image_shape: tuple[int, int, int] = (32, 32, 3)
    num_classes: int = 0


EXPERIMENTS = pytest.mark.parametrize(
    ("experiment", "counts"),
    [
        (sngan_experiment, (4_276_739, 1_053_825)),
        (wgan_gp_experiment, (1_204_483, 1_053_825)),
    ],
    ids=["sngan", "wgan_gp"],
)


@EXPERIMENTS
def test_the_paper_preset_has_the_papers_networks_and_rates(experiment, counts):
    config = experiment.PRESETS["paper"]
    assert (config.preset, config.steps, config.batch_size) == ("paper", 100_000, 64)
    assert (config.d_steps, config.latent_dim) == (5, 128)
    gan = experiment.make_gan(config, Images())
    z, image = jnp.zeros((1, 128)), jnp.zeros((1, 32, 32, 3))
    assert (_count(gan.generator, z), _count(gan.discriminator, image)) == counts
    # Adam's first step is the learning rate, at first and halfway through the images.
    optimizer, one = gan.g_optimizer, jnp.ones(())
    for images, rate in ((0.0, 2e-4), (3.2e6, 1e-4), (6.4e6, 0.0)):
        step, _ = optimizer.update(one, optimizer.init(one), one, images=images)
        np.testing.assert_allclose(step, -rate, rtol=1e-5, atol=1e-10)


@EXPERIMENTS
def test_an_experiment_is_conditional_where_it_is_asked_for(experiment, counts):
    config = experiment.Config(conditional=True)
    gan = experiment.make_gan(config, Images(num_classes=10))
    classes = gan.generator.num_classes, gan.discriminator.num_classes
    assert (gan.condition, *classes) == ("label", 10, 10)
    assert experiment.make_gan(experiment.Config(), Images()).condition is None
    with pytest.raises(InputError, match="labels"):
        experiment.make_gan(config, Images())
