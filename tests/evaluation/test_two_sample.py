"""The 1-NN judge of samples, on those that repeat images, against whole numbers."""

import jax
import numpy as np
import pytest

import jaxgan
from jaxgan import evaluation
from jaxgan.images import as_float
from tests.evaluation.test_evaluators import Known
from tests.metrics import exact

KEY = jax.random.key(0)
HELD_OUT = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 1), np.uint8)
HELD_OUT[::5] = 0  # blank ones, too


class InOrder(Known):
    """Draws the rows of a table in their order, as a network would make them."""

    def __call__(self, key, count, *, condition=None, first=0):
        assert count == len(self.images)
        return np.asarray(as_float(self.images))


def _samples(kind: str) -> np.ndarray:
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (240, 4, 4, 1), np.uint8)
    return {
        "copies": np.tile(HELD_OUT, (4, 1, 1, 1)),
        "blank": np.zeros_like(images),
        "twice": np.repeat(images[:120], 2, axis=0),
        "few": HELD_OUT[random.integers(0, 7, 240)],
    }[kind]


@pytest.mark.parametrize("kind", ["copies", "blank", "twice", "few"])
def test_pixels_are_judged_exactly(kind):
    images = _samples(kind)
    train = np.random.default_rng(2).integers(0, 256, (240, 4, 4, 1), np.uint8)
    data = jaxgan.data.from_arrays({"image": train}, {"image": HELD_OUT})
    judge = evaluation.TwoSample(samples=240, examples=60)
    (found,) = judge(InOrder(images), data, KEY).values()
    rows = lambda table: table.reshape(-1, 16).astype(int)
    shares = [
        exact.own_shares(rows(part), rows(HELD_OUT)) for part in np.split(images, 4)
    ]
    expected = np.mean(shares, axis=0).astype(float)
    details = found.details
    values = [details["accuracy_on_samples"], details["accuracy_on_test"]]
    np.testing.assert_allclose(values, expected.reshape(2, 60).mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(found.value, expected.mean(), rtol=1e-6)
