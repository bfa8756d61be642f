"""The diversity of a set of pictures: the mean distance between two of them."""

import dataclasses

import numpy as np

from jaxgan.checks import InputError
from jaxgan.data.pictures import Pictures
from jaxgan.metrics import diversity
from jaxgan.metrics.features.extractor import BLOCK
from jaxgan.metrics.inputs import generator, key_or_default
from jaxgan.metrics.perceptual import Distance
from jaxgan.metrics.result import Result
from jaxgan.typing import Key


def of_pictures(
    pictures: Pictures,
    distance: Distance,
    *,
    pairs: int = 1_000,
    key: Key | None = None,
    resamples: int = 1000,
) -> Result:
    """Returns the mean distance of random disjoint pairs; the set is read once.

    Args:
        pictures: pictures of one size.
        distance: a distance such as that of `jaxgan.metrics.perceptual.load_lpips`.
        pairs: number of pairs, or as many as the set has if that is fewer. Twice as
            many pictures are held in memory.
        key: for the pairs and the bootstrap; None means ``jax.random.key(0)``.
        resamples: number of bootstrap resamples over pairs; 0 for no interval.

    Raises:
        InputError: if fewer than one pair is requested, the set has no pair, or two
            pictures differ in size.
    """
    if pairs < 1 or pictures.count < 2:
        raise InputError(
            "Diversity needs one or more pairs of pictures, got "
            f"pairs={pairs} of {pictures.count} pictures in {pictures.name}."
        )
    key = key_or_default(key)
    count = 2 * min(pairs, pictures.count // 2)
    chosen = generator(key).choice(pictures.count, count, replace=False)
    found = diversity.of_samples(
        distance,
        _stacked(pictures, frozenset(chosen.tolist())),
        described=f"{distance.protocol}; {pictures.count} {pictures.name}",
        key=key,
        resamples=resamples,
    )
    weights = {"weights_sha256": distance.weights_sha256}
    return dataclasses.replace(
        found, name=f"{distance.name} diversity", details={**found.details, **weights}
    )


def _stacked(pictures: Pictures, rows: frozenset[int]) -> np.ndarray:
    """Returns some rows of a set, ``[n h w 3]``, reading it only as far as needed."""
    kept: list[np.ndarray] = []
    number = 0
    for block in pictures.blocks(BLOCK):
        for image in block:
            if number in rows:
                kept.append(image)
                if image.shape != kept[0].shape:
                    raise InputError(
                        f"Diversity needs pictures of the same size; picture {number} "
                        f"of {pictures.name} has the shape {list(image.shape)}, an "
                        f"earlier one {list(kept[0].shape)}. Resize them."
                    )
            number += 1
        if len(kept) == len(rows):
            break
    return np.stack(kept)
