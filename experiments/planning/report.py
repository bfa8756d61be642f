"""A plan as text to read, and as numbers to keep."""

import dataclasses
import importlib.metadata
from typing import Any

from experiments.planning.ahead import Compiled
from experiments.planning.chips import Topology
from experiments.planning.collectives import D_UPDATE, G_UPDATE, AllReduces
from experiments.planning.model import (
    DCN_SECONDS,
    HOP_SECONDS,
    SCALE,
    StepTime,
    step_time,
    weak_scaling,
)
from jaxgan.cli.config import TrainConfig, identity
from jaxgan.data import ImageSet

_BOUND = {
    "compute": "arithmetic",
    "memory": "memory bandwidth",
    "ici": "bandwidth between chips",
    "dcn": "bandwidth between slices",
    "latency": "waiting for the network",
}
_ASSUMPTIONS = f"""\
The model takes every operand to come from HBM at the datasheet's rate (what stays in
on-chip memory is faster) and all arithmetic to run at its peak (little of it does);
float32 matrix products run at the bfloat16 rate, as a TPU does by default. All sides of
a slice are closed rings and all links are used at once. Nothing overlaps. An all-reduce
waits {HOP_SECONDS * 1e6:g} us a hop, and {DCN_SECONDS * 1e6:g} us between slices: \
assumptions, on no datasheet. Reading
the data, evaluation and checkpoints are not in it."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """One experiment on one slice.

    Attributes:
        experiment: its name.
        config: its settings; the batch is that of all chips.
        topology: the slice.
        compiled: the compiler's figures.
        data: the set to train on.
    """

    experiment: str
    config: TrainConfig
    topology: Topology
    compiled: Compiled
    data: ImageSet

    @property
    def per_chip(self) -> int:
        """The examples of one update on each chip."""
        return self.config.batch_size // self.topology.chips

    @property
    def data_bytes(self) -> int:
        """The bytes of the data set on each chip; 0 if it is streamed."""
        if self.data.nbytes > self.config.device_cache_mib * 2**20:
            return 0
        labels = self.data.labels
        return self.data.images.nbytes + (0 if labels is None else labels.nbytes)

    @property
    def memory(self) -> int:
        """The bytes that one chip needs."""
        return self.compiled.memory.total + self.data_bytes

    @property
    def time(self) -> StepTime:
        """The modelled time of a train step."""
        return step_time(self.compiled.cost, self.topology)

    @property
    def scaling(self) -> list[tuple[Topology, StepTime]]:
        """The weak scaling; only one chip for its own program, which sends nothing."""
        scale = SCALE if self.topology.chips > 1 else (1,)
        return weak_scaling(self.compiled.cost, self.topology.chip, scale)


def as_text(plan: Plan) -> str:
    """Returns the plan as it is printed."""
    sent = all_reduces(plan.compiled.all_reduces, plan.compiled.chain)
    before = (_heading(plan), _memory(plan), _step(plan))
    return "\n\n".join((*before, sent, _scaling(plan), _notes(plan)))


def as_json(plan: Plan) -> dict[str, Any]:
    """Returns the same as numbers: bytes, seconds, FLOPs."""
    chip = plan.topology.chip
    memory = plan.compiled.memory
    return {
        "experiment": plan.experiment,
        "config": identity(plan.config),
        "versions": _versions(),
        "topology": str(plan.topology),
        "chips": plan.topology.chips,
        "datasheet": {**dataclasses.asdict(chip), "source": chip.source},
        "assumptions": {"hop_seconds": HOP_SECONDS, "dcn_seconds": DCN_SECONDS},
        "batch_size": plan.config.batch_size,
        "batch_per_chip": plan.per_chip,
        "memory_per_chip": {
            **dataclasses.asdict(memory),
            "data_set": plan.data_bytes,
            "total": plan.memory,
        },
        "cost_per_chip": dataclasses.asdict(plan.compiled.cost),
        "all_reduces": [
            dataclasses.asdict(alike) for alike in plan.compiled.all_reduces
        ],
        "all_reduces_in_a_row": plan.compiled.chain,
        "loops_counted_once": plan.compiled.loops,
        "modelled_step_seconds": _seconds(plan.time),
        "modelled_weak_scaling": [
            {"chips": topology.chips, "slices": topology.slices, **_seconds(time)}
            for topology, time in plan.scaling
        ],
    }


def all_reduces(found: list[AllReduces], chain: int) -> str:
    """Returns the all-reduces of one train step, as they are printed.

    Args:
        found: from `collectives.all_reduces`.
        chain: from `chain.longest_chain`.
    """
    rows = [("", "calls", "payload")]
    for alike in found:
        first, *merged = alike.reasons
        rows.append((first, f"{alike.calls}", f"{_si(alike.payload)}B"))
        rows += [(f"  and {reason}", "", "") for reason in merged]
    calls = lambda *updates: sum(
        alike.calls for alike in found if all(map(alike.of, updates))
    )
    title = "All-reduces of one train step; 'and' joins what is merged"
    return (
        f"{_table(title, rows)}\n"
        f"{calls()} calls: {calls(D_UPDATE)} of the D-update, {calls(G_UPDATE)} of the "
        f"G-update, {calls(D_UPDATE, G_UPDATE)} of them of both.\n"
        f"At least {chain} wait for one another: no merging makes fewer."
    )


def _seconds(time: StepTime) -> dict[str, Any]:
    return {**dataclasses.asdict(time), "total": time.total, "bound": time.bound}


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("jax", "libtpu")}


def _heading(plan: Plan) -> str:
    versions = _versions()
    return (
        f"{plan.experiment} on {plan.topology}, {plan.topology.chips:,} chip(s), batch "
        f"{plan.config.batch_size:,}, {plan.per_chip:,} a chip.\n"
        f"Compiled on this machine by libtpu {versions['libtpu']} for jax "
        f"{versions['jax']}; nothing was run."
    )


def _memory(plan: Plan) -> str:
    memory, chip = plan.compiled.memory, plan.topology.chip
    rows = [
        ("state and batch", _mib(memory.arguments)),
        ("further outputs", _mib(memory.outputs)),
        ("temporaries", _mib(memory.temporaries)),
        ("program", _mib(memory.program)),
        ("data set", _mib(plan.data_bytes) if plan.data_bytes else "streamed"),
        ("total", _mib(plan.memory)),
        ("HBM", _mib(chip.hbm_bytes)),
        ("used", f"{plan.memory / chip.hbm_bytes:.1%}"),
    ]
    return _table("Memory of one chip", rows)


def _step(plan: Plan) -> str:
    cost, time, chip = plan.compiled.cost, plan.time, plan.topology.chip
    hops = sum(side for side in plan.topology.sides if side > 1)
    calls = f"{cost.all_reduces} calls of {hops} hops"
    payload = f"{_si(cost.all_reduce_bytes)}B"
    rows = [
        ("", "work", "at", "time"),
        _row("arithmetic", _si(cost.flops) + "FLOP", chip.flops, "FLOP", time.compute),
        _row(
            "memory", _si(cost.bytes_moved) + "B", chip.hbm_bandwidth, "B", time.memory
        ),
        _row("all-reduce", payload, chip.ici_bandwidth, "B", time.ici),
        ("waiting for it", calls, f"{_time(HOP_SECONDS)} a hop", _time(time.latency)),
        ("train step", "", "", _time(time.total)),
    ]
    run = plan.config.steps * time.total
    rate = _si(plan.config.batch_size / time.total)
    after = (
        f"Bound by {_BOUND[time.bound]}. {rate} images/s; "
        f"{plan.config.steps:,} steps take {_time(run)}, "
        f"{run * plan.topology.chips / 3600:.3g} chip-hours."
    )
    title = f"One train step of one chip: a model, with the datasheet of {chip.source}"
    return f"{_table(title, rows)}\n{after}"


def _row(name: str, work: str, rate: float, unit: str, seconds: float):
    return name, work, f"{_si(rate)}{unit}/s", _time(seconds)


def _scaling(plan: Plan) -> str:
    if plan.topology.chips == 1:
        return "Plan a slice of several chips for the table of weak scaling."
    alone = plan.scaling[0][1].total
    rows = [
        (
            "chips",
            *("slices", "batch", "chip", "all-reduce", "waiting", "step"),
            *("images/s", "efficiency", ""),
        )
    ]
    for topology, time in plan.scaling:
        batch = plan.per_chip * topology.chips
        rows.append(
            (
                f"{topology.chips:,}",
                f"{topology.slices}",
                f"{batch:,}",
                _time(max(time.compute, time.memory)),
                _time(time.ici + time.dcn),
                _time(time.latency),
                _time(time.total),
                _si(batch / time.total).strip(),
                f"{alone / time.total:.0%}",
                "model",
            )
        )
    title = f"Weak scaling, {plan.per_chip:,} examples a chip: modelled, not measured"
    return _table(title, rows)


def _notes(plan: Plan) -> str:
    notes = [_ASSUMPTIONS]
    if plan.config.batch_size > len(plan.data):
        notes.append(
            f"Note: {plan.config.dataset} has {len(plan.data):,} training images, "
            f"and a run refuses a larger batch than that."
        )
    if plan.memory > plan.topology.chip.hbm_bytes:
        notes.append(
            "Note: the step fits, but not beside the data set. Stream it: "
            "--device-cache-mib 0."
        )
    if plan.compiled.loops:
        notes.append(
            f"Note: the step has {plan.compiled.loops} inner loop(s), whose bodies are "
            "counted once. FLOPs, bytes and times are too small."
        )
    return "\n".join(notes)


def _table(title: str, rows: list[tuple[str, ...]]) -> str:
    """Formats a table with columns aligned to the right, the first to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [title]
    for first, *others in rows:
        cells = [cell.rjust(n) for cell, n in zip(others, widths[1:], strict=True)]
        lines.append("  ".join(["", first.ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)


def _mib(size: float) -> str:
    return f"{size / 2**20:,.1f} MiB"


def _si(value: float) -> str:
    """Formats a value with three digits and a prefix, such as ``"1.05 M"``."""
    for prefix, factor in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= factor:
            return f"{value / factor:.3g} {prefix}"
    return f"{value:.3g} "


def _time(seconds: float) -> str:
    for unit, factor in (("h", 3600), ("min", 60), ("s", 1), ("ms", 1e-3)):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"
