"""Samplers that are not models: functions from training images to rows of pixels.

They show what a judge of samples is worth. Each has a random generator of its own, so
that none depends on which others were called before it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from experiments.studies import pixels
from experiments.studies.pixels import Split

REAL = "training images"
CENTRES = "k-means centres"

Rows = Float[np.ndarray, "n d"]


def everyone(
    count: int, *, components: int, iterations: int, seed: int = 0
) -> dict[str, Callable[[Split], Rows]]:
    """Returns all samplers by name.

    Args:
        count: rows that each returns.
        components: principal components that images are reduced to.
        iterations: those of k-means.
        seed: the seed of the random draws.
    """

    def real(data):
        rows = np.random.default_rng(seed).permutation(len(data.train))[:count]
        return data.rows[rows]

    def projected(data):
        space = pixels.components(data.rows, components)
        return space.rows(space.coordinates(real(data)))

    return {
        "a Gaussian for each pixel": lambda data: independent(data.rows, count, seed),
        "one Gaussian": lambda data: gaussian(data.rows, count, seed),
        REAL: real,
        f"{REAL}, blurred": lambda data: blurred(real(data), data.shape),
        f"{REAL}, {components} components": projected,
        CENTRES: lambda data: centres(data.rows, count, iterations, seed),
    }


def independent(rows: Rows, count: int, seed: int) -> Rows:
    """Draws every pixel independently, with its mean and variance."""
    noise = np.random.default_rng(seed).standard_normal((count, rows.shape[1]))
    return np.clip(rows.mean(axis=0) + rows.std(axis=0) * noise, 0, 1)


def gaussian(rows: Rows, count: int, seed: int) -> Rows:
    """Draws from one Gaussian with the mean and covariance of the images, clipped."""
    values, vectors = np.linalg.eigh(np.cov(rows, rowvar=False))
    noise = np.random.default_rng(seed).standard_normal((count, len(values)))
    root = vectors * np.sqrt(np.maximum(values, 0))
    return np.clip(rows.mean(axis=0) + noise @ root.T, 0, 1)


def blurred(rows: Rows, shape: tuple[int, ...], *, std: float = 0.5) -> Rows:
    """Smooths images by a Gaussian, its standard deviation in pixels."""
    images = rows.reshape(-1, *shape)
    smooth = ndimage.gaussian_filter(images, (0, std, std, 0))
    return np.clip(smooth, 0, 1).reshape(len(rows), -1)


def centres(rows: Rows, count: int, iterations: int, seed: int) -> Rows:
    """Returns the centres of k-means, started at examples drawn at random."""
    from sklearn.cluster import KMeans  # a second to import

    how: dict[str, Any] = {"init": "random", "n_init": 1, "random_state": seed}
    return KMeans(count, max_iter=iterations, **how).fit(rows).cluster_centers_
