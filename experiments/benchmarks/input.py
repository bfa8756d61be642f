"""Batches per second of each data path, and the input's share of a training step.

jaxgan's two paths (a set that stays on the device; one that threads read ahead), NumPy
picking each batch, and PyTorch's indexing and DataLoader, interleaved as in
`throughput`, on random images of MNIST's size. The MLP's train step takes part too.
Expected: with a device-resident set, the input costs under 2 % of that step. About two
minutes on two cores::

    python -m experiments.benchmarks.input
"""

import dataclasses
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from experiments.benchmarks import command, random_data, summary, works
from experiments.benchmarks.command import RaceConfig
from experiments.benchmarks.race import Entry, Record, race
from experiments.tables import text_table
from jaxgan.checks import InputError
from jaxgan.files import write_json

PATHS = ("resident", "streamed", "numpy", "torch_indexing", "torch_loader")
HEADER = ["path", "batches/s", "images/s", "MB/s", "us a batch", "peak MiB"]
LARGEST_SHARE = 0.02


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RaceConfig):
    """The settings of the benchmark."""

    benchmark: ClassVar[str] = "input"

    # Examples per batch.
    batch_size: int = 100
    # Images in the set.
    examples: int = 60_000


def check(config: Config) -> Config:
    """Returns the config, with small numbers if it is the quick one.

    Raises:
        InputError: if a number is out of range.
    """
    if config.quick:
        config = dataclasses.replace(config, batch_size=4, examples=64)
    config = command.hurried(config)
    command.check(config)
    if not 1 <= config.batch_size <= config.examples:
        raise InputError(
            f"--batch-size must be from 1 to the {config.examples} --examples, got "
            f"{config.batch_size}."
        )
    return config


def measure(config: Config) -> tuple[works.Work, dict[str, Record]]:
    """Races the paths and the step that they feed."""
    known = works.tiny(works.WORKS["mlp"]) if config.quick else works.WORKS["mlp"]
    work = dataclasses.replace(
        known, batch_size=config.batch_size, examples=config.examples
    )
    torch = command.has_torch()
    if not torch:
        print(command.NO_TORCH)
    names = [name for name in PATHS if torch or not name.startswith("torch")]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npy"
        np.save(file, random_data.table(work))
        spec = {
            "file": str(file),
            "batch_size": config.batch_size,
            "threads": command.cores(),
            "work": dataclasses.asdict(work),
            "cache": f"{folder}/jax",
        }
        entries = {name: Entry(name, spec) for name in [*names, "jaxgan"]}
        return work, race(entries, rounds=config.rounds, seconds=config.seconds)


def summarise(work: works.Work, records: dict[str, Record]) -> dict[str, Any]:
    """Returns the race's part of input.json."""
    lines: dict[str, Any] = {}
    for name, record in records.items():
        rate = summary.middle(record.rates)
        if record.failure is not None or rate is None:
            lines[name] = {"failure": record.failure}
            continue
        images = rate["median"] * work.batch_size
        lines[name] = {
            "batches_per_second": rate,
            "images_per_second": images,
            "megabytes_per_second": images * work.pixels / 1e6,
            "microseconds": 1e6 / rate["median"],
            "peak_mib": record.peak_bytes / 2**20,
            "rates": record.rates,
        }
    step = lines.pop("jaxgan")
    # A step's rate over the path's is the path's time over the step's.
    share = summary.ratio(records["jaxgan"], records["resident"])
    return {"paths": lines, "step": step, "share": share}


def rows(lines: dict[str, Any]) -> list[list[str]]:
    """Returns the table's rows, for `HEADER`."""
    table = []
    for name, line in lines.items():
        if "failure" in line:
            table.append([name, "failed", *[""] * (len(HEADER) - 2)])
            continue
        numbers = ("images_per_second", "megabytes_per_second", "microseconds")
        cells = [f"{line[number]:.4g}" for number in (*numbers, "peak_mib")]
        table.append([name, summary.spread(line["batches_per_second"]), *cells])
    return table


def run(config: Config) -> dict[str, Any]:
    """Races the paths and writes input.json; returns its contents."""
    config = check(config)
    out = command.folder(config)
    work, records = measure(config)
    found = summarise(work, records)
    share = found["share"]
    targets = []
    if share is not None and not config.quick:
        text = f"input's share of an MLP step, resident, < {LARGEST_SHARE:g}"
        value = share["median"]
        targets = [{"text": text, "value": value, "holds": value < LARGEST_SHARE}]
    record = {
        **command.head(config),
        "work": dataclasses.asdict(work),
        **found,
        "targets": targets,
    }
    print("\n" + text_table(HEADER, rows(found["paths"])))
    command.show_failures(found["paths"])
    command.show_targets(targets)
    write_json(out / "input.json", record)
    print(f"written: {out / 'input.json'}")
    return record


if __name__ == "__main__":
    command.main(Config, run)
