"""The Parzen-window log-likelihood of the 2014 paper.

The samples x_1 ... x_n define the density p(x) = 1/n Σ_i N(x; x_i, σ² I), under which
test examples are scored. It was the first metric for GANs, and ranks models badly in
high dimensions (arXiv:1511.01844): report it only beside results of that time.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Real

from jaxgan.checks import InputError
from jaxgan.metrics.inputs import AnyArray, flatten
from jaxgan.metrics.means import standard_error
from jaxgan.metrics.nearest import squared_distances
from jaxgan.metrics.result import Result

SIGMAS = tuple(float(sigma) for sigma in np.logspace(-1, 0, 10))
"""Ten bandwidths from 0.1 to 1, evenly spaced on a log scale."""

_LOWEST, _HIGHEST = -1e-6, 1 + 1e-6


class Bandwidth(NamedTuple):
    """A bandwidth, its mean log-likelihood, and whether it is at an end of the grid."""

    sigma: float
    log_likelihood: float
    at_edge: bool


def log_densities(
    samples: Real[AnyArray, "n ..."],
    queries: Real[AnyArray, "m ..."],
    sigmas: Sequence[float],
    *,
    block: int = 500,
) -> Float[np.ndarray, "s m"]:
    """Returns log p(x) of each query under each bandwidth, in nats.

    log p(x) = logsumexp_i(-||x - x_i||² / 2σ²) - log n - d/2 log(2πσ²).

    The distances of a block are computed once, for all bandwidths; memory is
    ``block x n`` floats. They are float32, with an error of about 1e-7 of the squared
    norms: too coarse for a bandwidth far below 1 % of the norms.

    Args:
        samples: the centres, of any shape; each is flattened to a row.
        queries: examples to score, of the same shape.
        sigmas: bandwidths, positive.
        block: queries scored at a time.
    """
    samples, queries = flatten(samples=samples, queries=queries)
    if min(sigmas) <= 0:
        raise InputError(f"Bandwidths must be positive, got {list(sigmas)}.")
    samples = jnp.asarray(samples, jnp.float32)
    precisions = jnp.asarray([0.5 / sigma**2 for sigma in sigmas], jnp.float32)
    # Padded, so that one program serves all blocks.
    padded = np.pad(
        np.asarray(queries, np.float32), ((0, -len(queries) % block), (0, 0))
    )
    sums = [
        np.asarray(_log_sums(samples, jnp.asarray(rows), precisions), np.float64)
        for rows in padded.reshape(-1, block, padded.shape[1])
    ]
    n, d = samples.shape
    constants = [math.log(n) + d / 2 * math.log(2 * math.pi * s**2) for s in sigmas]
    return (
        np.concatenate(sums, axis=1)[:, : len(queries)] - np.array(constants)[:, None]
    )


def choose_bandwidth(
    samples: Real[AnyArray, "n ..."],
    validation: Real[AnyArray, "v ..."],
    *,
    sigmas: Sequence[float] = SIGMAS,
    block: int = 500,
) -> Bandwidth:
    """Returns the bandwidth under which the validation set is most likely."""
    means = log_densities(samples, validation, sigmas, block=block).mean(axis=1)
    best = int(means.argmax())
    at_edge = len(sigmas) > 1 and sigmas[best] in (min(sigmas), max(sigmas))
    return Bandwidth(float(sigmas[best]), float(means[best]), at_edge)


def log_likelihood(
    samples: Real[AnyArray, "n ..."],
    validation: Real[AnyArray, "v ..."],
    test: Real[AnyArray, "m ..."],
    *,
    sigmas: Sequence[float] = SIGMAS,
    block: int = 500,
) -> Result:
    """Returns the mean log-likelihood of the test set, by the protocol of 2014.

    Args:
        samples: generated images, pixels in [0, 1], of any shape; the paper uses
            10,000.
        validation: images, other than the test set, used to choose the bandwidth.
        test: images to score.
        sigmas: the bandwidths to choose from.
        block: queries scored at a time.

    Returns:
        Nats per image. The standard error is over test examples, as in the paper, for
        the given samples; a single one has none. If ``sigma_at_edge_of_grid`` in the
        details is true, use a wider grid.

    Raises:
        InputError: for pixels outside [0, 1]; on another scale the number differs by
            hundreds of nats.

    References:
        Goodfellow et al. 2014, arXiv:1406.2661, section 5; A note on the
        evaluation of generative models, arXiv:1511.01844.
    """
    sets = {"samples": samples, "validation": validation, "test": test}
    for name, rows in sets.items():
        _check_pixels(name, rows)
    chosen = choose_bandwidth(samples, validation, sigmas=sigmas, block=block)
    scores = log_densities(samples, test, [chosen.sigma], block=block)[0]
    return Result(
        name="Parzen log-likelihood",
        higher_is_better=True,
        value=float(scores.mean()),
        standard_error=standard_error(scores),
        protocol=(
            f"nats, {len(samples)} samples, pixels in [0, 1], sigma {chosen.sigma:.4g} "
            f"of {len(sigmas)} on {len(validation)} validation images, {len(test)} "
            "test images"
        ),
        details={
            "sigma": chosen.sigma,
            "sigma_at_edge_of_grid": chosen.at_edge,
            "validation_log_likelihood": chosen.log_likelihood,
        },
    )


@jax.jit
def _log_sums(samples, queries, precisions: Float[Array, " s"]) -> Float[Array, "s m"]:
    squared = squared_distances(queries, samples)
    score = partial(_log_sum, squared)
    return lax.map(score, precisions)


def _log_sum(squared, precision):
    return jax.nn.logsumexp(-precision * squared, axis=1)


def _check_pixels(name: str, rows) -> None:
    low, high = float(rows.min()), float(rows.max())
    if not (low >= _LOWEST and high <= _HIGHEST):
        raise InputError(
            f"{name} must hold pixels in [0, 1], got {low:.4g} to {high:.4g}; rescale "
            "[-1, 1] by (x + 1) / 2 and uint8 by x / 255."
        )
