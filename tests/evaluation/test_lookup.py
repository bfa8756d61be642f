"""Translations that learn nothing, against SciPy."""

import numpy as np
from scipy.spatial.distance import cdist

from experiments.judges.lookup import Copied, Lookup, baselines
from jaxgan.data import from_arrays
from jaxgan.images import as_float
from jaxgan.sampling import Sampler

RANDOM = np.random.default_rng(0)


def pixels(count):
    return RANDOM.integers(0, 256, (count, 4, 4, 1), np.uint8)


def test_the_nearest_input_gives_its_target():
    data = from_arrays({"input": pixels(30), "target": pixels(30)}, name="pairs")
    found = baselines(Sampler(None, None), data)
    copied, lookup = found.values()
    assert (type(copied), type(lookup)) == (Copied, Lookup)
    asked = pixels(9)
    flat = lambda x: x.reshape(len(x), -1).astype(float)
    columns = data.train.columns
    nearest = cdist(flat(asked), flat(columns["input"]), "cityblock").argmin(axis=1)
    made = np.asarray(lookup(None, 9, condition=asked))
    np.testing.assert_array_equal(made, as_float(columns["target"][nearest]))
    made = np.asarray(copied(None, 9, condition=asked))
    np.testing.assert_array_equal(made, as_float(asked))
