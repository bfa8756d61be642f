"""Blocks of images through a network that can be computed by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.metrics.features.extractor import BLOCK, Extractor


@pytest.fixture
def extractor():
    """Features are the mean colour of each image, times the one parameter."""
    return Extractor(
        name="mean colour",
        protocol="mean colour",
        distance="Fréchet distance",
        weights_sha256="0" * 64,
        prepare=lambda images: images[:, :2, :2].astype(np.float32),
        apply=lambda params, x: {"features": params * x.mean(axis=(1, 2))},
        params=jnp.float32(2),
    )


def _images(count, side=4):
    random = np.random.default_rng(count)
    return random.integers(0, 256, (count, side, side, 3), np.uint8)


@pytest.mark.parametrize("count", [1, BLOCK - 1, BLOCK, 3 * BLOCK + 5])
def test_every_image_is_seen_once_and_in_order(extractor, count):
    images = _images(count)
    expected = 2 * images[:, :2, :2].astype(np.float64).mean(axis=(1, 2))
    found = extractor(images)["features"]
    assert found.shape == (count, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_what_is_beside_an_image_changes_no_bit_of_its_features(extractor):
    images = _images(2 * BLOCK)
    whole = extractor(images)["features"]
    np.testing.assert_array_equal(extractor(images[:3])["features"], whole[:3])


def test_images_of_a_block_may_differ_in_size(extractor):
    block = [_images(1, side)[0] for side in (2, 3, 5)]
    (found,) = extractor.through([block])
    expected = [2 * image[:2, :2].mean(axis=(0, 1)) for image in block]
    np.testing.assert_allclose(found["features"], expected, rtol=1e-6)


def test_few_blocks_are_read_ahead(extractor):
    read = []

    def blocks():
        for number in range(100):
            read.append(number)
            yield _images(2)

    through = extractor.through(blocks())
    next(through)
    assert len(read) < 50
    through.close()
