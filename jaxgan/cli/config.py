"""The settings that all experiments share. Their comments are the command's help."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, TypeVar, get_args, get_type_hints

import jax
import tyro

import jaxgan.data
from jaxgan import parallel
from jaxgan.checks import InputError
from jaxgan.data import DataSet
from jaxgan.files import expand
from jaxgan.shards import check_shards

C = TypeVar("C")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The settings of a run. Every experiment adds its own fields and defaults."""

    experiment: ClassVar[str] = "train"
    """The experiment's name; its default workdir is named after it."""

    load: ClassVar[Callable[..., DataSet]] = staticmethod(jaxgan.data.load)
    """Loads the set that ``dataset`` names, as `jaxgan.data.load` does."""

    # The run's seed, for the networks, all noise, and the data's order.
    seed: int = 0
    # Generator updates.
    steps: int = 10_000
    # Examples of one update, over all devices.
    batch_size: int = 64
    # Parts of a batch that are processed one after another, to need less memory.
    microbatches: int = 1
    # Equal shards of a batch, added up in order, so that the run is the same to the bit
    # on any number of devices that divides it; slower. By default one per device.
    exact_shards: int | None = None
    # Discriminator updates for each generator update (the paper's k).
    d_steps: int = 1
    # digits, mnist, fashion_mnist, cifar10, folder:PATH, or a stock tfds image set.
    dataset: str = "digits"
    # Where prepared data sets and their decoded caches are kept.
    data_dir: Path = Path("~/.cache/jaxgan")
    # Folder of files downloaded by hand, for the sets that need them.
    manual_dir: Path | None = None
    # Resize the images to N or HEIGHTxWIDTH pixels; by default they keep their size.
    resolution: int | str | None = None
    # Crop images of another shape to their centre, instead of refusing them.
    crop: bool = False
    # 1 makes the images grayscale, 3 RGB; by default they are as in the files.
    channels: int | None = None
    # Leave out images that cannot be read, instead of refusing the folder.
    skip_damaged: bool = False
    # Significant bits of 16-bit grayscale files, such as 12; by default all, or as
    # stated in a file.
    bits: int | None = None
    # Where the run's files go, and where the same command resumes it; by default
    # runs/EXPERIMENT-DATASET-SEED.
    workdir: Path | None = None
    # Begin a new run from the state of another: RUN, or RUN:STEP of a checkpoint. Its
    # steps count towards --steps.
    from_run: Annotated[str | None, tyro.conf.arg(name="from")] = None
    # Write metrics every N steps.
    log_every: int = 100
    # Write a picture of samples every N steps.
    sample_every: int = 1_000
    # Save a checkpoint every N steps.
    checkpoint_every: int = 1_000
    # Evaluate the samples every N steps and keep the best checkpoint; by default they
    # are evaluated at the end only.
    evaluate_every: int | None = None
    # Evaluate the samples, and choose the best checkpoint, by FID or the like on a
    # network's features: efficientnet, or inception:PATH with its weights. By default
    # colour images are evaluated by efficientnet, on a subset, if it is installed;
    # "pixels" compares pixels instead, as for grey images.
    evaluate_with: str | None = None
    # Number of samples of each evaluation by the network of --evaluate-with.
    evaluate_samples: int = 10_000
    # Sets larger than this many MiB are streamed instead of kept on the device.
    device_cache_mib: int = 2_048
    # One of several processes of a cluster that JAX detects: Slurm, GKE, Cloud TPU.
    distributed: bool = False
    # Without such a cluster: HOST:PORT of the first process, the same for all.
    coordinator: str | None = None
    # With --coordinator: number of processes.
    processes: int | None = None
    # With --coordinator: index of this process, from 0.
    process: int | None = None
    # Print the config, the parameters, and one step's FLOPs and memory; then exit.
    dry_run: bool = False

    def with_defaults(self) -> "TrainConfig":
        """Returns the config with fields that depend on others filled in."""
        return self


# Other counts may be 0 where that is their default.
_MAY_BE_ZERO = ("seed", "device_cache_mib", "process", "pool")
_BETAS = ("beta1", "beta2")
_FEWEST = 8
PLACED = ("folder", "pairs", "unpaired", "captions")
"""The kinds of data sets that are named by a path, as in folder:PATH."""
# The places of files, and the processes, are not part of a run's identity.
PLACES = ("data_dir", "manual_dir", "workdir")
_WHO = ("distributed", "coordinator", "processes", "process", "dry_run")
MAY_CHANGE = (
    *("steps", "log_every", "sample_every", "checkpoint_every", "evaluate_every"),
    *("evaluate_with", "evaluate_samples"),
    *("device_cache_mib", "microbatches", "skip_damaged"),
)
"""The settings that may differ between the sessions of one run."""


def identity(config: TrainConfig) -> dict:
    """Returns the settings that identify a run, as JSON values."""
    fields = dataclasses.asdict(config)
    return {k: _jsonable(v) for k, v in fields.items() if k not in PLACES + _WHO}


def defaults(config_class: type[TrainConfig]) -> dict:
    """Returns the settings' default values, as JSON values."""
    return {
        field.name: _jsonable(field.default)
        for field in dataclasses.fields(config_class)
        if field.default is not dataclasses.MISSING
    }


def resolve(config: TrainConfig) -> TrainConfig:
    """Returns the config with its paths made explicit.

    Raises:
        InputError: for an invalid value.
    """
    check_types(config)
    check_numbers(config)
    _check_shares(config, jax.device_count())
    begin = config.from_run
    config = dataclasses.replace(
        config,
        workdir=config.workdir or default_workdir(config),
        dataset=_located(config.dataset),
        from_run=begin and str(expand(begin, "--from").absolute()),
    )
    return with_paths(config, Path.absolute)


def with_paths(config: C, change: Callable[[Path], Path] = lambda path: path) -> C:
    """Returns a config with ``~`` replaced by the home folder in all its paths.

    Args:
        config: the settings of any command.
        change: applied to each path, such as ``Path.absolute``.

    Raises:
        InputError: there is no home folder, see `jaxgan.files.expand`.
    """
    given: Any = config  # `C` does not say that it is a dataclass
    values = {f.name: getattr(given, f.name) for f in dataclasses.fields(given)}
    return dataclasses.replace(
        given,
        **{
            name: change(expand(value, _flag(name)))
            for name, value in values.items()
            if isinstance(value, Path)
        },
    )


def path_fields(config_class: type[TrainConfig]) -> tuple[str, ...]:
    """Returns the names of the settings that are paths."""
    hints = get_type_hints(config_class)
    return tuple(
        field.name
        for field in dataclasses.fields(config_class)
        if Path in (hints[field.name], *get_args(hints[field.name]))
    )


def _check_shares(config: TrainConfig, devices: int) -> None:
    """Raises InputError unless devices, shards and microbatches get equal parts."""
    parallel.check_divisible(config.batch_size, devices)
    shares, whose = devices, "device"
    if config.exact_shards is not None:
        shares, whose = config.exact_shards, "exact shard"
        check_shards(shares, config.batch_size, devices)
    share = config.batch_size // shares
    if share % config.microbatches:
        raise InputError(
            f"--microbatches must divide the {share} examples of one {whose}, got "
            f"{config.microbatches}."
        )


def _located(dataset: str) -> str:
    """Returns the name of a data set, with an absolute path if it has one."""
    kind, _, path = dataset.partition(":")
    if kind not in PLACED or not path:
        return dataset
    return f"{kind}:{expand(path, f'--dataset {kind}:').absolute()}"


def default_workdir(config: TrainConfig) -> Path:
    """Returns runs/EXPERIMENT-DATASET-SEED, with the last name of an image folder.

    Colons, as in glyphs:sans:serif, become dashes: scp and rsync take what precedes a
    colon for a host.
    """
    kind, _, path = config.dataset.partition(":")
    placed = kind in PLACED
    dataset = Path(path if placed else config.dataset).name or kind
    dataset = dataset.replace(":", "-")
    return Path("runs") / f"{config.experiment}-{dataset}-{config.seed}"


def check_data(config: TrainConfig, data: DataSet) -> None:
    """Raises InputError for a set that is too small to train on or to evaluate with."""
    examples = len(data.train)
    if examples < _FEWEST:
        raise InputError(
            f"{data.name} has {examples} training images; at least {_FEWEST} are "
            "needed."
        )
    if config.batch_size > examples:
        raise InputError(
            f"--batch-size {config.batch_size} is larger than the data set: "
            f"{data.name} has {examples} training images. Choose at most {examples}."
        )


def check_types(config: TrainConfig) -> None:
    """Raises InputError for a field that does not have its declared type.

    A command line gives the right types; a config from a file or a program may not.
    """
    hints = get_type_hints(type(config))
    for name in (field.name for field in dataclasses.fields(config)):
        value, hint = getattr(config, name), hints[name]
        kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        if not all(isinstance(kind, type) for kind in kinds):
            continue
        wanted = (*kinds, int) if float in kinds else kinds
        misplaced = isinstance(value, bool) and bool not in kinds
        if misplaced or not isinstance(value, wanted):
            raise InputError(
                f"{_flag(name)} must be {' or '.join(k.__name__ for k in kinds)}, got "
                f"{value!r:.80}.".replace("NoneType", "None")
            )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def check_numbers(config: Any) -> None:
    """Raises InputError for a number that no command can use.

    That is a count below 1, another number below 0, infinity or NaN, a beta of Adam's
    of 1 or more, and a seed of more than 32 bits.

    Args:
        config: the settings of any command.
    """
    for field in dataclasses.fields(config):
        _check_number(field, getattr(config, field.name))


def _check_number(field: dataclasses.Field, value) -> None:
    flag = _flag(field.name)
    if field.name == "seed":
        check_seed(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    may_be_zero = field.name in _MAY_BE_ZERO or field.default == 0
    least = 0 if isinstance(value, float) or may_be_zero else 1
    if not value >= least:
        raise InputError(f"{flag} must be at least {least}, got {value}.")
    if not math.isfinite(value):
        raise InputError(f"{flag} must be a finite number, got {value}.")
    if field.name.endswith(_BETAS) and value >= 1:
        raise InputError(f"{flag} must be below 1, got {value:g}.")


def check_seed(seed: int, *, bits: int = 32) -> None:
    """Raises InputError for a seed that is not an unsigned number of ``bits`` bits."""
    if not 0 <= seed < 2**bits:
        raise InputError(f"--seed must be at least 0 and below 2**{bits}, got {seed}.")


def _jsonable(value):
    if isinstance(value, tuple):
        return [_jsonable(each) for each in value]
    return str(value) if isinstance(value, Path) else value
