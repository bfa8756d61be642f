"""The plan of a check: the kind of device, sizes, a folder, and a time limit."""

import dataclasses
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from experiments.benchmarks import works
from experiments.benchmarks.race import is_late
from experiments.benchmarks.works import Work

Figures = dict[str, Any]
Parts = Iterator[tuple[str, Figures]]
"""Pairs of a part's name and its figures, as a check yields them."""


class OutOfTime(Exception):
    """Raised if a check has another part, but no time for it."""


def lacks(figures: Any) -> bool:
    """Returns whether there was no time for some of a part.

    Example:
        >>> lacks({"forms": {"static scan": {"failure": "no time left"}}})
        True
        >>> lacks({"failure": "out of memory"})
        False
    """
    if not isinstance(figures, Mapping):
        return False
    return is_late(figures.get("failure")) or any(map(lacks, figures.values()))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """The settings of a check.

    Attributes:
        platform: "cpu", "gpu" or "tpu".
        quick: whether sizes are small, to show that it works, not its speed.
        seconds: how long the check may take.
        cores: the number of CPU cores.
        torch: whether PyTorch is installed.
        cache: a folder for compiled programs and checkpoints, the same for all checks.
        earlier: the parts measured before, by check, including those of earlier runs.
        begin: when the check began, by `time.monotonic`.
    """

    platform: str
    quick: bool
    seconds: float
    cores: int
    torch: bool
    cache: str
    earlier: Mapping[str, Any]
    begin: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def until(self) -> float:
        """The time by which the check should end, by `time.monotonic`."""
        return self.begin + self.seconds

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return self.until - time.monotonic()

    def known(self, check: str) -> Mapping[str, Any]:
        """Returns the parts of a check that were measured before and can be reused."""
        return {
            name: figures
            for name, figures in self.earlier.get(check, {}).items()
            if "failure" not in figures and not lacks(figures)
        }

    def go_on(self) -> None:
        """Raises OutOfTime if there is no time for another part."""
        if self.left < 0:
            raise OutOfTime

    @property
    def full(self) -> bool:
        """True if the sizes are those of an accelerator."""
        return self.platform != "cpu" and not self.quick

    def pick(self, full: Any, cpu: Any, quick: Any) -> Any:
        """Returns the value for an accelerator, a CPU or the quick form, as applies."""
        return quick if self.quick else full if self.full else cpu


def shared_device() -> dict[str, str]:
    """Returns the environment of processes that share one device.

    They run on whatever JAX finds, and none preallocates most of the memory.
    """
    platforms = os.environ.get("JAX_PLATFORMS", "")
    return {"JAX_PLATFORMS": platforms, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


RACED = ("dcgan", "mlp", "ring", "dcgan_r1", "wgan_gp", "sampling", "sngan", "r3gan")
"""The works of the race, in the order in which they are run."""

_LARGE = {"image_shape": (64, 64, 3), "batch_size": 512}
_ON_ACCELERATOR: dict[str, dict[str, Any]] = {
    "dcgan": _LARGE,
    "dcgan_r1": _LARGE,
    "wgan_gp": _LARGE,
    "sampling": {**_LARGE, "samples": 50_000, "sample_batch": 1_000},
    "sngan": {"image_shape": (32, 32, 3), "width": 256, "batch_size": 64, "d_steps": 5},
    "r3gan": {
        "image_shape": (32, 32, 3),
        "width": 256,
        "widths": (256, 256, 256, 256),
        "batch_size": 128,
    },
}


def work(plan: Plan, name: str) -> Work:
    """Returns one of `works.WORKS` at a size that suits the machine.

    On an accelerator the DCGANs make 64 x 64 pixels in batches of 512, 50,000 samples
    are drawn, SNGAN has its paper's size, and R3GAN a third of its paper's width; a CPU
    plays the works of `throughput` unchanged.
    """
    known = works.WORKS[name]
    if plan.quick:
        return works.tiny(known)
    if plan.full:
        return dataclasses.replace(known, **_ON_ACCELERATOR.get(name, {}))
    return known


def describe(size: Work) -> str:
    """Returns a work's size in a few words.

    Example:
        >>> describe(works.WORKS["mlp"])
        '28x28x1, width 256, batch 100'
        >>> describe(works.WORKS["sampling"])
        '32x32x3, width 64, 10,000 samples'
    """
    shape = "x".join(map(str, size.image_shape))
    if size.samples:
        return f"{shape}, width {size.width}, {size.samples:,} samples"
    members = f", {size.members} members" if size.members > 1 else ""
    return f"{shape}, width {size.width}, batch {size.batch_size}{members}"
