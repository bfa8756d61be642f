"""The feature networks, by name.

=======================  =======================================================
inception                Inception-v3 of FID, preprocessing as in torch-fidelity
inception-pytorch-fid    the same, preprocessing as in pytorch-fid
inception-clean-fid      the same, preprocessing as in clean-fid
dinov2                   DINOv2's transformers, preprocessing as in dgm-eval
dinov2-torch-fidelity    the same, preprocessing as in torch-fidelity
efficientnet             EfficientNet-lite0, whose weights come with a package
=======================  =======================================================
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.checks import InputError
from jaxgan.files import expand
from jaxgan.metrics.features import dinov2, efficientnet, inception, resize
from jaxgan.metrics.features.extractor import Extractor
from jaxgan.metrics.features.weights import (
    INCEPTION_SHA256,
    INCEPTION_URL,
    download_inception,
    read_weights,
)

WEIGHTS = Path("~/.cache/jaxgan/weights")
"""The folder of downloaded weights."""


class Network(NamedTuple):
    """A network, and the preprocessing of its images.

    Attributes:
        title: network, resize and normalisation, for protocols.
        distance: the name of the Fréchet distance of its features.
        prepare: ``arrays -> params``; rejects another network's weights.
        apply: ``(params, input) -> {"features": [n d], "logits": [n k]}``.
        images: turns uint8 images ``[n h w 3]`` into the network's input.
        file: returns the default path of the weights.
    """

    title: str
    distance: str
    prepare: Callable[[Mapping[str, Any]], Any]
    apply: Callable[[Any, Any], Mapping[str, Any]]
    images: Callable[[np.ndarray], np.ndarray]
    file: Callable[[], Path]


def load(spec: str, *, download: bool = False) -> Extractor:
    """Returns a network with its weights.

    Args:
        spec: ``NAME`` or ``NAME:PATH``, with the path of the weights, a ``.pth`` or
            safetensors file. Without a path, EfficientNet's weights are those of the
            installed package, and Inception's those downloaded earlier.
        download: whether to fetch the weights of Inception-v3 (96 MB) if missing.

    Raises:
        InputError: if the name is unknown, or the weights are missing or belong to
            another network.
    """
    name, _, path = spec.partition(":")
    if name not in NETWORKS:
        raise InputError(
            f"There is no network {name!r}; choose one of {', '.join(NETWORKS)}, and "
            "give NAME:PATH for weights of your own."
        )
    network = NETWORKS[name]
    if download and not path and name.startswith("inception"):
        download_inception(WEIGHTS)
    weights = read_weights(expand(path or network.file(), "--features"))
    distance = network.distance
    if distance == "FID" and weights.sha256 != INCEPTION_SHA256:
        # Only the distance by the published weights is called FID.
        distance = "Fréchet distance (not FID: other weights)"
    return Extractor(
        name=name,
        protocol=f"{network.title}, weights sha256 {weights.sha256[:12]}",
        distance=distance,
        weights_sha256=weights.sha256,
        prepare=network.images,
        apply=network.apply,
        params=network.prepare(weights.arrays),
    )


def _inception(protocol: str, how: str) -> Network:
    resized, normalised = inception.PROTOCOLS[protocol]
    return Network(
        title=f"Inception-v3 (2015), {protocol}'s protocol ({how})",
        distance="FID",
        prepare=inception.prepare,
        apply=_of_inception,
        images=lambda images: normalised(resized(images, inception.SIDE)),
        file=_inception_file,
    )


def _of_inception(params: Any, x: Any) -> dict[str, Any]:
    found = inception.features(params, x, ("2048", "logits_unbiased"))
    return {"features": found["2048"], "logits": found["logits_unbiased"]}


def _inception_file() -> Path:
    file = expand(WEIGHTS, "--features") / INCEPTION_URL.rpartition("/")[2]
    if not file.is_file():
        raise InputError(
            "The weights of Inception-v3 are missing. Pass --download to fetch "
            f"{INCEPTION_URL} (96 MB) into {WEIGHTS}, or give inception:PATH of that "
            "file."
        )
    return file


def _dinov2(protocol: str, how: str) -> Network:
    resized = getattr(resize, dinov2.RESIZES[protocol])
    return Network(
        title=f"DINOv2, {protocol}'s protocol ({how})",
        distance="FD-DINOv2",
        prepare=dinov2.prepare,
        apply=lambda params, x: {"features": dinov2.features(params, x)},
        images=lambda images: dinov2.normalise(resized(images, dinov2.SIZE)),
        file=_no_dinov2,
    )


def _no_dinov2() -> Path:
    raise InputError(
        "Give the weights of DINOv2 as dinov2:PATH: dinov2_vitl14_pretrain.pth of "
        "github.com/facebookresearch/dinov2, or model.safetensors of "
        "facebook/dinov2-large."
    )


def _of_efficientnet(params: Any, x: Any) -> dict[str, Any]:
    found = efficientnet.features(params, x)
    return {"features": found["pooled"], "logits": found["logits"]}


_TF1, _PIL = "TensorFlow 1's bilinear to", "Pillow's bicubic to"
NETWORKS: dict[str, Network] = {
    "inception": _inception("torch-fidelity", f"{_TF1} 299, (p - 128) / 128"),
    "inception-pytorch-fid": _inception(
        "pytorch-fid", "PyTorch's bilinear to 299, 2 p / 255 - 1"
    ),
    "inception-clean-fid": _inception(
        "clean-fid", f"{_PIL} 299 in floats, (p - 128) / 128"
    ),
    "dinov2": _dinov2("dgm-eval", f"{_PIL} 224 in 8 bits, ImageNet's mean and std"),
    "dinov2-torch-fidelity": _dinov2(
        "torch-fidelity", f"{_TF1} 224, ImageNet's mean and std"
    ),
    "efficientnet": Network(
        title=f"EfficientNet-lite0 ({_PIL} 224 in 8 bits, (p - 127) / 128)",
        distance="Fréchet distance",
        prepare=efficientnet.prepare,
        apply=_of_efficientnet,
        images=lambda images: efficientnet.normalise(
            resize.pil_bicubic_uint8(images, efficientnet.SIZE)
        ),
        file=efficientnet.weights_path,
    ),
}
"""The networks by name."""
