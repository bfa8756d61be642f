"""The judgement at the end of a run, on held-out images."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import keys
from jaxgan.data import DataSet, ImageSet
from jaxgan.gan import GAN, GANState
from jaxgan.images import as_uint8
from jaxgan.metrics import neighbours
from jaxgan.sampling import sample
from jaxgan.typing import Array, Key

_TEST_EXAMPLES = 1_000
_DRAWS = 4
_CLASSIFIER_EXAMPLES = 10_000
_SAMPLES = 4_000
_CLASSIFIED = 1_000


def evaluate(gan: GAN, state: GANState, data: DataSet, key: Key) -> dict[str, Any]:
    """How the averaged generator's samples compare with held-out images.

    Args:
        gan: the game.
        state: its final state.
        data: the set it was trained on.
        key: the run's key.

    Returns:
        JSON values, each with what it was computed from:

        - ``two_sample``: leave-one-out 1-NN accuracy on pixels, samples against test
          images, beside two references: the first training images against the first
          test images, and training images drawn at random, as a perfect generator
          would draw them. In a set sorted by writer (digits) the first differ more.
        - ``classes``, where there are labels: the share of each class among 1,000
          samples, by a k-NN classifier on pixels, with the classifier's own accuracy
          on test images.
        - ``condition``, for a game conditional on the label: the share of samples that
          are classified as the class asked for.
    """
    labels = _asked(gan, data, _SAMPLES)
    samples = sample(
        gan, state, keys.stream(key, "eval", 0), _SAMPLES, condition=labels
    )
    # Judged as pixels, like the data: rounding is part of what a viewer would see.
    fake = np.asarray(as_uint8(samples))
    result = {"two_sample": _two_sample(fake, data)}
    if data.train.labels is not None:
        predicted, accuracy = _classify(fake[:_CLASSIFIED], data)
        result["classes"] = _histogram(predicted, accuracy, data.train.classes)
        if gan.condition == "label":
            right = float((predicted == np.asarray(labels)[:_CLASSIFIED]).mean())
            result["condition"] = {"share_of_class_asked_for": right}
    return result


def _asked(gan: GAN, data: DataSet, count: int) -> Array | None:
    """As many samples of each class as of any other; None if unconditional."""
    if gan.condition is None:
        return None
    return jnp.arange(count, dtype=jnp.int32) % len(data.train.classes)


def _two_sample(fake: np.ndarray, data: DataSet) -> dict[str, Any]:
    """Means over disjoint draws: one draw of a few hundred is off by some percent."""
    test = data.test.images[:_TEST_EXAMPLES]
    count = min(len(test), len(fake) // _DRAWS, len(data.train.images) // _DRAWS)
    order = np.random.default_rng(0).permutation
    real = [_rows(test[order(len(test))[:count]]) for _ in range(_DRAWS)]

    def against_test(images) -> neighbours.TwoSample:
        drawn = order(len(images))[: _DRAWS * count].reshape(_DRAWS, count)
        tests = [
            neighbours.two_sample(_rows(images[np.sort(rows)]), real[i])
            for i, rows in enumerate(drawn)
        ]
        return neighbours.TwoSample(*np.mean(tests, axis=0))

    model, random_train = against_test(fake), against_test(data.train.images)
    first = neighbours.two_sample(_rows(data.train.images[:count]), _rows(test[:count]))
    return {
        "accuracy": float(model.accuracy),
        "accuracy_on_samples": float(model.first),
        "accuracy_on_test": float(model.second),
        "reference_train_against_test": float(first.accuracy),
        "reference_random_train_against_test": float(random_train.accuracy),
        "examples_of_each": count,
        "draws": _DRAWS,
    }


def _classify(fake: np.ndarray, data: DataSet) -> tuple[np.ndarray, float]:
    """The samples' classes, and the classifier's accuracy on test images."""
    seen, test = _first(data.train, _CLASSIFIER_EXAMPLES), _first(data.test, 1_000)
    classify = lambda images: np.asarray(
        neighbours.classify(
            _rows(seen.images),
            jnp.asarray(seen.labels),
            _rows(images),
            num_classes=len(seen.classes),
        )
    )
    accuracy = float((classify(test.images) == test.labels).mean())
    return classify(fake), accuracy


def _histogram(predicted, accuracy: float, classes: tuple[str, ...]) -> dict[str, Any]:
    counts = np.bincount(predicted, minlength=len(classes))
    shares = counts / len(predicted)
    return {
        "shares": dict(zip(classes, shares.tolist(), strict=True)),
        "samples": len(predicted),
        "classifier": "5-nearest neighbours on pixels of training images",
        "classifier_accuracy_on_test": accuracy,
    }


def _first(images: ImageSet, count: int) -> ImageSet:
    labels = None if images.labels is None else images.labels[:count]
    return ImageSet(images.images[:count], labels, images.classes)


def _rows(images: np.ndarray) -> jax.Array:
    """uint8 images as rows of numbers in [0, 1]."""
    return jnp.asarray(images.reshape(len(images), -1), jnp.float32) / 255
