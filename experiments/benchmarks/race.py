"""Contestants in separate processes, run in turn.

All are started first, one after another; then, round by round, each works for a few
seconds while the others wait, in an order that rotates. A temporary slowdown of the
machine thus affects all alike, and a ratio within a round compares neighbours in time.
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
from collections.abc import Callable, Generator, Mapping
from typing import Any

LONGEST_SECONDS = 600.0
"""The most seconds that a start may take, or a segment beyond its requested time."""

NO_TIME = "no time left"
"""The failure of a contestant that was not started."""

_SETTLE_SECONDS = 0.2  # for the threads of the last one to fall asleep
_LEAST_SECONDS = 0.5  # to read an answer that is there already

_SILENT = "no answer within"


def is_late(failure: str | None) -> bool:
    """Returns whether a failure is for lack of time.

    Example:
        >>> is_late("first run: no time left"), is_late("out of memory"), is_late(None)
        (True, False, False)
    """
    return any(late in (failure or "") for late in (NO_TIME, _SILENT))


@dataclasses.dataclass(frozen=True)
class Entry:
    """A contestant: its name in `child.STARTS`, its spec, and its environment."""

    name: str
    spec: dict[str, Any]
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Record:
    """A contestant's result.

    Attributes:
        first_seconds: seconds from its process's start to the end of its first unit.
        rates: units per second, one for each round.
        peak_bytes: the most memory that it used, as of `child.peak_bytes`.
        failure: why it ended early: its own message, the last line of its errors, or a
            timeout; None if it did not.
    """

    first_seconds: float = float("nan")
    rates: list[float] = dataclasses.field(default_factory=list)
    peak_bytes: int = 0
    failure: str | None = None

    @property
    def late(self) -> bool:
        """True if it failed for lack of time."""
        return is_late(self.failure)


class Contestant:
    """A child process and its pipes.

    Args:
        entry: the contestant. Unless its environment sets ``JAX_PLATFORMS``, it runs on
            the CPU.
        longest: seconds after which a silent process is ended, with all that it
            started; until it is ready, they count from its start.
        wait: whether to wait until it is ready; else call `ready` before `work`.
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
            # A group of its own: a compiler that hangs must end with its caller.
            process_group=0,
            env={**os.environ, "JAX_PLATFORMS": "cpu", **entry.environment},
        )
        if wait:
            self.ready()

    def ready(self) -> None:
        """Waits for the end of its first units."""
        answer = self._answer(self._longest, waited=time.time() - self._begin)
        if answer is not None:
            self.record.first_seconds = answer["at"] - self._begin

    def work(self, seconds: float) -> None:
        """Runs one segment; does nothing if the process has ended."""
        if self.record.failure is not None:
            return
        time.sleep(_SETTLE_SECONDS)
        assert self._process.stdin is not None
        # If it died while it waited, `_answer` finds out why.
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

    def _answer(self, longest: float, waited: float = 0.0) -> dict[str, Any] | None:
        """Returns the next line; None, with a failure in the record, if none comes."""
        assert self._process.stdout is not None
        left = max(longest - waited, _LEAST_SECONDS)
        late = threading.Timer(left, self._give_up, [longest])
        late.start()
        try:
            line = self._process.stdout.readline()
        except BaseException:  # a separate process group gets no Ctrl-C
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


def race(entries: Mapping[str, Entry], **how: Any) -> dict[str, Record]:
    """Returns each entry's final record; ``how`` is as for `segments`."""
    *_, found = segments(entries, **how)
    return found


def segments(
    entries: Mapping[str, Entry],
    *,
    rounds: int,
    seconds: float,
    say: Callable[[str], None] = print,
    until: float = math.inf,
    ready_by: float | None = None,
    together: bool = False,
) -> Generator[dict[str, Record], None, None]:
    """Yields the records so far: once all are ready, and after each segment.

    An entry that cannot start or ends early has a failure in its record; the others go
    on.

    Args:
        entries: the contestants, by any name.
        rounds: segments of each.
        seconds: about how long a segment is.
        say: called with each line of progress.
        until: the time, by `time.monotonic`, by which all should end: after the first
            round, none begins that would end later if it took as long as the longest.
        ready_by: when all must be ready to take part; by default ``until``.
        together: whether all are started at once: faster where there are many cores,
            but then their first units take longer.
    """
    ready_by = until if ready_by is None else ready_by
    contestants: dict[str, Contestant] = {}
    records: dict[str, Record] = {}
    try:
        for name, entry in entries.items():
            left = ready_by - time.monotonic()
            if left <= 0:
                records[name] = Record(failure=NO_TIME)
                continue
            longest = min(LONGEST_SECONDS, left)
            contestants[name] = Contestant(entry, longest, wait=not together)
            records[name] = contestants[name].record
        for name, contestant in contestants.items():
            if together:
                contestant.ready()
            first = contestant.record
            say(f"  {name}: " + (first.failure or f"{first.first_seconds:.1f} s"))
        yield dict(records)
        names, longest = list(contestants), 0.0
        for number in range(rounds if names else 0):
            begin = time.monotonic()
            if number and begin + longest > until:
                break
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                contestants[name].work(seconds)
                yield dict(records)
            longest = max(longest, time.monotonic() - begin)
            say(f"  round {number + 1} of {rounds}")
    except BaseException:
        for contestant in contestants.values():
            contestant.end()
        raise
    finally:
        for contestant in contestants.values():
            contestant.close()
