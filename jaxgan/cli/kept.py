"""Detection of lost checkpoints: a run that had some must not silently start over."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan import processes
from jaxgan.checks import InputError
from jaxgan.hooks import Hook, read_metrics
from jaxgan.hooks.base import Run
from jaxgan.report.records import read_result

_MARK = ".checkpointed"


def has_any(workdir: Path) -> bool:
    """Returns whether a run has a checkpoint that is completely on disk."""
    found = (workdir / "checkpoints").glob("*")
    return any(each.name.isdecimal() and each.is_dir() for each in found)


class Mark(Hook):
    """Leaves a mark in the workdir once the run has a checkpoint.

    Checkpoints are written in the background, so later lines of the log do not show
    that one was ever on disk.

    List it before the hook `Checkpoint`, which is then closed first; and before `Log`,
    so that the mark of a run that starts over is gone when its log is made.

    Args:
        workdir: the run's workdir.
    """

    def __init__(self, workdir: Path):
        self._workdir, self._left = workdir, False

    def begin(self, run: Run) -> None:
        # Removes the mark of an earlier run whose metrics were removed to start over.
        if processes.is_first() and not has_any(self._workdir):
            (self._workdir / _MARK).unlink(missing_ok=True)

    def advance(self, run: Run, metrics: Mapping[str, np.ndarray]) -> None:
        self._leave()

    def close(self, error: BaseException | None) -> None:
        self._leave()

    def _leave(self) -> None:
        if not self._left and processes.is_first() and has_any(self._workdir):
            self._left = True
            with contextlib.suppress(OSError):  # the run goes on without it
                (self._workdir / _MARK).touch()


def check(workdir: Path, record: dict[str, Any], *, steps: int) -> None:
    """Refuses to start over a run that had checkpoints; a finished one needs none.

    Args:
        workdir: the run's workdir, with a config.json.
        record: the content of config.json.
        steps: number of requested steps.

    Raises:
        InputError: if there were checkpoints, and there are none now.
    """
    if has_any(workdir):
        return
    result = read_result(workdir)
    if result is not None and result["steps"] >= steps:
        return
    log = workdir / "metrics.jsonl"
    # A user who removes the log as well wants a new run; an empty log beside the mark
    # was truncated. Another sign of checkpoints: their folder is made before the log.
    begun = log.exists() and log.stat().st_size > 0
    if result is not None:
        sign = f"result.json is from step {result['steps']}"
    elif log.exists() and (workdir / _MARK).exists():
        sign = f"{_MARK} says that there were some"
    elif begun and not (workdir / "checkpoints").is_dir():
        sign = "metrics.jsonl has lines"
    elif begun and _passed_one(workdir, record["config"].get("checkpoint_every")):
        sign = "metrics.jsonl goes on after the first"
    else:
        return
    raise InputError(
        f"The run in {workdir} has lost its checkpoints: there are none in "
        f"{workdir / 'checkpoints'}, but {sign}. Nothing was changed. Put that folder "
        "back to continue the run, or begin a new one in another --workdir, which may "
        "start --from the checkpoint of another run."
    )


def _passed_one(workdir: Path, every: Any) -> bool:
    """Returns whether the run went on after two checkpoints were due.

    Then one was on disk: before a checkpoint is written, the hook waits for the
    previous one.
    """
    steps = [row["step"] for row in read_metrics(workdir)]
    return bool(steps) and isinstance(every, int) and steps[-1] - steps[0] > 2 * every
