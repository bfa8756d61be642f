"""The mean of one value per example, with its standard error and interval."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan.metrics import bootstrap
from jaxgan.metrics.inputs import describe_key, key_or_default
from jaxgan.metrics.result import Result
from jaxgan.typing import Key

Values = np.ndarray | Sequence[float]
"""One number per example, ``[n]``."""


def standard_error(values: Values) -> float | None:
    """Returns the standard error of the mean of values ``[n]``; None for a single one.

    Example:
        >>> standard_error([1.0, 3.0])
        1.0
    """
    if len(values) < 2:
        return None
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def result(
    name: str,
    values: Values,
    *,
    described: str,
    key: Key | None = None,
    resamples: int = 1000,
    details: Mapping[str, Any] | None = None,
    higher_is_better: bool = False,
) -> Result:
    """Returns the mean, its standard error, and its percentile bootstrap interval.

    Args:
        name: name of the metric.
        values: one per independent example, such as a pair of images, ``[n]``; a single
            value has neither standard error nor interval.
        described: everything that the mean depends on besides the data and the key, for
            the protocol.
        key: for the bootstrap; None means ``jax.random.key(0)``.
        resamples: number of bootstrap resamples; 0 for no interval.
        details: details of the result.
        higher_is_better: see `jaxgan.metrics.Result`.

    Example:
        >>> print(result("error", [1.0, 3.0], described="2 pairs", resamples=0))
        error 2 ± 1 (2 pairs, key 0:0)
    """
    values = np.asarray(values, np.float64)
    several = len(values) > 1
    key = key_or_default(key)
    return Result(
        name=name,
        value=float(values.mean()),
        standard_error=standard_error(values),
        interval=bootstrap.interval_of_mean(
            values, key=key, resamples=resamples if several else 0
        ),
        protocol=f"{described}, {describe_key(key)}",
        details=details or {},
        higher_is_better=higher_is_better,
    )
