"""The environment that produced a result: versions, hardware, settings, revision."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import jax

from jaxgan.checkpoint.record import threads, versions

FLAGS = {
    "jax_enable_x64": False,
    "jax_threefry_partitionable": True,
    "jax_default_prng_impl": "threefry2x32",
}
"""JAX's settings that change the draws from a seed, with their defaults."""


_DETERMINISTIC = "xla_gpu_deterministic_ops"


def describe_environment() -> dict[str, Any]:
    """Returns versions, hardware, JAX's settings, and the running code's revision."""
    return {
        "versions": versions(),
        "python": platform.python_version(),
        "devices": [device.device_kind for device in jax.devices()],
        "cores": os.cpu_count(),
        "threads": threads(),
        "flags": {name: getattr(jax.config, name) for name in FLAGS},
        "git_revision": _git_revision(),
    }


def repeatable_on_gpus() -> None:
    """Makes XLA's GPU programs repeatable to the bit, unless XLA_FLAGS says otherwise.

    Otherwise some kernels add in no fixed order. A DCGAN's step took 1.0 to 1.1 times
    as long this way (experiments/benchmarks/results/accelerator-nvidia-h200.json). Call
    it before JAX's first computation, which reads the variable.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if _DETERMINISTIC not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --{_DETERMINISTIC}=true".strip()


def repeatable_on_cpus(threads: int) -> None:
    """Fixes how many threads a computation on CPUs uses, unless PJRT_NPROC is set.

    By default there is one for each core, or for each device if those are more. A
    matrix product's longest sums, such as the gradient of a 1x1 convolution's kernel
    over all pixels of a batch, are divided among them, so that their last bits depend
    on the number of threads. Call it before JAX's first computation, which reads the
    variable.

    Args:
        threads: the number of threads; in exact shards, that of the shards.
    """
    os.environ.setdefault("PJRT_NPROC", str(threads))


def _git_revision() -> str | None:
    """Returns the revision of the running code, with "+" if it has changed since."""
    git = ["git", "-C", str(Path(__file__).parent)]
    run = lambda *words: subprocess.run(
        [*git, *words], capture_output=True, text=True, check=True
    ).stdout.strip()
    try:
        # A package installed inside another project's repository is not part of it.
        run("ls-files", "--error-unmatch", Path(__file__).name)
        changed = run("status", "--porcelain", "--untracked-files=no")
        return run("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None  # installed from a wheel, or no git here
