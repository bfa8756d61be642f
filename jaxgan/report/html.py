"""report.html: one file that needs no network."""

import base64
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2

_PICTURES_OVER_TIME = 8
_GROUPS = (
    ("Losses", r".*_(loss|penalty)"),
    ("Mean logits", r".*_logit"),
    ("Gradient norms", r".*_grad_norm"),
    ("Images per second", r"images_per_second"),
    ("Signs of collapse", r"distance_ratio|duplicates"),
)
"""Panels of curves: a title, and the names of the metrics in it."""

_NO_CURVES = ("step", "images", "seconds")


def write(workdir: Path) -> Path:
    """Writes report.html from what the run left in its workdir.

    Args:
        workdir: holds config.json, metrics.jsonl, samples/ and result.json.

    Returns:
        The report's path.
    """
    metrics = (workdir / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in metrics]
    record = json.loads((workdir / "config.json").read_text())
    result = json.loads((workdir / "result.json").read_text())
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jaxgan.report"), autoescape=True
    )
    page = environment.get_template("report.html").render(
        record=record,
        result=result,
        evaluation=result["evaluation"],
        flatten=flatten,
        curves=curves(rows),
        samples=[(p.stem.lstrip("0") or "0", _embed(p)) for p in _chosen(workdir)],
        final=_embed(workdir / "samples.png"),
    )
    path = workdir / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def curves(rows: list[dict[str, float]]) -> str:
    """The metrics over the steps, as one SVG element."""
    # matplotlib takes half a second to import and is needed only here.
    from matplotlib.figure import Figure

    groups = panels({name: None for row in rows for name in row})
    lines = -(-len(groups) // 2)
    figure = Figure(figsize=(10, 2.75 * lines), layout="constrained")
    places = list(figure.subplots(lines, 2, squeeze=False).flat)
    for axes in places[len(groups) :]:
        axes.remove()
    for axes, (title, names) in zip(places, groups, strict=False):
        for name in names:
            points = [(row["step"], row[name]) for row in rows if name in row]
            axes.plot(*zip(*points, strict=True), label=name, linewidth=1)
        axes.set_title(title)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    svg = io.StringIO()
    figure.savefig(svg, format="svg", metadata={"Date": None})
    text = svg.getvalue()
    return text[text.index("<svg") :]


def panels(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Returns titles with the metrics of each panel; what fits none has its own.

    Example:
        >>> panels(["step", "d_loss", "g_loss", "two_sample"])
        [('Losses', ['d_loss', 'g_loss']), ('two_sample', ['two_sample'])]
    """
    left = [name for name in names if name not in _NO_CURVES]
    groups = []
    for title, pattern in _GROUPS:
        found = [name for name in left if re.fullmatch(pattern, name)]
        left = [name for name in left if name not in found]
        groups += [(title, found)] if found else []
    return groups + [(name, [name]) for name in left]


def flatten(value: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested entries as (dotted name, value) pairs.

    Example:
        >>> flatten({"a": {"b": 1, "c": 2}, "d": 3})
        [('a.b', 1), ('a.c', 2), ('d', 3)]
    """
    pairs = []
    for name, entry in value.items():
        if isinstance(entry, dict):
            pairs += flatten(entry, f"{prefix}{name}.")
        else:
            shown = f"{entry:.4g}" if isinstance(entry, float) else entry
            pairs.append((prefix + name, shown))
    return pairs


def _chosen(workdir: Path) -> list[Path]:
    """Pictures over time, the first and the last among them, evenly spaced."""
    pictures = sorted((workdir / "samples").glob("*.png"))
    count = min(len(pictures), _PICTURES_OVER_TIME)
    last = max(count - 1, 1)
    return [pictures[i * (len(pictures) - 1) // last] for i in range(count)]


def _embed(picture: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()
