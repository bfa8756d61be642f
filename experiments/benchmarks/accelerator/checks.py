"""The checks, each in a separate process, within its share of the time."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Any

SHARES = {
    "right": 0.10,
    "exact": 0.08,
    "ceilings": 0.03,
    "race": 0.42,
    "population": 0.18,
    "loop": 0.15,
    "input": 0.04,
}
"""The checks, in order, and each one's share of the budget.

Time that an earlier check leaves over goes to the later ones.
"""

_TOO_SHORT = 3.0  # seconds in which no check can even start
_GRACE = 5.0  # seconds past its time after which a check is asked to end
_LAST = 5.0  # further seconds after which it is killed
_LINES, _WIDTH = 3, 200  # the last lines of its errors to keep, and their width

ONE_DEVICE = {
    "JAX_CUDA_VISIBLE_DEVICES": "0",
    "JAX_ROCM_VISIBLE_DEVICES": "0",
    "TPU_VISIBLE_CHIPS": "0",
    "TPU_CHIPS_PER_PROCESS_BOUNDS": "1,1,1",
    "TPU_PROCESS_BOUNDS": "1,1,1",
}
"""The environment that shows JAX one device only, however many there are."""


@dataclasses.dataclass
class Outcome:
    """The result of one check.

    Attributes:
        status: "done"; "cut off", when its time ran out; "skipped", when there was no
            time for it; "failed".
        seconds: how long it took.
        parts: the figures of each part that was finished.
        why: the reason if it was not done, with the last lines that it wrote.
    """

    status: str
    seconds: float = 0.0
    parts: dict[str, Any] = dataclasses.field(default_factory=dict)
    why: str | None = None

    @property
    def holds(self) -> bool | None:
        """The verdict over all parts that have one; None if none has."""
        told = [part["holds"] for part in self.parts.values() if "holds" in part]
        return all(told) if told else None


def run(name: str, plan: dict[str, Any]) -> Outcome:
    """Runs a check until it is done, or its time is over.

    Args:
        name: the check's.
        plan: the fields of its `Plan`; ``seconds`` is how long it may take.
    """
    if plan["seconds"] < _TOO_SHORT:
        return Outcome("skipped", why="no time left")
    # Unbuffered, so that its last output is not lost when it is killed.
    command = [sys.executable, "-u", "-m", "experiments.benchmarks.accelerator.child"]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [*command, name, json.dumps(plan)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            process_group=0,
            # "exact" counts all devices, and chooses those of each of its processes.
            env={**({} if name == "exact" else ONE_DEVICE), **os.environ},
        )
        outcome = _listen(process, plan["seconds"])
        if outcome.status != "done":
            errors.seek(0)
            said = [line.rstrip()[:_WIDTH] for line in errors if line.strip()]
            told = [outcome.why] if outcome.why and outcome.why not in said else []
            if outcome.status == "failed" and not said + told:
                told = [f"ended with {process.returncode}"]
            outcome.why = "\n".join(told + said[-_LINES:]) or None
    return outcome


def _listen(process: subprocess.Popen, seconds: float) -> Outcome:
    """Gathers the parts; ends the process when its time is over."""
    assert process.stdout is not None
    late: list[int] = []

    def end(number: int) -> None:
        late.append(number)
        with contextlib.suppress(ProcessLookupError):
            # Its own processes are in other groups; it ends them on SIGTERM.
            os.killpg(process.pid, number)

    timers = [
        threading.Timer(seconds + _GRACE, end, [signal.SIGTERM]),
        threading.Timer(seconds + _GRACE + _LAST, end, [signal.SIGKILL]),
    ]
    for timer in timers:
        timer.start()
    outcome = Outcome("failed")
    try:
        for line in process.stdout:
            told = json.loads(line)
            if "part" in told:
                outcome.parts[told["part"]] = told["figures"]
            elif "failure" in told:
                outcome.why = told["failure"]
            else:
                outcome.status = told["status"]
        process.wait()
    except BaseException:  # a separate process group gets no Ctrl-C
        end(signal.SIGTERM)
        process.wait()
        raise
    finally:
        for timer in timers:
            timer.cancel()
        process.stdout.close()
    if late and outcome.status == "failed":
        outcome.status, outcome.why = "cut off", None
        if not outcome.parts:
            outcome = Outcome("skipped", why="its time was over before its first part")
    return outcome
