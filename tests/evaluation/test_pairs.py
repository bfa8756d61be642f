"""Sets of pictures judged in pairs, and their diversity: values, sizes and names."""

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.data import pictures
from jaxgan.data.pictures import Pictures
from jaxgan.evaluation import diversity, pairs
from jaxgan.metrics import psnr, ssim
from jaxgan.metrics.paired import RGB, super_resolution
from tests.metrics.paired_images import SCIKIT_IMAGE, pair
from tests.metrics.perceptual_distance import by_hand, toy

KEY = jax.random.key(5)
SIZES = [(24, 31), (40, 40)] * 6


def _listed(images, name):
    """A set whose pictures differ in size."""
    blocks = lambda size: (images[i : i + size] for i in range(0, len(images), size))
    return Pictures(name=name, count=len(images), blocks=blocks)


def _sets():
    real, fake = zip(*(pair(*size) for size in SIZES), strict=True)
    return _listed(list(real), "originals"), _listed(list(fake), "copies")


def _noise(count=20):
    noise = np.random.default_rng(0).integers(0, 236, (count, 16, 16, 3), np.uint8)
    return noise, noise + np.arange(1, 1 + count, dtype=np.uint8)[:, None, None, None]


def test_values_are_the_means_over_pairs_of_any_size():
    told = []
    found = pairs.judge(
        ["psnr", "ssim", "lpips", "psnr"],
        *_sets(),
        protocol=super_resolution(4),
        lpips=toy(),
        key=KEY,
        tell=told.append,
    )
    assert list(found) == ["psnr", "ssim", "lpips"]
    expected = np.mean([SCIKIT_IMAGE[size]["y-crop-4"] for size in SIZES], axis=0)
    assert found["psnr"].value == pytest.approx(expected[0], rel=1e-9)
    assert found["ssim"].value == pytest.approx(expected[1], rel=1e-9)
    each = [by_hand(*pair(*size)) for size in SIZES]
    assert found["lpips"].value == pytest.approx(np.mean(each), rel=1e-5)
    assert told == [8, 4]
    for result in found.values():
        assert result.interval.low < result.value < result.interval.high
        assert "originals vs copies" in result.protocol
        assert "12 pairs" in result.protocol
        assert "0:5" in result.protocol


def test_values_are_those_of_all_images_at_once():
    real, fake = _noise()
    sets = pictures.of_array(real, "real"), pictures.of_array(fake, "fake")
    found = pairs.judge(["psnr", "ssim"], *sets, key=KEY)
    decibels = 20 * np.log10(255 / np.arange(1, 21))
    assert found["psnr"].value == pytest.approx(decibels.mean(), rel=1e-12)
    assert found["psnr"].interval == psnr.measure(real, fake, key=KEY).interval
    assert found["ssim"].value == ssim.measure(real, fake).value
    assert str(RGB) in found["psnr"].protocol


def test_other_numbers_and_sizes_are_refused():
    real, fake = _noise()
    sets = lambda a, b: (pictures.of_array(a, "one"), pictures.of_array(b, "other"))
    with pytest.raises(InputError, match="20 of one and 19 of other"):
        pairs.judge(["psnr"], *sets(real, fake[1:]))
    cut = [*fake[:10], fake[10][:, :-1], *fake[11:]]
    with pytest.raises(InputError, match="pair 10, of one"):
        pairs.judge(["ssim"], sets(real, fake)[0], _listed(cut, "other"))


def test_what_a_metric_lacks_or_would_ignore_is_refused():
    sets = _sets()
    with pytest.raises(InputError, match="psnrs"):
        pairs.judge(["psnr", "psnrs"], *sets)
    with pytest.raises(InputError, match="none"):
        pairs.judge([], *sets)
    with pytest.raises(InputError, match="load_lpips"):
        pairs.judge(["lpips"], *sets)
    with pytest.raises(InputError, match="ignored"):
        pairs.judge(["psnr", "ssim"], *sets, lpips=toy())
    with pytest.raises(InputError, match="ignored"):
        pairs.judge(["lpips"], *sets, protocol=RGB, lpips=toy())


def _write(folder, names):
    for number, name in enumerate(names):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 12), (number, number, number)).save(file)


def test_files_of_a_pair_have_one_name(tmp_path):
    real, fake, store = (tmp_path / name for name in ("real", "fake", "store"))
    _write(real, ["a.png", "b/c.png", "d.png"])
    _write(fake, ["d.bmp", "a.bmp", "b/c.bmp"])
    sets = pairs.of_folders(real, fake, store)
    assert [each.count for each in sets] == [3, 3]
    found = pairs.judge(["psnr"], *sets, resamples=0)["psnr"]
    # Levels 0, 1, 2 against 1, 2, 0.
    assert found.value == pytest.approx(20 * np.log10(255 / np.cbrt(2)), rel=1e-12)


def test_a_file_without_a_partner_is_named(tmp_path):
    real, fake, store = (tmp_path / name for name in ("real", "fake", "store"))
    _write(real, ["a.png", "b.png", "d.png"])
    _write(fake, ["a.png", "c.png", "d.png"])
    with pytest.raises(InputError, match=r"number 1 .* b\.png .* c\.png"):
        pairs.of_folders(real, fake, store)
    _write(fake, ["b.png", "e.png"])
    (fake / "c.png").unlink()
    with pytest.raises(InputError, match=r"no image .* e\.png"):
        pairs.of_folders(real, fake, store)


def test_diversity_is_that_of_disjoint_pairs_of_the_set():
    real, _ = _noise(21)
    found = diversity.of_pictures(pictures.of_array(real, "noise"), toy(), key=KEY)
    # Pixels are uniform on 236 levels: (1 + 2 + 4) / 3 times twice their variance.
    expected = 7 / 3 * 2 * (236**2 - 1) / 12 / 127.5**2
    assert found.value == pytest.approx(expected, rel=0.05)
    for word in ("toy", "10 random disjoint pairs of 20", "21 noise"):
        assert word in found.protocol
    assert found.details["weights_sha256"] == toy().weights_sha256
    few = diversity.of_pictures(
        pictures.of_array(real, "noise"), toy(), pairs=3, key=KEY
    )
    assert "3 random disjoint pairs" in few.protocol


def test_diversity_of_equal_pictures_is_zero_and_sizes_must_agree():
    same = np.repeat(_noise(1)[0], 9, axis=0)
    found = diversity.of_pictures(pictures.of_array(same, "one picture"), toy())
    assert found.value == 0
    with pytest.raises(InputError, match="same size"):
        diversity.of_pictures(_sets()[0], toy())
    with pytest.raises(InputError, match="pairs=0"):
        diversity.of_pictures(_sets()[0], toy(), pairs=0)
