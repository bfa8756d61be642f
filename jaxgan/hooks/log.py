"""metrics.jsonl: one line of JSON for every step at which something was measured."""

import json
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan import processes
from jaxgan.checks import InputError
from jaxgan.files import write_atomically
from jaxgan.hooks.base import Hook, Run
from jaxgan.hooks.window import Window

_LOST = (
    "{path} has lost its lines up to step {step}, from which the run continues: its "
    "curves, seconds and history of collapse begin there. Stop the run and put back a "
    "copy of the file to have them."
)


class Log(Hook):
    """Writes the metrics' means since the previous line, and all that hooks measure.

    A line has "step", "images", "images_per_second", "seconds" (of all steps so far)
    and the metrics by name; what another hook measures at a different step gets its own
    line.

    Args:
        folder: folder of metrics.jsonl; created if missing. Lines beyond the step that
            a run continues from are dropped, since they will be written again.
        every: steps between lines.
    """

    name = "log"

    def __init__(self, folder: str | Path, *, every: int = 100):
        self.folder, self.every = Path(folder), every
        self.path = self.folder / "metrics.jsonl"

    def begin(self, run: Run) -> None:
        rows = [row for row in read_metrics(self.folder) if row["step"] <= run.step]
        timed = [row["seconds"] for row in rows if "seconds" in row]
        self._seconds: float = timed[-1] if timed else 0.0
        saved = run.notes.get(self.name, {})
        self._any = bool(rows)
        if processes.is_first():
            # Notes of an older version do not mention lines, but there was a file.
            if saved and not rows and saved.get("lines", not self.path.exists()):
                warnings.warn(_LOST.format(path=self.path, step=run.step), stacklevel=2)
            self.folder.mkdir(parents=True, exist_ok=True)
            text = "".join(json.dumps(row) + "\n" for row in rows)
            write_atomically(self.path, text.encode())
        self._window = Window(saved, int(run.state.images))

    def advance(self, run: Run, metrics: Mapping[str, np.ndarray]) -> None:
        self._window.add(metrics)

    def measure(self, run: Run) -> dict[str, float]:
        row = self._window.line(int(run.state.images))
        self._seconds += row["seconds"]
        return {**row, "seconds": round(self._seconds, 2)}

    def line(self, run: Run, row: Mapping[str, Any]) -> None:
        self._any = True
        if processes.is_first():
            with self.path.open("a") as file:
                file.write(json.dumps(row) + "\n")

    def notes(self) -> dict[str, Any]:
        return {**self._window.notes(), "lines": self._any}


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Returns the lines of a folder's metrics.jsonl, except a truncated last line.

    Raises:
        InputError: if another line cannot be read.
    """
    path = folder / "metrics.jsonl"
    try:
        *lines, last = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        row = _row(line)
        if row is None:
            raise InputError(
                f"{path}: line {number} is not a row of metrics (numbers by name and "
                f'their "step"): {line[:60]!r}. Put back a copy of the file, or remove '
                "that line."
            )
        rows.append(row)
    # A process that is killed while writing leaves a line without an end.
    row = _row(last)
    return rows if row is None else [*rows, row]


def _row(line: bytes) -> dict[str, Any] | None:
    """Parses a line, numbers by name and their "step"; None if it is anything else."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or not all(map(_is_number, row.values())):
        return None
    step = row.get("step")
    return row if isinstance(step, int) and not isinstance(step, bool) else None


def _is_number(value: Any) -> bool:
    """Returns whether ``value`` is a number that fits a float."""
    if isinstance(value, int):
        return abs(value) <= sys.float_info.max
    return isinstance(value, float)
