"""Sets for image-to-image translation: pairs, or two sides without pairs.

:func:`load_pairs` loads inputs and their targets; :func:`load_unpaired` loads two sides
whose images do not correspond. Both support the letters of `jaxgan.data.glyphs`, which
need no download, and your own folders, which are decoded once, like those of
`jaxgan.data.load`.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from jaxgan.checks import InputError
from jaxgan.data import sets
from jaxgan.data.arrays import Examples
from jaxgan.data.dataset import DataSet, ImageDataSet, ImageSet
from jaxgan.data.in_memory import from_arrays
from jaxgan.data.order import epoch_order
from jaxgan.data.size import Size
from jaxgan.files import expand

_SEEDS = (0, 1)  # for the orders of a and b
_DEFAULT_SIZE = 32  # of letters, in pixels


def load_pairs(
    name: str,
    *,
    data_dir: str | Path,
    manual_dir: str | Path | None = None,
    resolution: Size | None = None,
    crop: bool = False,
    channels: int | None = None,
    skip_damaged: bool = False,
    bits: int | None = None,
) -> DataSet:
    """Loads pairs of an input and its target, decoding them on the first call only.

    A folder has a layout of `jaxgan.data.pair_layout`, and ``note`` of the result says
    which: two files for each pair in folders A and B, with the same name except for the
    suffix, or one image that is twice as wide as high, its input on the left. Without a
    held-out split, a tenth is held out by a hash of the names.

    Args:
        name: ``glyphs:SOURCE:TARGET`` for letters in two styles of
            `jaxgan.data.glyphs`, such as ``glyphs:sans:serif``; ``pairs:PATH`` for a
            folder.
        data_dir: the folder of the cache.
        manual_dir: not used; here so that all loaders have the same arguments.
        resolution: the size of each image in pixels, N or (height, width), as for
            `load`; letters are rendered at N x N, by default 32 x 32.
        crop: see `load`.
        channels: 1 for grayscale, 3 for RGB; None keeps the files' own, RGB if they are
            mixed.
        skip_damaged: leave out pairs with an image that cannot be read, instead of
            refusing the set; a warning counts them.
        bits: see `load`.

    Warns:
        DataWarning: see `load`.

    Returns:
        The set, with columns "input" and "target", uint8 [n h w c], row i of both being
        a pair; those of a folder are in the order of their names.

    Raises:
        InputError: the set is unknown or holds a file that cannot be used, an image
            lacks its partner or differs from it in size, an option has no effect on the
            set, or ``data_dir`` cannot be read and written.

    Example:
        >>> data = load_pairs("glyphs:sans:mono", data_dir="unused", resolution=16)
        >>> data.train.columns["target"].shape[1:]
        (16, 16, 1)
    """
    options = sets.checked(resolution, crop, channels, bits)
    if name.startswith("glyphs:"):
        return _letters(name, options)
    if not name.startswith("pairs:"):
        raise InputError(
            f"Unknown set of pairs {name!r}. Expected glyphs:SOURCE:TARGET, such as "
            "glyphs:sans:serif, or pairs:PATH for a folder of your own."
        )
    from jaxgan.data.pair_files import apart, locate_pairs

    data = _of_folder(name, data_dir, options, skip_damaged, locate_pairs)
    splits = (apart(split.images) for split in (data.train, data.test))
    return _with_columns(data, *({"input": a, "target": b} for a, b in splits))


def load_unpaired(
    name: str,
    *,
    data_dir: str | Path,
    manual_dir: str | Path | None = None,
    resolution: Size | None = None,
    crop: bool = False,
    channels: int | None = None,
    skip_damaged: bool = False,
    bits: int | None = None,
) -> DataSet:
    """Loads two sides without pairs, decoding them on the first call only.

    A row needs an image of each side, so to train on, the shorter side is repeated in
    memory, in successive seeded orders, up to the length of the longer one; the
    held-out part takes as many images of each side as the shorter one has. The images
    of a row are otherwise unrelated: the losses of unpaired translation are separable
    over a and b. Letters to train on are in independent orders in a and b; those held
    out stay paired, so that a translation can be compared with its true partner.

    Args:
        name: ``glyphs:SOURCE:TARGET`` for letters in two styles, whose pairs are
            hidden; ``unpaired:PATH`` for a folder that holds ``trainA``, ``trainB``,
            ``testA`` and ``testB``, or A and B, with a tenth of each held out.
        data_dir: see `load_pairs`.
        manual_dir: see `load_pairs`.
        resolution: see `load_pairs`.
        crop: see `load`.
        channels: see `load_pairs`.
        skip_damaged: leave out images that cannot be read, instead of refusing the
            set; a warning counts them.
        bits: see `load`.

    Warns:
        DataWarning: see `load`.

    Returns:
        The set, with columns "a" and "b", uint8 [n h w c].

    Raises:
        InputError: the set is unknown or holds a file that cannot be used, a side has
            no image, an option has no effect on the set, or ``data_dir`` cannot be read
            and written.

    Example:
        >>> data = load_unpaired("glyphs:serif:serif-italic", data_dir="unused")
        >>> sorted(data.train.columns), data.train.columns["a"].shape[1:]
        (['a', 'b'], (32, 32, 1))
    """
    options = sets.checked(resolution, crop, channels, bits)
    if name.startswith("glyphs:"):
        return _without_pairs(_letters(name, options))
    if not name.startswith("unpaired:"):
        raise _unknown_unpaired(name)
    from jaxgan.data.pair_files import locate_two_sides

    data = _of_folder(name, data_dir, options, skip_damaged, locate_two_sides)
    return _with_columns(
        data, _two_sides(name, data.train, repeat=True), _two_sides(name, data.test)
    )


def _of_folder(
    name: str,
    data_dir: str | Path,
    options: dict[str, Any],
    skip_damaged: bool,
    locate: Callable[[Path, Path, bool], sets.Located],
) -> ImageDataSet:
    """Loads the set of a folder through the cache."""
    kind, _, path = name.partition(":")
    root = expand(data_dir, "--data-dir")
    folder = expand(path, f"--dataset {kind}:")
    with sets.usable(root):
        located = locate(folder, root / "hashes", skip_damaged)
        return sets.cached(root / "cache", name, located, options, skip_damaged)


def _with_columns(data: DataSet, train: Any, test: Any) -> DataSet:
    splits = (Examples(train), Examples(test))
    return DataSet(data.name, *splits, data.fingerprint, data.note, data.credit)


def _two_sides(
    name: str, split: ImageSet, *, repeat: bool = False
) -> dict[str, np.ndarray]:
    """Separates the images of a, which come first, from b's, the same number of each.

    The smaller side is repeated, or the last images of the larger one are left out: an
    evaluation by nearest neighbours would take copies for memorisation.
    """
    assert split.labels is not None
    counts = np.bincount(split.labels, minlength=2).tolist()
    if not all(counts):
        raise InputError(
            f"{name} has no image (left) of one side in a split: {counts[0]} of A and "
            f"{counts[1]} of B. Add images that can be read."
        )
    starts, length = (0, counts[0]), max(counts) if repeat else min(counts)
    images = [split.images[s : s + n] for s, n in zip(starts, counts, strict=True)]
    a, b = (
        _repeated(each, length, seed) for each, seed in zip(images, _SEEDS, strict=True)
    )
    return {"a": a, "b": b}


def _repeated(
    images: UInt8[np.ndarray, "n h w c"], length: int, seed: int
) -> UInt8[np.ndarray, "m h w c"]:
    """Returns the first ``length`` images, or epoch after epoch in seeded order."""
    n = len(images)
    if n < length:
        return np.asarray(images[_endless(n, length, seed)])
    return images if n == length else np.asarray(images[:length])


def _endless(n: int, length: int, seed: int) -> Int[np.ndarray, " length"]:
    """Returns the start of an endless sequence of permutations of 0..n-1."""
    epochs = -(-length // n)
    orders = [epoch_order(seed, epoch, n) for epoch in range(epochs)]
    return np.concatenate(orders)[:length]


def _letters(name: str, options: dict[str, Any]) -> DataSet:
    """Renders pairs of letters; refuses options that would have no effect."""
    from jaxgan.data import glyphs  # imports Pillow, fontTools and SciPy

    styles = name.split(":")[1:]
    size = options["resolution"] or _DEFAULT_SIZE
    if len(styles) != 2:
        raise InputError(
            f"Letters are named glyphs:SOURCE:TARGET, got {name!r}; the styles are "
            f"{', '.join(glyphs.STYLES)}."
        )
    if not isinstance(size, int):
        raise InputError(
            f"Letters are rendered in squares; --resolution must be one number, got "
            f"{size[0]}x{size[1]}."
        )
    if options["crop"] or "bits" in options:
        raise InputError(
            f"--crop and --bits are for image files, but {name} is rendered; leave "
            "them out."
        )
    data = glyphs.pairs(*styles, size=size)
    if options["channels"] != 3:
        return data
    as_rgb = lambda split: {k: np.repeat(x, 3, -1) for k, x in _columns(split).items()}
    return _remade(data, as_rgb(data.train), as_rgb(data.test))


def _columns(split: ImageSet | Examples | None) -> dict[str, np.ndarray]:
    assert isinstance(split, Examples)
    return split.columns


def _without_pairs(data: DataSet) -> DataSet:
    """Returns inputs as a and targets as b, in independent orders for training."""
    (inputs, targets), (a, b) = (
        (_columns(split)["input"], _columns(split)["target"])
        for split in (data.train, data.test)
    )
    orders = [epoch_order(seed, 0, len(inputs)) for seed in _SEEDS]
    train = {"a": inputs[orders[0]], "b": targets[orders[1]]}
    return _remade(data, train, {"a": a, "b": b})


def _remade(data: DataSet, train: Any, test: Any) -> DataSet:
    made = from_arrays(train, test, name=data.name)
    return dataclasses.replace(made, note=data.note, credit=data.credit)


def _unknown_unpaired(name: str) -> InputError:
    if name.startswith("cycle_gan"):
        return InputError(
            f"{name} of tfds has splits of its own, which are not read here. Download "
            "and unpack the archive of that set from CycleGAN's site, and pass the "
            "folder that holds trainA, trainB, testA and testB: unpaired:PATH."
        )
    return InputError(
        f"Unknown unpaired set {name!r}. Expected glyphs:SOURCE:TARGET, such as "
        "glyphs:sans:serif, or unpaired:PATH for a folder that holds trainA, trainB, "
        "testA and testB, or A and B."
    )
