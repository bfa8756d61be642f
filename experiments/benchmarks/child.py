"""One contestant in a separate process: it answers over pipes, in lines of JSON.

``python -m experiments.benchmarks.child NAME SPEC`` prepares, does a first unit of its
work and reports it. Then, for each line ``{"seconds": s}``, it works for about s
seconds and reports how many units it did in how many seconds. It ends when its input
ends, or with ``{"failure": why}``.
"""

import gc
import importlib
import json
import math
import os
import resource
import sys
import textwrap
import time
import traceback
from collections.abc import Callable
from pathlib import Path

STARTS = {
    "jaxgan": "ours.start",
    "flax": "plain.start",
    "torch": "torch_runs.eager",
    "torch_channels_last": "torch_runs.channels_last",
    "torch_compile": "torch_runs.compiled",
    "ceiling_jax": "ceiling.start",
    "ceiling_torch": "torch_runs.ceiling",
    "exact": "accelerator.exact.start",
    "resident": "input_paths.resident",
    "streamed": "input_paths.streamed",
    "numpy": "input_paths.picked",
    "torch_indexing": "torch_input.indexing",
    "torch_loader": "torch_input.loader",
}
"""The module and function that prepare a contestant from its spec, by name."""

Run = Callable[[int], None]


def prepare(name: str, spec: dict) -> Run:
    """Returns a contestant, ready to do units of its work."""
    module, function = STARTS[name].rsplit(".", 1)
    found = importlib.import_module(f"experiments.benchmarks.{module}")
    return getattr(found, function)(spec)


def segment(run: Run, seconds: float) -> tuple[int, float]:
    """Works for about ``seconds``; returns the units done and the seconds they took.

    The first unit warms up caches and threads and is not counted. The others are done
    in ever fewer, longer calls, as in a run, but not longer than the time left.
    """
    run(1)
    gc.collect()
    begin = time.perf_counter()
    units, length, elapsed = 0, 1, 0.0
    while not units or elapsed < seconds:
        run(length)
        units += length
        elapsed = time.perf_counter() - begin
        left = min(seconds / 4, seconds - elapsed)
        length = max(int(left * units / elapsed), 1)
    return units, elapsed


def warm_up(
    run: Run, *, units: int = 10, seconds: float = 20.0, long: float = 0.5
) -> None:
    """Does some more units, which may still compile, within about ``seconds``.

    torch.compile records its CUDA graphs in the calls right after the first. Once a
    unit takes about as long as the one before, and more than ``long`` seconds, units
    are slow by themselves, and no more are done.
    """
    begin, before = time.perf_counter(), math.inf
    for _ in range(units):
        since = time.perf_counter()
        if since - begin > seconds:
            return
        run(1)
        took = time.perf_counter() - since
        if took > max(long, before / 1.5):
            return
        before = took


def peak_bytes() -> int:
    """Returns the peak memory of this process: on its accelerator, or else resident."""
    return device_peak_bytes() or resident_peak_bytes()


def device_peak_bytes() -> int:
    """Returns the most memory that arrays took on an accelerator; 0 on a CPU."""
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if torch is not None and torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    if jax is None or torch is not None:
        return 0
    stats = jax.local_devices()[0].memory_stats() or {}
    return stats.get("peak_bytes_in_use", 0)


def resident_peak_bytes() -> int:
    """Returns the peak resident memory of this process.

    On Linux ``getrusage`` also counts what the process was before it became this
    program, which is the parent's size; VmHWM counts this program alone.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def reason(error: Exception) -> str:
    """Returns what went wrong, on one line.

    Example:
        >>> reason(ValueError("no   compiler"))
        'ValueError: no compiler'
    """
    return textwrap.shorten(f"{type(error).__name__}: {error}", 300)


def main() -> None:
    """Prepares, then answers until the input ends."""
    # The output of libraries must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**values) -> None:
        print(json.dumps(values), file=answers, flush=True)

    try:
        run = prepare(sys.argv[1], json.loads(sys.argv[2]))
        run(1)
        at = time.time()
        warm_up(run)
        answer(ready=True, at=at)
        for line in sys.stdin:
            units, seconds = segment(run, json.loads(line)["seconds"])
            answer(units=units, seconds=seconds, peak_bytes=peak_bytes())
    except Exception as error:
        traceback.print_exc()
        answer(failure=reason(error))
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
