"""The FID Inception network against torch-fidelity's, with the same random weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxgan.checks import InputError
from jaxgan.metrics.features import inception, layers, resize
from tests.metrics.features.random_weights import random_arrays

# Eight values, at equal steps, of each output for the first of `images()`: computed by
# torch-fidelity 0.4.0 in float32 with `random_arrays(inception.shapes(), 0)`.
STORED = {
    "64": [
        0.05970032,
        0.01131588,
        0.1183199,
        0.1090708,
        0.1683885,
        0.09342197,
        0.2378712,
        0.01960449,
    ],
    "192": [
        0.0317898,
        0.423174,
        0.009854177,
        0.3348471,
        0.7929684,
        0.08774497,
        0.6336232,
        0.03727266,
    ],
    "768": [
        0.003179125,
        0.0008687312,
        1.742043,
        0.3791655,
        0.7159537,
        0.04948666,
        0.5274535,
        0.4244146,
    ],
    "2048": [
        0.0003792032,
        0.0,
        2.092858,
        1.185817,
        0.04859154,
        0.1636786,
        0.002774767,
        0.007395137,
    ],
    "logits_unbiased": [
        -0.7671472,
        -2.127436,
        -0.6972807,
        -0.08577883,
        1.606051,
        0.5262302,
        1.286466,
        -0.1834407,
    ],
    "logits": [
        -0.8655632,
        -2.144666,
        -0.6426383,
        0.02216401,
        1.46079,
        0.3319916,
        1.325599,
        -0.1038296,
    ],
}


@pytest.fixture(scope="module")
def arrays():
    return random_arrays(inception.shapes(), 0)


@pytest.fixture(scope="module")
def params(arrays):
    return jax.device_put(inception.prepare(arrays))


def images(seed=0):
    """Three images of another size than the network's: of blocks, which it tells."""
    rng = np.random.Generator(np.random.PCG64(seed))
    blocks = rng.integers(0, 256, (3, 4, 5, 3), np.uint8)
    return blocks.repeat(12, axis=1).repeat(8, axis=2)


def judged(pixels):
    """The images as torch-fidelity's protocol gives them to the network."""
    resized = resize.tf1_bilinear(pixels, inception.SIDE)
    return inception.normalise(resized, "torch-fidelity")


@jax.jit
def everything(params, x):
    return inception.features(params, x, inception.OUTPUTS)


@pytest.fixture(scope="module")
def ours(params):
    return jax.device_get(everything(params, judged(images())))


def distance(x, y):
    return np.linalg.norm(np.asarray(x) - y) / np.linalg.norm(y)


def test_features_are_torch_fidelity_s(ours, arrays, torch_fidelity, tmp_path):
    torch = pytest.importorskip("torch")
    module = torch_fidelity("feature_extractor_inceptionv3")
    path = str(tmp_path / "weights.pth")
    torch.save({name: torch.from_numpy(a) for name, a in arrays.items()}, path)
    network = module.FeatureExtractorInceptionV3(
        "random", list(inception.OUTPUTS), feature_extractor_weights_path=path
    )
    theirs = network(torch.from_numpy(images()).permute(0, 3, 1, 2))
    for name, output in zip(inception.OUTPUTS, theirs, strict=True):
        assert ours[name].shape == tuple(output.shape)
        assert distance(ours[name], output.numpy()) < 1e-5, name


@pytest.mark.parametrize("name", inception.OUTPUTS)
def test_features_are_the_stored_ones(name, ours):
    output = ours[name][0]
    found = output[:: len(output) // 8][:8]
    assert distance(found, np.asarray(STORED[name])) < 2e-5


def test_an_image_s_features_do_not_depend_on_the_others(ours, params):
    others = images(seed=1)
    others[1] = images()[1]
    again = everything(params, judged(others))
    for name in inception.OUTPUTS:
        np.testing.assert_array_equal(again[name][1], ours[name][1])
        assert (again[name][0] != ours[name][0]).any()


def test_nothing_is_computed_after_the_last_output_wanted(params):
    def products(*wanted):
        x = jnp.zeros((1, inception.SIDE, inception.SIDE, 3))
        call = jax.make_jaxpr(lambda x: inception.features(params, x, wanted))
        return str(call(x)).count("Precision.HIGHEST")

    assert 0 < products("64") < products("64", "192") < products("768")
    assert products("768", "64") == products("768")
    assert products("768") < products("2048") < products("2048", "logits")


def test_outputs_come_as_wanted(params, ours):
    x = judged(images())
    found = jax.jit(inception.features, static_argnames="wanted")(
        params, x, wanted=("192", "64")
    )
    assert list(found) == ["192", "64"]
    assert distance(found["64"], ours["64"]) < 1e-6


def test_logits_differ_by_the_bias(arrays, ours):
    difference = ours["logits"] - ours["logits_unbiased"]
    np.testing.assert_allclose(
        difference, np.tile(arrays["fc.bias"], (3, 1)), atol=1e-5
    )


def test_missing_arrays_are_listed(arrays):
    part = {
        name: array
        for name, array in arrays.items()
        if name not in ("fc.bias", "Mixed_7a.branch3x3_1.bn.running_var")
    }
    with pytest.raises(InputError, match=r"2 of .*Mixed_7a.branch3x3_1.*fc\.bias"):
        inception.prepare(part)
    with pytest.raises(InputError, match=r", \.\.\."):
        inception.prepare({})


def test_another_network_s_shapes_are_refused(arrays):
    torchvision = arrays | {"fc.weight": np.zeros((1000, 2048), np.float32)}
    with pytest.raises(InputError, match="1008"):
        inception.prepare(torchvision)


def test_a_file_has_as_many_numbers_as_the_published_one():
    shapes = inception.shapes().values()
    assert len(shapes) == 472
    assert sum(int(np.prod(shape)) for shape in shapes) == 23_885_392


def test_other_images_and_names_are_refused(params):
    with pytest.raises(InputError, match="299"):
        inception.features(params, np.zeros((1, 256, 256, 3), np.float32))
    x = np.zeros((1, inception.SIDE, inception.SIDE, 3), np.float32)
    with pytest.raises(InputError, match="pool3"):
        inception.features(params, x, ["pool3"])
    with pytest.raises(InputError, match="clean-fid"):
        inception.normalise(x, "tensorflow")


def test_a_folded_batch_norm_is_the_batch_norm(arrays, params):
    name = "Conv2d_1a_3x3"
    norm = {
        of: arrays[f"{name}.bn.{of}"].astype(np.float64)
        for of in ("weight", "bias", "running_mean", "running_var")
    }
    x = judged(images())[:, :31, :31]
    plain = layers.conv(
        {"kernel": layers.kernel(arrays[f"{name}.conv.weight"])}, x, stride=2
    )
    centred = np.asarray(plain, np.float64) - norm["running_mean"]
    scale = norm["weight"] / np.sqrt(norm["running_var"] + 1e-3)
    folded = layers.conv(params[name], x, stride=2)
    assert distance(folded, centred * scale + norm["bias"]) < 1e-6


def test_protocols_normalise_to_the_same_range():
    ends = np.array([0, 255], np.float32)
    for protocol in inception.PROTOCOLS:
        low, high = inception.normalise(ends, protocol)
        as_pixels = inception.normalise(ends.astype(np.uint8), protocol)
        np.testing.assert_array_equal(as_pixels, [low, high])
        assert low == -1
        assert 0.99 < high <= 1


@pytest.mark.parametrize(
    ("size", "stride", "padding"), [(3, 2, 0), (3, 1, 1), (2, 2, 0)]
)
def test_max_pool(size, stride, padding):
    x = np.random.default_rng(0).normal(size=(2, 9, 11, 4)).astype(np.float32) - 3
    pads = [(0, 0), (padding, padding), (padding, padding), (0, 0)]
    window, strides = (1, size, size, 1), (1, stride, stride, 1)
    expected = lax.reduce_window(x, -np.inf, lax.max, window, strides, pads)
    found = layers.max_pool(x, size, stride=stride, padding=padding)
    np.testing.assert_array_equal(found, expected)


def test_mean_pool_leaves_the_padding_out():
    x = np.random.default_rng(0).normal(size=(2, 9, 11, 4)).astype(np.float32)
    found = layers.mean_pool(x)
    for i, j in [(0, 0), (0, 5), (4, 10), (3, 3), (8, 10)]:
        window = x[:, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        np.testing.assert_allclose(found[:, i, j], window.mean((1, 2)), atol=1e-6)
