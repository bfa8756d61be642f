"""The feature networks of established metrics, and their published weights.

`load` returns one by name, as an `extractor.Extractor`: a function from uint8 images
``[n h w 3]`` to features and logits. A weights file is read without executing anything
in it (`weights`, `torch_files`), and its SHA-256 is part of every protocol.

The networks: `inception` (Szegedy et al. 2016, for FID), `dinov2` (Oquab et al. 2023),
`efficientnet` (Tan & Le 2019), and `vgg` for `lpips` (Zhang et al. 2018). No weights
are part of this package; each module names their licence and their authors.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxgan.metrics.features.extractor import Extractor
    from jaxgan.metrics.features.networks import NETWORKS, load
    from jaxgan.metrics.features.weights import read_weights

__all__ = ["NETWORKS", "Extractor", "load", "read_weights"]

_PLACES = {
    "Extractor": "extractor",
    "NETWORKS": "networks",
    "load": "networks",
    "read_weights": "weights",
}


def __getattr__(name: str) -> Any:
    """Imports names on first use: some need Pillow, which the core does not."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_PLACES[name]}")
    return getattr(module, name)
