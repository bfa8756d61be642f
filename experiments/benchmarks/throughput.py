"""jaxgan compared with plain Flax and PyTorch, on the same work, taking turns.

Each contestant is a separate process (`experiments.benchmarks.race`); they take turns
for a few seconds each, in several rounds, and a ratio is taken within a round. All do
the same updates on random data of the same shape: equal networks, losses, Adam and
numbers of forward passes (`works`), on all cores of the CPU, in float32. (But PyTorch
makes the translations of pix2pix and CycleGAN once for both players' updates, as is
usual, and likewise SRGAN's parts and images, the embeddings of captions, and a real
image's maps for its right and its wrong caption.) A product of two 2048 x 2048 matrices
takes part too, as the ceiling. No generator is averaged, and jaxgan's metrics are
computed. PyTorch's contestants need the extra ``bench`` and are left out without it, as
plain Flax is for games whose networks it does not have (`CANNOT_PLAY`)::

    python -m experiments.benchmarks.throughput --work mlp ring --rounds 5 --seconds 3

The table shows medians over the rounds with the lowest and the highest, GFLOP/s by the
closed form of `flops`, the peak memory of a process, the seconds from a process's start
to its first finished step with nothing compiled before, and, for those that keep what
they compile, the same at their second start. All works take about fifty minutes on two
cores.
"""

import dataclasses
import tempfile
from typing import Any, ClassVar

from experiments.benchmarks import command, families, flops, summary, targets, works
from experiments.benchmarks.command import RaceConfig
from experiments.benchmarks.race import Contestant, Entry, Record, race
from experiments.tables import text_table
from jaxgan.files import write_json

CONTESTANTS = ("jaxgan", "flax", "torch", "torch_channels_last", "torch_compile")
KEEP_COMPILED = ("jaxgan", "torch_compile")
"""The contestants whose second start reuses from disk what the first one compiled."""
CANNOT_PLAY = {"flax": families.NETWORKS}
"""The networks that a contestant does not have: it is left out of their works."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RaceConfig):
    """The settings of the benchmark."""

    benchmark: ClassVar[str] = "throughput"

    # Workloads: mlp, ring, dcgan, dcgan_r1, wgan_gp, population_16, population_64,
    # sampling, sngan, r3gan, pix2pix, cyclegan, srresnet, srgan, text_to_image; by
    # default all.
    work: tuple[str, ...] = tuple(works.WORKS)
    # Contestants besides jaxgan; by default all.
    rivals: tuple[str, ...] = CONTESTANTS[1:]


def entrants(config: Config, work: works.Work) -> list[str]:
    """Returns who can take part in the work's race on this machine, in order."""
    names = [
        name
        for name in CONTESTANTS
        if name in ("jaxgan", *config.rivals)
        and work.network not in CANNOT_PLAY.get(name, ())
    ]
    if command.has_torch():
        return names
    return [name for name in names if not name.startswith("torch")]


def entries(
    names: list[str], work: works.Work, cache: str, size: int
) -> dict[str, Entry]:
    """Returns the entries of one race: contestants, and each framework's ceiling.

    Args:
        names: the contestants.
        work: what they do.
        cache: an empty folder for what they compile.
        size: rows of the ceiling's matrices.
    """
    environment = {"TORCHINDUCTOR_CACHE_DIR": f"{cache}/torch"}
    spec = {
        "work": dataclasses.asdict(work),
        "threads": command.cores(),
        "cache": f"{cache}/jax",
        "size": size,
    }
    frameworks = ["jax", *(["torch"] if "torch" in " ".join(names) else [])]
    ceilings = [f"ceiling_{framework}" for framework in frameworks]
    return {name: Entry(name, spec, environment) for name in [*names, *ceilings]}


def measure(config: Config, name: str) -> dict[str, Any]:
    """Races one work; returns its part of throughput.json."""
    work = works.tiny(works.WORKS[name]) if config.quick else works.WORKS[name]
    size = 256 if config.quick else 2048
    print(f"{name}: {flops.of_unit(work) / 1e9:.4g} GFLOP a step")
    with tempfile.TemporaryDirectory() as cache:
        field = entries(entrants(config, work), work, cache, size)
        records = race(field, rounds=config.rounds, seconds=config.seconds)
        if records["jaxgan"].failure is not None:
            raise RuntimeError(f"jaxgan on {name}: {records['jaxgan'].failure}")
        second = {}
        for again in KEEP_COMPILED:
            if again in records and records[again].failure is None:
                contestant = Contestant(field[again])
                contestant.close()
                second[again] = contestant.record.first_seconds
    top = summary.ceiling(records, 2.0 * size**3)
    raced = {n: r for n, r in records.items() if not n.startswith("ceiling")}
    lines = summary.summarise(
        raced, second, flops=flops.of_unit(work), images=work.images, ceiling=top
    )
    return {
        "work": dataclasses.asdict(work),
        "flops_per_step": flops.of_unit(work),
        "images_per_step": work.images,
        "ceiling_gflops": top / 1e9,
        "ceilings": _ceilings(records, 2.0 * size**3),
        "contestants": lines,
        "targets": [] if config.quick else targets.judge(name, raced, lines),
    }


def _ceilings(records: dict[str, Record], product: float) -> dict[str, Any]:
    rates = {n: r.rates for n, r in records.items() if n.startswith("ceiling")}
    return {
        n: summary.middle([rate * product / 1e9 for rate in r])
        for n, r in rates.items()
    }


def show(name: str, found: dict[str, Any]) -> None:
    """Prints one work's table, what failed, and the targets."""
    lines = found["contestants"]
    print(f"\n{name} (ceiling {found['ceiling_gflops']:.0f} GFLOP/s)")
    print(text_table(summary.HEADER, summary.rows(lines)))
    command.show_failures(lines)
    command.show_targets(found["targets"])
    print(flush=True)


def run(config: Config) -> dict[str, Any]:
    """Races all works, writes throughput.json after each; returns its contents."""
    config = command.hurried(config)
    command.check(config)
    command.check_known("--work", config.work, tuple(works.WORKS))
    command.check_known("--rivals", config.rivals, CONTESTANTS[1:])
    if not command.has_torch():
        print(command.NO_TORCH)
    out = command.folder(config)
    record: dict[str, Any] = {**command.head(config), "works": {}}
    for name in config.work:
        record["works"][name] = measure(config, name)
        show(name, record["works"][name])
        write_json(out / "throughput.json", record)
    print(f"written: {out / 'throughput.json'}")
    return record


if __name__ == "__main__":
    command.main(Config, run)
