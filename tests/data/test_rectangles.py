"""Folders of images that are not square, through `load`."""

import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.data import load

HEIGHT, WIDTH, COUNT = 12, 20, 6


@pytest.fixture(params=["L", "RGB"])
def pictures(request, tmp_path):
    """A folder of train/ and test/, and its pixels by split."""
    shape = (COUNT, HEIGHT, WIDTH) + ((3,) if request.param == "RGB" else ())
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    root = tmp_path / "pictures"
    for number, image in enumerate(pixels):
        folder = root / ("train" if number < 4 else "test")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    return root, pixels


def images(data):
    return np.concatenate([data.train.images, data.test.images])


def channels_last(pixels):
    return pixels.reshape(*pixels.shape[:3], -1)


def test_images_keep_their_shape(pictures, tmp_path):
    root, pixels = pictures
    data = load(f"folder:{root}", data_dir=tmp_path / "data")
    expected = channels_last(pixels)
    assert data.image_shape == (HEIGHT, WIDTH, expected.shape[-1])
    np.testing.assert_array_equal(images(data), expected)
    assert data.train.nbytes == expected[:4].nbytes


def test_centre_is_cut_and_resized(pictures, tmp_path):
    root, pixels = pictures
    data = load(
        f"folder:{root}", data_dir=tmp_path / "data", resolution=(8, 16), crop=True
    )
    # 20 wide and 2 : 1 is 10 high: one row of the twelve is cut above, one below.
    expected = [
        Image.fromarray(image[1:11]).resize((16, 8), Image.Resampling.LANCZOS)
        for image in pixels
    ]
    np.testing.assert_array_equal(
        images(data), channels_last(np.stack([np.asarray(e) for e in expected]))
    )


def test_crop_alone_makes_squares(pictures, tmp_path):
    root, pixels = pictures
    data = load(f"folder:{root}", data_dir=tmp_path / "data", crop=True)
    np.testing.assert_array_equal(images(data), channels_last(pixels)[:, :, 4:16])


def test_another_aspect_ratio_is_refused_without_crop(pictures, tmp_path):
    root, _ = pictures
    with pytest.raises(InputError, match=r"\d\.png is 12x20 .* 8x16; .*--crop"):
        load(f"folder:{root}", data_dir=tmp_path / "data", resolution=(8, 16))


def test_turned_images_are_of_another_shape(pictures, tmp_path):
    """12x20 beside 20x12: as many pixels, but not one shape."""
    root, pixels = pictures
    Image.fromarray(np.ascontiguousarray(np.swapaxes(pixels[0], 0, 1))).save(
        root / "train" / "x.png"
    )
    with pytest.raises(InputError, match=r"x\.png is 20x12 .*0\.png is 12x20; .*crop"):
        load(f"folder:{root}", data_dir=tmp_path / "data")


def test_a_square_by_either_name_is_one_set(pictures, tmp_path):
    root, _ = pictures
    data = [
        load(f"folder:{root}", data_dir=tmp_path / "data", resolution=size, crop=True)
        for size in (8, (8, 8), (8, 16))
    ]
    assert data[0].fingerprint == data[1].fingerprint != data[2].fingerprint
    assert len(list((tmp_path / "data" / "cache").iterdir())) == 2
