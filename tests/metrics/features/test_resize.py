"""Resizes against the packages whose protocols they belong to."""

import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.metrics.features import resize


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


SIZES = [(32, 32), (64, 64), (299, 299), (300, 300), (512, 512), (31, 77), (400, 30)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_tf1_bilinear_is_torch_fidelity_s_to_the_bit(size, torch_fidelity):
    torch = pytest.importorskip("torch")
    module = torch_fidelity("interpolate_compat_tensorflow")
    images = pixels(2, *size, 3)
    for target in (299, (64, 100)):
        pair = target if isinstance(target, tuple) else (target, target)
        theirs = module.interpolate_bilinear_2d_like_tensorflow1x(
            torch.from_numpy(images).permute(0, 3, 1, 2).float(),
            size=pair,
            align_corners=False,
        )
        ours = resize.tf1_bilinear(images, target)
        assert ours.dtype == np.float32
        np.testing.assert_array_equal(ours, theirs.permute(0, 2, 3, 1).numpy())


def test_tf1_bilinear_by_hand():
    """Without a package: to twice the size, every other pixel is one of the image's."""
    images = pixels(1, 8, 5, 3)
    wide = resize.tf1_bilinear(images, (16, 10))
    np.testing.assert_array_equal(wide[:, ::2, ::2], images)
    between = (images[:, :, :-1].astype(np.float32) + images[:, :, 1:]) / 2
    np.testing.assert_array_equal(wide[:, ::2, 1:-1:2], between)
    np.testing.assert_array_equal(wide[:, -1], wide[:, -2])


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_torch_bilinear_is_interpolate(size):
    torch = pytest.importorskip("torch")
    images = pixels(2, *size, 3)
    for target in (299, (64, 100)):
        theirs = torch.nn.functional.interpolate(
            torch.from_numpy(images).permute(0, 3, 1, 2).float(),
            size=target,
            mode="bilinear",
            align_corners=False,
        )
        ours = resize.torch_bilinear(images, target)
        np.testing.assert_allclose(
            ours, theirs.permute(0, 2, 3, 1).numpy(), rtol=0, atol=255e-5
        )


@pytest.mark.parametrize("size", [(32, 32), (512, 300)], ids=str)
def test_bicubic_is_pillow_s(size):
    images = pixels(2, *size, 3)
    ours = resize.pil_bicubic(images, (299, 200))
    quantised = resize.pil_bicubic_uint8(images, (299, 200))
    assert ours.shape == quantised.shape == (2, 299, 200, 3)
    assert ours.dtype == quantised.dtype == np.float32
    for image, exact, whole in zip(images, ours, quantised, strict=True):
        for channel in range(3):
            alone = Image.fromarray(image[..., channel].astype(np.float32))
            theirs = np.asarray(alone.resize((200, 299), Image.Resampling.BICUBIC))
            np.testing.assert_array_equal(exact[..., channel], theirs.clip(0, 255))
        theirs = Image.fromarray(image).resize((200, 299), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(whole, np.asarray(theirs))


def test_clean_fid_rounds_nothing_and_clips():
    edge = np.zeros((1, 4, 4, 1), np.uint8)
    edge[:, :, 2:] = 255
    resized = resize.pil_bicubic(edge, 16)
    assert resized.min() == 0
    assert resized.max() == 255
    assert (resized != np.round(resized)).any()


def test_resizes_take_each_image_alone():
    images = pixels(3, 20, 30, 3)
    for function in (
        resize.tf1_bilinear,
        resize.torch_bilinear,
        resize.pil_bicubic,
        resize.pil_bicubic_uint8,
    ):
        together = function(images, 24)
        for n in range(3):
            np.testing.assert_array_equal(
                together[n], function(images[n : n + 1], 24)[0]
            )


def test_quantisation_rules():
    x = np.array([-2, -1, -0.5, 0, 1 / 255, 0.5, 0.9999, 1, 2], np.float32)
    rules = {
        "round": [0, 0, 64, 128, 128, 191, 255, 255, 255],
        "nvidia": [0, 0, 64, 128, 128, 191, 255, 255, 255],
        "truncate": [0, 0, 63, 127, 128, 191, 254, 255, 255],
    }
    for rule, expected in rules.items():
        np.testing.assert_array_equal(resize.quantise(x, rule), expected, rule)
    with pytest.raises(InputError, match="round, nvidia, truncate"):
        resize.quantise(x, "floor")


def test_every_pixel_survives_rounding():
    levels = np.arange(256, dtype=np.uint8)
    floats = levels.astype(np.float32) * (2 / 255) - 1
    np.testing.assert_array_equal(resize.quantise(floats, "round"), levels)
