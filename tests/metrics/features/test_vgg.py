"""VGG-16 and LPIPS against PyTorch, with random weights: values and gradients."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.metrics.features import lpips, vgg

# Torchvision's configuration D: channels, and M for a maximum over 2 x 2 pixels.
_LAYERS = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M"]
_LAYERS += [512, 512, 512, "M", 512, 512, 512]
_TAKEN = (3, 8, 15, 22, 29)  # the rectifiers before the maxima
_WIDTHS = (64, 128, 256, 512, 512)

_distance = jax.jit(lpips.distance)


@pytest.fixture(scope="module")
def arrays():
    random, found, number, channels = np.random.default_rng(0), {}, 0, 3
    for width in _LAYERS:
        if width == "M":
            number += 1
            continue
        scale = np.sqrt(2 / (9 * channels))
        weight = random.normal(0, scale, (width, channels, 3, 3))
        found[f"features.{number}.weight"] = weight.astype(np.float32)
        bias = random.normal(0, 0.1, width)
        found[f"features.{number}.bias"] = bias.astype(np.float32)
        number, channels = number + 2, width
    return found


@pytest.fixture(scope="module")
def heads():
    random = np.random.default_rng(1)
    return {
        f"lin{i}.model.1.weight": random.uniform(0, 1, (1, width, 1, 1)).astype("f4")
        for i, width in enumerate(_WIDTHS)
    }


def _images(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def _torch_features(torch, arrays):
    """The network as torchvision builds it, and what it gives at the rectifiers."""
    layers, channels = [], 3
    for width in _LAYERS:
        if width == "M":
            layers.append(torch.nn.MaxPool2d(2, 2))
        else:
            layers += [torch.nn.Conv2d(channels, width, 3, padding=1), torch.nn.ReLU()]
            channels = width
    network = torch.nn.Sequential(*layers)
    named = {k.removeprefix("features."): torch.tensor(v) for k, v in arrays.items()}
    network.load_state_dict(named)

    def features(x):
        taken = []
        for number, layer in enumerate(network):
            x = layer(x)
            if number in _TAKEN:
                taken.append(x)
        return taken

    return features


def _torch_distance(torch, arrays, heads):
    features = _torch_features(torch, arrays)
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)

    def unit(y):
        return y / (y.pow(2).sum(1, keepdim=True).sqrt() + 1e-10)

    def distance(a, b):
        total = 0
        of_a, of_b = (features((x - shift) / scale) for x in (a, b))
        for i, (y, z) in enumerate(zip(of_a, of_b, strict=True)):
            head = torch.tensor(heads[f"lin{i}.model.1.weight"])
            apart = (unit(y) - unit(z)) ** 2
            total = total + torch.nn.functional.conv2d(apart, head).mean((1, 2, 3))
        return total

    return distance


@jax.jit
def _distance_and_gradient(params, a, b):
    found, back = jax.vjp(lambda x: lpips.distance(params, x, b), a)
    return found, back(jnp.ones(len(a)))[0]


def _nchw(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def _assert_close(found, expected, rtol=1e-5):
    expected = np.asarray(expected)
    limit = rtol * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=limit)


def test_features_are_those_of_pytorch(arrays):
    torch = pytest.importorskip("torch")
    x = _images(2, 1, 33, 16, 3)
    with torch.no_grad():
        expected = _torch_features(torch, arrays)(torch.tensor(_nchw(x)))
    found = jax.jit(vgg.features)(vgg.prepare(arrays), x)
    assert list(found) == ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"]
    for y, z in zip(found.values(), expected, strict=True):
        _assert_close(y, z.numpy().transpose(0, 2, 3, 1))


def test_distance_and_its_gradient_are_those_of_pytorch(arrays, heads):
    torch = pytest.importorskip("torch")
    a, b = _images(3, 2, 16, 16, 3), _images(4, 2, 16, 16, 3)
    on_torch = torch.tensor(_nchw(a), requires_grad=True)
    expected = _torch_distance(torch, arrays, heads)(on_torch, torch.tensor(_nchw(b)))
    expected.sum().backward()
    params = lpips.prepare(arrays, heads)
    found, gradient = _distance_and_gradient(params, a, b)
    _assert_close(found, expected.detach())
    _assert_close(gradient, on_torch.grad.numpy().transpose(0, 2, 3, 1), rtol=1e-4)


def test_gradient_is_finite_where_a_layer_is_silent(arrays, heads):
    silent = {**arrays, "features.2.bias": np.full(64, -1e3, np.float32)}
    params = lpips.prepare(silent, heads)
    a, b = _images(5, 2, 16, 16, 3), _images(6, 2, 16, 16, 3)
    values, gradient = _distance_and_gradient(params, a, b)
    np.testing.assert_array_equal(values, 0)
    np.testing.assert_array_equal(gradient, 0)


def test_diversity_is_the_mean_over_all_pairs(arrays, heads):
    params = lpips.prepare(arrays, heads)
    images = _images(7, 2, 3, 16, 16, 3)
    images[1] *= 0.1
    spread = jax.jit(lpips.diversity)(params, images)
    pairs = np.array(list(itertools.combinations(range(3), 2)))
    for found, samples in zip(spread, images, strict=True):
        apart = _distance(params, samples[pairs[:, 0]], samples[pairs[:, 1]])
        _assert_close(found, apart.mean())


def test_other_input_is_refused(arrays, heads):
    params = lpips.prepare(arrays, heads)
    x = _images(8, 1, 16, 16, 3)
    with pytest.raises(InputError, match="16 x 16"):
        lpips.distance(params, x[:, :15], x[:, :15])
    with pytest.raises(TypeError, match="floating"):
        vgg.features(params["vgg"], x.astype(np.uint8))
    with pytest.raises(InputError, match="two or more"):
        lpips.diversity(params, x[None])
    with pytest.raises(ValueError, match="equal shapes"):
        lpips.distance(params, x, x.repeat(2, 0))
    with pytest.raises(InputError, match=r"features\.28\.bias"):
        vgg.prepare({k: v for k, v in arrays.items() if k != "features.28.bias"})
    with pytest.raises(InputError, match="lin0"):
        lpips.prepare(arrays, {})
