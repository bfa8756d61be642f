"""The Inception-v3 network of FID, KID and the Inception score.

It is the network with 1008 classes from Google's archive inception-2015-12-05, whose
weights mseitzer/pytorch-fid converted to PyTorch (Apache-2.0, as Google's are). The
weights are not part of this package. The network differs from torchvision's in its
pooling: averages exclude the padding, and the last block uses max pooling.

Features of different protocols are not comparable, though the network is the same::

    name            resize to 299 x 299           pixel p in 0 ... 255 becomes
    torch-fidelity  TensorFlow 1's bilinear       (p - 128) / 128
    pytorch-fid     PyTorch's bilinear            2 p / 255 - 1
    clean-fid       Pillow's bicubic, in floats   (p - 128) / 128
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeGuard

import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxgan.checks import InputError
from jaxgan.metrics.features import layers, resize
from jaxgan.metrics.features.inception_layers import (
    NETWORK,
    Block,
    Conv,
    Layer,
    Pool,
    kernels,
)
from jaxgan.metrics.features.layers import Arrays, take

SIDE = 299
"""Height and width of the input in pixels."""


class Protocol(NamedTuple):
    """The conversion of pixels in 0 ... 255 to the network's input."""

    resize: Callable[[np.ndarray, resize.Size], np.ndarray]
    normalise: Callable[[Any], Any]


def _about_128(pixels: Any) -> Any:
    return (pixels - np.float32(128)) / 128


def _about_half(pixels: Any) -> Any:
    return 2 * (pixels / np.float32(255)) - 1


PROTOCOLS = {
    "torch-fidelity": Protocol(resize.tf1_bilinear, _about_128),
    "pytorch-fid": Protocol(resize.torch_bilinear, _about_half),
    "clean-fid": Protocol(resize.pil_bicubic, _about_128),
}

OUTPUTS = ("64", "192", "768", "2048", "logits_unbiased", "logits")
"""The possible outputs of `features`, in network order, by torch-fidelity's names."""


Params: TypeAlias = Mapping[str, Any]
"""``{"kernel": [h w i o], "bias": [o]}`` of each layer, by its name."""

_CLASSES = 1008
_NORM = {
    "gamma": "weight",
    "beta": "bias",
    "mean": "running_mean",
    "variance": "running_var",
}
_EPSILON = 1e-3  # of every batch norm


def shapes() -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the arrays in a weights file, by PyTorch's names.

    Example:
        >>> shapes()["Mixed_7c.branch_pool.conv.weight"]
        (192, 2048, 1, 1)
    """
    found: dict[str, tuple[int, ...]] = {}
    for name, kernel in kernels(NETWORK, 3):
        found[f"{name}.conv.weight"] = kernel
        for statistic in _NORM.values():
            found[f"{name}.bn.{statistic}"] = kernel[:1]
    return found | {"fc.weight": (_CLASSES, 2048), "fc.bias": (_CLASSES,)}


def prepare(arrays: Arrays) -> Params:
    """Returns the parameters from a weights file, with batch norms folded in.

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
        for name, _ in kernels(NETWORK, 3)
    }
    fc = {
        "kernel": np.ascontiguousarray(taken["fc.weight"].T),
        "bias": taken["fc.bias"],
    }
    return params | {"fc": fc}


def normalise(images: Any, protocol: str) -> Any:
    """Returns resized pixels in 0 ... 255, normalised according to a protocol.

    Raises:
        InputError: if the protocol is not in `PROTOCOLS`.

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
    """Returns the wanted outputs, computing no layer after the last of them.

    Args:
        params: parameters from `prepare`.
        x: images ``[n 299 299 3]``, normalised.
        wanted: names from `OUTPUTS`. A number stands for that many features,
            ``[n features]``, averaged over the pixels; "logits" are ``[n 1008]``, and
            "logits_unbiased" the same before the bias, as used by torch-fidelity's
            Inception score.

    Raises:
        InputError: if the images have another shape, or an output is unknown.
    """
    unknown = [name for name in wanted if name not in OUTPUTS]
    if unknown:
        raise InputError(
            f"Unknown outputs {unknown}; choose from {', '.join(OUTPUTS)}."
        )
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
        found["logits"] = unbiased + params["fc"]["bias"][None]
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
    """Yields the branches' outputs; their leading 1 x 1 convolutions run as one."""
    heads = [first for first, *_ in block.branches if _is_pointwise(first)]
    products = _side_by_side(params, heads, x) if heads else {}
    for first, *rest in block.branches:
        if _is_pointwise(first):
            y = _finished(params, first, products[first])
        else:
            y = _layer(params, first, x)
        for layer in rest:
            y = _layer(params, layer, y)
        yield y


def _side_by_side(params: Params, convs: Sequence[Conv], x: Any) -> dict[Conv, Any]:
    """Returns several convolutions of ``x`` of one kernel size, computed at once."""
    kernel = jnp.concatenate([params[c.name]["kernel"] for c in convs], axis=-1)
    ends = np.cumsum([c.features for c in convs])[:-1]
    products = jnp.split(layers.conv({"kernel": kernel}, x), ends, axis=-1)
    return dict(zip(convs, products, strict=True))


def _is_pointwise(layer: Layer) -> TypeGuard[Conv]:
    return isinstance(layer, Conv) and layer.high == layer.wide == 1


def _product(params: Params, conv: Conv, x: Any) -> Any:
    of = partial(layers.conv, {"kernel": params[conv.name]["kernel"]}, x)
    if conv.stride > 1:
        return of(stride=conv.stride)
    if conv.padded:
        return of(padding="SAME")
    # XLA's convolution of an image without any padding takes up to four times as long
    # on the CPU. So a column of padding is added there, and its output dropped.
    return lax.platform_dependent(
        cpu=lambda: of(padding=[(0, 0), (0, 1)])[:, :, :-1], default=of
    )


def _finished(params: Params, conv: Conv, y: Any) -> Any:
    """Applies the pooling, bias and ReLU that follow a convolution's product."""
    # Averages and 1 x 1 convolutions commute, and here there are fewer channels.
    y = layers.mean_pool(y) if conv.averaged else y
    return jnp.maximum(y + params[conv.name]["bias"][None, None, None], 0)
