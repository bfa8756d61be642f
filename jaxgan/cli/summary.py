"""A finished run in a few lines."""

from pathlib import Path
from typing import Any

from jaxgan.report import brief
from jaxgan.report.html import flatten


def text(path: Path, result: dict[str, Any]) -> str:
    """Returns the lines that a run prints at its end."""
    lines = []
    for judged in result["evaluation"].values():
        lines.append(f"{judged['name']}: {judged['value']:.4g} ({judged['protocol']})")
        lines += [f"  {name}: {each}" for name, each in _short(judged)]
    for found in result.get("warnings", {}).values():
        then = "; it recovered" if found["recovered"] else ""
        lines.append(
            f"warning, steps {found['from_step']} to {found['to_step']}{then}: "
            f"{found['warning']}"
        )
    if "best" in result:
        (name,) = set(result["best"]) - {"step"}
        lines.append(
            f"best:     step {result['best']['step']}, {name} "
            f"{result['best'][name]:.4g}, in {path / 'best'}"
        )
    lines.append(f"pictures: {path / 'samples.png'}")
    if (path / "report.html").exists():
        lines.append(f"report:   {path / 'report.html'}")
    lines.append(f"digest:   {result['digest']}")
    return "\n".join(lines)


def _short(judged: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns the details that are groups of numbers, such as the classes' shares.

    Of a large group a few are shown, evenly spaced.
    """
    groups = {k: v for k, v in judged.get("details", {}).items() if isinstance(v, dict)}
    return [
        (
            f"{name} ({brief.MOST} of {len(group)})"
            if len(group) > brief.MOST
            else name,
            ", ".join(f"{key} {value}" for key, value in flatten(brief.few(group))),
        )
        for name, group in groups.items()
    ]
