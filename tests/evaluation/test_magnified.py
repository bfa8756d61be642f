"""Magnified photos judged: PSNR and SSIM by float64, patches, and what is shown."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from PIL import Image
from scipy.signal import correlate2d

from experiments.judges import magnified as judges
from jaxgan.checks import InputError
from jaxgan.data.arrays import Examples
from jaxgan.data.photo_files import Photo
from jaxgan.data.photos import PhotoSet
from jaxgan.evaluation.magnified import Magnified, magnified, magnify
from jaxgan.metrics.features import efficientnet
from jaxgan.sampling import Sampler

KEY = jax.random.key(0)


GENERATOR = SimpleNamespace(module=SimpleNamespace(radius=0))
GAME = SimpleNamespace(players={"generator": GENERATOR})


@dataclasses.dataclass(frozen=True, eq=False)
class Squares(Sampler):
    """Samples of a generator that makes 2x2 of each pixel, a bit darker."""

    game: Any = dataclasses.field(default_factory=lambda: GAME)
    state: Any = None

    def __call__(self, key, count, *, condition):
        assert len(condition) == count == 1
        pixels = condition.astype(np.float32)
        large = pixels.repeat(2, axis=1).repeat(2, axis=2) - 3
        return large / 127.5 - 1


def photo(height, width, seed):
    """Smooth waves and some noise, odd in size."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 8.0
    waves = np.stack([np.sin(y + c) + np.cos(x * (1 + c)) for c in range(3)], axis=-1)
    pixels = 128 + 50 * waves + rng.normal(0, 4, (height, width, 3))
    return Photo(f"{seed}.png", pixels.clip(0, 255).astype(np.uint8))


def photos(*sizes, scale=2):
    found = tuple(photo(*size, seed) for seed, size in enumerate(sizes))
    tiles = {name: np.zeros((1, 2, 2, 3), np.uint8) for name in ("input", "target")}
    both = {"train": Examples(tiles), "test": Examples(tiles)}
    return PhotoSet("some", **both, photos=found, scale=scale)


def luma(image):
    weights = np.array([65.481, 128.553, 24.966]) / 255
    return 16 + image.astype(np.float64) @ weights


def psnr(a, b, crop):
    inside = slice(crop, -crop)
    error = ((luma(a) - luma(b))[inside, inside] ** 2).mean()
    return 10 * np.log10(255**2 / error)


def ssim(a, b, crop):
    """Wang et al. 2004 with scipy's correlation, windows inside the image."""
    x, y = (luma(image)[crop:-crop, crop:-crop] for image in (a, b))
    place = np.arange(-5, 6)
    line = np.exp(-(place**2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    mean = lambda plane: correlate2d(plane, window, mode="valid")
    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    found = (2 * mx * my + c1) * (2 * vxy + c2)
    return (found / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean()


def by_hand(photo):
    """The original, the squares and Pillow's bicubic."""
    height, width = (side // 2 * 2 for side in photo.image.shape[:2])
    original = photo.image[:height, :width]
    image = Image.fromarray(original)
    small = image.resize((width // 2, height // 2), Image.Resampling.BICUBIC)
    bicubic = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
    small = np.asarray(small).astype(int)
    squares = (small.repeat(2, axis=0).repeat(2, axis=1) - 3).clip(0, 255)
    return original, squares.astype(np.uint8), bicubic


def test_figures_are_those_of_float64():
    """To 6 digits, with those of bicubic and of each photo beside them."""
    data = photos((41, 53), (64, 36))
    found = Magnified()(Squares(), data, KEY)
    assert list(found) == ["rmse", "psnr", "ssim"]  # the best has the lowest of these
    sets = [by_hand(photo) for photo in data.photos]
    for name, measure in (("psnr", psnr), ("ssim", ssim)):
        ours = [measure(original, squares, 2) for original, squares, _ in sets]
        base = [measure(original, bicubic, 2) for original, _, bicubic in sets]
        result = found[name]
        np.testing.assert_allclose(result.value, np.mean(ours), rtol=1e-6)
        np.testing.assert_allclose(result.details["bicubic"], np.mean(base), rtol=1e-6)
        for number, photo in enumerate(data.photos):
            shown = result.details["photos"][photo.name]
            expected = {"output": ours[number], "bicubic": base[number]}
            assert shown == pytest.approx(expected, abs=1e-4)
        assert "2 px cropped" in result.protocol
    errors = [255 / 10 ** (psnr(a, b, 2) / 20) for a, b, _ in sets]
    np.testing.assert_allclose(found["rmse"].value, np.mean(errors), rtol=1e-6)


def test_no_more_photos_are_judged_than_asked_for_nor_ssim_of_small_ones():
    data = photos((14, 40), (64, 64))
    found = Magnified(most=1)(Squares(), data, KEY)
    assert list(found) == ["rmse", "psnr"]
    assert list(found["psnr"].details["photos"]) == ["0.png"]


def test_a_photo_is_played_in_tiles():
    data = photos((41, 53))
    (whole,) = magnified(Squares(), data)
    seen = []
    how = {"scale": 2, "tile": 9, "progress": lambda *told: seen.append(told)}
    made = magnify(Squares(), whole.small, **how)
    assert seen[-1] == (9, 9)
    np.testing.assert_array_equal(np.round((made + 1) * 127.5), whole.output)


@pytest.mark.parametrize("judge", [Magnified(), judges.Patches()])
def test_data_without_whole_photos_are_refused(judge):
    with pytest.raises(InputError, match="load_photos"):
        judge(Squares(), photos(), KEY)


def test_patches_are_judged_by_what_a_network_sees():
    data = photos((130, 140))
    found = judges.Patches(most=3)(Squares(), data, KEY)["patch_distance"]
    assert "3 patches of 64 px" in found.protocol
    assert 0 < found.value < 1
    assert 0 < found.details["bicubic"] < 1


def test_patches_are_evenly_spaced_over_all_photos():
    """And lie in what the scale leaves of a photo."""
    shapes = [(130, 200, 3), (64, 64, 3), (63, 90, 3)]
    assert judges.places_of_patches(shapes, 2, 3) == [(0, 0, 0), (0, 64, 0), (1, 0, 0)]
    assert judges.places_of_patches([(131, 128, 3)], 67, 9) == [(0, 0, 0)]


def test_only_photos_with_a_patch_are_magnified():
    seen = []

    class Counted(Squares):
        def __call__(self, key, count, *, condition):
            seen.append(condition.shape)
            return super().__call__(key, count, condition=condition)

    data = photos((64, 64), (30, 200), (66, 64))
    assert judges.Patches(most=2)(Counted(), data, KEY)
    assert len(seen) == 2


def test_vectors_of_one_direction_are_not_apart():
    rows = np.random.default_rng(0).normal(size=(4, 9))
    np.testing.assert_allclose(judges.angles(rows, 3 * rows), 0, atol=1e-12)
    np.testing.assert_allclose(judges.angles(rows, -rows), 2, atol=1e-12)


def test_patches_need_the_network_and_photos_as_large(monkeypatch):
    assert judges.Patches()(Squares(), photos((60, 90)), KEY) == {}
    monkeypatch.setattr(efficientnet, "is_installed", lambda: False)
    with pytest.warns(UserWarning, match=r"jaxgan\[features\]"):
        assert judges.Patches()(Squares(), photos((70, 70)), KEY) == {}


def test_strips_show_the_patches_with_most_detail():
    """Four columns, as many rows as asked for, of each photo as many."""
    flat = Photo("flat.png", np.full((66, 70, 3), 90, np.uint8))
    flat.image[32:64, 32:64] = photo(32, 32, 3).image
    data = photos((64, 96))
    data = PhotoSet("some", data.train, data.test, photos=(*data.photos, flat), scale=2)
    found = list(magnified(Squares(), data))
    places = judges.chosen(found, rows=3, side=32)
    assert [number for number, _, _ in places] == [0, 0, 1]
    assert (1, 32, 32) in judges.chosen(found, rows=2, side=32)
    picture = judges.Strips(rows=3, side=32)(Squares(), data, KEY)
    assert picture.size == (4 * 65 - 1, 3 * 65 - 1 + 14)
    pixels = np.asarray(picture)[14:]
    number, y, x = places[0]
    original = found[number].original[y : y + 32, x : x + 32]
    shown = pixels[:64, -64:][::2, ::2]
    np.testing.assert_array_equal(shown, original)
    small = found[number].small[y // 2 : y // 2 + 16, x // 2 : x // 2 + 16]
    np.testing.assert_array_equal(pixels[:64, :64][::4, ::4], small)
