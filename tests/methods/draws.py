"""A thousand draws of a transformation, and tests of their distribution."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from jaxgan.keys import per_example
from tests import games

KEYS = per_example(games.KEY, jnp.arange(1000))
RGB = np.random.default_rng(0).uniform(-1, 1, (12, 10, 3)).astype(np.float32)


def played(transform, image):
    """The image after each of the draws."""
    play = jax.jit(jax.vmap(transform, in_axes=(0, None)))
    return np.asarray(play(KEYS, jnp.asarray(image, jnp.float32)))


def assert_drawn_from(values, distribution) -> None:
    """Kolmogorov and Smirnov's test does not reject the distribution."""
    assert stats.kstest(np.ravel(values), distribution.cdf).pvalue > 1e-3


def assert_share(hits, share: float) -> None:
    """A share of the draws is within four of its standard deviations."""
    assert abs(np.mean(hits) - share) <= 4 * np.sqrt(share * (1 - share) / len(hits))
