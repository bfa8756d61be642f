"""Sets with many equal distances, and judges of them in whole numbers."""

from fractions import Fraction

import numpy as np

DIMENSIONS = (2, 3, 64, 784, 2048)


def _images(random, n, d):
    return random.integers(0, 256, (n, d))


def _blank(random, n, d):
    """Half of the data and of the samples are the same blank image."""
    blank = np.full((n // 2, d), 37)
    return tuple(np.concatenate([blank, _images(random, n - n // 2, d)]) for _ in "ab")


def _all_blank(random, n, d):
    return np.full((n, d), 37), np.full((n, d), 37)


def _oversampled(random, n, d):
    """Each image seven times, and the samples are copies, as often."""
    points = _images(random, n // 7, d)
    return np.repeat(points, 7, axis=0), np.tile(points, (7, 1))


def _twice(random, n, d):
    """Each real image twice; half of the samples are copies."""
    points = _images(random, n // 2, d)
    real = random.permutation(np.tile(points, (2, 1)))
    return real, np.concatenate([points, _images(random, n - len(points), d)])


def _copies(random, n, d):
    """Copies of three of the images, over and over."""
    real = _images(random, n, d)
    return real, real[random.integers(0, 3, n)]


def _discrete(random, n, d):
    return tuple(random.integers(0, 3, (2, n, d)))


def _one_hot(random, n, d):
    """Two distances only, 0 and √2."""
    return tuple(255 * np.eye(d, dtype=int)[random.integers(0, d, (2, n))])


def _corners(random, n, d):
    """All as far from the next as from the second next: a step along one column."""
    steps = np.arange(2 * n)[:, None] > random.permutation(2 * n)[None, :]
    wide = np.concatenate([steps.T * 255, np.zeros((2 * n, d), int)], axis=1)[:, :d]
    return tuple(np.split(random.permutation(wide), 2))


SETS = {
    "blank": _blank,
    "all blank": _all_blank,
    "oversampled": _oversampled,
    "twice": _twice,
    "copies": _copies,
    "discrete": _discrete,
    "one-hot": _one_hot,
    "corners": _corners,
}
SCALES = {
    "bytes": lambda pixels: pixels.astype(np.uint8),
    "numbers": lambda pixels: pixels.astype(np.float64),
    "float32 in [0, 1]": lambda pixels: pixels.astype(np.float32) / np.float32(255),
    "float32 in [-1, 1]": lambda pixels: pixels * np.float32(2 / 255) - np.float32(1),
    "standardised": lambda pixels: (pixels / 255 - 0.1307) / 0.3081,
}


def sets(name: str, d: int, n: int = 84) -> tuple[np.ndarray, np.ndarray]:
    """Returns real and fake pixels ``[n d]``, whole numbers in [0, 255]."""
    return SETS[name](np.random.default_rng(d), n, d)


def squared(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squared distances of whole numbers, int64 or Python's own."""
    return np.stack([((row - y) ** 2).sum(axis=1) for row in x])


def prdc(real: np.ndarray, fake: np.ndarray, k: int) -> list[np.ndarray]:
    """Precision of each fake, recall of each real, density, coverage, by definition."""
    radii = lambda x: np.sort(squared(x, x), axis=1)[:, k]  # the first is itself
    apart = squared(real, fake)
    in_real, in_fake = apart <= radii(real)[:, None], apart <= radii(fake)[None]
    return [
        in_real.any(axis=0),
        in_fake.any(axis=1),
        in_real.sum(axis=0) / k,
        in_real.any(axis=1),
    ]


def own_shares(x: np.ndarray, y: np.ndarray, labels=None) -> list[Fraction]:
    """The share of each example's nearest others that have its own label."""
    points = np.concatenate([x, y])
    labels = np.repeat([0, 1], [len(x), len(y)]) if labels is None else labels
    apart, found = squared(points, points), []
    for i, row in enumerate(apart):
        other = np.arange(len(row)) != i
        nearest = np.flatnonzero(other & (row == row[other].min()))
        found.append(Fraction(int((labels[nearest] == labels[i]).sum()), len(nearest)))
    return found
