"""Metrics: pure functions of samples, features or labels.

=======================  ========================================================
`frechet_distance`       Fréchet distance of features; the FID for Inception
                         features (`frechet.distance`)
`frechet_infinity`       the same, extrapolated to infinitely many samples; FID∞
                         (`frechet.extrapolated`)
`kid`                    kernel distance of features
                         (`kernel_distance.distance`)
`inception_score`        Inception score of class probabilities
                         (`inception.score`)
`precision_recall`       precision, recall, density and coverage of
                         features (`prdc.measure`)
`sliced_wasserstein`     sliced Wasserstein distance (`sliced.distance`)
`two_sample_1nn`         leave-one-out 1-NN test, with a p-value
                         (`leave_one_out.two_sample`)
`two_sample_mmd`         MMD² test, with a p-value (`mmd.two_sample`)
`two_sample_classifier`  classifier test, with a p-value
                         (`c2st.two_sample`)
`parzen_log_likelihood`  Parzen-window log-likelihood
                         (`parzen.log_likelihood`)
=======================  ========================================================

Further modules: `modes` for mode coverage, `birthday` for the size of a support,
`collapse` for signs of collapse, `memorised` for copies of training examples, `moments`
for sets that arrive in blocks, `neighbours` for metrics that run under ``jit``; `psnr`,
`ssim` and `perceptual` for images in pairs under a protocol of `paired`, `diversity`
for the mean distance between samples.

A set is an array ``[n ...]`` of images or features; each example is flattened to a row
and its values are used unchanged, so both sets must have the same scale. A `Result` has
a value, its uncertainty, and a protocol to report with it. Random draws depend on
``key``, which defaults to ``jax.random.key(0)`` and is stated in the protocol. Networks
that turn images into features are in `features`; the metrics accept any features and
only need their name.

Example:
    >>> import numpy as np
    >>> from jaxgan import metrics
    >>> real, fake = np.random.default_rng(0).normal(size=(2, 100, 4, 4, 1))
    >>> result = metrics.frechet_distance(real, fake, features="pixels")
    >>> result.protocol
    'pixels, 100 real vs 100 fake, 16 features, key 0:0'
    >>> bool(metrics.two_sample_1nn(real, fake).p_value > 0.05)
    True
"""

from jaxgan.metrics import (
    birthday,
    bootstrap,
    c2st,
    collapse,
    diversity,
    frechet,
    inception,
    kernel_distance,
    leave_one_out,
    luma,
    means,
    memorised,
    mmd,
    modes,
    moments,
    neighbours,
    paired,
    parzen,
    perceptual,
    permutation,
    prdc,
    psnr,
    sliced,
    ssim,
    windows,
)
from jaxgan.metrics.c2st import two_sample as two_sample_classifier
from jaxgan.metrics.frechet import distance as frechet_distance
from jaxgan.metrics.frechet import extrapolated as frechet_infinity
from jaxgan.metrics.inception import score as inception_score
from jaxgan.metrics.kernel_distance import distance as kid
from jaxgan.metrics.leave_one_out import two_sample as two_sample_1nn
from jaxgan.metrics.mmd import two_sample as two_sample_mmd
from jaxgan.metrics.parzen import log_likelihood as parzen_log_likelihood
from jaxgan.metrics.prdc import measure as precision_recall
from jaxgan.metrics.result import Interval, Result
from jaxgan.metrics.sliced import distance as sliced_wasserstein

__all__ = [
    "Interval",
    "Result",
    "birthday",
    "bootstrap",
    "c2st",
    "collapse",
    "diversity",
    "frechet",
    "frechet_distance",
    "frechet_infinity",
    "inception",
    "inception_score",
    "kernel_distance",
    "kid",
    "leave_one_out",
    "luma",
    "means",
    "memorised",
    "mmd",
    "modes",
    "moments",
    "neighbours",
    "paired",
    "parzen",
    "parzen_log_likelihood",
    "perceptual",
    "permutation",
    "prdc",
    "precision_recall",
    "psnr",
    "sliced",
    "sliced_wasserstein",
    "ssim",
    "two_sample_1nn",
    "two_sample_classifier",
    "two_sample_mmd",
    "windows",
]
