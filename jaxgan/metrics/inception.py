"""The Inception score: confidence and variety of a classifier's labels for samples."""

import numpy as np
from jaxtyping import Float
from scipy.special import xlogy

from jaxgan.checks import InputError
from jaxgan.metrics import bootstrap
from jaxgan.metrics.inputs import AnyArray, as_rows, describe_key, key_or_default
from jaxgan.metrics.result import Result
from jaxgan.typing import Key


def score(
    probabilities: Float[AnyArray, "n k"],
    *,
    classifier: str,
    key: Key | None = None,
    splits: int = 10,
    resamples: int = 200,
) -> Result:
    """Returns exp(mean of KL(p(y|x) || p(y))), from 1 to k, as the mean over splits.

    log IS = mean_x Σ_y p log p - Σ_y p̄ log p̄, with p̄ the mean of p(y|x) of the split.

    With few samples p̄ lies too close to them, so the score is too low, the more so with
    more splits; hence the interval is centred (see `bootstrap`). The score uses no real
    images: a generator of one perfect image per class scores k.

    Args:
        probabilities: p(y|x) of each sample, rows that sum to 1, in random order, since
            the splits are consecutive.
        classifier: name of the classifier, for the protocol; the score depends on it.
        key: for the bootstrap, which resamples each split separately; None means
            ``jax.random.key(0)``.
        splits: number of splits; 10 in the paper, of 5,000 samples each.
        resamples: number of bootstrap resamples; 0 for no interval.

    References:
        Salimans et al. 2016, Improved Techniques for Training GANs, arXiv:1606.03498;
        Barratt & Sharma 2018, A Note on the Inception Score, arXiv:1801.01973.

    Example:
        >>> sure = np.tile(np.eye(4), (5, 1))
        >>> round(score(sure, classifier="none", splits=1).value, 6)
        4.0
    """
    key = key_or_default(key)
    p = _checked(probabilities, splits)
    parts = np.array_split(p, splits)
    ones = [np.ones((1, len(part))) for part in parts]
    scores = [_exp_information(*pair)[0] for pair in zip(parts, ones, strict=True)]

    def statistic(*weights):
        pairs = zip(parts, weights, strict=True)
        return np.mean([_exp_information(part, w) for part, w in pairs], axis=0)

    value = float(np.mean(scores))
    return Result(
        name="Inception score",
        value=value,
        interval=bootstrap.interval(
            statistic,
            [len(part) for part in parts],
            key=key,
            resamples=resamples,
            value=value,
        ),
        protocol=(
            f"{classifier}, {len(p)} samples in {splits} splits, {p.shape[1]} classes, "
            f"{describe_key(key)}"
        ),
        details={"standard_deviation_over_splits": float(np.std(scores))},
        higher_is_better=True,
    )


def _exp_information(p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns exp I(x; y) of weighted samples: ``[n k], [r n] -> [r]``."""
    share = weights / weights.sum(axis=1, keepdims=True)
    marginal = share @ p
    return np.exp(
        share @ xlogy(p, p).sum(axis=1) - xlogy(marginal, marginal).sum(axis=1)
    )


def _checked(probabilities: AnyArray, splits: int) -> np.ndarray:
    if probabilities.ndim != 2:
        raise InputError(
            "probabilities must be one row of p(y|x) per sample, [n k], got shape "
            f"{probabilities.shape}."
        )
    (p,) = as_rows(probabilities=probabilities)
    if (p < 0).any() or not np.allclose(p.sum(axis=1), 1, atol=1e-3):
        raise InputError(
            "probabilities must be rows of p(y|x) that sum to 1, got sums from "
            f"{p.sum(axis=1).min():.4g} to {p.sum(axis=1).max():.4g}; apply softmax to "
            "logits first."
        )
    if not 1 <= splits <= len(p) // 2:
        raise InputError(
            f"Cannot take {splits} splits of two or more from {len(p)} samples; choose "
            "fewer splits."
        )
    return p
