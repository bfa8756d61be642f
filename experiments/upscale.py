"""Magnifies image files of any size with a finished run of `srgan`.

::

    python -m experiments.upscale runs/srgan-photos-0 photo.jpg scans/*.png
    python -m experiments.upscale RUN photo.jpg --blend 0.8
    python -m experiments.upscale RUN/srresnet photo.jpg --tile 128 --out enlarged

RUN holds both stages, or is one of them. Beside each photo.jpg appears photo-x4.png, or
photo-x4-2.png if that is taken: nothing is overwritten. ``--blend W`` interpolates the
weights between SRResNet's, W = 0, which is nearest to the truth, and SRGAN's, W = 1,
which is the sharpest.

Images are magnified tile by tile, each with enough of its surroundings that the result
is that of the whole image, up to rounding: tiles bound the memory and change nothing
else. Above 40 megapixels the result itself is large, so ``--tile`` must be given.

Grey images stay grey, and keep 16 bits if they have them; colour has 8. A palette
becomes colours, transparency is enlarged by Pillow's bicubic filter, and images are
turned upright as their EXIF orientation says.
"""

import contextlib
import dataclasses
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from jaxtyping import Shaped
from PIL import Image, ImageOps
from tqdm import tqdm

from jaxgan.checks import InputError
from jaxgan.cli import command, load_run
from jaxgan.data.images import FORMATS, look
from jaxgan.evaluation.magnified import TILE, magnify
from jaxgan.files import expand
from jaxgan.images import as_uint8
from jaxgan.methods.srgan import blend
from jaxgan.methods.srgan import magnify as _of_srgan
from jaxgan.sampling import Sampler

MOST = 40_000_000
"""The pixels of a result above which --tile must be given."""

_LARGEST = 2**16 - 1  # of 16 bits
_WIDE = ("I", "I;16", "I;16B", "I;16L", "I;16N")


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
    for file in files:
        with _of_any_size():
            image = opened(file)
        made = enlarged(image, sampler, scale, config.tile or TILE, file.name)
        content = io.BytesIO()
        made.save(content, "PNG", icc_profile=image.info.get("icc_profile"))
        place = out or file.parent
        path = written(content.getvalue(), place, f"{file.stem}-x{scale}")
        print(f"{path}: {made.width}x{made.height} pixels (width x height)")


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
    if not file.is_file():
        raise InputError(f"There is no file {file}. Name image files after RUN.")
    width, height = look(file, otherwise="or leave it out").size
    pixels = width * height * scale**2
    if pixels > MOST and tile is None:
        raise InputError(
            f"{file} would become {width * scale}x{height * scale} pixels, "
            f"{pixels / 1e6:.0f} megapixels, and need some {pixels * 16 / 2**30:.1f} "
            "GiB of memory and much time. To go ahead, give --tile, such as --tile "
            f"{TILE}."
        )


def opened(file: Path) -> Image.Image:
    """Reads the image of a file, upright, in the mode I;16, L, LA, RGB or RGBA.

    Raises:
        InputError: if it cannot be read, or has values without a known range.
    """
    try:
        # Not by its path: Pillow would map it, see `jaxgan.data.images`.
        with file.open("rb") as content, Image.open(content, formats=FORMATS) as image:
            image.load()
            upright = ImageOps.exif_transpose(image)
    except Exception as error:  # Pillow's errors differ by format, place and version
        raise InputError(
            f"{file} cannot be read as an image: {error}. Repair it, or convert it."
        ) from error
    if upright.mode in _WIDE:
        return _in_16_bits(upright, file)
    if upright.mode == "F":
        raise InputError(
            f"{file} holds floats, whose range is not known; convert it to 16 bits."
        )
    grey = upright.mode in ("1", "L", "LA", "La")
    alpha = "A" if upright.has_transparency_data else ""
    made = upright.convert(("L" if grey else "RGB") + alpha)
    if upright.mode not in ("L", "LA", "RGB", "RGBA"):
        made.info.pop("icc_profile", None)  # it is for other colours
    return made


def _in_16_bits(image: Image.Image, file: Path) -> Image.Image:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > _LARGEST:
        raise InputError(
            f"{file} holds values from {values.min()} to {values.max()}; expected "
            f"0 to {_LARGEST}. Convert it to 8 or 16 bits."
        )
    return Image.fromarray(values.astype(np.uint16))


def enlarged(
    image: Image.Image, sampler: Sampler, scale: int, tile: int, title: str
) -> Image.Image:
    """Magnifies an image, keeping its mode; ``title`` is that of the progress bar."""
    alpha = None
    if image.mode in ("LA", "RGBA"):
        size = (image.width * scale, image.height * scale)
        alpha = image.getchannel("A").resize(size, Image.Resampling.BICUBIC)
        image = image.convert(image.mode.removesuffix("A"))
    pixels = np.asarray(image)
    wide = pixels.dtype == np.uint16
    if wide:
        pixels = pixels.astype(np.float32) * (2 / _LARGEST) - 1
    grey = pixels.ndim == 2
    with tqdm(desc=title, unit="tile", disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        how = {"scale": scale, "tile": tile, "progress": progress}
        made = magnify(sampler, _in_rgb(pixels), **how)
    made = made.mean(axis=-1) if grey else made
    if wide:
        values = np.rint((made.astype(np.float64) + 1) * (_LARGEST / 2))
        return Image.fromarray(values.clip(0, _LARGEST).astype(np.uint16))
    result = Image.fromarray(np.asarray(as_uint8(made)))
    if alpha is not None:
        result.putalpha(alpha)
    return result


def _in_rgb(pixels: np.ndarray) -> Shaped[np.ndarray, "h w 3"]:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


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
