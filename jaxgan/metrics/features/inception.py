"""The Inception-v3 network of FID, KID and the Inception score.

It is the network of Google's archive inception-2015-12-05 with 1008 classes, whose
weights mseitzer/pytorch-fid converted to PyTorch (Apache-2.0, as Google's are). They
are not part of this package. It differs from torchvision's network in its pools:
averages leave out the padding, and the last block takes a maximum.

Features of different protocols are not comparable, though the network is the same::

    name            resize to 299 x 299           pixel p in 0 ... 255 becomes
    torch-fidelity  TensorFlow 1's bilinear       (p - 128) / 128
    pytorch-fid     PyTorch's bilinear            2 p / 255 - 1
    clean-fid       Pillow's bicubic, in floats   (p - 128) / 128
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np

from jaxgan.checks import InputError
from jaxgan.metrics.features import layers, resize
from jaxgan.metrics.features.layers import Arrays, take

SIDE = 299
"""Height and width of the network's images, in pixels."""


class Protocol(NamedTuple):
    """How pixels in 0 ... 255 become what the network takes."""

    resize: Callable[[np.ndarray, resize.Size], np.ndarray]
    normalise: Callable[[Any], Any]


def _about_128(pixels: Any) -> Any:
    return (pixels - 128) / 128


def _about_half(pixels: Any) -> Any:
    return 2 * (pixels / 255) - 1


PROTOCOLS = {
    "torch-fidelity": Protocol(resize.tf1_bilinear, _about_128),
    "pytorch-fid": Protocol(resize.torch_bilinear, _about_half),
    "clean-fid": Protocol(resize.pil_bicubic, _about_128),
}

OUTPUTS = ("64", "192", "768", "2048", "logits_unbiased", "logits")
"""What `features` can return, in the network's order, by torch-fidelity's names."""


class Conv(NamedTuple):
    """A convolution without bias, then a batch norm and a ReLU.

    Attributes:
        features: output channels.
        high: the kernel's height in pixels.
        wide: its width.
        stride: along both sides; more than 1 also means no padding.
        padded: whether borders of zeros keep the size, at stride 1.
        averaged: whether the input is averaged over 3 x 3 pixels first.
        name: in the file of weights.
    """

    features: int
    high: int = 1
    wide: int = 1
    stride: int = 1
    padded: bool = True
    averaged: bool = False
    name: str = ""


class Pool(NamedTuple):
    """A maximum over 3 x 3 pixels."""

    stride: int
    padding: int = 0


class Block(NamedTuple):
    """Branches side by side; each is a chain, and their channels are concatenated."""

    branches: Sequence[Sequence["Layer"]]


Layer: TypeAlias = Conv | Pool | Block

Params: TypeAlias = Mapping[str, Any]
"""``{"kernel": [h w i o], "bias": [o]}`` of each layer, by its name."""

_Branches: TypeAlias = Mapping[str, Sequence[Layer]]


def _named(name: str, layer: Layer) -> Layer:
    """The layer with the names that its convolutions have in the file of weights."""
    match layer:
        case Conv():
            return layer._replace(name=name)
        case Block((first, second)):
            return _block(name, {"a": first, "b": second}, join="")
    return layer


def _block(name: str, branches: _Branches, join: str = ".") -> Block:
    """A block of named branches; the layers of a longer one are numbered."""

    def chain(branch: str, steps: Sequence[Layer]) -> tuple[Layer, ...]:
        numbered = sum(not isinstance(step, Pool) for step in steps) > 1
        return tuple(
            _named(f"{name}{join}{branch}" + f"_{n}" * numbered, step)
            for n, step in enumerate(steps, 1)
        )

    return Block(tuple(chain(*each) for each in branches.items()))


def _a(pooled: int) -> _Branches:
    return {
        "branch1x1": [Conv(64)],
        "branch5x5": [Conv(48), Conv(64, 5, 5)],
        "branch3x3dbl": [Conv(64), Conv(96, 3, 3), Conv(96, 3, 3)],
        "branch_pool": [Conv(pooled, averaged=True)],
    }


def _b() -> _Branches:
    return {
        "branch3x3": [Conv(384, 3, 3, 2)],
        "branch3x3dbl": [Conv(64), Conv(96, 3, 3), Conv(96, 3, 3, 2)],
        "branch_pool": [Pool(2)],
    }


def _c(inner: int) -> _Branches:
    row, column = Conv(inner, 1, 7), Conv(inner, 7, 1)
    return {
        "branch1x1": [Conv(192)],
        "branch7x7": [Conv(inner), row, Conv(192, 7, 1)],
        "branch7x7dbl": [Conv(inner), column, row, column, Conv(192, 1, 7)],
        "branch_pool": [Conv(192, averaged=True)],
    }


def _d() -> _Branches:
    return {
        "branch3x3": [Conv(192), Conv(320, 3, 3, 2)],
        "branch7x7x3": [
            Conv(192),
            Conv(192, 1, 7),
            Conv(192, 7, 1),
            Conv(192, 3, 3, 2),
        ],
        "branch_pool": [Pool(2)],
    }


def _e(*pool: Layer) -> _Branches:
    cross = Block([[Conv(384, 1, 3)], [Conv(384, 3, 1)]])
    return {
        "branch1x1": [Conv(320)],
        "branch3x3": [Conv(384), cross],
        "branch3x3dbl": [Conv(448), Conv(384, 3, 3), cross],
        "branch_pool": pool,
    }


NETWORK: Sequence[Layer | str] = (
    Conv(32, 3, 3, 2, name="Conv2d_1a_3x3"),
    Conv(32, 3, 3, padded=False, name="Conv2d_2a_3x3"),
    Conv(64, 3, 3, name="Conv2d_2b_3x3"),
    Pool(2),
    "64",
    Conv(80, name="Conv2d_3b_1x1"),
    Conv(192, 3, 3, padded=False, name="Conv2d_4a_3x3"),
    Pool(2),
    "192",
    _block("Mixed_5b", _a(32)),
    _block("Mixed_5c", _a(64)),
    _block("Mixed_5d", _a(64)),
    _block("Mixed_6a", _b()),
    _block("Mixed_6b", _c(128)),
    _block("Mixed_6c", _c(160)),
    _block("Mixed_6d", _c(160)),
    _block("Mixed_6e", _c(192)),
    "768",
    _block("Mixed_7a", _d()),
    _block("Mixed_7b", _e(Conv(192, averaged=True))),
    _block("Mixed_7c", _e(Pool(1, padding=1), Conv(192))),
    "2048",
)
"""The layers in order, and an output's name where it is taken: the pixels' mean."""

_CLASSES = 1008


def shapes() -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays that a file of weights must hold, by PyTorch's names.

    Example:
        >>> shapes()["Mixed_7c.branch_pool.conv.weight"]
        (192, 2048, 1, 1)
    """
    found: dict[str, tuple[int, ...]] = {}
    for name, kernel in _kernels(NETWORK, 3):
        found[f"{name}.conv.weight"] = kernel
        for statistic in _NORM.values():
            found[f"{name}.bn.{statistic}"] = kernel[:1]
    return found | {"fc.weight": (_CLASSES, 2048), "fc.bias": (_CLASSES,)}


_NORM = {
    "gamma": "weight",
    "beta": "bias",
    "mean": "running_mean",
    "variance": "running_var",
}
_EPSILON = 1e-3  # of every batch norm


def _kernels(chain: Sequence[Layer | str], channels: int):
    """Yields convolutions' names and kernel shapes ``[o i h w]``; returns channels."""
    for layer in chain:
        if isinstance(layer, Conv):
            yield layer.name, (layer.features, channels, layer.high, layer.wide)
            channels = layer.features
        elif isinstance(layer, Block):
            ends = []
            for branch in layer.branches:
                ends.append((yield from _kernels(branch, channels)))
            channels = sum(ends)
    return channels


def prepare(arrays: Arrays) -> Params:
    """The network's parameters from a file of weights, batch norms folded in.

    Args:
        arrays: the arrays of pytorch-fid's or torch-fidelity's file, by name.

    Returns:
        ``{"kernel": [h w i o], "bias": [o]}`` by the names of the convolutions, and
        the last layer as "fc".

    Raises:
        InputError: if arrays are missing or have other shapes.
    """
    expected = shapes()
    missing = [name for name in expected if name not in arrays]
    if missing:
        raise InputError(
            f"The weights lack {len(missing)} of the {len(expected)} arrays of the "
            f"FID Inception network: {', '.join(missing[:5])}"
            f"{', ...' * (len(missing) > 5)}. Give pytorch-fid's file "
            "pt_inception-2015-12-05-6726825d.pth."
        )
    taken = {name: take(arrays, name, shape) for name, shape in expected.items()}
    params = {
        name: layers.folded(
            taken[f"{name}.conv.weight"],
            epsilon=_EPSILON,
            **{key: taken[f"{name}.bn.{of}"] for key, of in _NORM.items()},
        )
        for name, _ in _kernels(NETWORK, 3)
    }
    fc = {
        "kernel": np.ascontiguousarray(taken["fc.weight"].T),
        "bias": taken["fc.bias"],
    }
    return params | {"fc": fc}


def normalise(images: Any, protocol: str) -> Any:
    """Pixels in 0 ... 255, resized, as the network takes them by a protocol.

    Raises:
        InputError: for a protocol that is not in `PROTOCOLS`.

    Example:
        >>> normalise(np.array([0.0, 128.0, 255.0]), "torch-fidelity").tolist()
        [-1.0, 0.0, 0.9921875]
        >>> normalise(np.array([0.0, 127.5, 255.0]), "pytorch-fid").tolist()
        [-1.0, 0.0, 1.0]
    """
    if protocol not in PROTOCOLS:
        raise InputError(
            f"Unknown protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}."
        )
    return PROTOCOLS[protocol].normalise(images)


def features(
    params: Params, x: Any, wanted: Sequence[str] = ("2048",)
) -> dict[str, Any]:
    """The network's outputs, and no layer after the last one wanted.

    Args:
        params: of `prepare`.
        x: images ``[n 299 299 3]``, normalised.
        wanted: of `OUTPUTS`. A number is that of features, ``[n features]``, each the
            mean over the pixels; "logits" are ``[n 1008]``, and "logits_unbiased"
            the same before the bias, of which torch-fidelity's Inception score is made.

    Raises:
        InputError: for images of another shape and unknown outputs.
    """
    unknown = [name for name in wanted if name not in OUTPUTS]
    if unknown:
        raise InputError(f"Unknown outputs {unknown}; choose of {', '.join(OUTPUTS)}.")
    if x.shape[1:] != (SIDE, SIDE, 3):
        raise InputError(
            f"The images have the shape {x.shape}, expected [n {SIDE} {SIDE} 3]. "
            "Resize and normalise them by one of the protocols."
        )
    found: dict[str, Any] = {}
    for layer in NETWORK:
        if not isinstance(layer, str):
            x = _layer(params, layer, x)
            continue
        found[layer] = x.mean((1, 2))
        if all(name in found for name in wanted):
            break
    else:
        unbiased = layers.dense({"kernel": params["fc"]["kernel"]}, found["2048"])
        found["logits_unbiased"] = unbiased
        found["logits"] = unbiased + params["fc"]["bias"]
    return {name: found[name] for name in wanted}


def _layer(params: Params, layer: Layer, x: Any) -> Any:
    match layer:
        case Conv():
            return _finished(params, layer, _product(params, layer, x))
        case Pool():
            return layers.max_pool(x, 3, stride=layer.stride, padding=layer.padding)
        case Block():
            return jnp.concatenate(list(_branches(params, layer, x)), axis=-1)


def _branches(params: Params, block: Block, x: Any) -> Iterator[Any]:
    """The branches' outputs; the 1 x 1 convolutions that they start with are one."""
    heads = [first for first, *_ in block.branches if _is_pointwise(first)]
    products = _side_by_side(params, heads, x) if heads else {}
    for first, *rest in block.branches:
        if first in products:
            y = _finished(params, first, products[first])
        else:
            y = _layer(params, first, x)
        for layer in rest:
            y = _layer(params, layer, y)
        yield y


def _side_by_side(params: Params, convs: Sequence[Conv], x: Any) -> dict[Layer, Any]:
    """The products of several convolutions of one size with ``x``, made at once."""
    kernel = jnp.concatenate([params[c.name]["kernel"] for c in convs], axis=-1)
    ends = np.cumsum([c.features for c in convs])[:-1]
    products = jnp.split(layers.conv({"kernel": kernel}, x), ends, axis=-1)
    return dict(zip(convs, products, strict=True))


def _is_pointwise(layer: Layer) -> bool:
    return isinstance(layer, Conv) and layer.high == layer.wide == 1


def _product(params: Params, conv: Conv, x: Any) -> Any:
    return layers.conv(
        {"kernel": params[conv.name]["kernel"]},
        x,
        stride=conv.stride,
        padding="SAME" if conv.padded and conv.stride == 1 else "VALID",
    )


def _finished(params: Params, conv: Conv, y: Any) -> Any:
    """What follows a convolution's product."""
    # Means and 1 x 1 products commute, and here the channels are fewer.
    y = layers.mean_pool(y) if conv.averaged else y
    return jnp.maximum(y + params[conv.name]["bias"], 0)
