"""Profiles of contestants: kernels by time, from JAX's own profiler."""

import itertools
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax

from experiments.benchmarks import child
from experiments.benchmarks.accelerator import timing
from experiments.benchmarks.race import Entry

_SHOWN = 12


def of_entry(entry: Entry) -> dict[str, Any]:
    """Profiles a contestant of jaxgan in this process."""
    try:
        run = child.prepare(entry.name, entry.spec)
        run(1)
        return of_run(run, timing.enough(run, 0.5))
    except Exception as error:  # the figures stand without a profile
        return {"failure": child.reason(error)}


def of_run(run: timing.Run, units: int) -> dict[str, Any]:
    """Returns the kernels that take longest, and the share of the time that any ran.

    Returns:
        ``seconds``, ``units``, ``busy`` (the share of the time in which at least one
        kernel ran) and ``kernels``: name, calls, and share of all kernels' time.
    """
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            seconds = timing.seconds_of(lambda: run(units))
        (file,) = Path(folder).rglob("*.xplane.pb")
        events = list(_events(jax.profiler.ProfileData.from_file(str(file))))
    return {"units": units, "seconds": seconds, **summarise(events, seconds)}


def summarise(events: Iterable[tuple[str, float, float]], seconds: float) -> dict:
    """Summarises events, each a name, a start and an end in seconds.

    Example:
        >>> found = summarise([("a", 0, 1), ("b", 0.5, 1), ("a", 3, 4)], 4.0)
        >>> found["busy"], found["kernels"][0]
        (0.5, {'name': 'a', 'calls': 2, 'share': 0.8})
    """
    events = sorted(events, key=lambda event: event[1])
    time, calls = Counter[str](), Counter[str]()
    busy, end = 0.0, float("-inf")
    for name, begin, finish in events:
        time[name] += finish - begin  # pyright: ignore[reportArgumentType]
        calls[name] += 1
        busy += max(0.0, finish - max(begin, end))
        end = max(end, finish)
    total = sum(time.values()) or 1.0
    kernels = [
        {"name": name[:80], "calls": calls[name], "share": round(spent / total, 4)}
        for name, spent in itertools.islice(time.most_common(), _SHOWN)
    ]
    return {"busy": busy / seconds, "kernels": kernels}


def _events(profile: Any) -> Iterable[tuple[str, float, float]]:
    """Yields the first device's kernels, or on a CPU the operations of XLA threads."""
    planes = {plane.name: plane for plane in profile.planes}
    devices = sorted(name for name in planes if name.startswith("/device:"))
    name = devices[0] if devices else "/host:CPU"
    wanted = ("Stream", "XLA Ops") if devices else ("tf_XLA",)
    for line in planes[name].lines if name in planes else ():
        if not line.name.startswith(wanted):
            continue
        for event in line.events:
            # A CPU's threads also report what they wait for.
            if event.name.startswith(("ThreadpoolListener", "end: ")):
                continue
            yield event.name, event.start_ns / 1e9, event.end_ns / 1e9
