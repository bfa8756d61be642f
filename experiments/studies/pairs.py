"""Pairs of distributions for two-sample tests: simulated points, and real digits."""

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np

Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]
Points = Callable[[np.random.Generator, int, int], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two distributions.

    Attributes:
        title: what is compared.
        space: the space in which the examples lie.
        draw: ``(random, n) -> (x [n d], y [n d])``.
        null: whether both are the same.
    """

    title: str
    space: str
    draw: Draw
    null: bool = False


def gaussian(random: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Draws from N(0, I)."""
    return random.normal(size=(n, d))


def shifted(random: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Draws from N(m, I), where m has length 1/2."""
    return gaussian(random, n, d) + 0.5 / np.sqrt(d)


def wide(random: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Draws from N(0, 1.3² I)."""
    return 1.3 * gaussian(random, n, d)


def heavy(random: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Draws Student's t with 3 degrees of freedom per coordinate, of variance 1."""
    return random.standard_t(3, size=(n, d)) / np.sqrt(3)


def correlated(random: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Draws from N(0, C): correlation 0.8 of the first two coordinates, variances 1."""
    x = gaussian(random, n, d)
    x[:, 1] = 0.8 * x[:, 0] + 0.6 * x[:, 1]
    return x


def modes(random: np.random.Generator, n: int, d: int, *, of: int = 5) -> np.ndarray:
    """Draws the first ``of`` of five Gaussians N(m, I), m on a circle of radius 4."""
    angle = 2 * np.pi / 5 * random.integers(of, size=n)
    x = gaussian(random, n, d)
    x[:, :2] += 4 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return x


LADDER: dict[str, tuple[Points, Points]] = {
    "null: N(0, I) twice": (gaussian, gaussian),
    "mean shifted by 0.5": (gaussian, shifted),
    "standard deviation 1.3 for 1": (gaussian, wide),
    "Student t(3) for Gaussian": (gaussian, heavy),
    "correlation 0.8 for 0": (gaussian, correlated),
    "one of five modes missing": (modes, partial(modes, of=4)),
}


def simulated(dimensions: tuple[int, ...]) -> list[Comparison]:
    """Returns the pairs of `LADDER` in each number of dimensions."""

    def draw(p: Points, q: Points, d: int) -> Draw:
        return lambda random, n: (p(random, n, d), q(random, n, d))

    return [
        Comparison(title, f"d = {d}", draw(p, q, d), null=p is q)
        for title, (p, q) in LADDER.items()
        for d in dimensions
    ]


def real(train: np.ndarray, test: np.ndarray, made: np.ndarray) -> list[Comparison]:
    """Returns the comparisons of images, all drawn without replacement.

    Args:
        train: digits of some writers, ``[n d]``.
        test: digits of others, ``[m d]``.
        made: samples of GANs, ``[members s d]``.
    """

    def split(random, n):
        rows = random.permutation(np.concatenate([train, test]))
        return rows[:n], rows[n : 2 * n]

    some = lambda random, rows, n: rows[random.choice(len(rows), n, replace=False)]
    writers = lambda random, n: (some(random, train, n), some(random, test, n))

    def samples(random, n):
        fake = made[random.integers(len(made))]
        return some(random, test, n), some(random, fake, n)

    return [
        Comparison("null: all digits, split anew", "pixels", split, null=True),
        Comparison("digits of other writers", "pixels", writers),
        Comparison("samples of a GAN for held-out digits", "pixels", samples),
    ]
