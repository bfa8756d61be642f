"""Copies of training examples among samples: nearest neighbours and authenticity."""

import numpy as np
from jaxtyping import Float, Int, Real

from jaxgan.checks import InputError
from jaxgan.metrics import bootstrap, distances, grid
from jaxgan.metrics.inputs import AnyArray, as_rows, describe_key, key_or_default
from jaxgan.metrics.result import Result
from jaxgan.typing import Key


def nearest(
    real: Real[AnyArray, "n ..."], fake: Real[AnyArray, "m ..."], count: int = 1
) -> tuple[Int[np.ndarray, "m k"], Float[np.ndarray, "m k"]]:
    """Returns each sample's nearest training examples, and their Euclidean distances.

    Args:
        real: features of the training examples, or the examples themselves.
        fake: the same for the samples.
        count: k, the number of training examples per sample, nearest first.

    Raises:
        InputError: if there are fewer than k training examples.

    Example:
        >>> rows, apart = nearest(np.array([[0.0], [5.0]]), np.array([[4.0], [1.0]]))
        >>> rows.ravel().tolist(), apart.ravel().tolist()
        ([1, 0], [1.0, 1.0])
    """
    real, fake = as_rows(real=real, fake=fake)
    if not 1 <= count <= len(real):
        raise InputError(
            f"count must lie in [1, {len(real)}], the number of training examples, got "
            f"{count}."
        )
    of_real, of_fake = distances.prepare(real, fake)
    found = []
    for _, block in distances.blocks(of_fake, of_real):
        some = np.argpartition(block, count - 1, axis=1)[:, :count]
        order = np.argsort(np.take_along_axis(block, some, axis=1), axis=1)
        found.append(np.take_along_axis(some, order, axis=1))
    rows = np.concatenate(found)
    apart = np.linalg.norm(fake[:, None] - real[rows], axis=2)
    return rows, apart


def authenticity(
    real: Real[AnyArray, "n ..."],
    fake: Real[AnyArray, "m ..."],
    *,
    features: str,
    key: Key | None = None,
    resamples: int = 1000,
) -> Result:
    """Returns the share of samples that are not near copies of a training example.

    A sample counts as a copy if it is nearer to its nearest training example than any
    other training example is. The share is about one half for new examples of the
    training distribution in few dimensions, more in many; 0 for copies. The interval is
    the percentile bootstrap over samples.

    Args:
        real: features of the training examples, or the examples themselves.
        fake: the same for the samples.
        features: name of the features, for the protocol.
        key: for the bootstrap; None means ``jax.random.key(0)``.
        resamples: number of bootstrap resamples; 0 for no interval.

    References:
        Alaa et al. 2022, How Faithful is your Synthetic Data?, arXiv:2102.08921.
    """
    real, fake = as_rows(real=real, fake=fake)
    key = key_or_default(key)
    of_real, of_fake = distances.prepare(*grid.whole(real, fake))
    radii = distances.kth(of_real, 1)
    authentic = np.empty(len(fake))
    for rows, block in distances.blocks(of_fake, of_real):
        closest = block.argmin(axis=1)
        apart = distances.by_differences(
            of_fake, np.arange(rows.start, rows.stop), of_real, closest
        )
        authentic[rows] = apart >= radii[closest]
    return Result(
        name="authenticity",
        value=float(authentic.mean()),
        interval=bootstrap.interval_of_mean(authentic, key=key, resamples=resamples),
        protocol=(
            f"{features}, {len(real)} training examples, {len(fake)} samples, "
            f"{describe_key(key)}"
        ),
    )
