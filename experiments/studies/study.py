"""The common parts of all studies: config, files, claims, intervals.

A study is a function from its config to an `Outcome`. Run as a program it leaves, in
``--out``, ``result.json`` (numbers, claims, versions, seconds) and ``NAME.png``;
RESULTS.md is made of these by ``python -m experiments.studies.results``.
"""

import dataclasses
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import jax
import numpy as np
from matplotlib.figure import Figure

from experiments.tables import text_table
from jaxgan.cli import command
from jaxgan.cli.config import check_numbers, check_seed, with_paths
from jaxgan.environment import describe_environment
from jaxgan.files import write_atomically, write_json

_PLACES = ("out", "data_dir", "manual_dir")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """The settings of all studies. Each adds its own fields and defaults."""

    study: ClassVar[str] = "study"
    """The study's name; that of its module."""

    # The first seed; the others follow it.
    seed: int = 0
    # A small form that takes under a minute, to see that the study runs; it is too
    # small for the claims.
    quick: bool = False
    # Where the files go; by default runs/studies/NAME, or runs/studies/NAME-quick.
    out: Path | None = None


@dataclasses.dataclass(frozen=True)
class Claim:
    """A claim that the study tests, and the number that it found.

    Attributes:
        text: the claim, with its threshold.
        value: the number that decides.
        holds: whether it does.
    """

    text: str
    value: float
    holds: bool


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of RESULTS.md: its header, and rows of what `cell` can show."""

    header: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The findings of a study.

    Attributes:
        protocol: one paragraph: what was trained on what, how often, how it was judged.
        tables: the numbers.
        claims: what is expected, and whether it holds.
        figure: the picture.
        details: any other JSON values.
        files: what else goes into the study's folder, by name.
    """

    protocol: str
    tables: Sequence[Table]
    claims: Sequence[Claim]
    figure: Figure
    details: dict[str, Any] = dataclasses.field(default_factory=dict)
    files: dict[str, bytes] = dataclasses.field(default_factory=dict)


def spread(values: Any) -> dict[str, float]:
    """The median over seeds, and the interval that holds the central 95 % of them.

    Example:
        >>> spread([1.0, 2.0, 3.0])
        {'median': 2.0, 'low': 1.05, 'high': 2.95, 'seeds': 3}
    """
    values = np.asarray(values, np.float64)
    # What diverged may be infinite, and cannot be interpolated.
    method = "linear" if np.isfinite(values).all() else "nearest"
    low, median, high = np.quantile(values, [0.025, 0.5, 0.975], method=method)
    return {
        "median": float(median),
        "low": round(float(low), 12),
        "high": round(float(high), 12),
        "seeds": values.size,
    }


def cell(value: Any) -> str:
    """A table's entry as text; what `spread` returned as ``median [low, high]``.

    Example:
        >>> cell(spread([1.0, 2.0, 3.0])), cell(0.12345), cell("ring")
        ('2 [1.05, 2.95]', '0.1235', 'ring')
    """
    if isinstance(value, dict):
        return f"{value['median']:.4g} [{value['low']:.4g}, {value['high']:.4g}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class Parts:
    """The parts of a long study, each saved when done, so that the study can resume.

    Args:
        out: the study's folder; the parts lie in its ``parts/``.
        config: the study's settings; parts made under others are ignored.
    """

    def __init__(self, out: Path, config: StudyConfig):
        mark = hashlib.sha256(repr(sorted(identity(config).items())).encode())
        self.folder = out / "parts" / mark.hexdigest()[:12]

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """The JSON value of a part: that on disk, or what ``make`` returns now."""
        path = self.folder / f"{name}.json"
        if path.exists():
            return json.loads(path.read_text())["value"]
        begin = time.monotonic()
        value = make()
        seconds = time.monotonic() - begin
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(path, {"value": value, "seconds": seconds})
        print(f"  {name}: {seconds:.0f} s", flush=True)
        return json.loads(json.dumps(value))

    @property
    def seconds(self) -> float:
        """The time that all parts took, over all sessions."""
        parts = self.folder.glob("*.json")
        return sum(json.loads(part.read_text())["seconds"] for part in parts)


def identity(config: StudyConfig) -> dict[str, Any]:
    """Returns the settings that identify a study, as JSON values."""
    fields = dataclasses.asdict(config)
    return {
        # A folder counts by its name, not by where it lies.
        k: v.name if isinstance(v, Path) else v
        for k, v in fields.items()
        if k not in _PLACES
    }


def seeds(config: StudyConfig, count: int) -> jax.Array:
    """The keys of ``count`` seeds, from the config's first one on."""
    return jax.vmap(jax.random.key)(config.seed + np.arange(count, dtype=np.uint32))


def main(config_class: type[StudyConfig], run: Callable[[Any, Parts], Outcome]) -> None:
    """Runs a study as its command line says, prints its tables and its claims."""
    command.main(
        config_class,
        lambda config: _show(conduct(config, run)),
        prog=f"python -m experiments.studies.{config_class.study}",
        description=sys.modules[config_class.__module__].__doc__,
    )


def _show(record: Mapping[str, Any]) -> None:
    for table in record["tables"]:
        print("\n" + text_table(table["header"], table["rows"]))
    print()
    for claim in record["claims"]:
        print(f"{'holds' if claim['holds'] else 'FAILS'}: {claim['text']}", end="")
        print(f" (found {claim['value']:.4g})")


def conduct(
    config: StudyConfig, run: Callable[[Any, Parts], Outcome]
) -> dict[str, Any]:
    """Runs a study and writes its files; returns what result.json holds.

    Raises:
        InputError: for a number that is out of range.
    """
    name = config.study + ("-quick" if config.quick else "")
    check_numbers(config)
    check_seed(config.seed, bits=31)  # so that the seeds after it fit in 32 bits
    config = with_paths(config)
    out = (config.out or Path("runs") / "studies" / name).absolute()
    out.mkdir(parents=True, exist_ok=True)
    parts = Parts(out, config)
    with _timed() as elapsed:
        outcome = run(config, parts)
    outcome.figure.savefig(out / f"{config.study}.png", dpi=110)
    for file, content in outcome.files.items():
        write_atomically(out / file, content)
    record = {
        "study": config.study,
        # Pairs become lists, as they will be in the file.
        "config": json.loads(json.dumps(identity(config))),
        "protocol": outcome.protocol,
        "tables": [
            {"header": list(t.header), "rows": [[cell(v) for v in r] for r in t.rows]}
            for t in outcome.tables
        ],
        "claims": [dataclasses.asdict(claim) for claim in outcome.claims],
        "details": outcome.details,
        "seconds": round(max(elapsed(), parts.seconds), 1),
        **describe_environment(),
    }
    write_json(out / "result.json", record)
    print(f"written: {out / 'result.json'}")
    return record


@contextmanager
def _timed() -> Iterator[Callable[[], float]]:
    begin = time.monotonic()
    yield lambda: time.monotonic() - begin
