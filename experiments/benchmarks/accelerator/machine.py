"""The machine: card, driver, versions, and the flags that decide precision."""

import importlib.metadata
import os
import re
import subprocess
from typing import Any

import jax

from experiments.benchmarks.accelerator.plan import Parts, Plan
from jaxgan.environment import describe_environment

_PLATFORMS = {"cuda": "gpu", "rocm": "gpu"}
_FLAGS = ("XLA_FLAGS", "LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE")


def measure(plan: Plan) -> Parts:
    """Yields the one part "machine"."""
    device = jax.devices()[0]
    stats = device.memory_stats() or {}
    yield (
        "machine",
        {
            "platform": _PLATFORMS.get(device.platform, device.platform),
            "card": device.device_kind,
            "devices": jax.device_count(),
            "memory_gib": stats.get("bytes_limit", 0) / 2**30 or None,
            "driver": _driver(),
            "runtime": device.client.platform_version,
            **describe_environment(),
            "torch": importlib.metadata.version("torch") if plan.torch else None,
            "precision": precision(),
        },
    )


def precision() -> dict[str, Any]:
    """Returns JAX's precision settings, and the flags in the environment.

    A ``default_matmul_precision`` of None leaves the choice to the backend: on NVIDIA's
    cards float32 products may be taken in TF32, on TPUs in bfloat16.
    """
    config: Any = jax.config
    flags = {name: os.environ[name] for name in _FLAGS if name in os.environ}
    return {
        "default_matmul_precision": config.jax_default_matmul_precision,
        "enable_x64": config.jax_enable_x64,
        **flags,
    }


def slug(card: str) -> str:
    """Returns the card's name in a form for file names.

    Example:
        >>> slug("NVIDIA H100 80GB HBM3"), slug("cpu")
        ('nvidia-h100-80gb-hbm3', 'cpu')
    """
    return re.sub(r"[^a-z0-9]+", "-", card.lower()).strip("-")


def _driver() -> str | None:
    """Returns the version of NVIDIA's driver; None if there is none."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.stdout.split("\n")[0].strip() or None
