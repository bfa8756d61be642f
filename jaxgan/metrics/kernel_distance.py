"""The kernel (Inception) distance: MMD² of features under a cubic kernel."""

import math

import jax
import numpy as np
from jaxtyping import Real

from jaxgan.checks import InputError
from jaxgan.metrics import bootstrap, mmd
from jaxgan.metrics.inputs import (
    AnyArray,
    as_rows,
    describe_key,
    generator,
    key_or_default,
)
from jaxgan.metrics.result import Result
from jaxgan.typing import Key


def distance(
    real: Real[AnyArray, "n ..."],
    fake: Real[AnyArray, "m ..."],
    *,
    features: str,
    key: Key | None = None,
    subsets: int = 100,
    subset_size: int = 1000,
    resamples: int = 200,
) -> Result:
    """Returns the mean unbiased MMD² of random subsets, with the kernel (x·y/d + 1)³.

    Unlike the Fréchet distance it is unbiased: values at different numbers of examples
    can be compared. The interval is the percentile bootstrap over examples; as no
    example is paired with a copy of itself, its replicates are unbiased too.

    Args:
        real: features of the data, or the data themselves; each example, of any shape,
            is flattened to a row.
        fake: the same for the samples.
        features: name of the features, such as "Inception pool3", for the protocol;
            distances in different features cannot be compared.
        key: for the subsets and the bootstrap; None means ``jax.random.key(0)``.
        subsets: number of subsets; one subset of all examples is the full estimate.
        subset_size: examples of each set in a subset, drawn without replacement.
        resamples: number of bootstrap resamples; 0 for no interval.

    References:
        Bińkowski et al. 2018, Demystifying MMD GANs, arXiv:1801.01401.
    """
    real, fake = as_rows(real=real, fake=fake)
    if not 2 <= subset_size <= min(len(real), len(fake)) or subsets < 1:
        raise InputError(
            f"Cannot draw {subsets} subsets of {subset_size} from {len(real)} real and "
            f"{len(fake)} fake examples; choose a subset_size that fits."
        )
    key = key_or_default(key)
    subset_key, bootstrap_key = jax.random.split(key)
    # The first row is the value itself, each of the others one resample.
    w_real, w_fake = (
        np.concatenate([np.ones((1, of_set.shape[1])), of_set])
        for of_set in bootstrap.counts(bootstrap_key, [len(real), len(fake)], resamples)
    )
    totals, values = np.zeros((3, 2, resamples + 1)), []
    random = generator(subset_key)
    for _ in range(subsets):
        r = random.choice(len(real), subset_size, replace=False)
        f = random.choice(len(fake), subset_size, replace=False)
        parts = mmd.sums(mmd.Polynomial(), real[r], fake[f], w_real[:, r], w_fake[:, f])
        totals += parts
        values.append(float(mmd.from_sums(parts[..., :1])[0]))
    return Result(
        name="kernel distance",
        value=math.fsum(values) / subsets,
        interval=bootstrap.from_replicates(mmd.from_sums(totals)[1:]),
        protocol=(
            f"MMD^2 unbiased, cubic, {features}, {len(real)} real vs {len(fake)} fake, "
            f"{subsets} subsets of {subset_size}, {describe_key(key)}"
        ),
        # Other tools print this after their value. It is not the standard error of the
        # mean, as subsets overlap.
        details={"standard_deviation_over_subsets": float(np.std(values))},
    )
