"""Translations that learn nothing, against SciPy."""

import flax.linen as nn
import jax
import numpy as np
from scipy.spatial.distance import cdist

from experiments.judges.lookup import Copied, Lookup, baselines
from jaxgan import init
from jaxgan.data import from_arrays
from jaxgan.images import as_float
from jaxgan.methods.pix2pix import pix2pix
from jaxgan.sampling import Sampler

KEY = jax.random.key(0)
RANDOM = np.random.default_rng(0)


class Patches(nn.Module):
    """A logit for each pixel of an image and its input."""

    @nn.compact
    def __call__(self, image, input):
        return nn.Dense(1)(image + input)[..., 0]


def pixels(count):
    return RANDOM.integers(0, 256, (count, 4, 4, 1), np.uint8)


def test_the_nearest_input_gives_its_target():
    data = from_arrays({"input": pixels(30), "target": pixels(30)}, name="pairs")
    game = pix2pix(generator=nn.Conv(1, (3, 3)), discriminator=Patches())
    state = init(game, KEY, data.train.batch(np.arange(2)))
    found = baselines(Sampler(game, state), data)
    copied, lookup = found.values()
    assert (type(copied), type(lookup)) == (Copied, Lookup)
    asked = pixels(9)
    flat = lambda x: x.reshape(len(x), -1).astype(float)
    columns = data.train.columns
    nearest = cdist(flat(asked), flat(columns["input"]), "cityblock").argmin(axis=1)
    made = np.asarray(lookup(KEY, 9, condition=asked))
    np.testing.assert_array_equal(made, as_float(columns["target"][nearest]))
    made = np.asarray(copied(KEY, 9, condition=asked))
    np.testing.assert_array_equal(made, as_float(asked))
