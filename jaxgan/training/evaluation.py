"""The judgement at the end of a run, on held-out images."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import keys
from jaxgan.data import DataSet, epoch_order
from jaxgan.game import GameState
from jaxgan.gan import GAN
from jaxgan.images import as_uint8
from jaxgan.metrics import neighbours
from jaxgan.sampling import sample
from jaxgan.typing import Array, Key

_TEST_EXAMPLES = 1_000
_DRAWS = 4
_SEED = 0  # of which images are judged; the same for every run
_CLASSIFIER_EXAMPLES = 10_000
_SAMPLES = 4_000
_CLASSIFIED = 1_000


def evaluate(gan: GAN, state: GameState, data: DataSet, key: Key) -> dict[str, Any]:
    """How the averaged generator's samples compare with held-out images.

    Args:
        gan: the game.
        state: its final state.
        data: the set it was trained on.
        key: the run's key.

    Returns:
        JSON values, each with what it was computed from:

        - ``two_sample``: leave-one-out 1-NN accuracy on pixels, samples against test
          images, beside that of training images against test images, both drawn at
          random, as a perfect generator would draw them; and that of the first of both
          in the set's own order, which tells more apart where the order means
          something: the digits are sorted by writer.
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
    """Means over draws: one draw of a few hundred images is off by some percent."""
    train, test = data.train.images, data.test.images
    count = min(_TEST_EXAMPLES, len(test), len(fake) // _DRAWS, len(train) // _DRAWS)
    train_rows = _shuffled(len(train))[: _DRAWS * count].reshape(_DRAWS, count)
    tests = [_rows(test[_shuffled(len(test), i)[:count]]) for i in range(_DRAWS)]
    fakes = [_rows(part) for part in fake[: _DRAWS * count].reshape(_DRAWS, count, -1)]
    model = [neighbours.two_sample(*pair) for pair in zip(fakes, tests, strict=True)]
    reference = [
        neighbours.two_sample(_rows(train[rows]), test).accuracy
        for rows, test in zip(train_rows, tests, strict=True)
    ]
    accuracy, on_samples, on_test = np.mean(model, axis=0)
    first = neighbours.two_sample(_rows(train[:count]), _rows(test[:count]))
    return {
        "accuracy": float(accuracy),
        "accuracy_on_samples": float(on_samples),
        "accuracy_on_test": float(on_test),
        "reference_train_against_test": float(np.mean(reference)),
        "reference_first_train_against_first_test": float(first.accuracy),
        "examples_of_each": count,
        "draws": _DRAWS,
    }


def _classify(fake: np.ndarray, data: DataSet) -> tuple[np.ndarray, float]:
    """The samples' classes, and the classifier's accuracy on test images."""
    seen, test = (
        images.batch(_shuffled(len(images))[:count])
        for images, count in ((data.train, _CLASSIFIER_EXAMPLES), (data.test, 1_000))
    )
    classify = lambda images: np.asarray(
        neighbours.classify(
            _rows(seen["image"]),
            jnp.asarray(seen["label"]),
            _rows(images),
            num_classes=len(data.train.classes),
        )
    )
    accuracy = float((classify(test["image"]) == test["label"]).mean())
    return classify(fake), accuracy


def _shuffled(count: int, draw: int = 0) -> np.ndarray:
    """All rows of a set, in random order: a set's own may be by class, or by writer."""
    return epoch_order(_SEED, draw, count)


def _histogram(predicted, accuracy: float, classes: tuple[str, ...]) -> dict[str, Any]:
    counts = np.bincount(predicted, minlength=len(classes))
    shares = counts / len(predicted)
    return {
        "shares": dict(zip(classes, shares.tolist(), strict=True)),
        "samples": len(predicted),
        "classifier": "5-nearest neighbours on pixels of training images",
        "classifier_accuracy_on_test": accuracy,
    }


def _rows(images: np.ndarray) -> jax.Array:
    """uint8 images as rows of numbers in [0, 1]."""
    return jnp.asarray(images.reshape(len(images), -1), jnp.float32) / 255
