"""The sliced Wasserstein distance: exact optimal transport along random directions."""

import jax
import numpy as np
from jaxtyping import Real

from jaxgan.checks import InputError
from jaxgan.metrics import bootstrap
from jaxgan.metrics.inputs import (
    AnyArray,
    as_rows,
    check_one_shape,
    describe_key,
    generator,
    key_or_default,
)
from jaxgan.metrics.result import Result
from jaxgan.typing import Key


def distance(
    x: Real[AnyArray, "n ..."],
    y: Real[AnyArray, "m ..."],
    *,
    key: Key | None = None,
    projections: int = 256,
    order: float = 2.0,
    resamples: int = 100,
) -> Result:
    """Returns SW_p = (mean over unit vectors u of W_p^p(u·x, u·y))^(1/p).

    On a line, optimal transport between n points and n others pairs them in sorted
    order. The distance of two finite sets from the same distribution is above zero, by
    about 1/√n; hence the interval is centred (see `bootstrap`).

    Args:
        x: the first set, of any shape; each example is flattened to a row.
        y: the second set, of the same size.
        key: for the directions and the bootstrap; None means ``jax.random.key(0)``.
        projections: number of directions; the same key gives the same ones.
        order: p, at least 1.
        resamples: number of bootstrap resamples; 0 for no interval.

    References:
        Bonneel et al. 2015, Sliced and Radon Wasserstein Barycenters of Measures.
    """
    check_one_shape(x, y)
    x, y = as_rows(x=x, y=y)
    key = key_or_default(key)
    if order < 1:
        raise InputError(f"order must be at least 1, got {order}.")
    direction_key, bootstrap_key = jax.random.split(key)
    u = generator(direction_key).normal(size=(x.shape[1], projections))
    u /= np.linalg.norm(u, axis=0)
    on_x, on_y = x @ u, y @ u
    value = _transport(on_x, on_y, order)

    def statistic(w_x, w_y):
        pairs = zip(w_x, w_y, strict=True)
        return np.array(
            [_transport(_repeat(on_x, a), _repeat(on_y, b), order) for a, b in pairs]
        )

    return Result(
        name="sliced Wasserstein distance",
        value=value,
        interval=bootstrap.interval(
            statistic, [len(x), len(y)], key=bootstrap_key, resamples=resamples,
            value=value,
        ),
        protocol=(
            f"order {order:g}, {projections} projections, {len(x)} vs {len(y)}, "
            f"{describe_key(key)}"
        ),
    )  # fmt: skip


def _transport(on_x: np.ndarray, on_y: np.ndarray, order: float) -> float:
    """Returns W_p from coordinates along each direction, ``[n projections]``."""
    apart = np.abs(np.sort(on_x, axis=0) - np.sort(on_y, axis=0))
    return float((apart**order).mean() ** (1 / order))


def _repeat(rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.repeat(rows, counts.astype(int), axis=0)
