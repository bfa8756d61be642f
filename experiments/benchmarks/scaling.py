"""The cost of a step against its sizes, and where vmap stops paying.

The MLP's and DCGAN's step against batch size and width, DCGAN's against resolution, the
MLP's against the number of devices that share its batch (on a CPU they share its cores,
so that this shows the cost of sharing), and populations of rings and MLPs against their
size. Points of one curve are interleaved as in `throughput`. A population's speed-up is
the time of its members one after another over its own time; where it falls below 1,
vmap has stopped paying. About 20 minutes on two cores::

    python -m experiments.benchmarks.scaling --axes batch width --rounds 3
"""

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from experiments.benchmarks import command, flops, summary, works
from experiments.benchmarks.command import RaceConfig
from experiments.benchmarks.race import Entry, Record, race
from experiments.tables import text_table
from jaxgan.files import write_json

AXES = ("batch", "width", "resolution", "devices", "population")
HEADER = ["curve", "value", "ms a step", "GFLOP/s", "images/s", "peak MiB"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RaceConfig):
    """The settings of the benchmark."""

    benchmark: ClassVar[str] = "scaling"

    # Sizes to vary: batch, width, resolution, devices, population; by default all.
    axes: tuple[str, ...] = AXES
    # Rounds, in each of which every point works for one segment.
    rounds: int = 3
    # Approximate length of a segment, in seconds; a single step may take longer.
    seconds: float = 2.0


@dataclasses.dataclass(frozen=True)
class Curve:
    """One work with one of its numbers varied; ``devices`` is not a field of a work."""

    name: str
    work: works.Work
    field: str
    values: Sequence[int]


def curves(axis: str, *, quick: bool) -> list[Curve]:
    """Returns the curves of one axis."""
    small = works.tiny if quick else lambda work: work
    mlp, dcgan, ring = (small(works.WORKS[n]) for n in ("mlp", "dcgan", "ring"))
    made = {
        "batch": [
            Curve("mlp", mlp, "batch_size", (8, 32, 128, 512, 2048)),
            Curve("dcgan", dcgan, "batch_size", (8, 16, 32, 64, 128)),
        ],
        "width": [
            Curve("mlp", mlp, "width", (64, 128, 256, 512, 1024)),
            Curve("dcgan", dcgan, "width", (8, 16, 32, 64, 96)),
        ],
        "resolution": [Curve("dcgan", dcgan, "resolution", (16, 28, 32, 64))],
        "devices": [Curve("mlp", mlp, "devices", (1, 2, 4))],
        "population": [
            *(
                Curve(
                    f"ring, width {width}",
                    ring if quick else dataclasses.replace(ring, width=width),
                    "members",
                    (1, 2, 4, 8, 16, 32, 64, 128),
                )
                for width in (16, 64, 256)
            ),
            Curve("mlp, width 256", mlp, "members", (1, 2, 4, 8, 16)),
        ],
    }[axis]
    if not quick:
        return made
    return [dataclasses.replace(c, values=c.values[:2]) for c in made[:1]]


def point(curve: Curve, value: int) -> tuple[works.Work, dict[str, str]]:
    """Returns the work at one point of a curve, and its process's environment."""
    if curve.field == "devices":
        return curve.work, {"JAX_NUM_CPU_DEVICES": str(value)}
    if curve.field == "resolution":
        shape = (value, value, curve.work.image_shape[2])
        return dataclasses.replace(curve.work, image_shape=shape), {}
    examples = max(curve.work.examples, value)
    return dataclasses.replace(
        curve.work, examples=examples, **{curve.field: value}
    ), {}


def measure(curve: Curve, *, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Returns the curve's points as JSON values; those that failed have no numbers."""
    print(f"{curve.name}, {curve.field}: {', '.join(map(str, curve.values))}")
    with tempfile.TemporaryDirectory() as cache:
        entries = {}
        for value in curve.values:
            work, environment = point(curve, value)
            spec = {"work": dataclasses.asdict(work), "cache": cache}
            entries[str(value)] = Entry("jaxgan", spec, environment)
        records = race(entries, rounds=rounds, seconds=seconds)
    return [_line(curve, value, records[str(value)]) for value in curve.values]


def _line(curve: Curve, value: int, record: Record) -> dict[str, Any]:
    if record.failure is not None:
        return {"value": value, "failure": record.failure}
    work, _ = point(curve, value)
    rate = float(np.median(record.rates))
    return {
        "value": value,
        "ms_per_step": summary.middle([1e3 / r for r in record.rates]),
        "gflops": rate * flops.of_unit(work) / 1e9,
        "images_per_second": rate * work.images,
        "peak_mib": record.peak_bytes / 2**20,
    }


def speedups(points: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    """Returns, by size, how many times as fast a population is as its members in turn.

    The first point is a single game.

    Example:
        >>> alone = {"value": 1, "ms_per_step": {"median": 2.0}}
        >>> eight = {"value": 8, "ms_per_step": {"median": 4.0}}
        >>> speedups([alone, eight])
        [(1, 1.0), (8, 4.0)]
    """
    done = [line for line in points if "failure" not in line]
    if not done or done[0]["value"] != 1:
        return []
    alone = done[0]["ms_per_step"]["median"]
    return [
        (line["value"], line["value"] * alone / line["ms_per_step"]["median"])
        for line in done
    ]


def crossover(gains: Sequence[tuple[int, float]]) -> float | None:
    """Returns the size from which a population is slower than its members in turn.

    This is where the speed-up last falls to 1, on a line between the sizes' logarithms;
    the smallest population if it never pays, None if it always does.

    Example:
        >>> crossover([(1, 1.0), (4, 2.0), (16, 0.5)])
        10.079368399158986
    """
    later = gains[1:]
    paying = [i for i, (_, gain) in enumerate(later) if gain >= 1]
    if not later or (paying and paying[-1] == len(later) - 1):
        return None
    if not paying:
        return float(later[0][0])
    (n, above), (m, below) = later[paying[-1] : paying[-1] + 2]
    share = (above - 1) / (above - below)
    return float(n * (m / n) ** share)


def run(config: Config) -> dict[str, Any]:
    """Measures the axes; writes a picture for each, and scaling.json."""
    # matplotlib takes half a second to import; `load` copes with any MPLBACKEND.
    from jaxgan.report import figures

    figures.load()
    from experiments.benchmarks import scaling_plots

    config = command.hurried(config)
    command.check(config)
    command.check_known("--axes", config.axes, AXES)
    out = command.folder(config)
    record: dict[str, Any] = {**command.head(config), "axes": {}}
    for axis in config.axes:
        found = _axis(axis, config)
        record["axes"][axis] = found
        picture = scaling_plots.figure(axis, found)
        picture.savefig(out / f"scaling_{axis}.png", dpi=110)
        write_json(out / "scaling.json", record)
    print(f"written: {out / 'scaling.json'} and its pictures")
    return record


def _axis(axis: str, config: Config) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for curve in curves(axis, quick=config.quick):
        points = measure(curve, rounds=config.rounds, seconds=config.seconds)
        found[curve.name] = {"field": curve.field, "points": points}
        print(text_table(HEADER, rows(curve.name, points)))
        if axis == "population":
            gains = speedups(points)
            cross = crossover(gains)
            found[curve.name] |= {"speedups": gains, "crossover": cross}
            size = "no size" if cross is None else f"{cross:.3g} members"
            print(f"vmap stops paying at {size}")
        print(flush=True)
    return found


def rows(name: str, points: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Returns the table's rows, for `HEADER`."""
    table = []
    for line in points:
        cells = [name, str(line["value"])]
        if "failure" in line:
            table.append([*cells, line["failure"], "", "", ""])
            continue
        numbers = ("gflops", "images_per_second", "peak_mib")
        cells += [
            summary.spread(line["ms_per_step"]),
            *(f"{line[n]:.4g}" for n in numbers),
        ]
        table.append(cells)
    return table


if __name__ == "__main__":
    command.main(Config, run)
