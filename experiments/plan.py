"""The costs of a train step on a TPU pod, from the TPU compiler, without a TPU.

Compiles the experiment's real train step for a slice of TPU chips, on the CPU, and
prints what one chip needs: memory, arithmetic, bytes moved and sent. From these and the
chip's datasheet a roofline models the step's time, on this slice and on 1 to 4,096
chips::

    pip install -e '.[tpu-plan]'
    python -m experiments.plan mlp --topology v5e:16x16
    python -m experiments.plan dcgan --topology v5e:16x16 --dataset cifar10 --bfloat16

After the name come the experiment's own flags. ``--batch-size`` counts the examples of
all chips; without it each chip gets the experiment's own batch. If a batch does not
fit, the command prints by how much, and which one would. Exit codes: 0 planned, 2 input
that cannot be used, including a batch that does not fit. Compiling takes seconds for
the perceptrons, a minute or two for convolutions.
"""

import dataclasses
import difflib
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import jax
import tyro
from tyro.conf import OmitArgPrefixes

import experiments
from experiments.planning import ahead, chips, fit, report, stand_ins
from experiments.planning.chips import Topology
from jaxgan import parallel
from jaxgan.checks import InputError
from jaxgan.cli import TrainConfig, command
from jaxgan.cli.config import resolve
from jaxgan.files import writable, write_json
from jaxgan.gan import GAN
from jaxgan.rounds import Schedule

C = TypeVar("C", bound=TrainConfig)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arguments(Generic[C]):
    """The flags that follow the experiment's name."""

    # The slice to compile for, CHIP:SIDES, such as v5e:16x16, v6e:8x8 or v5p:4x4x8.
    topology: str
    # Also write the numbers to this file.
    json: Path | None = None
    # The experiment's own flags.
    config: OmitArgPrefixes[C]


def main(arguments: Sequence[str]) -> None:
    """Plans what the command line asks for."""
    jax.config.update("jax_platforms", "cpu")  # on a TPU host too, leave the TPU alone
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__, _usage(), sep="\n")
        return
    name = arguments[0] if arguments else ""
    experiment = command.guarded(lambda: find_experiment(name))
    flags = arguments[1:]
    given = any(flag.startswith(("--batch-size", "--batch_size")) for flag in flags)
    kind = Arguments[experiment.config]
    fits = command.main(
        kind,
        lambda parsed: run(name, experiment, parsed, batch_given=given),
        prog=f"python -m experiments.plan {name}",
        description=f"Plans a TPU slice for experiments.{name}, on the CPU.",
        arguments=flags,
        presets={
            preset: kind(topology=tyro.MISSING, config=config)
            for preset, config in experiment.presets.items()
        },
    )
    if not fits:
        raise SystemExit(command.EXIT_BAD_INPUT)


class Experiment(NamedTuple):
    """The contents of an experiment's module: settings, game, rounds and presets."""

    config: type[TrainConfig]
    make_gan: Callable[..., GAN]
    schedule: Schedule | None
    presets: Mapping[str, TrainConfig]


def run(
    name: str, experiment: Experiment, parsed: Arguments, *, batch_given: bool
) -> bool:
    """Compiles and prints; returns whether the batch fits.

    Args:
        name: the experiment's name.
        experiment: its module's contents.
        parsed: the flags after the name.
        batch_given: whether ``--batch-size`` is among them.

    Raises:
        InputError: if something asked for does not exist or does not go together.
    """
    topology = chips.parse_topology(parsed.topology)
    place = parsed.json and writable(parsed.json, "--json")
    config = configure(parsed.config, topology, batch_given=batch_given)
    plan, error = make_plan(name, config, experiment, topology)
    numbers = {}
    if error:
        print(refusal(config, plan, topology, error), file=sys.stderr, flush=True)
        memory = {"needed": error.needed, "available": error.available}
        numbers["out_of_memory"] = {"batch_size": config.batch_size, **memory}
    if plan:
        print(report.as_text(plan))
        if not batch_given and not error:
            print(f"Each chip gets {name}'s own batch; --batch-size is for all chips.")
        numbers |= report.as_json(plan)
    if place:
        write_json(place, numbers)
    return error is None


def find_experiment(name: str) -> Experiment:
    """Returns an experiment's ``Config``, ``make_gan``, ``SCHEDULE`` and ``PRESETS``.

    Raises:
        InputError: if there is none of that name.
    """
    if not name or name.startswith("-"):
        raise InputError(f"The experiment's name comes first. {_usage()}")
    names = _names()
    if name not in names:
        near = difflib.get_close_matches(name, names)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise InputError(f"There is no experiment {name!r} to plan. {hint}{_usage()}")
    module = importlib.import_module(f"experiments.{name}")
    schedule, presets = (getattr(module, n, None) for n in ("SCHEDULE", "PRESETS"))
    return Experiment(module.Config, module.make_gan, schedule, presets or {})


def configure(
    config: TrainConfig, topology: Topology, *, batch_given: bool
) -> TrainConfig:
    """Returns the resolved config, with the batch of the whole slice.

    Raises:
        InputError: if the chips, or their microbatches, cannot share the batch
            equally, or for a value that no run can have.
    """
    config = config.with_defaults()
    if not batch_given:
        whole = config.batch_size * topology.chips
        config = dataclasses.replace(config, batch_size=whole)
    parallel.check_divisible(config.batch_size, topology.chips)
    share = config.batch_size // topology.chips
    if share % config.microbatches:
        raise InputError(
            f"--microbatches must divide the {share} examples of one chip, got "
            f"{config.microbatches}."
        )
    return resolve(config)


def make_plan(
    name: str,
    config: TrainConfig,
    experiment: Experiment,
    topology: Topology,
) -> tuple[report.Plan | None, ahead.OutOfMemory | None]:
    """Returns the plan of the config's batch, or of one that fits, and why.

    Args:
        name: the experiment's name.
        config: from `configure`.
        experiment: its module's contents.
        topology: the slice.

    Raises:
        InputError: if the game or the slice is not possible.
    """
    data = stand_ins.data_set(config)
    gan = experiment.make_gan(config, data)
    mesh = ahead.make_mesh(topology)
    least = topology.chips * config.microbatches

    def compiles(count: int) -> ahead.Compiled:
        size = count * least
        print(f"compiling for a batch of {size:,} ...", file=sys.stderr, flush=True)
        return ahead.compile_game(
            gan,
            data,
            mesh,
            batch_size=size,
            d_steps=config.d_steps,
            schedule=experiment.schedule,
            microbatches=config.microbatches,
        )

    count, compiled, error = fit.compile_what_fits(compiles, config.batch_size // least)
    if compiled is None:
        return None, error
    config = dataclasses.replace(config, batch_size=count * least)
    return report.Plan(name, config, topology, compiled, data.train), error


def refusal(
    config: TrainConfig,
    plan: report.Plan | None,
    topology: Topology,
    error: ahead.OutOfMemory,
) -> str:
    """Returns a message about a batch that does not fit."""
    of = lambda size: f"a batch of {size:,} ({size // topology.chips:,} a chip)"
    gib = lambda size: f"{size / 2**30:.2f} GiB"
    advice = (
        f"Of the round batches below it, {of(plan.config.batch_size)} is the largest "
        "that fits; or cut the batch into more --microbatches."
        if plan
        else "No smaller batch fits either: choose a smaller network."
    )
    return (
        f"out of memory: {of(config.batch_size)} needs {gib(error.needed)} on each "
        f"chip of {topology}, {gib(error.needed - error.available)} more than the "
        f"{gib(error.available)} there are. {advice}"
    )


def _names() -> list[str]:
    """Returns the experiments whose modules define a ``make_gan``."""
    folder = Path(experiments.__path__[0])
    found = folder.glob("*.py")
    return sorted(p.stem for p in found if "\ndef make_gan(" in p.read_text())


def _usage() -> str:
    return (
        "Usage: python -m experiments.plan NAME --topology CHIP:SIDES [FLAGS OF THE "
        f"EXPERIMENT]; NAME is one of {', '.join(_names())}."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
