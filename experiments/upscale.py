"""Magnifies image files of any size with a finished run of `srgan`.

::

    python -m experiments.upscale runs/srgan-photos-0 photo.jpg scans/*.png
    python -m experiments.upscale RUN photo.jpg --blend 0.8
    python -m experiments.upscale RUN/srresnet photo.jpg --tile 128 --out enlarged

RUN holds both stages, or is one of them. Beside each photo.jpg appears photo-x4.png, or
photo-x4-2.png if that is taken: nothing is overwritten. ``--blend W`` interpolates the
weights between SRResNet's, W = 0, which is nearest to the truth, and SRGAN's, W = 1,
which is the sharpest; its results are called photo-x4-blend-W.png.

Images are magnified tile by tile, each with enough of its surroundings that the result
is that of the whole image, up to rounding: tiles bound the memory and change nothing
else. Above 40 megapixels the result itself is large, so ``--tile`` must be given.

Grey images stay grey, and keep 16 bits if they have them; colour, and grey with
transparency, has 8. A palette becomes colours, transparency is enlarged by Pillow's
bicubic filter, images are turned upright as their EXIF orientation says, and of several
frames or pages the first is taken. Nothing is magnified if a file is no image or would
become too large; one that turns out to be damaged does not stop the others.
"""

import contextlib
import dataclasses
import io
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from PIL import Image
from scipy.ndimage import distance_transform_edt
from tqdm import tqdm

from jaxgan.checks import InputError
from jaxgan.cli import command, load_run
from jaxgan.data.images import look
from jaxgan.data.originals import Original, read
from jaxgan.evaluation.magnified import TILE, magnify
from jaxgan.files import expand
from jaxgan.images import as_uint8
from jaxgan.methods.srgan import blend
from jaxgan.methods.srgan import magnify as _of_srgan
from jaxgan.sampling import Sampler

MOST = 40_000_000
"""The pixels of a result above which --tile must be given."""

_LARGEST = 2**16 - 1  # of 16 bits
_OTHERWISE = "or leave it out"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The run, the images, and where the results go."""

    # The run's folder, with the folders srresnet and srgan of both stages, or one of
    # them.
    run: Annotated[str, tyro.conf.Positional]
    # Image files.
    images: tyro.conf.Positional[tuple[Path, ...]]
    # From 0, SRResNet's weights, to 1, SRGAN's; by default SRGAN's.
    blend: float | None = None
    # Side of a tile in pixels of the image; by default 256.
    tile: int | None = None
    # A folder for the results, made if missing; by default each is beside its image.
    out: Path | None = None


def run(config: Config) -> None:
    """Magnifies the images, and prints where the results are.

    Raises:
        InputError: for a run that does not magnify, a file that is not an image, or a
            result that is too large.
    """
    if not config.images:
        raise InputError("Name at least one image file after the run's folder.")
    if config.tile is not None and config.tile < 1:
        raise InputError(f"--tile must be at least 1, got {config.tile}.")
    files = [expand(file, "IMAGE") for file in config.images]
    sampler = network(expand(config.run, "RUN"), config.blend)
    scale = sampler.game.players["generator"].module.scale
    with _of_any_size():
        for file in files:
            check_size(file, scale, config.tile)
    out = None if config.out is None else folder(expand(config.out, "--out"))
    place = lambda file: file.parent if out is None else out
    for file in files:
        check_writable(place(file))
    failed = []
    for file in files:
        try:
            with _of_any_size():
                original = read(file, otherwise=_OTHERWISE)
        except InputError as error:
            failed.append(str(error))
            continue
        made = enlarged(original, sampler, scale, config.tile or TILE, file.name)
        content = io.BytesIO()
        made.save(content, "PNG", icc_profile=original.profile)
        blended = "" if config.blend is None else f"-blend-{config.blend:g}"
        name = f"{file.stem}-x{scale}{blended}"
        path = written(content.getvalue(), place(file), name)
        first = f", the first of {original.frames}" if original.frames > 1 else ""
        print(f"{path}: {made.width}x{made.height} pixels (width x height){first}")
    if failed:
        raise InputError(
            f"{len(failed)} of {len(files)} images were not magnified:\n"
            + "\n".join(failed)
        )


@contextlib.contextmanager
def _of_any_size() -> Iterator[None]:
    """Lifts Pillow's limit of pixels; `check_size` has a limit of its own, `MOST`."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def network(root: Path, weight: float | None) -> Sampler:
    """Returns the averaged generator of a run, or a blend of those of two stages.

    Args:
        root: a run's folder, or that of both stages.
        weight: see `jaxgan.methods.srgan.blend`.

    Raises:
        InputError: if there is no such run, or it magnifies nothing.
    """
    if (root / "config.json").exists():
        if weight is not None:
            raise InputError(
                f"--blend needs both stages, and {root} is one run. Give the folder "
                f"above it, such as {root.parent}."
            )
        return _sampler(root)
    missing = [name for name in ("srresnet", "srgan") if not (root / name).is_dir()]
    if missing == ["srgan"]:
        raise InputError(
            f"The second stage of {root} has not begun. To magnify with the first, "
            f"give {root / 'srresnet'}."
        )
    if missing:
        raise InputError(
            f"{root} holds no run of srgan: there is neither config.json nor the "
            f"folder {missing[0]}. Give the --workdir of python -m experiments.srgan."
        )
    last = _sampler(root / "srgan")
    if weight is None:
        return last
    if not 0 <= weight <= 1:
        raise InputError(f"--blend must be from 0 to 1, got {weight}.")
    between = blend(_variables(_sampler(root / "srresnet")), _variables(last), weight)
    state = last.state.replace(averages={"generator": between})
    return Sampler(last.game, state)


def _sampler(root: Path) -> Sampler:
    loaded = load_run(root)
    if loaded.game.sample is not _of_srgan:
        raise InputError(
            f"{root} is a run of {loaded.record['experiment']}, which does not magnify "
            "images. Give a run of srgan."
        )
    return Sampler(loaded.game, loaded.state)


def _variables(sampler: Sampler) -> dict:
    """Returns the variables of the averaged generator, if any, or of the generator."""
    state = sampler.state
    return state.averages.get("generator", state.players["generator"].variables)


def check_size(file: Path, scale: int, tile: int | None) -> None:
    """Raises InputError if a file is not an image, or too large without --tile."""
    if file.is_dir():
        raise InputError(
            f"{file} is a folder. Name the image files in it, such as {file}/*.jpg."
        )
    if not file.is_file():
        raise InputError(f"There is no file {file}. Name image files after RUN.")
    width, height = look(file, otherwise=_OTHERWISE).size
    pixels = width * height * scale**2
    if pixels > MOST and tile is None:
        raise InputError(
            f"{file} would become {scale} times as wide and as high, "
            f"{pixels / 1e6:.0f} megapixels, and need some {pixels * 16 / 2**30:.1f} "
            "GiB of memory and much time. To go ahead, give --tile, such as --tile "
            f"{TILE}."
        )


def enlarged(
    original: Original, sampler: Sampler, scale: int, tile: int, title: str
) -> Image.Image:
    """Magnifies an image, keeping its mode; ``title`` is that of the progress bar."""
    pixels, alpha = original.pixels, original.alpha
    if alpha is not None:
        pixels = _filled(pixels, alpha)
    finish: Callable[[Any], Any] = as_uint8
    if pixels.dtype == np.uint16:
        pixels, finish = pixels.astype(np.float32) * (2 / _LARGEST) - 1, _as_uint16
    grey = pixels.ndim == 2
    rgb = np.broadcast_to(pixels[..., None], (*pixels.shape, 3)) if grey else pixels
    with tqdm(desc=title, unit="tile", disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        made = magnify(
            sampler,
            rgb,
            scale=scale,
            tile=tile,
            finish=lambda tile: finish(tile.mean(axis=-1) if grey else tile),
            progress=progress,
        )
    result = Image.fromarray(made)
    if alpha is not None:
        bicubic = Image.Resampling.BICUBIC
        result.putalpha(Image.fromarray(alpha).resize(result.size, bicubic))
    return result


def _as_uint16(tile: Any) -> np.ndarray:
    values = np.rint((np.asarray(tile, np.float64) + 1) * (_LARGEST / 2))
    return values.clip(0, _LARGEST).astype(np.uint16)


def _filled(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Gives transparent pixels the colour of the nearest that is not.

    Their own, often black, does not show, but the network would mix it into the rim of
    what does.
    """
    clear = alpha == 0
    if not clear.any() or clear.all():
        return pixels
    nearest: Any = distance_transform_edt(
        clear, return_distances=False, return_indices=True
    )
    return pixels[tuple(nearest)]


def check_writable(place: Path) -> None:
    """Raises InputError for a folder that no file can be written to."""
    if not os.access(place, os.W_OK):
        raise InputError(
            f"Nothing can be written to the folder {place}. Give another with --out."
        )


def folder(path: Path) -> Path:
    """Makes a folder unless it exists.

    Raises:
        InputError: if it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The folder {path} cannot be made: {error.strerror}. Give another with "
            "--out."
        ) from error
    return path


def written(content: bytes, place: Path, stem: str) -> Path:
    """Writes a new PNG file, with a number if the name is taken.

    Raises:
        InputError: if it cannot be written.
    """
    names = itertools.chain([stem], (f"{stem}-{n}" for n in itertools.count(2)))
    for name in names:
        path = place / f"{name}.png"
        try:
            with path.open("xb") as file:
                try:
                    file.write(content)
                    file.flush()
                except OSError:
                    with contextlib.suppress(OSError):
                        path.unlink()
                    raise
            return path
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(
                f"{path} cannot be written: {error.strerror}. Give another folder with "
                "--out."
            ) from error
    raise AssertionError("there is always another number")


def main() -> None:
    """Runs the command; see `jaxgan.cli.command.main`."""
    prog = "python -m experiments.upscale"
    command.main(Config, run, prog=prog, description=__doc__)


if __name__ == "__main__":
    main()
