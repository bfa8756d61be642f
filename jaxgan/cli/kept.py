"""Checkpoints that are gone: a run that had some is not begun anew without a word."""

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
    """Returns whether a run has checkpoints, of those that are all on disk."""
    found = (workdir / "checkpoints").glob("*")
    return any(each.name.isdecimal() and each.is_dir() for each in found)


class Mark(Hook):
    """Leaves a mark in the workdir once the run has a checkpoint.

    Checkpoints are written in the background, so that lines of the log after one do not
    show that it was ever on disk.

    Give it before the hook `Checkpoint`, which is then closed first; and before `Log`,
    so that the mark of a run that begins anew is gone when its log is made.

    Args:
        workdir: of the run.
    """

    def __init__(self, workdir: Path):
        self._workdir, self._left = workdir, False

    def begin(self, run: Run) -> None:
        # One of an earlier run, whose metrics were removed to begin anew, goes.
        if processes.is_first() and not has_any(self._workdir):
            (self._workdir / _MARK).unlink(missing_ok=True)

    def advance(self, run: Run, metrics: Mapping[str, np.ndarray]) -> None:
        self._leave()

    def close(self, error: BaseException | None) -> None:
        self._leave()

    def _leave(self) -> None:
        if not self._left and processes.is_first() and has_any(self._workdir):
            self._left = True
            with contextlib.suppress(OSError):  # the run goes on without
                (self._workdir / _MARK).touch()


def check(workdir: Path, record: dict[str, Any], *, steps: int) -> None:
    """Refuses to begin a run anew that had checkpoints; a finished one needs none.

    Args:
        workdir: of the run; some run's config.json is there.
        record: what that holds.
        steps: how many are asked for.

    Raises:
        InputError: if there were checkpoints, and are none.
    """
    if has_any(workdir):
        return
    result = read_result(workdir)
    if result is not None and result["steps"] >= steps:
        return
    log = workdir / "metrics.jsonl"
    # Removing the log, too, is asking for a new run; an empty one was cut off if there
    # is the mark. What else tells of checkpoints: their folder is made before the log.
    begun = log.exists() and log.stat().st_size > 0
    if result is not None:
        sign = f"result.json is of {result['steps']} steps"
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
    """Whether steps were played after two checkpoints had been due: one was on disk.

    Before a checkpoint is written, the hook waits for the one before.
    """
    steps = [row["step"] for row in read_metrics(workdir)]
    return bool(steps) and isinstance(every, int) and steps[-1] - steps[0] > 2 * every
