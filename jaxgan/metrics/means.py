"""The mean of one value for each example, with its error and its interval."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan.metrics import bootstrap
from jaxgan.metrics.inputs import describe_key, key_or_default
from jaxgan.metrics.result import Result
from jaxgan.typing import Key

Values = np.ndarray | Sequence[float]
"""One number for each example, ``[n]``."""


def result(
    name: str,
    values: Values,
    *,
    described: str,
    key: Key | None = None,
    resamples: int = 1000,
    details: Mapping[str, Any] | None = None,
) -> Result:
    """Returns the mean, its standard error, and the percentile bootstrap over examples.

    Args:
        name: of the metric.
        values: one of each independent example, such as a pair of images, ``[n]``; of
            one value alone there is neither error nor interval.
        described: all that the mean depends on besides the data and the key, for the
            protocol.
        key: of the bootstrap; None is ``jax.random.key(0)``.
        resamples: of the bootstrap; 0: no interval.
        details: of the result.

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
        standard_error=(
            float(values.std(ddof=1) / np.sqrt(len(values))) if several else None
        ),
        interval=bootstrap.interval_of_mean(
            values, key=key, resamples=resamples if several else 0
        ),
        protocol=f"{described}, {describe_key(key)}",
        details=details or {},
    )
