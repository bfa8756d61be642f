"""The speeds that jaxgan must reach, and those that it aims at, on each work."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from experiments.benchmarks import summary
from experiments.benchmarks.race import Record


@dataclasses.dataclass(frozen=True)
class Speed:
    """Ratios of jaxgan's speed to another's: to reach, and to aim at.

    Attributes:
        torch: to the fastest of PyTorch's contestants.
        torch_aim: the higher ratio to aim at.
        flax: to plain Flax.
    """

    torch: float
    torch_aim: float
    flax: float


SPEED = {
    "mlp": Speed(1.8, 2.25, 1.0),
    "ring": Speed(4.0, 6.0, 1.2),
    "dcgan": Speed(1.0, 1.25, 4.0),
    "dcgan_r1": Speed(1.0, 1.0, 4.0),
    "sngan": Speed(1.0, 1.0, 1.0),
    "r3gan": Speed(1.0, 1.0, 1.0),
    "pix2pix": Speed(1.0, 1.0, 1.0),
    "cyclegan": Speed(1.0, 1.0, 1.0),
    "srresnet": Speed(1.0, 1.0, 1.0),
    "srgan": Speed(1.0, 1.0, 1.0),
    "text_to_image": Speed(1.0, 1.0, 1.0),
}
CEILING = {"mlp": 0.55}
SECOND_START = {"mlp": 5.0}
"""Seconds from a process's start to its first step, with programs compiled before."""


def judge(
    work: str, records: Mapping[str, Record], lines: Mapping[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Returns the work's targets that were run: text, value, and whether it holds."""
    found = []

    def add(text: str, value: float, holds: bool) -> None:
        found.append({"text": f"{work}: {text}", "value": value, "holds": holds})

    fastest = summary.best(records, "torch")
    for rival, name in ((fastest, "torch"), ("flax", "flax")):
        if work not in SPEED or rival not in records or rival is None:
            continue
        times = summary.ratio(records["jaxgan"], records[rival])
        if times is None:
            continue
        value, goal = times["median"], getattr(SPEED[work], name)
        add(f"times as fast as {rival}, >= {goal:g}", value, value >= goal)
        if name == "torch" and SPEED[work].torch_aim > goal:
            aim = SPEED[work].torch_aim
            add(f"the same, aim >= {aim:g}", value, value >= aim)
    ours = lines["jaxgan"]
    if work in CEILING and ours["of_ceiling"] is not None:
        share, goal = ours["of_ceiling"], CEILING[work]
        add(f"share of the matrix ceiling, >= {goal:g}", share, share >= goal)
    if work in SECOND_START and ours["second_start_seconds"] is not None:
        seconds, goal = ours["second_start_seconds"], SECOND_START[work]
        add(f"second start to first step, < {goal:g} s", seconds, seconds < goal)
    return found
