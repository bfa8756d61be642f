"""Many games in one vmap: what a member costs beside a game alone."""

import dataclasses
import gc
import time

import numpy as np

from experiments.benchmarks import ours, summary
from experiments.benchmarks.accelerator import rivals, timing
from experiments.benchmarks.accelerator.plan import Figures, Parts, Plan, describe, work
from experiments.benchmarks.child import reason
from experiments.benchmarks.race import NO_TIME
from experiments.benchmarks.works import Work

SIZES = (1, 16, 64, 256, 1024)
RACED = "population_64"


def measure(plan: Plan) -> Parts:
    """A part for each game and size, then 64 rings against PyTorch's."""
    known = plan.known("population")
    for name in plan.pick(("ring", "mlp"), ("ring", "mlp"), ("ring",)):
        if len(known.get(f"{name}, vmap", {}).get("measured", ())) > 1:
            continue
        # Neither takes the other's time.
        share = {"ring": plan.seconds / 2, "mlp": plan.seconds}[name]
        yield from grown(plan, name, until=plan.begin + share)
    if plan.torch and not plan.quick and RACED not in known:
        plan.go_on()
        yield RACED, rivals.raced(plan, RACED)


def grown(plan: Plan, name: str, *, until: float) -> Parts:
    """One game's population at all sizes; the last part says where vmap stops paying.

    A member's cost is the time of the population's step over that of its members, each
    alone: below 1, vmap pays.
    """
    size = work(plan, name)
    spec = {"work": dataclasses.asdict(size), "cache": f"{plan.cache}/jax"}
    alone = ours.start(spec)
    alone(1)
    units = timing.enough(alone, plan.pick(0.2, 0.2, 0.001))
    costs: dict[int, float] = {}
    needed = 0.0
    for members in plan.pick(SIZES, SIZES, SIZES[:2]):
        part = f"{name} x {members}"
        if costs and time.monotonic() + needed > until:
            yield part, {"failure": NO_TIME}
            continue
        gc.collect()  # the one before is large
        try:
            found = _measured(plan, size, members, alone, units)
        except Exception as error:  # out of memory, mostly
            yield part, {"failure": reason(error)}
            continue
        costs[members] = found["cost_of_a_member"]["median"]
        # The next population has at least four times as many members.
        step = 1 / found["steps_per_second"]["median"]
        needed = found["compile_seconds"] + 4 * 4 * step
        yield part, found
    paying = [members for members, cost in costs.items() if cost < 1 and members > 1]
    yield (
        f"{name}, vmap",
        {
            "work": describe(size),
            "measured": list(costs),
            "pays_up_to": max(paying, default=None),
            "cheapest": min(costs, key=lambda members: costs[members], default=None),
        },
    )


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
