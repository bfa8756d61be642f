"""R3GAN's networks against PyTorch, their initialisation, counts, and dtypes."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.r3gan import PRESETS, make_gan
from jaxgan import InputError
from jaxgan.nets import r3gan

CLASSES, WIDTHS = 3, (8, 8, 4)
LABELS = np.array([0, 2])
SMALL = {"widths": WIDTHS, "blocks": 1, "group_size": 4, "num_classes": CLASSES}
LATENTS = np.random.default_rng(1).normal(size=(2, 6))
IMAGES = np.random.default_rng(2).normal(size=(2, 16, 16, 2))
KEY = jax.random.key(0)


def parameters(network, *inputs):
    """Parameters as the network has them, none of them 0."""
    init = lambda key: network.init(key, *inputs, train=True)["params"]
    random = np.random.default_rng(0)

    def draw(leaf):
        fan_in = np.prod(leaf.shape[:-1])
        return jnp.asarray(random.normal(size=leaf.shape) / fan_in**0.5, jnp.float32)

    return jax.tree.map(draw, jax.eval_shape(init, KEY))


class Twin:
    """The networks by PyTorch in float64, with channels after the batch."""

    def __init__(self, torch, params):
        self.torch, self.functional = torch, torch.nn.functional

        double = lambda leaf: np.asarray(leaf, np.float64)
        self.params = jax.tree.map(
            lambda leaf: torch.tensor(double(leaf), requires_grad=True), params
        )

    def conv(self, x, params, groups=1):
        kernel = params["kernel"].permute(3, 2, 0, 1)
        how = {"padding": kernel.shape[-1] // 2, "groups": groups}
        return self.functional.conv2d(x, kernel, params.get("bias"), **how)

    def block(self, x, stage):
        leaky = lambda y: self.functional.leaky_relu(y, 0.2)
        block = self.params[f"block_{stage}_0"]
        y = leaky(self.conv(x, block["Conv_0"]))
        y = leaky(self.conv(y, block["Conv_1"], groups=y.shape[1] // 4))
        return x + self.conv(y, block["Conv_2"])

    def resampling(self, x):
        line = self.torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype) / 8
        kernel = self.torch.outer(line, line).expand(x.shape[1], 1, 4, 4)
        return {"weight": kernel, "stride": 2, "padding": 1, "groups": x.shape[1]}

    def embedded(self, labels):
        return self.params["embedding"]["kernel"][labels]

    def generator(self, z, labels):
        torch, params = self.torch, self.params
        z = torch.cat([z, self.embedded(labels)], dim=1)
        weights = z @ params["basis"]["linear"]["kernel"]
        x = weights[:, :, None, None] * params["basis"]["images"].permute(2, 0, 1)
        x = self.block(x, 0)
        x = self.functional.conv_transpose2d(4 * x, **self.resampling(x))
        x = self.block(x, 1)
        x = self.conv(x, params["project_2"])
        x = self.functional.conv_transpose2d(4 * x, **self.resampling(x))
        x = self.block(x, 2)
        return self.conv(x, params["to_image"]).permute(0, 2, 3, 1)

    def discriminator(self, x, labels):
        x = self.conv(x.permute(0, 3, 1, 2), self.params["from_image"])
        x = self.block(x, 2)
        x = self.functional.conv2d(x, **self.resampling(x))
        x = self.conv(x, self.params["project_2"])
        x = self.block(x, 1)
        x = self.functional.conv2d(x, **self.resampling(x))
        features = self.head(self.block(x, 0))
        return (features * self.embedded(labels)).sum(dim=1)

    def head(self, x):
        kernel = self.params["basis"]["images"].permute(2, 0, 1)[:, None]
        x = self.functional.conv2d(x, kernel, groups=len(kernel))[:, :, 0, 0]
        return x @ self.params["basis"]["linear"]["kernel"]

    def gradients(self, value):
        """Of a scalar by all parameters, a tree of arrays."""
        leaves, structure = jax.tree.flatten(self.params)
        grads = self.torch.autograd.grad(value, leaves, retain_graph=True)
        return structure.unflatten([grad.numpy() for grad in grads])


def check(ours, twins):
    """Equal to 1e-5 of the largest number of each array."""

    def equal(one, other):
        scale = np.abs(other).max()
        # The networks are piecewise linear, so that R1 does not depend on biases.
        assert scale > 0 or other.ndim == 1
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * scale)

    jax.tree.map(equal, ours, twins)


def test_generator_is_that_of_pytorch():
    """Its images, and the gradients by the latents and the parameters."""
    torch = pytest.importorskip("torch")
    network = r3gan.Generator(16, 2, **SMALL)
    z, labels = jnp.float32(LATENTS), jnp.asarray(LABELS)
    params = parameters(network, z, labels)

    def product(params, z):
        images = network.apply({"params": params}, z, labels, train=True)
        return (images * jnp.float32(IMAGES)).sum(), images

    take = jax.jit(jax.grad(product, argnums=(0, 1), has_aux=True))
    (by_params, by_z), images = take(params, z)
    twin, z = Twin(torch, params), torch.tensor(LATENTS, requires_grad=True)
    made = twin.generator(z, torch.tensor(LABELS))
    value = (made * torch.tensor(IMAGES)).sum()
    check(images, made.detach().numpy())
    check(by_params, twin.gradients(value))
    check(by_z, torch.autograd.grad(value, z)[0].numpy())


def test_discriminator_is_that_of_pytorch():
    """Its logits, R1, and the parameters' gradients of both: R1's is a second one.

    R1 is of each image alone, as the penalties play it; the twin's of a whole batch.
    """
    torch = pytest.importorskip("torch")
    network, labels = r3gan.Discriminator(**SMALL), jnp.asarray(LABELS)
    x = jnp.float32(IMAGES)
    params = parameters(network, x, labels)

    def logits(params, x, labels):
        return network.apply({"params": params}, x, labels, train=True)

    def alone(params, x, label):
        return logits(params, x[None], label[None])[0]

    def slopes(params):
        slope = jax.grad(alone, argnums=1)
        return jax.vmap(slope, in_axes=(None, 0, 0))(params, x, labels)

    @jax.jit
    def found(params):
        weighted = lambda params: logits(params, x, labels) @ jnp.arange(1.0, 3.0)
        penalty = lambda params: (slopes(params) ** 2).sum()
        return (
            logits(params, x, labels),
            slopes(params),
            jax.grad(weighted)(params),
            jax.grad(penalty)(params),
        )

    twin, image = Twin(torch, params), torch.tensor(IMAGES, requires_grad=True)
    judged = twin.discriminator(image, torch.tensor(LABELS))
    (slope,) = torch.autograd.grad(judged.sum(), image, create_graph=True)
    scores, by_image, by_weighted, by_penalty = found(params)
    check(scores, judged.detach().numpy())
    check(by_image, slope.detach().numpy())
    check(by_weighted, twin.gradients((judged * torch.tensor([1.0, 2.0])).sum()))
    check(by_penalty, twin.gradients((slope**2).sum()))


def test_an_unconditional_discriminator_has_one_linear_head():
    """The last layers by NumPy, behind blocks that are the identity at first."""
    network, x = r3gan.Discriminator((8,), group_size=4), jnp.float32(IMAGES[:, :4, :4])
    logits, variables = jax.jit(network.init_with_output, static_argnames="train")(
        KEY, x, train=True
    )
    params = jax.tree.map(lambda p: np.asarray(p, np.float64), variables["params"])
    features = IMAGES[:, :4, :4] @ params["from_image"]["kernel"][0, 0]
    products = np.einsum("bhwc,hwc->bc", features, params["basis"]["images"])
    expected = products @ params["basis"]["linear"]["kernel"][:, 0]
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)


def check_spread(leaf, deviation):
    """N(0, deviation²), to five standard errors."""
    leaf = np.asarray(leaf, np.float64)
    error = 5 / (2 * leaf.size) ** 0.5
    np.testing.assert_allclose(leaf.std(), deviation, rtol=error)
    np.testing.assert_allclose(leaf.mean(), 0, atol=5 * deviation / leaf.size**0.5)


def test_initialisation_is_that_of_the_paper():
    """N(0, gain²/fan-in); in the 2 blocks of a network with sqrt(2/1.04) / 2^(1/4)."""
    how = {"widths": (64, 32), "blocks": 1, "group_size": 16, "num_classes": 200}
    labels, gain = jnp.zeros(1, jnp.int32), (2 / 1.04) ** 0.5 / 2**0.25
    for network, x in (
        (r3gan.Generator(8, 16, **how), jnp.zeros((1, 64))),
        (r3gan.Discriminator(**how), jnp.zeros((1, 8, 8, 16))),
    ):
        init = jax.jit(network.init, static_argnames="train")
        params = init(KEY, x, labels, train=True)["params"]
        for name, width in (("block_0_0", 64), ("block_1_0", 32)):
            block = params[name]
            check_spread(block["Conv_0"]["kernel"], gain / width**0.5)
            check_spread(block["Conv_1"]["kernel"], gain / (9 * 16) ** 0.5)
            assert block["Conv_1"]["kernel"].shape == (3, 3, 16, 2 * width)
            assert not block["Conv_2"]["kernel"].any()
            assert "bias" not in block["Conv_2"]
            assert not block["Conv_0"]["bias"].any()
        if "to_image" in params:
            check_spread(params["to_image"]["kernel"], 32**-0.5)
            check_spread(params["project_1"]["kernel"], 64**-0.5)
            check_spread(params["embedding"]["kernel"], 200**-0.5)
            check_spread(params["basis"]["images"], 1)
            check_spread(params["basis"]["linear"]["kernel"], 128**-0.5)
        else:
            check_spread(params["from_image"]["kernel"], 16**-0.5)
            check_spread(params["project_1"]["kernel"], 32**-0.5)
            check_spread(params["embedding"]["kernel"], (64 * 200) ** -0.5)
            check_spread(params["basis"]["images"], 1 / 4)
            check_spread(params["basis"]["linear"]["kernel"], 64**-0.5)


MILLIONS = {
    "stacked_mnist": (3, 0, "20.73", "20.68"),
    "cifar10": (3, 10, "20.78", "21.28"),
    "ffhq64": (3, 0, "22.43", "22.38"),
    "ffhq256": (3, 0, "23.06", "23.01"),
    "imagenet32": (3, 1000, "82.9", "86.55"),
    "imagenet64": (3, 1000, "103.6", "107.2"),
}
"""Channels and classes of the sets, and the networks' parameters in the paper.

It gives 86.6 for one of them, whose 86,548,992 become 86.55 and then 86.6.
"""


@pytest.mark.parametrize("name", MILLIONS)
def test_parameters_are_as_many_as_the_papers(name):
    channels, classes, *published = MILLIONS[name]
    config = PRESETS[name]
    size = config.resolution or 32
    labels = jnp.zeros(1, jnp.int32) if classes else None
    shape = (size, size, channels)
    data = types.SimpleNamespace(image_shape=shape, num_classes=classes)
    game = make_gan(config, data)
    z, images = jnp.zeros((1, 64)), jnp.zeros((1, *shape))
    networks = (game.generator, z), (game.discriminator, images)
    for (network, x), millions in zip(networks, published, strict=True):
        init = lambda key, play=network.init, x=x: play(key, x, labels, train=True)
        leaves = jax.tree.leaves(jax.eval_shape(init, KEY))
        count = sum(leaf.size for leaf in leaves) / 1e6
        digits = len(millions.partition(".")[2])
        assert f"{count:.{digits}f}" == millions


def test_only_the_finest_stages_compute_in_bfloat16():
    how = {**SMALL, "dtype": jnp.bfloat16, "fine_stages": 2}
    for network, x in (
        (r3gan.Generator(16, 2, **how), jnp.float32(LATENTS)),
        (r3gan.Discriminator(**how), jnp.float32(IMAGES)),
    ):

        def play(key, network=network, x=x):
            return network.init_with_output(
                key, x, LABELS, train=True, capture_intermediates=True
            )

        output, variables = jax.eval_shape(play, KEY)
        assert output.dtype == jnp.float32
        for leaf in jax.tree.leaves(variables["params"]):
            assert leaf.dtype == jnp.float32
        seen = variables["intermediates"]
        for stage, dtype in enumerate(["float32", "bfloat16", "bfloat16"]):
            for conv in ("Conv_0", "Conv_1", "Conv_2"):
                (y,) = seen[f"block_{stage}_0"][conv]["__call__"]
                assert y.dtype == dtype


def test_what_does_not_fit_is_refused():
    def make(network, x, labels=None):
        jax.eval_shape(lambda key: network.init(key, x, labels, train=True), KEY)

    z, images = jnp.zeros((1, 4)), jnp.zeros((1, 16, 12, 1))
    with pytest.raises(InputError, match="28x28"):
        make(r3gan.Generator(28, 1, WIDTHS), z)
    with pytest.raises(InputError, match="32x32"):
        make(r3gan.Generator(32, 1, WIDTHS), z)
    with pytest.raises(InputError, match="16x12"):
        make(r3gan.Discriminator(WIDTHS), images)
    with pytest.raises(InputError, match="group_size=16"):
        make(r3gan.Generator(4, 1, (12,)), z)
    with pytest.raises(InputError, match="no labels"):
        make(r3gan.Generator(16, 1, WIDTHS, num_classes=3), z)
    with pytest.raises(InputError, match="num_classes=0"):
        make(r3gan.Generator(16, 1, WIDTHS), z, jnp.zeros(1, jnp.int32))
