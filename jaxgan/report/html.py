"""report.html: one file that needs no network."""

import base64
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2

from jaxgan.checks import InputError
from jaxgan.files import write_atomically
from jaxgan.hooks.log import read_metrics
from jaxgan.report import brief, pictures
from jaxgan.report.figures import figure
from jaxgan.report.records import read_config, read_result

_PICTURES_OVER_TIME = 8
# Larger pictures are embedded as JPEG, so that a report stays below 3 MB.
_MOST_BYTES = 150_000
_MOST_BYTES_OF_LAST = 600_000
_GROUPS = (
    ("Losses", r".*_(loss|penalty)"),
    ("Mean logits", r".*_logit"),
    ("Gradient norms", r".*_grad_norm"),
    ("Images per second", r"images_per_second"),
    ("Signs of collapse", r"distance_ratio|duplicates"),
)
"""The panels of curves: a title, and a pattern for the names of the metrics in it."""

_NO_CURVES = ("step", "images", "seconds")


def write(workdir: Path) -> Path:
    """Writes report.html from the files in the run's workdir.

    An unfinished run, without result.json, is shown up to its current step.

    Args:
        workdir: folder with config.json, metrics.jsonl, samples/ and result.json.

    Returns:
        The report's path.

    Raises:
        InputError: if it holds no run, or one of these files is damaged.
    """
    record = read_config(workdir, otherwise="Put back a copy of it.")
    result = read_result(workdir)
    rows = read_metrics(workdir)
    final = workdir / "samples.png"
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jaxgan.report"), autoescape=True
    )
    page = environment.get_template("report.html").render(
        record=record,
        result=result,
        step=rows[-1]["step"] if rows else 0,
        evaluation=result["evaluation"] if result else {},
        flatten=flatten,
        brief=brief.text,
        curves=curves(rows),
        samples=[
            (p.stem.lstrip("0") or "0", _embed(p, _MOST_BYTES))
            for p in _chosen(workdir)
        ],
        final=_embed(final, _MOST_BYTES_OF_LAST) if final.exists() else None,
    )
    path = workdir / "report.html"
    # The name of a file or a class may hold bytes that are not valid text.
    write_atomically(path, page.encode(errors="backslashreplace"))
    return path


def curves(rows: list[dict[str, float]]) -> str:
    """Returns the metrics over the steps, as one SVG element; empty without metrics."""
    numbers = [_numbers(row) for row in rows]
    groups = panels({name: None for row in numbers for name in row})
    if not groups:
        return ""
    lines = -(-len(groups) // 2)
    sheet = figure(figsize=(10, 2.75 * lines), layout="constrained")
    places = list(sheet.subplots(lines, 2, squeeze=False).flat)
    for axes in places[len(groups) :]:
        axes.remove()
    for axes, (title, names) in zip(places, groups, strict=False):
        for name in names:
            points = [(row["step"], row[name]) for row in numbers if name in row]
            label = brief.text(name, most=40)
            axes.plot(*zip(*points, strict=True), label=label, linewidth=1)
        axes.set_title(brief.text(title, most=40))
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    svg = io.StringIO()
    sheet.savefig(svg, format="svg", metadata={"Date": None})
    text = svg.getvalue()
    return text[text.index("<svg") :]


def _numbers(row: dict[str, Any]) -> dict[str, float]:
    """Returns the numbers in a line of the log; only these have curves."""
    shown = {k: v for k, v in row.items() if isinstance(v, int | float)}
    return {name: float(value) for name, value in shown.items()}


def panels(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Returns each panel's title and metrics; unmatched metrics get their own panels.

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
    """Returns nested entries as (dotted name, value) pairs, a few of a large group.

    Example:
        >>> flatten({"a": {"b": 1, "c": 2}, "d": 3})
        [('a.b', 1), ('a.c', 2), ('d', 3)]
    """
    pairs = []
    for key, entry in value.items():
        name = prefix + brief.text(key, most=60)
        if isinstance(entry, dict):
            pairs += flatten(brief.few(entry), f"{name}.")
            if len(entry) > brief.MOST:
                pairs.append((name, f"{brief.MOST} of {len(entry)}, evenly spaced"))
        elif isinstance(entry, int | float):
            pairs.append((name, f"{entry:.4g}" if isinstance(entry, float) else entry))
        else:
            pairs.append((name, brief.text(entry)))
    return pairs


def _chosen(workdir: Path) -> list[Path]:
    """Returns evenly spaced pictures over time, including the first and the last."""
    files = sorted((workdir / "samples").glob("*.png"))
    return [files[i] for i in brief.spread(len(files), _PICTURES_OVER_TIME)]


def _embed(picture: Path, most: int) -> str:
    content, kind = picture.read_bytes(), "png"
    if len(content) > most:
        try:
            content, kind = pictures.smaller(content, most), "jpeg"
        except Exception as error:  # Pillow raises many kinds for a damaged file
            raise InputError(
                f"{picture} cannot be read as a picture ({type(error).__name__}). Put "
                "back a copy of it, or remove it: the report does not need it."
            ) from error
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
