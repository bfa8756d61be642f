"""The common parts of the benchmarks: settings, command line, head of the JSON."""

import dataclasses
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import jax

from jaxgan.checks import InputError
from jaxgan.cli import command
from jaxgan.environment import describe_environment
from jaxgan.files import expand

NO_TORCH = "PyTorch is not installed: its rows are left out (pip install -e '.[bench]')"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RaceConfig:
    """The settings of every benchmark. Each adds its own fields."""

    benchmark: ClassVar[str] = "benchmark"
    """The benchmark's name, also that of its module and of its JSON file."""

    # Rounds, in each of which every contestant works for one segment.
    rounds: int = 5
    # Approximate length of a segment, in seconds; a single unit may take longer.
    seconds: float = 3.0
    # A small form, to see that the benchmark runs; it does not show the speed.
    quick: bool = False
    # Where the files go.
    out: Path = Path("runs/benchmarks")


Race = TypeVar("Race", bound=RaceConfig)


def hurried(config: Race) -> Race:
    """Returns the config's quick form if asked for: two short rounds at most."""
    if not config.quick:
        return config
    rounds, seconds = min(config.rounds, 2), min(config.seconds, 0.1)
    return dataclasses.replace(config, rounds=rounds, seconds=seconds)


def check(config: RaceConfig) -> None:
    """Raises InputError for too few rounds or seconds."""
    if config.rounds < 1 or config.seconds <= 0:
        raise InputError(
            "--rounds must be at least 1 and --seconds more than 0, got "
            f"{config.rounds} and {config.seconds}."
        )


def check_known(flag: str, given: Sequence[str], known: Sequence[str]) -> None:
    """Raises InputError for an unknown name."""
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InputError(
            f"{flag} has no {unknown[0]!r}; choose from {', '.join(known)}."
        )


def folder(config: RaceConfig) -> Path:
    """Returns the folder for the files, made if missing."""
    out = expand(config.out, "--out").absolute()
    out.mkdir(parents=True, exist_ok=True)
    return out


def head(config: RaceConfig) -> dict[str, Any]:
    """Returns the head of a JSON file: what was run, and on what."""
    return {
        "benchmark": config.benchmark,
        "rounds": config.rounds,
        "seconds": config.seconds,
        "quick": config.quick,
        "threads": cores(),
        **describe_environment(),
        "torch": importlib.metadata.version("torch") if has_torch() else None,
    }


def cores() -> int:
    """Returns the number of cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def has_torch() -> bool:
    """Returns whether PyTorch is installed; it is not imported here."""
    return importlib.util.find_spec("torch") is not None


def show_failures(lines: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints the reason of each failure."""
    for name, line in lines.items():
        if "failure" in line:
            print(f"{name} failed: {line['failure']}")


def show_targets(targets: Sequence[Mapping[str, Any]]) -> None:
    """Prints which targets hold."""
    for target in targets:
        verdict = "holds" if target["holds"] else "FAILS"
        print(f"{verdict}: {target['text']} (found {target['value']:.3g})")


def main(config_class: type[RaceConfig], run: Callable[[Any], Any]) -> None:
    """Runs a benchmark as its command line says."""
    # The contestants run on the CPU, so this process, which only starts them, does too.
    jax.config.update("jax_platforms", "cpu")
    command.main(
        config_class,
        run,
        prog=f"python -m experiments.benchmarks.{config_class.benchmark}",
        description=sys.modules[config_class.__module__].__doc__,
    )
