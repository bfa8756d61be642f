"""DINOv2 against PyTorch and transformers with random weights, in both namings."""

import importlib

import jax
import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.metrics.features import dinov2

_WIDTH, _DEPTH, _HEADS = 128, 3, 2

_SHAPES = {
    "norm1.weight": (_WIDTH,),
    "norm1.bias": (_WIDTH,),
    "attn.qkv.weight": (3 * _WIDTH, _WIDTH),
    "attn.qkv.bias": (3 * _WIDTH,),
    "attn.proj.weight": (_WIDTH, _WIDTH),
    "attn.proj.bias": (_WIDTH,),
    "ls1.gamma": (_WIDTH,),
    "norm2.weight": (_WIDTH,),
    "norm2.bias": (_WIDTH,),
    "mlp.fc1.weight": (4 * _WIDTH, _WIDTH),
    "mlp.fc1.bias": (4 * _WIDTH,),
    "mlp.fc2.weight": (_WIDTH, 4 * _WIDTH),
    "mlp.fc2.bias": (_WIDTH,),
    "ls2.gamma": (_WIDTH,),
}
_HUGGING_FACE = {
    "cls_token": "embeddings.cls_token",
    "mask_token": "embeddings.mask_token",
    "pos_embed": "embeddings.position_embeddings",
    "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
    "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
    "norm.weight": "layernorm.weight",
    "norm.bias": "layernorm.bias",
}
_IN_BLOCKS = {
    "attn.proj": "attention.output.dense",
    "ls1.gamma": "layer_scale1.lambda1",
    "ls2.gamma": "layer_scale2.lambda1",
}


@pytest.fixture
def arrays():
    """Random weights in Meta's names, strong enough that every part is felt."""
    random = np.random.default_rng(0)
    shapes = {
        "cls_token": (1, 1, _WIDTH),
        "mask_token": (1, _WIDTH),
        "pos_embed": (1, 1 + 37 * 37, _WIDTH),
        "patch_embed.proj.weight": (_WIDTH, 3, 14, 14),
        "patch_embed.proj.bias": (_WIDTH,),
        "norm.weight": (_WIDTH,),
        "norm.bias": (_WIDTH,),
    }
    for block in range(_DEPTH):
        shapes.update({f"blocks.{block}.{name}": s for name, s in _SHAPES.items()})
    scale = lambda shape: 1 if len(shape) < 2 else np.sqrt(2 / np.prod(shape[1:]))
    found = {n: scale(s) * random.normal(size=s) for n, s in shapes.items()}
    # Of unit size, or neighbouring patches would hardly differ by their places.
    found["pos_embed"] = random.normal(size=shapes["pos_embed"])
    return {name: array.astype(np.float32) for name, array in found.items()}


def _as_hugging_face(arrays):
    """The same weights as transformers stores them."""
    found = {}
    for name, array in arrays.items():
        if not name.startswith("blocks."):
            found[_HUGGING_FACE[name]] = array
            continue
        _, block, rest = name.split(".", 2)
        prefix = f"encoder.layer.{block}."
        if rest.startswith("attn.qkv."):
            kind = rest.rpartition(".")[2]
            parts = np.split(array, 3)
            for part, values in zip(("query", "key", "value"), parts, strict=True):
                found[f"{prefix}attention.attention.{part}.{kind}"] = values
            continue
        for metas, theirs in _IN_BLOCKS.items():
            rest = rest.replace(metas, theirs)
        found[prefix + rest] = array
    return found


def _images(seed: int, size: int = 224) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, size, size, 3)).astype("f4")


def _reference(torch, arrays, x):
    """Meta's network in the words of torch.nn.functional, for square images."""
    F = torch.nn.functional
    w = {name: torch.tensor(array) for name, array in arrays.items()}
    norm = lambda x, n: F.layer_norm(
        x, (_WIDTH,), w[f"{n}.weight"], w[f"{n}.bias"], 1e-6
    )  # fmt: skip
    linear = lambda x, n: F.linear(x, w[f"{n}.weight"], w[f"{n}.bias"])
    side = x.shape[1] // 14
    x = torch.tensor(x.transpose(0, 3, 1, 2))
    x = F.conv2d(
        x, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride=14
    )  # fmt: skip
    places = w["pos_embed"][:, 1:].reshape(1, 37, 37, _WIDTH).permute(0, 3, 1, 2)
    factor = float(side + 0.1) / 37
    places = F.interpolate(places, scale_factor=(factor, factor), mode="bicubic")
    patches = (x + places).flatten(2).transpose(1, 2)
    first = (w["cls_token"] + w["pos_embed"][:, :1]).expand(len(x), 1, -1)
    x = torch.cat([first, patches], dim=1)
    heads = lambda y: y.unflatten(-1, (_HEADS, -1)).transpose(1, 2)
    for i in range(_DEPTH):
        b = f"blocks.{i}."
        q, k, v = linear(norm(x, f"{b}norm1"), f"{b}attn.qkv").chunk(3, dim=-1)
        y = F.scaled_dot_product_attention(heads(q), heads(k), heads(v))
        y = linear(y.transpose(1, 2).flatten(2), f"{b}attn.proj")
        x = x + w[f"{b}ls1.gamma"] * y
        y = F.gelu(linear(norm(x, f"{b}norm2"), f"{b}mlp.fc1"))
        x = x + w[f"{b}ls2.gamma"] * linear(y, f"{b}mlp.fc2")
    return norm(x, "norm")[:, 0]


def _assert_close(found, expected):
    limit = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=limit)


@pytest.mark.parametrize("size", [224, 98])
def test_features_are_those_of_metas_network(arrays, size):
    torch = pytest.importorskip("torch")
    x = _images(1, size)
    with torch.no_grad():
        expected = _reference(torch, arrays, x).numpy()
    found = dinov2.features(dinov2.prepare(arrays, size=size), x)
    _assert_close(found, expected)


def test_features_are_those_of_transformers(arrays, tmp_path):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = transformers.Dinov2Config(
        hidden_size=_WIDTH, num_hidden_layers=_DEPTH, num_attention_heads=_HEADS,
        image_size=518, patch_size=14,
    )  # fmt: skip
    model = transformers.Dinov2Model(config).eval()
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=random)
        x = _images(2)
        seen = model(torch.tensor(x.transpose(0, 3, 1, 2)))
    # The names in a file are not those of the module.
    model.save_pretrained(tmp_path)
    load_file = importlib.import_module("safetensors.numpy").load_file
    params = dinov2.prepare(load_file(tmp_path / "model.safetensors"), offset=0)
    _assert_close(dinov2.features(params, x), seen.pooler_output.numpy())


def test_both_namings_are_one_network(arrays):
    metas = dinov2.prepare(arrays)
    theirs = dinov2.prepare(_as_hugging_face(arrays))
    jax.tree.map(np.testing.assert_array_equal, metas, theirs)


def test_depth_and_width_are_read_off_the_weights(arrays):
    one = {
        k: v for k, v in arrays.items() if not k.startswith(("blocks.1", "blocks.2"))
    }
    params = dinov2.prepare(one)
    assert params["blocks"]["attn.qkv"]["kernel"].shape == (1, _WIDTH, 3 * _WIDTH)
    assert params["position"].shape == (1, 256, _WIDTH)


def test_position_embeddings_stay_at_the_trained_size(arrays):
    params = dinov2.prepare(arrays, size=518)
    np.testing.assert_array_equal(params["position"], arrays["pos_embed"][:, 1:])


def test_other_weights_are_refused(arrays):
    registers = np.zeros((1, 4, _WIDTH), np.float32)
    with pytest.raises(InputError, match="registers"):
        dinov2.prepare({**arrays, "register_tokens": registers})
    with pytest.raises(InputError, match="0 blocks"):
        dinov2.prepare({"fc.weight": registers})
    without = _as_hugging_face(arrays)
    del without["encoder.layer.1.attention.attention.key.bias"]
    with pytest.raises(InputError, match=r"blocks\.1\.attn\.qkv\.bias"):
        dinov2.prepare(without)
    with pytest.raises(InputError, match=r"pos_embed.*\(1, 1370, 128\)"):
        dinov2.prepare({**arrays, "pos_embed": arrays["pos_embed"][:, :257]})


def test_other_sizes_are_refused(arrays):
    with pytest.raises(InputError, match="multiple of 14"):
        dinov2.prepare(arrays, size=225)
    with pytest.raises(InputError, match="98 x 98"):
        dinov2.features(dinov2.prepare(arrays), _images(0, 98))
