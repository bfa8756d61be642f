"""The progress of a run: a bar on a terminal, occasional plain lines elsewhere."""

import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgan import processes
from jaxgan.hooks.base import Hook, Run


class Progress(Hook):
    """Shows the progress of a run and its losses.

    Args:
        seconds: seconds between plain lines where there is no terminal.
        out: the stream to print to; by default stderr.
    """

    def __init__(self, *, seconds: float = 30.0, out: Any = None):
        self._pause, self._out = seconds, out
        self._bar: Any = None

    def begin(self, run: Run) -> None:
        self._bar, self._losses = None, ""
        out = self._out or sys.stderr
        # A process may have no stderr, as in a job whose streams are closed.
        self._show = processes.is_first() and out is not None and run.step < run.steps
        self._begin = self._told = time.monotonic()
        self._start = run.step
        if self._show and out is not None and out.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=run.steps,
                initial=run.step,
                unit="step",
                desc="training",
                file=out,
            )

    def advance(self, run: Run, metrics: Mapping[str, np.ndarray]) -> None:
        if self._bar is not None:
            self._bar.update(run.step - self._bar.n)
        elif self._show and time.monotonic() - self._told >= self._pause:
            self._told = time.monotonic()
            self._print(run)

    def line(self, run: Run, row: Mapping[str, Any]) -> None:
        losses = {name: row[name] for name in row if name.endswith("_loss")}
        if losses:
            each = (f"{name} {value:.3f}" for name, value in losses.items())
            self._losses = ", ".join(each)
        if self._bar is not None and losses:
            self._bar.set_postfix_str(self._losses)

    def end(self, run: Run) -> None:
        if self._show and self._bar is None:
            self._print(run)

    def close(self, error: BaseException | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def _print(self, run: Run) -> None:
        rate = (run.step - self._start) / (time.monotonic() - self._begin)
        left = (run.steps - run.step) / rate
        parts = [
            f"step {run.step:,} of {run.steps:,} ({run.step / run.steps:.0%})",
            f"{rate:.3g} steps/s",
            *([self._losses] if self._losses else []),
            *([f"{_clock(left)} left"] if run.step < run.steps else []),
        ]
        print(", ".join(parts), file=self._out or sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    """Formats a time as hours, minutes and seconds.

    Example:
        >>> _clock(75), _clock(7_265)
        ('1:15', '2:01:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
