"""Contestants in processes of their own, asked in turn.

All are started first, one after another; then, round by round, each works for a few
seconds while the others wait, in an order that rotates. What slows the machine down for
a while so falls on all alike, and a ratio within one round is of neighbours in time.
"""

import contextlib
import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

LONGEST_SECONDS = 600.0
"""How long a start may take, and a segment beyond what was asked of it."""

NO_TIME = "no time left"
"""The failure of a contestant that was not started."""

_SETTLE_SECONDS = 0.2  # for the threads of who worked last to fall asleep


_SILENT = "no answer within"


@dataclasses.dataclass(frozen=True)
class Entry:
    """Who starts: one of `child.STARTS`, its spec, and its environment."""

    name: str
    spec: dict[str, Any]
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Record:
    """How a contestant did.

    Attributes:
        first_seconds: from the start of its process to the end of its first unit.
        rates: units a second, one for each round.
        peak_bytes: the most memory that it had resident.
        failure: why it ended early: its own account, or the last line of its errors, or
            that it took too long; None: it did not.
    """

    first_seconds: float = float("nan")
    rates: list[float] = dataclasses.field(default_factory=list)
    peak_bytes: int = 0
    failure: str | None = None

    @property
    def late(self) -> bool:
        """Whether it failed for want of time."""
        return (self.failure or "").startswith((NO_TIME, _SILENT))


class Contestant:
    """A child process and its pipes.

    Args:
        entry: who it is. Where its environment does not say ``JAX_PLATFORMS``, it
            competes on the CPU.
        longest: seconds after which a silent one is ended, with all that it started.
        wait: until it is ready; else ask `ready` before `work`.
    """

    def __init__(
        self, entry: Entry, longest: float = LONGEST_SECONDS, *, wait: bool = True
    ):
        self._begin = time.time()
        self.record = Record()
        self._longest = longest
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, see close
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "experiments.benchmarks.child"),
                *(entry.name, json.dumps(entry.spec)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            # A group of its own: a compiler that hangs must end with who called it.
            process_group=0,
            env={**os.environ, "JAX_PLATFORMS": "cpu", **entry.environment},
        )
        if wait:
            self.ready()

    def ready(self) -> None:
        """Waits for the end of its first unit."""
        answer = self._answer(self._longest)
        if answer is not None:
            self.record.first_seconds = answer["at"] - self._begin

    def work(self, seconds: float) -> None:
        """One segment; nothing if the process ended before."""
        if self.record.failure is not None:
            return
        time.sleep(_SETTLE_SECONDS)
        assert self._process.stdin is not None
        # One that died while it waited says why where it would have answered.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"seconds": seconds}) + "\n")
            self._process.stdin.flush()
        answer = self._answer(seconds + self._longest)
        if answer is not None:
            self.record.rates.append(answer["units"] / answer["seconds"])
            self.record.peak_bytes = answer["peak_bytes"]

    def end(self) -> None:
        """Ends the process now, with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Ends the process and waits for it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.end()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _answer(self, longest: float) -> dict[str, Any] | None:
        """The next line; None, and a failure in the record, if there is none."""
        assert self._process.stdout is not None
        late = threading.Timer(longest, self._give_up, [longest])
        late.start()
        try:
            line = self._process.stdout.readline()
        except BaseException:  # a group of its own is not told of Ctrl-C
            self.end()
            raise
        finally:
            late.cancel()
        if line.endswith("\n") and self.record.failure is None:
            answer = json.loads(line)
            self.record.failure = answer.get("failure")
            return None if "failure" in answer else answer
        code = self._process.wait()
        if self.record.failure is None:
            self._errors.seek(0)
            said = [text for text in self._errors.read().splitlines() if text.strip()]
            self.record.failure = said[-1] if said else f"ended with {code}"
        return None

    def _give_up(self, seconds: float) -> None:
        self.record.failure = f"{_SILENT} {seconds:g} seconds"
        self.end()


def race(
    entries: Mapping[str, Entry],
    *,
    rounds: int,
    seconds: float,
    say: Callable[[str], None] = print,
    until: float = math.inf,
    together: bool = False,
) -> dict[str, Record]:
    """All entries by name: how each did.

    One that cannot start or ends early has a failure in its record, and the others go
    on.

    Args:
        entries: who takes part, by any name.
        rounds: segments of each.
        seconds: about how long a segment is.
        say: told what happens.
        until: the time, by `time.monotonic`, after which nobody is started and no
            round but the first begins.
        together: whether all are started at once: sooner done where there are many
            cores, but then their first units take longer.
    """
    contestants: dict[str, Contestant] = {}
    late: dict[str, Record] = {}
    try:
        for name, entry in entries.items():
            left = until - time.monotonic()
            if left <= 0:
                late[name] = Record(failure=NO_TIME)
                continue
            longest = min(LONGEST_SECONDS, left)
            contestants[name] = Contestant(entry, longest, wait=not together)
        for name, contestant in contestants.items():
            if together:
                contestant.ready()
            first = contestant.record
            say(f"  {name}: " + (first.failure or f"{first.first_seconds:.1f} s"))
        names = list(contestants)
        for number in range(rounds if names else 0):
            if number and time.monotonic() > until:
                break
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                contestants[name].work(seconds)
            say(f"  round {number + 1} of {rounds}")
    except BaseException:
        for contestant in contestants.values():
            contestant.end()
        raise
    finally:
        for contestant in contestants.values():
            contestant.close()
    found = {name: contestant.record for name, contestant in contestants.items()}
    return {name: {**found, **late}[name] for name in entries}
