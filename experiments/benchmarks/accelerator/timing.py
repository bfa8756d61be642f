"""Rates of functions that take turns in one process."""

import time
from collections.abc import Callable, Mapping

Run = Callable[[int], None]
"""A function that does a number of units of work and returns when they are done."""


def rates(
    runs: Mapping[str, Run], units: Mapping[str, int], *, rounds: int, until: float
) -> dict[str, list[float]]:
    """Measures the units per second of each, one figure a round; their order rotates.

    Args:
        runs: each has been called once, so that nothing is left to compile.
        units: how many units each does in a round.
        rounds: how many rounds; at least one is finished.
        until: the time, by `time.monotonic`, after which no further round begins.
    """
    names = list(runs)
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        if number and time.monotonic() > until:
            break
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            begin = time.perf_counter()
            runs[name](units[name])
            found[name].append(units[name] / (time.perf_counter() - begin))
    return found


def seconds_of(call: Callable[[], object]) -> float:
    """Returns how many seconds a call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def enough(run: Run, seconds: float, *, most: int = 100_000) -> int:
    """Returns how many units take about ``seconds``; one has been done before.

    Doubles the number until it takes a tenth of that time.
    """
    units = 1
    while True:
        begin = time.perf_counter()
        run(units)
        took = time.perf_counter() - begin
        if took >= seconds / 10 or units >= most:
            return max(1, min(most, round(units * seconds / took)))
        units = min(most, 2 * units)
