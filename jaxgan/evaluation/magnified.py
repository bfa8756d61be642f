"""Whole held-out photos magnified by a game, and compared with Pillow's bicubic."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Shaped, UInt8

from jaxgan.checks import InputError
from jaxgan.images import as_uint8
from jaxgan.metrics import means, psnr, ssim
from jaxgan.metrics.paired import DATA_RANGE, Protocol, super_resolution
from jaxgan.metrics.result import Result
from jaxgan.sampling import Sampler
from jaxgan.tiles import Progress, apply_tiled
from jaxgan.typing import Key

if TYPE_CHECKING:
    from jaxgan.data.photo_files import Photo

TILE = 256
"""Height and width in pixels of the part of a small image that is magnified at a time;
the network's input window is larger by its radius."""

Pixels = UInt8[np.ndarray, "h w 3"]


class Magnification(NamedTuple):
    """A photo, its shrunk copy, and that copy magnified by a network and by Pillow."""

    name: str
    small: Pixels
    output: Pixels
    bicubic: Pixels
    original: Pixels


def magnify(
    sampler: Sampler,
    image: np.ndarray,
    *,
    scale: int,
    tile: int = TILE,
    finish: Callable[[Any], Any] = np.asarray,
    progress: Progress | None = None,
) -> Shaped[np.ndarray, "g q *c"]:
    """Returns an image of any size magnified by a game, tile by tile.

    Args:
        sampler: sampler of a game whose player "generator" magnifies its condition, and
            has a property ``radius`` in pixels of its input.
        image: [h w c], uint8 or floats in [-1, 1].
        scale: scale factor of the generator.
        tile: see `jaxgan.tiles.apply_tiled`.
        finish: applied to each magnified tile, floats [h w c] in [-1, 1], such as
            `jaxgan.images.as_uint8`: of a large result the floats need much memory.
        progress: see `jaxgan.tiles.apply_tiled`.
    """
    key = jax.random.key(0)  # nothing is drawn
    play = lambda window: finish(sampler(key, 1, condition=window[None])[0])
    radius = sampler.game.players["generator"].module.radius
    how: dict[str, Any] = {"radius": radius, "scale": scale, "progress": progress}
    return apply_tiled(play, image, tile=tile, **how)


def magnified(
    sampler: Sampler, data: Any, *, most: int | None = None
) -> Iterator[Magnification]:
    """Yields held-out photos, magnified from their shrunk copies.

    Args:
        sampler: see `magnify`.
        data: a `jaxgan.data.photos.PhotoSet`.
        most: maximum number of photos; None for all.

    Raises:
        InputError: if the data hold no whole photos.
    """
    from jaxgan.data.photo_tiles import enlarged, shrunk  # Pillow

    for name, image in photos_of(data)[:most]:
        small, original = shrunk(image, data.scale)
        output = magnify(sampler, small, scale=data.scale, finish=as_uint8)
        bicubic = enlarged(small, data.scale)
        yield Magnification(name, small, output, bicubic, original)


def photos_of(data: Any) -> Sequence["Photo"]:
    """Returns the held-out photos of a `jaxgan.data.photos.PhotoSet`.

    Raises:
        InputError: if the data hold no whole photos.
    """
    photos = getattr(data, "photos", None)
    if not photos:
        raise InputError(
            f"{getattr(data, 'name', 'The data')} holds no whole photos to judge by. "
            "Load it with jaxgan.data.load_photos."
        )
    return photos


@dataclasses.dataclass(frozen=True, kw_only=True)
class Magnified:
    """Evaluator: how close are magnified photos to the originals?

    On whole held-out photos, in the Y of BT.601 and cropped at each border by the scale
    factor in pixels, it returns the means over photos of "rmse", the root-mean-square
    error (lower is better); "psnr" in dB; and "ssim", unless a photo is smaller than
    its window. The details hold the same for Pillow's bicubic enlargement, and both for
    each photo.

    Attributes:
        most: maximum number of photos to judge.
    """

    most: int = 100

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> dict[str, Result]:
        protocol = super_resolution(data.scale)
        # One photo is held at a time: large ones would not fit into memory together.
        found = [
            (photo.name, _figures(photo, protocol))
            for photo in magnified(sampler, data, most=self.most)
        ]
        names = [name for name, _ in found]

        def both(figure: str) -> Float[np.ndarray, "2 n"]:
            return np.array([figures[figure] for _, figures in found]).T

        errors, decibels = both("rmse"), both("psnr")
        described = f"x{data.scale}, {protocol}, mean over {len(names)} photos"
        error = means.result("RMSE", errors[0], described=described, key=key)
        ratio = psnr.mean(decibels[0], protocol=protocol, key=key)
        results = {
            "rmse": _beside(error, names, errors),
            "psnr": _beside(ratio, names, decibels),
        }
        if all("ssim" in figures for _, figures in found):
            alike = both("ssim")
            index = ssim.mean(alike[0], protocol=protocol, key=key)
            results["ssim"] = _beside(index, names, alike)
        return results


def _figures(photo: Magnification, protocol: Protocol) -> dict[str, list[float]]:
    """Returns each figure of a photo, of the output and of bicubic."""
    images = photo.output, photo.bicubic
    decibels = [psnr.of_pair(photo.original, image, protocol) for image in images]
    errors = [DATA_RANGE * 10 ** (-value / 20) for value in decibels]
    figures = {"rmse": errors, "psnr": decibels}
    if min(photo.original.shape[:2]) >= protocol.window.size + 2 * protocol.crop:
        figures["ssim"] = [
            ssim.of_pair(photo.original, image, protocol) for image in images
        ]
    return figures


def _beside(
    result: Result, names: Sequence[str], values: Float[np.ndarray, "2 n"]
) -> Result:
    """Returns the result with bicubic's value and those of each photo."""
    finite = values[1][np.isfinite(values[1])]
    details = {
        **result.details,
        "bicubic": float(finite.mean()) if len(finite) else None,
        "photos": {
            name: dict(zip(("output", "bicubic"), map(_shown, pair), strict=True))
            for name, pair in zip(names, values.T, strict=True)
        },
    }
    return dataclasses.replace(result, details=details)


def _shown(value: float) -> float | str:
    """Returns a number for JSON, "equal" for the infinite PSNR of equal images."""
    return round(float(value), 4) if math.isfinite(value) else "equal"
