"""The environment of a result: versions, hardware, JAX's settings, revision."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import jax

from jaxgan.checkpoint.record import versions

FLAGS = {
    "jax_enable_x64": False,
    "jax_threefry_partitionable": True,
    "jax_default_prng_impl": "threefry2x32",
}
"""JAX's settings that change what a seed means, with their defaults."""


_DETERMINISTIC = "xla_gpu_deterministic_ops"


def describe_environment() -> dict[str, Any]:
    """Versions, hardware, JAX's settings, and the revision of the code that runs."""
    return {
        "versions": versions(),
        "python": platform.python_version(),
        "devices": [device.device_kind for device in jax.devices()],
        "cores": os.cpu_count(),
        "flags": {name: getattr(jax.config, name) for name in FLAGS},
        "git_revision": _git_revision(),
    }


def repeatable_on_gpus() -> None:
    """Makes XLA's programs for GPUs repeat to the bit, unless XLA_FLAGS says otherwise.

    Without it some kernels add in no fixed order. A DCGAN's step took 1.0 to 1.1 times
    as long with it (experiments/benchmarks/results/accelerator-nvidia-h200.json). To be
    called before JAX's first computation, which reads the variable.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if _DETERMINISTIC not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --{_DETERMINISTIC}=true".strip()


def _git_revision() -> str | None:
    """The revision of the code that runs, with "+" if it was changed since."""
    git = ["git", "-C", str(Path(__file__).parent)]
    run = lambda *words: subprocess.run(
        [*git, *words], capture_output=True, text=True, check=True
    ).stdout.strip()
    try:
        # A package installed inside some other project's repository is not its code.
        run("ls-files", "--error-unmatch", Path(__file__).name)
        changed = run("status", "--porcelain", "--untracked-files=no")
        return run("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None  # installed from a wheel, or no git here
