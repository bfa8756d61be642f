"""Sets of pictures named on a command line: folders, files, data sets, runs."""

import dataclasses
from pathlib import Path

import jax

import jaxgan.data
from jaxgan.checks import InputError
from jaxgan.cli.load import load_run
from jaxgan.data import pictures
from jaxgan.data.pictures import Pictures
from jaxgan.evaluation import by_features
from jaxgan.files import expand
from jaxgan.sampling import Sampler

_FEWEST = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Where:
    """The places of sets, and the settings for samples of runs.

    Attributes:
        store: folder of data sets and of the hashes of files.
        manual_dir: folder of files that were downloaded by hand.
        samples: number of samples of a run.
        seed: the seed of these samples.
    """

    store: Path
    manual_dir: Path | None = None
    samples: int = 50_000
    seed: int = 0


def find(name: str, where: Where) -> Pictures:
    """Returns a set by its name.

    Args:
        name: a folder of images, a NumPy file, a run's folder, or a data set: its
            training part, or that of ``NAME:test``.
        where: see `Where`.

    Raises:
        InputError: there is no such set, or it cannot be read.
    """
    path = expand(name, "path")
    if path.is_file():
        return pictures.of_npz(path)
    if (path / "config.json").is_file():
        return _of_run(path, where)
    if path.is_dir():
        return pictures.of_folder(path, where.store / "hashes")
    set_name, _, part = name.rpartition(":")
    if part not in ("train", "test"):
        set_name, part = name, "train"
    places = {"data_dir": where.store, "manual_dir": where.manual_dir}
    try:
        data = jaxgan.data.load(set_name, **places)
    except InputError as error:
        raise InputError(
            f"{name} is not a folder, file or run here. {error}"
        ) from error
    table = getattr(data, part)
    classes = by_features.class_names(table)
    return pictures.of_array(table.images, f"{set_name} {part}", classes)


def _of_run(folder: Path, where: Where) -> Pictures:
    if where.samples < _FEWEST:
        raise InputError(f"--samples must be at least {_FEWEST}, got {where.samples}.")
    run = load_run(folder)
    sampler, key = Sampler(run.game, run.state), jax.random.key(where.seed)
    made = by_features.sampled(sampler, run.data, key, where.samples)
    name = f"{folder.name} at step {run.step:,}, {made.name}"
    return dataclasses.replace(made, name=name)
