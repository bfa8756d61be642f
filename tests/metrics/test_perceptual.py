"""Learned distances of uint8 pairs: padding, sizes, LPIPS from its files, means."""

import hashlib

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxgan.checks import InputError
from jaxgan.metrics import perceptual
from jaxgan.metrics.features import lpips
from tests.metrics.paired_images import pair
from tests.metrics.perceptual_distance import by_hand, toy

_WIDTHS = (64, 128, 256, 512, 512)
_NUMBERS = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))


def _noise(count, *shape):
    random = np.random.default_rng(count)
    return random.integers(0, 256, (2, count, *shape, 3), np.uint8)


@pytest.mark.parametrize("count", [1, 8, 11])
def test_each_pair_is_compared_with_itself_alone(count):
    a, b = _noise(count, 5, 4)
    expected = [by_hand(x, y) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(toy()(a, b), expected, rtol=1e-5)


def test_mean_of_pairs_of_several_sizes():
    sizes = [(9, 8), (9, 8), (24, 31)] * 4
    real, fake = zip(*(pair(*size) for size in sizes), strict=True)
    found = perceptual.measure(list(real), list(fake), distance=toy())
    each = [by_hand(x, y) for x, y in zip(real, fake, strict=True)]
    assert found.value == pytest.approx(np.mean(each), rel=1e-5)
    assert found.standard_error == pytest.approx(
        np.std(each, ddof=1) / np.sqrt(12), rel=1e-4
    )
    assert found.interval.low < found.value < found.interval.high
    assert found.details["weights_sha256"] == toy().weights_sha256
    assert "toy" in found.protocol
    assert "12 pairs" in found.protocol


def test_images_of_two_sizes_are_refused():
    a, b = _noise(2, 5, 4)
    with pytest.raises(InputError, match="same size"):
        toy()(a, b[:, :4])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Random weights of VGG-16 and of the heads, in files."""
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("weights")
    normal = lambda *shape: random.standard_normal(shape, np.float32)
    vgg, channels = {}, 3
    for width, numbers in zip(_WIDTHS, _NUMBERS, strict=True):
        for n in numbers:
            weight = normal(width, channels, 3, 3) * np.float32(2 / 9 / channels) ** 0.5
            vgg |= {f"features.{n}.weight": weight, f"features.{n}.bias": normal(width)}
            channels = width
    heads = {
        f"lin{n}.model.1.weight": np.abs(normal(1, width, 1, 1))
        for n, width in enumerate(_WIDTHS)
    }
    for name, arrays in (("vgg", vgg), ("heads", heads)):
        save_file(arrays, folder / name)
    return folder, vgg, heads


def test_lpips_is_the_network_with_the_weights_of_both_files(files):
    folder, vgg, heads = files
    found = perceptual.load_lpips(folder / "vgg", folder / "heads")
    assert found.apply is lpips.distance  # which test_vgg compares with PyTorch's
    jax.tree.map(np.testing.assert_array_equal, found.params, lpips.prepare(vgg, heads))
    for name in ("vgg", "heads"):
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert found.weights_sha256[name] == digest
        assert digest[:12] in found.protocol


def test_files_in_the_wrong_order_are_refused(files):
    folder, _, _ = files
    with pytest.raises(InputError, match="another network"):
        perceptual.load_lpips(folder / "heads", folder / "vgg")
