"""One set of judges for samples of any model, on pixels and on a network's features.

A distance is only as good as its features: here the last hidden layer of a perceptron
that was trained to classify the training images.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.studies import likelihood_models as models
from experiments.studies.pixels import Split
from jaxgan import metrics

JUDGES = {
    "parzen": "Parzen, nats",
    "nearest": "1-NN accuracy",
    "c2st": "C2ST accuracy",
    "kernel": "kernel distance x 1000",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
}


class Eyes:
    """A classifier; images are judged by its last hidden layer."""

    def __init__(self, data: Split, *, width: int, steps: int, seed: int):
        self._net = models.Perceptron(10, width)
        key = jax.random.key(seed)
        params = self._net.init(key, jnp.zeros((1, data.test.shape[1])))
        self._params = models.descend(
            self._cross_entropy,
            params,
            {"image": jnp.asarray(data.train), "label": jnp.asarray(data.labels)},
            key,
            steps,
            128,
            1e-3,
        )

    def features(self, rows: np.ndarray) -> np.ndarray:
        """Returns the features ``[n k]`` of rows in [0, 1]."""
        pixels = jnp.asarray(rows, jnp.float32)
        return np.asarray(self._net.apply(self._params, pixels, method="hidden"))

    def accuracy(self, rows: np.ndarray, labels: np.ndarray) -> float:
        """Returns the share of rows that are classified correctly."""
        logits: Any = self._net.apply(self._params, jnp.asarray(rows))
        return float((np.asarray(logits).argmax(axis=1) == labels).mean())

    def _cross_entropy(self, params, batch, key):
        logits: Any = self._net.apply(params, models.as_rows(batch["image"]))
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"])


def judge(rows: np.ndarray, eyes: Eyes, data: Split, *, pairs: int) -> dict[str, float]:
    """Returns all judges' scores of samples, against test images.

    Args:
        rows: samples, in [0, 1]; Parzen windows take all of them.
        eyes: the classifier whose features most judges use.
        data: the set with the validation and test images.
        pairs: how many samples and test images the other judges compare.
    """
    key, count = jax.random.key(0), min(pairs, len(data.test))
    random = np.random.default_rng(0)
    test = data.test[random.choice(len(data.test), count, replace=False)]
    fake = rows[:count]
    seen_test, seen_fake = eyes.features(test), eyes.features(fake)
    named: Any = {"features": "classifier", "key": key, "resamples": 2}
    kernel = metrics.kernel_distance.distance(
        seen_test, seen_fake, subsets=1, subset_size=count, **named
    )
    return {
        "parzen": metrics.parzen.log_likelihood(rows, data.validation, data.test).value,
        "nearest": metrics.leave_one_out.two_sample(
            test, fake, key=key, permutations=9
        ).value,
        "c2st": metrics.c2st.two_sample(seen_test, seen_fake, key=key).value,
        "kernel": 1000 * kernel.value,
        **{
            name: result.value
            for name, result in metrics.prdc.measure(seen_test, seen_fake, **named)
            ._asdict()
            .items()
        },
    }
