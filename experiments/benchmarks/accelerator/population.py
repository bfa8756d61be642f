"""Many games in one vmap: the cost of a member relative to a single game.

The single game runs the same loop without vmap: both draw their rows on the device.
"""

import dataclasses
import gc
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from experiments.benchmarks import ours, summary
from experiments.benchmarks.accelerator import rivals, timing
from experiments.benchmarks.accelerator.plan import Figures, Parts, Plan, describe, work
from experiments.benchmarks.child import reason
from experiments.benchmarks.race import NO_TIME
from experiments.benchmarks.works import Work
from jaxgan import compiled

SIZES = (1, 16, 64, 256, 1024)
RACED = "population_64"


def measure(plan: Plan) -> Parts:
    """Yields a part for each game and size, then 64 rings against PyTorch's."""
    known = plan.known("population")
    games = plan.pick(("ring", "mlp"), ("ring", "mlp"), ("ring",))
    for number, name in enumerate(games, start=1):
        # Each game keeps to its share of the time.
        share = plan.seconds * number / len(games)
        yield from grown(plan, name, until=plan.begin + share)
    if plan.torch and not plan.quick and RACED not in known:
        plan.go_on()
        yield from rivals.raced(plan, "population", RACED)


def grown(plan: Plan, name: str, *, until: float) -> Parts:
    """Yields a game's populations of the missing sizes, and up to which vmap pays.

    A member's cost is the time of the population's step over that of its members run
    one by one: below 1, vmap pays.
    """
    size, known = work(plan, name), plan.known("population")
    parts = {n: f"{name} x {n}" for n in plan.pick(SIZES, SIZES, SIZES[:2])}
    found = {n: known[part] for n, part in parts.items() if part in known}
    missing = [n for n in parts if n not in found]
    if not missing:
        return
    plan.go_on()
    compiled.keep(Path(plan.cache) / "jax")
    begin, longest = time.monotonic(), 0.0
    alone = ours.alone(size)
    alone(1)
    units = timing.enough(alone, plan.pick(0.2, 0.2, 0.001))
    for members in missing:
        # Most of a size's time is spent compiling, as for the single game.
        longest = max(longest, time.monotonic() - begin)
        begin = time.monotonic()
        if found and begin + longest > until:
            yield parts[members], {"failure": NO_TIME}
            continue
        gc.collect()  # the previous population is large
        try:
            found[members] = _measured(plan, size, members, alone, units)
        except Exception as error:  # out of memory, mostly
            yield parts[members], {"failure": reason(error)}
            continue
        yield parts[members], found[members]
        yield f"{name}, vmap", {"work": describe(size), **_paying(found)}


def _paying(found: Mapping[int, Figures]) -> Figures:
    """Returns the size up to which vmap pays, and that at which it pays most."""
    costs = {n: found[n]["cost_of_a_member"]["median"] for n in sorted(found)}
    paying = [members for members, cost in costs.items() if cost < 1 and members > 1]
    return {
        "measured": list(costs),
        "pays_up_to": max(paying, default=None),
        "cheapest": min(costs, key=lambda members: costs[members], default=None),
    }


def _measured(
    plan: Plan, size: Work, members: int, alone: timing.Run, units: int
) -> Figures:
    together = ours.population(dataclasses.replace(size, members=members))
    compile_seconds = timing.seconds_of(lambda: together(1))
    many = timing.enough(together, plan.pick(0.2, 0.2, 0.001))
    rates = timing.rates(
        {"alone": alone, "population": together},
        {"alone": units, "population": many},
        rounds=plan.pick(5, 3, 1),
        until=plan.until,
    )
    cost = np.divide(rates["alone"], rates["population"]) / members
    return {
        "steps_per_second": summary.middle(rates["population"]),
        "cost_of_a_member": summary.middle(cost),
        "compile_seconds": compile_seconds,
    }
