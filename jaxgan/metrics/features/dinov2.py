"""DINOv2's vision transformers ViT-S/14, ViT-B/14 and ViT-L/14.

The weights are Meta's (Apache-2.0, © Meta Platforms): ``dinov2_vitl14_pretrain.pth`` of
github.com/facebookresearch/dinov2, or ``facebook/dinov2-large`` on Hugging Face, which
is converted from it. Models with registers and the ViT-g/14, which has a different MLP,
are rejected.

The two implementations differ slightly. The position embeddings cover a grid of 37 x 37
patches, but 224 pixels need 16 x 16. Meta's code resizes them by the factor
(16 + 0.1) / 37, transformers to the size 16: `prepare` follows Meta's code, which
DGM-eval and torch-fidelity call, and transformers with ``offset=0``.

References:
    Oquab et al. 2023, DINOv2: Learning Robust Visual Features without Supervision.
    Stein et al. 2023, Exposing Flaws of Generative Model Evaluation Metrics and Their
    Unfair Treatment of Diffusion Models: the Fréchet distance of these features.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float, Real

from jaxgan.checks import InputError, check_floating
from jaxgan.metrics.features.layers import Arrays, conv, dense, kernel, take
from jaxgan.metrics.inputs import AnyArray
from jaxgan.typing import Array

SIZE = 224
"""Height and width of the input in pixels."""

RESIZES = {"dgm-eval": "pil_bicubic_uint8", "torch-fidelity": "tf1_bilinear"}
"""The function of `jaxgan.metrics.features.resize` by which each library resizes images
to `SIZE`. Their results differ: state which one was used."""

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
"""ImageNet's mean and standard deviation, for pixels in 0 ... 1."""

_PATCH = 14  # pixels
_GRID = 37  # patches along a side of the images that the weights were trained for
_HEAD = 64  # channels of a head of attention
_EPSILON = 1e-6  # of every layer norm

_FROM_HUGGING_FACE = (
    ("embeddings.patch_embeddings.projection.", "patch_embed.proj."),
    ("embeddings.position_embeddings", "pos_embed"),
    ("embeddings.", ""),
    ("encoder.layer.", "blocks."),
    (".attention.attention.", ".attn."),
    (".attention.output.dense.", ".attn.proj."),
    (".layer_scale1.lambda1", ".ls1.gamma"),
    (".layer_scale2.lambda1", ".ls2.gamma"),
    ("layernorm.", "norm."),
)
"""Parts of names in transformers' files and Meta's equivalents, replaced in this order.
None occurs in Meta's own names."""


def normalise(images: Real[AnyArray, "n h w 3"]) -> Float[np.ndarray, "n h w 3"]:
    """Returns pixels in 0 ... 255 as the network's float32 input, on the host.

    Example:
        >>> normalise(np.full((1, 1, 1, 3), 255, np.uint8)).ravel().round(2)
        array([2.25, 2.43, 2.64], dtype=float32)
    """
    return (np.asarray(images, np.float32) / 255 - MEAN) / STD


def prepare(arrays: Arrays, *, size: int = SIZE, offset: float = 0.1) -> dict[str, Any]:
    """Returns the parameters for images of one size; the file sets depth and width.

    Args:
        arrays: a state dict in Meta's names or in those of transformers' files.
        size: height and width of the input in pixels, a multiple of 14.
        offset: patches added to the side of the grid in the scale of the position
            embeddings: 0.1 as in Meta's code, 0 as in transformers.

    Raises:
        InputError: if an array is missing, has the wrong shape or is unknown.
    """
    if size < _PATCH or size % _PATCH:
        raise InputError(f"size must be a multiple of {_PATCH}, got {size}.")
    named = _named_as_meta(arrays)
    width, depth = _extent(named)
    outer = {name: take(named, name, s) for name, s in _outer_shapes(width).items()}
    blocks = {
        name: np.stack([take(named, f"blocks.{i}.{name}", s) for i in range(depth)])
        for name, s in _block_shapes(width).items()
    }
    _check_all_known(named, outer, blocks, depth)
    position = _position(outer["pos_embed"], size // _PATCH, offset)
    return {
        "patch": {
            "kernel": kernel(outer["patch_embed.proj.weight"]),
            "bias": outer["patch_embed.proj.bias"],
        },
        "class": outer["cls_token"] + position[:, :1],
        "position": position[:, 1:],
        "blocks": _by_layer(blocks),
        "norm": {"weight": outer["norm.weight"], "bias": outer["norm.bias"]},
    }


def features(params: Any, x: Real[AnyArray, "n s s 3"]) -> Float[Array, "n d"]:
    """Returns the class token after the last norm; d = 384, 768 or 1024.

    Args:
        params: parameters from `prepare`, for the size s.
        x: images from `normalise`.
    """
    check_floating(x=x)
    patches = conv(params["patch"], x, stride=_PATCH)
    n, height, width, d = patches.shape
    if height * width != params["position"].shape[1]:
        raise InputError(
            f"The images have {x.shape[1]} x {x.shape[2]} pixels, but the parameters "
            "were prepared for another size; resize the images or prepare for theirs."
        )
    first = jnp.broadcast_to(params["class"], (n, 1, d))
    placed = patches.reshape(n, -1, d) + params["position"]
    tokens = jnp.concatenate([first, placed], axis=1)
    # A scan compiles one block, not 24.
    tokens, _ = lax.scan(_block, tokens, params["blocks"])
    return _norm(params["norm"], tokens[:, :1])[:, 0]


def _block(tokens: Array, layers: Mapping[str, Any]) -> tuple[Array, None]:
    """Applies one transformer block to tokens ``[n t d]``, as the body of a scan."""
    attended = _attention(layers, _norm(layers["norm1"], tokens))
    tokens = tokens + _row(layers["ls1"]["gamma"]) * attended
    hidden = dense(layers["mlp.fc1"], _norm(layers["norm2"], tokens))
    changed = dense(layers["mlp.fc2"], jax.nn.gelu(hidden, approximate=False))
    return tokens + _row(layers["ls2"]["gamma"]) * changed, None


def _attention(layers: Mapping[str, Any], x: Array) -> Array:
    n, t, d = x.shape
    split = dense(layers["attn.qkv"], x).reshape(n, t, 3, d // _HEAD, _HEAD)
    query, key, value = (split[:, :, i] for i in range(3))
    exact = lax.Precision.HIGHEST
    alike = jnp.einsum("nqhc,nkhc->nhqk", query * _HEAD**-0.5, key, precision=exact)
    share = jax.nn.softmax(alike, axis=-1)
    mixed = jnp.einsum("nhqk,nkhc->nqhc", share, value, precision=exact)
    return dense(layers["attn.proj"], mixed.reshape(n, t, d))


def _norm(layer: Mapping[str, Any], x: Array) -> Array:
    """Returns the layer norm of ``x`` ``[n t d]``."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = jnp.mean(centred**2, axis=-1, keepdims=True)
    scaled = centred * lax.rsqrt(variance + _EPSILON)
    return scaled * _row(layer["weight"]) + _row(layer["bias"])


def _row(vector: AnyArray) -> AnyArray:
    return vector.reshape(1, 1, -1)


def _named_as_meta(arrays: Arrays) -> dict[str, np.ndarray]:
    named = {_meta_name(name): array for name, array in arrays.items()}
    for query in [name for name in named if ".attn.query." in name]:
        parts = [query.replace("query", part) for part in ("query", "key", "value")]
        if all(part in named for part in parts):
            joined = np.concatenate([named.pop(part) for part in parts])
            named[query.replace("query", "qkv")] = joined
    return named


def _meta_name(name: str) -> str:
    for theirs, metas in _FROM_HUGGING_FACE:
        name = name.replace(theirs, metas)
    return name


def _extent(named: Arrays) -> tuple[int, int]:
    """Returns the number of channels of a token and the number of blocks."""
    blocks = {name.split(".")[1] for name in named if name.startswith("blocks.")}
    width = named["cls_token"].size if "cls_token" in named else 0
    if not blocks or not width or width % _HEAD:
        raise InputError(
            f"The weights are not DINOv2's: they have {len(blocks)} blocks and a class "
            f"token of {width} channels, expected a multiple of {_HEAD}. They have "
            f"{', '.join(sorted(named)[:3])}, ..."
        )
    return width, len(blocks)


def _outer_shapes(d: int) -> dict[str, tuple[int, ...]]:
    return {
        "cls_token": (1, 1, d),
        "pos_embed": (1, 1 + _GRID**2, d),
        "patch_embed.proj.weight": (d, 3, _PATCH, _PATCH),
        "patch_embed.proj.bias": (d,),
        "norm.weight": (d,),
        "norm.bias": (d,),
    }


def _block_shapes(d: int) -> dict[str, tuple[int, ...]]:
    vectors = ("norm1.weight", "norm1.bias", "ls1.gamma")
    vectors += ("norm2.weight", "norm2.bias", "ls2.gamma")
    matrices = {
        "attn.qkv": (3 * d, d),
        "attn.proj": (d, d),
        "mlp.fc1": (4 * d, d),
        "mlp.fc2": (d, 4 * d),
    }
    return {
        **{name: (d,) for name in vectors},
        **{f"{name}.weight": shape for name, shape in matrices.items()},
        **{f"{name}.bias": shape[:1] for name, shape in matrices.items()},
    }


def _check_all_known(
    named: Arrays, outer: Iterable[str], blocks: Iterable[str], depth: int
) -> None:
    """Raises InputError for arrays that would be ignored, such as registers."""
    known = {*outer, "mask_token"}
    known.update(f"blocks.{i}.{name}" for name in blocks for i in range(depth))
    if unknown := sorted(named.keys() - known):
        raise InputError(
            f"The weights have {unknown[0]!r}, which this network does not use: they "
            "belong to another one. DINOv2 with registers is not supported."
        )


def _by_layer(arrays: Arrays) -> dict[str, dict[str, np.ndarray]]:
    """Groups arrays ``[depth ...]`` by layer, matrices as kernels ``[depth i o]``."""
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        layer, _, kind = name.rpartition(".")
        if array.ndim == 3:
            kind, array = "kernel", array.swapaxes(1, 2)
        layers.setdefault(layer, {})[kind] = array
    return layers


def _position(table: np.ndarray, grid: int, offset: float) -> np.ndarray:
    """Returns position embeddings ``[1 1+grid² d]`` of the class token and patches."""
    if grid == _GRID:  # where both libraries leave them as they are
        return table
    d = table.shape[-1]
    square = table[0, 1:].reshape(_GRID, _GRID, d).astype(np.float64)
    along = _bicubic(grid, scale=(grid + offset) / _GRID)
    resized = np.einsum("yi,xj,ijd->yxd", along, along, square, optimize=True)
    patches = resized.reshape(1, grid**2, d).astype(np.float32)
    return np.concatenate([table[:, :1], patches], axis=1)


def _bicubic(size: int, scale: float) -> np.ndarray:
    """Returns PyTorch's bicubic resize of a line of 37 as a matrix ``[size 37]``.

    Coordinates refer to pixel centres, shrinking applies no antialiasing filter, and
    positions outside repeat the border.
    """
    places = (np.arange(size) + 0.5) / scale - 0.5
    matrix = np.zeros((size, _GRID))
    for step in (-1, 0, 1, 2):
        neighbours = np.floor(places) + step
        inside = np.clip(neighbours, 0, _GRID - 1).astype(int)
        np.add.at(matrix, (np.arange(size), inside), _cubic(places - neighbours))
    return matrix


def _cubic(x: np.ndarray, a: float = -0.75) -> np.ndarray:
    """Returns Keys's cubic kernel at distances of at most 2."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x**2 + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, near, far)
