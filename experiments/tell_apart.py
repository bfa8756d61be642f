"""Tells a training set from deployed data, to find out whether the input has changed.

A classifier learns to tell the two sets apart (`jaxgan.metrics.c2st.tell_apart`,
Lopez-Paz & Oquab 2017, arXiv:1610.06545). If it cannot, its accuracy on held-out images
is near 1/2; if it can, the p-value is small, and the deployed images that it recognises
best are shown::

    python -m experiments.tell_apart --training digits --deployed folder:photos

It compares the training part of ``--training``, as in a run, with all images of
``--deployed``, or, if both name the same source, with the part held out from training.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import UInt8

from jaxgan.checks import InputError
from jaxgan.cli import TrainConfig, command
from jaxgan.cli.config import check_numbers
from jaxgan.cli.experiment import load_data
from jaxgan.data import ImageDataSet
from jaxgan.environment import describe_environment
from jaxgan.files import new_folder, write_atomically, write_json
from jaxgan.images import as_float
from jaxgan.metrics import c2st
from jaxgan.metrics.result import Result
from jaxgan.report import brief
from jaxgan.report.pictures import grid
from jaxgan.show import png

_FEWEST = 8
_OF_THE_DATA = (
    *("data_dir", "manual_dir", "resolution", "crop", "channels"),
    *("skip_damaged", "bits"),
)
_PLACES = ("data_dir", "manual_dir", "out")
Images = UInt8[np.ndarray, "n h w c"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The two sets, and how they are compared."""

    # The training set: digits, mnist, fashion_mnist, cifar10, folder:PATH, or a stock
    # tfds image set.
    training: str
    # The deployed images, named in the same way.
    deployed: str
    # Seed of the choice of images, of the split, and of the classifier.
    seed: int = 0
    # At most this many images of each set, drawn at random.
    examples: int = 5_000
    # How many of the most telling deployed images to show.
    shown: int = 64
    # Where prepared data sets and their decoded caches are kept.
    data_dir: Path = Path("~/.cache/jaxgan")
    # Folder of files downloaded by hand, for sets that need a download.
    manual_dir: Path | None = None
    # Resize the images to N or HEIGHTxWIDTH pixels; by default they keep their size.
    resolution: int | str | None = None
    # Crop images of another shape to their centre, instead of refusing them.
    crop: bool = False
    # 1 makes the images grayscale, 3 RGB; by default they stay as in the files.
    channels: int | None = None
    # Leave out images that cannot be read, instead of refusing the folder.
    skip_damaged: bool = False
    # Significant bits of 16-bit grayscale files, such as 12; by default all, or what a
    # file says.
    bits: int | None = None
    # A new folder for result.json and telling.png; by default runs/tell_apart-1, -2 and
    # so on.
    out: Path | None = None


def load(config: Config) -> tuple[Images, Images]:
    """Returns the images of both sets.

    Raises:
        InputError: if a set cannot be loaded, or they cannot be compared.
    """
    source = _read(config, config.training)
    training, deployed = source.train.images, source.test.images
    if config.deployed != config.training:
        other = _read(config, config.deployed)
        deployed = np.concatenate([other.train.images, other.test.images])
    shapes = ["x".join(map(str, images.shape[1:])) for images in (training, deployed)]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"The images differ in shape, {' and '.join(shapes)} (height x width x "
            "channels), and would be told apart by that. Give both the same with "
            "--resolution and --channels."
        )
    if min(len(training), len(deployed)) < _FEWEST:
        raise InputError(
            f"--training has {len(training)} images and --deployed {len(deployed)}; at "
            f"least {_FEWEST} of each are needed."
        )
    return training, deployed


def _read(config: Config, name: str) -> ImageDataSet:
    options = {each: getattr(config, each) for each in _OF_THE_DATA}
    data = load_data(TrainConfig(dataset=name, **options))
    if data.note:
        print(brief.text(data.note, most=1_000))
    return data


def compare(
    config: Config, training: Images, deployed: Images
) -> tuple[Result, list[dict[str, Any]]]:
    """Returns the test, and the most telling rows with the classifier's belief."""
    random = np.random.default_rng(config.seed)
    some = lambda n: np.sort(random.permutation(n)[: config.examples])
    flat = lambda images: np.asarray(as_float(images)).reshape(len(images), -1)
    of_training, of_deployed = some(len(training)), some(len(deployed))
    x, y = flat(training[of_training]), flat(deployed[of_deployed])
    test, rows, scores = c2st.tell_apart(x, y, key=jax.random.key(config.seed))
    rows = of_deployed[rows[: config.shown]].tolist()
    telling = zip(rows, scores.astype(float).round(6).tolist(), strict=False)
    return test, [{"row": row, "belief": belief} for row, belief in telling]


def run(config: Config) -> Result:
    """Compares the sets, writes and prints the results, and returns the test.

    Raises:
        InputError: as `load`, for a number that is too small, or a folder that exists.
    """
    check_numbers(config)
    if config.examples < _FEWEST:
        raise InputError(
            f"--examples must be at least {_FEWEST}, got {config.examples}."
        )
    training, deployed = load(config)
    folder = new_folder(Path("runs"), config.out, "tell_apart")
    test, telling = compare(config, training, deployed)
    shown = deployed[[entry["row"] for entry in telling]]
    picture = grid(np.asarray(as_float(shown)), columns=8)
    fields = dataclasses.asdict(config).items()
    record = {
        "config": {k: v for k, v in fields if k not in _PLACES},
        "test": test.as_json(),
        "most_telling": telling,
        **describe_environment(),
    }
    write_json(folder / "result.json", record)
    write_atomically(folder / "telling.png", png(picture))
    print(test)
    print(f"written: {folder / 'result.json'}, the most telling in telling.png")
    return test


def main() -> None:
    """Runs the command; see `jaxgan.cli.command.main`."""
    prog = "python -m experiments.tell_apart"
    command.main(Config, run, prog=prog, description=__doc__)


if __name__ == "__main__":
    main()
