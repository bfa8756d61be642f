"""Precision, recall, density and coverage of features, by k nearest neighbours.

Each real example has a ball around it that reaches to its k-th nearest other real
example; the union of the balls represents the data. The same is done for the samples.
"""

from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Real

from jaxgan.checks import InputError
from jaxgan.metrics import bootstrap, distances, grid
from jaxgan.metrics.inputs import AnyArray, as_rows, describe_key, key_or_default
from jaxgan.metrics.result import Result
from jaxgan.typing import Key


class PRDC(NamedTuple):
    """Precision, recall (Kynkäänniemi et al.), density, coverage (Naeem et al.)."""

    precision: Result
    recall: Result
    density: Result
    coverage: Result


def measure(
    real: Real[AnyArray, "n ..."],
    fake: Real[AnyArray, "m ..."],
    *,
    features: str,
    key: Key | None = None,
    neighbours: int = 5,
    resamples: int = 1000,
) -> PRDC:
    """Returns precision, recall, density and coverage, with intervals.

    - precision: the share of fakes that lie in at least one real ball;
    - recall: the share of reals that lie in at least one fake ball;
    - density: the mean number of real balls that a fake lies in, over k; may exceed 1;
    - coverage: the share of reals whose ball holds at least one fake.

    Precision and density are means over fakes, recall and coverage over reals: the
    percentile bootstrap resamples these. The balls and the other set stay fixed, as the
    copies in a resample would shrink every ball, so an interval does not cover their
    variation.

    Balls are closed: an example at exactly the radius lies in the ball, and a ball of
    radius 0, around an example that occurs more than k times, holds its copies.
    Distances are compared without rounding if the numbers are whole or lie on a grid,
    as pixels do on any scale (`grid.whole`). For other numbers, copies are at distance
    0, and other distances are as exact as a float64 sum. The balls in the package by
    Naeem et al. are open, which matters only for equal distances.

    Args:
        real: features of the data, or the data themselves; each example, of any shape,
            is flattened to a row.
        fake: the same for as many samples, since the balls shrink with their number.
        features: name of the features, such as "Inception pool3", for the protocol.
        key: for the bootstrap; None means ``jax.random.key(0)``.
        neighbours: k; 3 in the first paper, 5 in the second.
        resamples: number of bootstrap resamples; 0 for no interval.

    References:
        Kynkäänniemi et al. 2019, arXiv:1904.06991; Naeem et al. 2020,
        arXiv:2002.09797.
    """
    real, fake = as_rows(real=real, fake=fake)
    if not 1 <= neighbours < min(len(real), len(fake)):
        raise InputError(
            f"neighbours must lie in [1, {min(len(real), len(fake)) - 1}], one less "
            f"than the size of the smaller set, got {neighbours}."
        )
    key = key_or_default(key)
    values = per_example(real, fake, neighbours)
    protocol = (
        f"k = {neighbours}, {features}, {len(real)} real vs {len(fake)} fake, "
        f"{describe_key(key)}"
    )
    names, keys = PRDC._fields, jax.random.split(key, 4)
    results = [
        Result(
            name=name,
            value=float(of_each.mean()),
            interval=bootstrap.interval_of_mean(of_each, key=k, resamples=resamples),
            protocol=protocol,
            higher_is_better=True,
        )
        for name, of_each, k in zip(names, values, keys, strict=True)
    ]
    return PRDC(*results)


def per_example(
    real: np.ndarray, fake: np.ndarray, neighbours: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns the four metrics per example, to be averaged: ``[m], [n], [m], [n]``."""
    of_real, of_fake = distances.prepare(*grid.whole(real, fake))
    real_radii = distances.kth(of_real, neighbours)
    fake_radii = distances.kth(of_fake, neighbours)
    balls_around = np.empty(len(fake))
    recalled, covered = np.zeros((2, len(real)), bool)
    for rows, block in distances.blocks(of_fake, of_real):
        settle = partial(distances.settle, block, of_fake, rows, of_real)
        settle(thresholds=real_radii[None, :])
        in_real_ball = block <= real_radii
        balls_around[rows] = in_real_ball.sum(axis=1)
        covered |= in_real_ball.any(axis=0)
        settle(thresholds=fake_radii[rows, None])
        recalled |= (block <= fake_radii[rows, None]).any(axis=0)
    return (
        (balls_around > 0).astype(float),
        recalled.astype(float),
        balls_around / neighbours,
        covered.astype(float),
    )
