"""Judging one's own images by all the judges that need no network."""

import numpy as np

from jaxgan import metrics

random = np.random.default_rng(0)
real, fake = random.integers(0, 256, (2, 300, 8, 8, 1), np.uint8)
print(metrics.frechet_distance(real, fake, features="pixels", resamples=0))
print(
    metrics.kid(real / 255, fake / 255, features="pixels", subset_size=100, subsets=5)
)
print(metrics.precision_recall(real, fake, features="pixels").coverage)
print(metrics.two_sample_1nn(real, fake))
