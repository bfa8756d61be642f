"""jaxgan compared with PyTorch and plain Flax on this device.

As in `throughput`, every contestant is a separate process, they take turns, and a ratio
is taken within a round. jaxgan and PyTorch run in float32 at the device's default
precision (TF32) and in bfloat16; PyTorch has its best known settings (`torch_runs`).
torch.compile is slow to compile: it takes part in the first three works only, and on a
CPU in none (`throughput` has the time). A work with fewer rounds than others was short
of time; one in which some contestants had no time at all is raced again by the next
call.
"""

import dataclasses
import sys
import time
from collections.abc import Mapping
from typing import Any

from experiments.benchmarks import flops, summary, traffic
from experiments.benchmarks.accelerator import profile
from experiments.benchmarks.accelerator.plan import (
    RACED,
    Figures,
    Parts,
    Plan,
    describe,
    shared_device,
    work,
)
from experiments.benchmarks.accelerator.targets import RATIO, ROOFLINE
from experiments.benchmarks.race import NO_TIME, Entry, Record, segments
from experiments.benchmarks.works import Work

COMPILED = RACED[:3]
_STARTS = {
    "jaxgan": "jaxgan",
    "torch": "torch_channels_last",
    "torch_compile": "torch_compile",
    "flax": "flax",
}


def measure(plan: Plan) -> Parts:
    """Yields a part for each work, in order, while there is time."""
    yield "PyTorch", {"present": plan.torch}
    for name in plan.pick(RACED, RACED, ("ring",)):
        if name in plan.known("race"):
            continue
        plan.go_on()
        yield from raced(plan, "race", name)


def raced(plan: Plan, check: str, name: str) -> Parts:
    """Races one work: its contestants, and jaxgan's best against PyTorch's best.

    Yields the figures so far after every segment, so that they are kept if time runs
    out (but not while those of an earlier call have more rounds), and once more with a
    profile if a target is missed.
    """
    before = _rounds(plan.earlier.get(check, {}).get(name, {}))
    size = work(plan, name)
    field = entrants(plan, name, size)
    print(f"{name}: {describe(size)}", file=sys.stderr)
    seconds, now = plan.pick(0.6, 1.0, 0.01), time.monotonic()
    # How long a segment will take is not known yet.
    first_round = max(len(field) * (seconds + 0.5), (plan.until - now) / 4)
    found: Figures = {}
    for records in segments(
        {label: entry for label, (entry, _) in field.items()},
        rounds=plan.pick(5, 3, 1),
        seconds=seconds,
        until=plan.until,
        ready_by=plan.until - first_round,
        together=plan.full,
    ):
        found = figures(plan, field, {n: _so_far(r) for n, r in records.items()})
        if _rounds(found) >= before:
            yield name, found
    if plan.full and found.get("against_torch") and missed(name, found):
        best = found["best"]
        if plan.left > found["contestants"][best]["first_step_seconds"]:
            yield name, {**found, "profile": profile.of_entry(field[best][0])}


def figures(
    plan: Plan, field: Mapping[str, tuple[Entry, Work]], records: Mapping[str, Record]
) -> Figures:
    """Returns the figures of a race from its records."""
    sizes = [size for _, size in field.values()]
    return {
        "work": describe(sizes[0]),
        "started": "together" if plan.full else "one after another",
        "contestants": {
            label: _line(plan, records[label], size)
            for label, size in zip(field, sizes, strict=True)
        },
        **_against(records, "torch"),
        **_against(records, "flax"),
    }


def _so_far(record: Record) -> Record:
    """Returns the record, without a failure for lack of time after some rounds."""
    if record.late and record.rates:
        return dataclasses.replace(record, failure=None)
    return record


def _rounds(found: Figures) -> int:
    """Returns the number of rounds, summed over all contestants."""
    lines = found.get("contestants", {}).values()
    return sum(len(line.get("rates", ())) for line in lines)


def missed(name: str, found: Figures) -> bool:
    """Returns whether a work misses one of its targets."""
    share = found["contestants"][found["best"]]["of_roofline"] or 0.0
    ratio = found["against_torch"]["median"]
    return ratio < RATIO.get(name, 0) or share < ROOFLINE.get(name, 0)


def entrants(plan: Plan, name: str, size: Work) -> dict[str, tuple[Entry, Work]]:
    """Returns each contestant and its work, by label; jaxgan first."""
    labels = ["jaxgan", "torch", "torch_compile", "flax"]
    if name not in COMPILED or plan.platform == "cpu":
        labels.remove("torch_compile")
    if not plan.torch:
        labels = [label for label in labels if not label.startswith("torch")]
    found: dict[str, tuple[Entry, Work]] = {}
    for label in labels:
        found[label] = _entry(plan, _STARTS[label], size), size
        # bfloat16 is not fast on a CPU, and plain Flax is the obvious way.
        if plan.platform != "cpu" and label != "flax":
            half = dataclasses.replace(size, bfloat16=True)
            found[f"{label}_bf16"] = _entry(plan, _STARTS[label], half), half
    return found


def _entry(plan: Plan, start: str, size: Work) -> Entry:
    spec = {
        "work": dataclasses.asdict(size),
        "threads": plan.cores,
        "cache": f"{plan.cache}/jax",
        "device": "cuda" if plan.platform == "gpu" else "cpu",
    }
    environment = {
        **shared_device(),
        "TORCHINDUCTOR_CACHE_DIR": f"{plan.cache}/torch",
    }
    return Entry(start, spec, environment)


def _line(plan: Plan, record: Record, size: Work) -> Figures:
    rate = summary.middle(record.rates)
    if record.failure is not None or rate is None:
        return {"failure": record.failure or NO_TIME}
    return {
        "steps_per_second": rate,
        "images_per_second": rate["median"] * size.images,
        "tflops": rate["median"] * flops.of_unit(size) / 1e12,
        "of_roofline": share_of_roofline(plan, rate["median"], size),
        "peak_mib": record.peak_bytes / 2**20,
        "first_step_seconds": record.first_seconds,
        "rates": record.rates,
    }


def share_of_roofline(plan: Plan, rate: float, size: Work) -> float | None:
    """Returns the share of the measured roofline; None if no ceilings were measured.

    A ceiling is the fastest of its rounds. On a CPU a convolution may exceed it, since
    it takes fewer products than `flops` counts.
    """
    ceilings: Mapping[str, Any] = plan.earlier.get("ceilings", {})
    precision = "bfloat16" if size.bfloat16 else "default"
    if precision not in ceilings or "copy" not in ceilings:
        return None
    least = traffic.roofline_seconds(
        size,
        flops_rate=ceilings[precision]["high"] * 1e12,
        bytes_rate=ceilings["copy"]["high"] * 1e12,
    )
    return rate * least


def _against(records: Mapping[str, Record], rival: str) -> Figures:
    """Returns the ratio of jaxgan's best to the rival's best, and their names."""
    ours, theirs = summary.best(records, "jaxgan"), summary.best(records, rival)
    if ours is None:
        return {}
    if theirs is None:
        return {"best": ours}
    # In an unfinished round one of them may be a segment ahead.
    rounds = min(len(records[name].rates) for name in (ours, theirs))
    whole = lambda name: Record(rates=records[name].rates[:rounds])
    ratio = summary.ratio(whole(ours), whole(theirs))
    return {"best": ours, f"against_{rival}": ratio, f"best_{rival}": theirs}
