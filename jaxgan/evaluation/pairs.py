"""Two sets of pictures judged in pairs: PSNR, SSIM and LPIPS, picture by picture.

The first picture of one set is compared with the first of the other, and so on: a
restored image with its original, a translation with the photograph. `of_folders` makes
sure that the files of a pair have the same name.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np

from jaxgan.checks import InputError
from jaxgan.data import pictures
from jaxgan.data.pictures import Block, Pictures
from jaxgan.data.walk import find, printable
from jaxgan.metrics import paired, perceptual, psnr, ssim
from jaxgan.metrics.features.extractor import BLOCK
from jaxgan.metrics.paired import Protocol
from jaxgan.metrics.perceptual import Distance
from jaxgan.metrics.result import Result
from jaxgan.typing import Key


class Metric(NamedTuple):
    """A metric of pairs.

    Attributes:
        of_block: the value of each pair of a few pictures, ``(how, real, fake) ->
            [n]``; ``how`` is a protocol or a distance.
        mean: the result of all values, ``(values, how, key, resamples) -> Result``.
        learned: whether ``how`` is a distance.
    """

    of_block: Callable[[Any, Block, Block], Any]
    mean: Callable[[np.ndarray, Any, Key | None, int], Result]
    learned: bool


def _by_pixels(module: Any) -> Metric:
    """Returns the metric of `jaxgan.metrics.psnr` or `jaxgan.metrics.ssim`."""

    def of_block(protocol: Protocol, real: Block, fake: Block) -> list[float]:
        pairs = zip(real, fake, strict=True)
        return [module.of_pair(a, b, protocol) for a, b in pairs]

    def mean(values, protocol: Protocol, key: Key | None, resamples: int) -> Result:
        return module.mean(values, protocol=protocol, key=key, resamples=resamples)

    return Metric(of_block, mean, learned=False)


def _mean_distance(
    values: np.ndarray, distance: Distance, key: Key | None, resamples: int
) -> Result:
    return perceptual.mean(values, distance=distance, key=key, resamples=resamples)


METRICS: Mapping[str, Metric] = {
    "psnr": _by_pixels(psnr),
    "ssim": _by_pixels(ssim),
    "lpips": Metric(perceptual.of_pairs, _mean_distance, learned=True),
}
"""The metrics by name."""


def check(names: Iterable[str]) -> tuple[str, ...]:
    """Returns the names of metrics without duplicates.

    Raises:
        InputError: if there is none, or one is unknown.
    """
    names = tuple(dict.fromkeys(names))
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        raise InputError(
            f"The metrics of pairs are {', '.join(METRICS)}; got "
            f"{', '.join(unknown) or 'none'}."
        )
    return names


def judge(
    names: Iterable[str],
    real: Pictures,
    fake: Pictures,
    *,
    protocol: Protocol | None = None,
    lpips: Distance | None = None,
    key: Key | None = None,
    resamples: int = 1000,
    tell: Callable[[int], object] = lambda count: None,
) -> dict[str, Result]:
    """Returns the means over pairs by name; each set is read once, block by block.

    Args:
        names: names from `METRICS`.
        real: the originals.
        fake: the pictures to compare with them, in the same order and sizes.
        protocol: channels, crop and window of PSNR and SSIM; None is
            `jaxgan.metrics.paired.RGB`.
        lpips: the network of LPIPS, which compares RGB without a crop.
        key: for the bootstrap; None means ``jax.random.key(0)``.
        resamples: number of bootstrap resamples over pairs; 0 for no intervals.
        tell: called with the number of pairs of each block once it is judged.

    Raises:
        InputError: if a metric is unknown, a network is missing, a protocol or network
            would be ignored, or the pictures cannot be paired.

    Example:
        >>> noise = np.random.default_rng(0).integers(0, 255, (3, 16, 16, 3), np.uint8)
        >>> real = pictures.of_array(noise, "noise")
        >>> fake = pictures.of_array(noise + np.uint8(1), "brighter noise")
        >>> found = judge(["psnr", "ssim"], real, fake)
        >>> round(found["psnr"].value, 4), round(found["ssim"].value, 2)
        (48.1308, 1.0)
    """
    names = check(names)
    _check_needs(names, protocol, lpips)
    check_sides(names, real, fake)
    hows = {n: lpips if METRICS[n].learned else protocol or paired.RGB for n in names}
    values: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for of_real, of_fake in _blocks(real, fake):
        for name, how in hows.items():
            found = METRICS[name].of_block(how, of_real, of_fake)
            values[name].append(np.asarray(found, np.float64))
        tell(len(of_real))
    results = {
        name: METRICS[name].mean(np.concatenate(values[name]), how, key, resamples)
        for name, how in hows.items()
    }
    sets = f"{real.name} vs {fake.name}"
    return {
        name: dataclasses.replace(found, protocol=f"{found.protocol}; {sets}")
        for name, found in results.items()
    }


def check_sides(names: Iterable[str], real: Pictures, fake: Pictures) -> None:
    """Checks, before any work, what is known about the pairs of two sets.

    Args:
        names: names from `METRICS`.
        real: the originals.
        fake: the pictures to compare with them.

    Raises:
        InputError: if the sets differ in number, or PSNR is requested of equal sets.
    """
    if real.count != fake.count or not real.count:
        raise InputError(
            "Pairs need the same number of pictures on both sides, got "
            f"{real.count} of {real.name} and {fake.count} of {fake.name}."
        )
    known = real.identity is not None
    if "psnr" in names and known and real.identity == fake.identity:
        raise psnr.all_equal(real.count)


def of_folders(real: Path, fake: Path, store: Path) -> tuple[Pictures, Pictures]:
    """Returns the images of two folders, paired by their names without the suffix.

    ``a/photo.jpg`` of one folder and ``a/photo.png`` of the other are a pair.

    Args:
        real: the folder of the originals.
        fake: the other folder.
        store: where hashes of files are cached.

    Raises:
        InputError: if an image has no partner, or cannot be read; names the first.
    """
    found = zip_longest(find(real).images, find(fake).images)
    for number, (one, other) in enumerate(found):
        if one is None or other is None or one.with_suffix("") != other.with_suffix(""):
            raise InputError(
                "Paired files must have the same name, except for the suffix. In order "
                f"of names, number {number} of {printable(real)} is {_shown(one)} and "
                f"of {printable(fake)} {_shown(other)}; rename files, or remove those "
                "without a partner."
            )
    return pictures.of_folder(real, store), pictures.of_folder(fake, store)


def _shown(path: PurePath | None) -> str:
    return "no image" if path is None else printable(path)


def _check_needs(
    names: tuple[str, ...], protocol: Protocol | None, lpips: Distance | None
) -> None:
    learned = [name for name in names if METRICS[name].learned]
    if learned and lpips is None:
        raise InputError(
            f"{learned[0]} needs a network with its weights; give lpips, from "
            "jaxgan.metrics.perceptual.load_lpips."
        )
    if lpips is not None and not learned:
        raise InputError(
            f"lpips would be ignored by {', '.join(names)}; name the metric lpips too, "
            "or give no network."
        )
    if protocol is not None and len(learned) == len(names):
        raise InputError(
            f"The protocol ({protocol}) would be ignored by {', '.join(names)}, which "
            "compares RGB without a crop; give none, or name psnr or ssim too."
        )


def _blocks(real: Pictures, fake: Pictures) -> Iterator[tuple[Block, Block]]:
    """Yields blocks of both sets, after checking that each pair has one size."""
    number = 0
    for blocks in zip(real.blocks(BLOCK), fake.blocks(BLOCK), strict=True):
        for a, b in zip(*blocks, strict=True):
            name = f"pair {number}, of {real.name} and {fake.name}"
            paired.check_pair(a, b, name)
            number += 1
        yield blocks
