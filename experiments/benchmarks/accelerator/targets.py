"""The targets on a GPU, and which of them are met."""

from collections.abc import Iterator, Mapping
from typing import Any

RATIO = {
    "dcgan": 1.5,
    "mlp": 1.5,
    "ring": 5.0,
    "dcgan_r1": 1.5,
    "wgan_gp": 1.5,
    "sampling": 1.5,
    "sngan": 1.0,
    "r3gan": 1.0,
    "population_64": 5.0,
}
"""The speed to reach, as a multiple of PyTorch's best, by work."""

ROOFLINE = {"dcgan": 0.5}
"""The share of the roofline to reach, by work."""


def judge(checks: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the targets: text, goal, value, and whether each holds.

    A target that was not measured has None for its value and for whether it holds.

    Args:
        checks: the parts of each check.
    """
    return [
        {
            "text": text,
            "goal": goal,
            "value": value,
            "holds": None if value is None else value >= goal,
        }
        for text, goal, value in _values(checks)
    ]


def _values(checks: Mapping[str, Any]) -> Iterator[tuple[str, float, float | None]]:
    raced = {**checks.get("race", {}), **checks.get("population", {})}
    for work, goal in RATIO.items():
        found = raced.get(work, {}).get("against_torch")
        value = None if found is None else found["median"]
        yield f"{work}: times as fast as PyTorch's best", goal, value
    for work, goal in ROOFLINE.items():
        found = raced.get(work, {})
        line = found.get("contestants", {}).get(found.get("best"), {})
        yield f"{work}: share of the roofline", goal, line.get("of_roofline")
