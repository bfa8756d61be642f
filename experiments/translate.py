"""Translates image files with a finished run of `pix2pix` or `cyclegan`.

::

    python -m experiments.translate runs/pix2pix-glyphs-sans-serif-0 letters/*.png
    python -m experiments.translate RUN photo.jpg --crop --draws 4
    python -m experiments.translate RUN painting.jpg --back

Each file is resized to the size of the run's training images. The translations go to a
new folder, by default RUN/translations-1, -2 and so on, as PNG files with the names of
the inputs; sheet.png shows the first 20 side by side with them. Nothing is overwritten.

If the generator has dropout, it is on, as in training; ``--draws N`` translates each
file N times, with different noise. The same ``--seed`` gives the same images.
"""

import dataclasses
import warnings
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import tyro
from jaxtyping import UInt8
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.cli import command, load_run
from jaxgan.cli.config import check_seed
from jaxgan.cli.load import LoadedRun
from jaxgan.data import images
from jaxgan.data.source import USUAL_BITS, DataWarning
from jaxgan.files import expand, new_folder, write_atomically
from jaxgan.images import as_uint8
from jaxgan.methods import pix2pix
from jaxgan.report import pictures
from jaxgan.show import png

_ON_A_SHEET = 20  # files

Pixels = UInt8[np.ndarray, "n h w c"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The run, the files, and where the translations go."""

    # The run's folder.
    run: Annotated[str, tyro.conf.Positional]
    # Image files.
    files: tyro.conf.Positional[tuple[Path, ...]]
    # Translate from B to A instead of A to B, with a run of cyclegan.
    back: bool = False
    # Translations of each file, with different noise.
    draws: int = 1
    # Seed of the noise.
    seed: int = 0
    # Take the centre of files of another shape than the run's, instead of refusing
    # them.
    crop: bool = False
    # The bits of 16-bit grayscale files, such as 12; by default those of the run.
    bits: int | None = None
    # The best checkpoint of a run with --evaluate-every, instead of the newest.
    best: bool = False
    # A new folder for the translations; by default one in RUN.
    out: Path | None = None


def run(config: Config) -> None:
    """Translates the files, and prints where the results are.

    Raises:
        InputError: for a run that does not translate, a file that is not an image, two
            files of the same name, or a folder that exists.
    """
    if not config.files:
        raise InputError("Name at least one image file after the run's folder.")
    if config.draws < 1:
        raise InputError(f"--draws must be at least 1, got {config.draws}.")
    check_seed(config.seed)
    _check_names(config.files)
    loaded = load_run(config.run, best=config.best)
    source, made = direction(loaded, back=config.back)
    height, width, channels = _shape(loaded, source)
    how = {"channels": channels, "resolution": (height, width), "crop": config.crop}
    of_run = loaded.record["config"].get("bits")
    how["bits"] = of_run if config.bits is None else config.bits
    of_pairs = loaded.record["data"]["name"].startswith("pairs:")
    alone = of_pairs and height == width and not config.crop
    inputs = np.stack([read(file, alone=alone, **how) for file in config.files])
    folder = new_folder(expand(config.run, "RUN"), config.out, "translations")
    outputs = translate(loaded, inputs, source, made, config.draws, config.seed)
    if config.draws > 1 and (outputs == outputs[:, :1]).all():
        folder.rmdir()
        raise InputError(
            f"All {config.draws} draws are equal, because the generator of "
            f"{loaded.folder} has no noise. Leave --draws out."
        )
    for file, drawn in zip(config.files, outputs, strict=True):
        for number, image in enumerate(drawn, start=1):
            name = file.stem if config.draws == 1 else f"{file.stem}-{number}"
            picture = Image.fromarray(
                image.squeeze(-1) if image.shape[-1] == 1 else image
            )
            write_atomically(folder / f"{name}.png", png(picture))
    columns = {"input": inputs[:_ON_A_SHEET]}
    for number in range(config.draws):
        name = "output" if config.draws == 1 else f"output {number + 1}"
        columns[name] = outputs[:_ON_A_SHEET, number]
    write_atomically(folder / "sheet.png", png(pictures.strips(columns)))
    print(f"{len(config.files)} files translated: {folder}")


def read(file: Path, *, alone: bool, **how: Any) -> UInt8[np.ndarray, "h w c"]:
    """Reads a file as the run's training images were read.

    Args:
        file: the image file.
        alone: refuse an image twice as wide as high: it may be a pair side by side,
            whose centre would be half an input and half a target.
        how: see `jaxgan.data.images.read`.

    Raises:
        InputError: for a file that cannot be read, or is of another shape.

    Warns:
        DataWarning: for one that looks too dark for its bits.
    """
    otherwise = "or leave it out"
    path = expand(file, "FILES")
    width, height = images.look(path, otherwise=otherwise).size
    if alone and width == 2 * height:
        raise InputError(
            f"{file} is twice as wide as high, as pairs side by side are, but only "
            "inputs can be translated. Cut off its right half or, if it is one "
            "picture, pass --crop to take its centre."
        )
    found = images.read(path, str(file), otherwise=otherwise, **how)
    if found.largest is not None and found.largest < 2**USUAL_BITS:
        warnings.warn(
            f"{file} has 16 bits, but no value exceeds {found.largest:,} of 65,535, so "
            f"it is almost black. If it holds {USUAL_BITS} bits, pass --bits "
            f"{USUAL_BITS} for grayscale, or convert colour to 8 bits.",
            DataWarning,
            stacklevel=2,
        )
    return found.image


def direction(loaded: LoadedRun, *, back: bool = False) -> tuple[str, str | None]:
    """Returns the data's entry that a run translates, and the name of its result.

    Raises:
        InputError: if the run translates nothing, or not in that direction.
    """
    name, condition = loaded.record["experiment"], loaded.game.condition
    if condition == ("a", "b"):
        return ("b", "fake_a") if back else ("a", "fake_b")
    # Super-resolution has an "input" too, which its data make from the originals.
    translates = condition == "input" and loaded.game.sample is pix2pix.translate
    if translates and not back:
        return "input", None
    if translates:
        raise InputError(f"A run of {name} has no way back; leave out --back.")
    raise InputError(
        f"{loaded.folder} is a run of {name}, which does not translate images. Give a "
        "run of pix2pix or cyclegan."
    )


def translate(
    loaded: LoadedRun,
    inputs: Pixels,
    source: str,
    made: str | None,
    draws: int,
    seed: int,
) -> UInt8[np.ndarray, "n d h w c"]:
    """Returns ``draws`` translations of each input."""
    repeated = np.repeat(inputs, draws, axis=0)
    condition: Any = repeated if made is None else {source: repeated}
    found = loaded.sample(len(repeated), key=jax.random.key(seed), condition=condition)
    found = np.asarray(as_uint8(found if made is None else found[made]))
    return found.reshape(len(inputs), draws, *found.shape[1:])


def _shape(loaded: LoadedRun, source: str) -> tuple[int, int, int]:
    """Returns one input's height, width and channels, from config.json."""
    height, width, channels = loaded.record["data"]["columns"][source][1]
    return height, width, channels


def _check_names(files: tuple[Path, ...]) -> None:
    """Raises InputError if two results would have the same name.

    Upper and lower case do not count: on some disks they are one name.
    """
    taken: dict[str, object] = {"sheet": "the overview"}
    for file in files:
        name = file.stem.casefold()
        if name in taken:
            raise InputError(
                f"{file} and {taken[name]} would both become {file.stem}.png. "
                "Translate them one after the other, or rename one."
            )
        taken[name] = file


def main() -> None:
    """Runs the command; see `jaxgan.cli.command.main`."""
    prog = "python -m experiments.translate"
    command.main(Config, run, prog=prog, description=__doc__)


if __name__ == "__main__":
    main()
