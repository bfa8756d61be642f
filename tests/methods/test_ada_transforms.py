"""ADA's transformations against the paper's pixels, matrices and distributions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.spatial.transform import Rotation

from jaxgan.checks import InputError
from jaxgan.methods import ada_transforms
from jaxgan.methods.ada_transforms import (
    BGC,
    CUTOUT,
    FILTERS,
    GEOMETRY,
    NOISE,
    colour,
    cutout,
    hue,
    less_often,
    shift,
    transformed,
)
from tests import games
from tests.methods.draws import KEYS, RGB, assert_drawn_from, assert_share, played

ALL = (*BGC, *FILTERS, *NOISE, *CUTOUT)


# Whole pixels.


def turned_by_padding(image):
    """A quarter turn of the image in its reflections, cut to the image's size."""
    (h, w), pad = image.shape[:2], 4
    whole = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="reflect")
    turned = np.rot90(whole)
    top, left = (turned.shape[0] - h) // 2, (turned.shape[1] - w) // 2
    return turned[top : top + h, left : left + w]


@pytest.mark.parametrize("shape", [(8, 8), (12, 10), (6, 12)])
def test_quarter_turns_are_exact_and_equally_likely(shape):
    image = RGB[: shape[0], : shape[1], :1] if shape[1] <= 10 else RGB[:10, :6, :1]
    image = image.swapaxes(0, 1) if shape == (6, 12) else image
    once = turned_by_padding(image)
    expected = [image, once, image[::-1, ::-1], once[::-1, ::-1]]
    seen = played(ada_transforms.quarter_turn, image)
    hits = [(seen == each[None]).all(axis=(1, 2, 3)) for each in expected]
    np.testing.assert_array_equal(np.sum(hits, axis=0), 1)
    for hit in hits:
        assert_share(hit, 1 / 4)
    if shape[0] == shape[1]:
        np.testing.assert_array_equal(once, np.rot90(image))


# Colours.


def affine(name, value):
    """The paper's 4x4 matrix of a transformation, in float64."""
    luma = np.array([1.0, 1.0, 1.0, 0.0]) / np.sqrt(3)
    projection, one = np.outer(luma, luma), np.eye(4)
    if name == "brightness":
        return one + value * np.outer([1, 1, 1, 0], [0, 0, 0, 1])
    if name == "contrast":
        return np.diag([value] * 3 + [1])
    if name == "luma_flip":
        return one - 2 * value * projection
    saturated = projection + value * (one - projection)
    saturated[3, 3] = 1
    return saturated


@pytest.mark.parametrize(
    ("name", "distribution"),
    [
        ("brightness", stats.norm(scale=0.2)),
        ("contrast", stats.norm(scale=0.5)),
        ("luma_flip", None),
        ("saturation", stats.norm(scale=1.0)),
    ],
)
def test_colours_are_the_papers_matrices(name, distribution):
    """What a known pixel becomes tells the number that was drawn."""
    transform = getattr(ada_transforms, name)
    known = {"luma_flip": (1.0, 1.0, 1.0), "saturation": (1.0, 0.0, -1.0)}
    pixels = np.array([[known.get(name, (1.0, 1.0, 1.0))], [(0.3, -0.8, 0.1)]])
    seen = played(transform, pixels)
    first = seen[:, 0, 0, 0].astype(np.float64)
    if name == "luma_flip":
        drawn = (1 - first) / 2
        assert_share(drawn == 1, 1 / 2)
    else:
        drawn = first - 1 if name == "brightness" else first
        logs = drawn if name == "brightness" else np.log2(drawn)
        assert_drawn_from(logs, distribution)
    for value, pixel in zip(drawn, seen[:, 1, 0], strict=True):
        expected = affine(name, value) @ np.array([0.3, -0.8, 0.1, 1])
        np.testing.assert_allclose(pixel, expected[:3], rtol=1e-5, atol=1e-5)


def test_hue_turns_colours_about_the_luma_axis():
    """By SciPy's rotations about (1, 1, 1)."""
    axis = np.ones(3) / np.sqrt(3)
    angles = np.linspace(-3, 3, 7)
    for angle in angles:
        expected = Rotation.from_rotvec(angle * axis).apply(RGB.reshape(-1, 3))
        seen = colour.turned(jnp.asarray(RGB), angle)
        np.testing.assert_allclose(seen.reshape(-1, 3), expected, atol=1e-6)
    seen = played(ada_transforms.hue, [[[1.0, 0.0, -1.0]]]).reshape(-1, 3)
    across = np.cross(axis, [1.0, 0.0, -1.0])
    drawn = np.arctan2(seen @ across, seen @ [1.0, 0.0, -1.0])
    assert_drawn_from(drawn, stats.uniform(-np.pi, 2 * np.pi))


def test_grey_images_keep_hue_and_saturation():
    image = RGB[..., :1]
    for transform in (ada_transforms.hue, ada_transforms.saturation):
        seen = transform(games.KEY, jnp.asarray(image))
        np.testing.assert_array_equal(seen, image)
    with pytest.raises(InputError, match="2 channels"):
        ada_transforms.hue(games.KEY, jnp.zeros((4, 4, 2)))


# Corruption.


def test_noise_has_a_half_normal_deviation():
    seen = played(ada_transforms.noise, np.zeros((16, 16, 3)))
    deviations = seen.std(axis=(1, 2, 3))
    assert_drawn_from(deviations, stats.halfnorm(scale=0.1))
    pixels = (seen / deviations[:, None, None, None])[:, 3, 5]
    assert_drawn_from(pixels, stats.norm())
    assert np.abs(np.corrcoef(pixels.T) - np.eye(3)).max() < 4 / np.sqrt(1000)


def test_cutouts_are_half_an_image_about_a_uniform_centre():
    """In the paper from round((c - 1/4) n) to round((c + 1/4) n), less one."""
    seen = played(ada_transforms.cutout, np.ones((12, 10, 2))) == 0
    assert (seen[..., :1] == seen).all()
    down, right = seen[..., 0].any(axis=2), seen[..., 0].any(axis=1)
    np.testing.assert_array_equal(seen[..., 0], down[:, :, None] & right[:, None])
    for hidden in (down, right):
        n = hidden.shape[1]
        centres = np.linspace(0, 1, 1001)
        first, last = (np.round((centres + x) * n) for x in (-1 / 4, 1 / 4))
        rows = np.arange(n)[:, None]
        possible = ((first <= rows) & (rows < last)).T
        kinds = {tuple(row) for row in possible}
        assert {tuple(row) for row in hidden} <= kinds
        for row, share in enumerate(possible.mean(axis=0)):
            assert_share(hidden[:, row], share)
    assert abs(np.corrcoef(down[:, 0], right[:, 0])[0, 1]) < 4 / np.sqrt(1000)


# All together.


@functools.cache
def pipeline():
    play = jax.vmap(functools.partial(transformed, ALL), in_axes=(None, 0, 0))
    return jax.jit(play)


def batch():
    return np.random.default_rng(2).uniform(-1, 1, (16, 8, 8, 3)).astype(np.float32)


def test_nothing_changes_at_p_0():
    x = batch()
    np.testing.assert_array_equal(pipeline()(jnp.zeros(()), KEYS[:16], x), x)


def test_draws_are_those_of_an_example_on_any_number_of_devices():
    x, p = batch(), jnp.float32(0.7)
    alone = pipeline()(p, KEYS[:16], x)
    halves = jax.tree.map(
        lambda leaf: leaf.reshape(2, 8, *leaf.shape[1:]), (KEYS[:16], x)
    )
    spread = jax.pmap(pipeline(), in_axes=(None, 0, 0), devices=jax.devices()[:2])
    found = spread(p, *halves)
    np.testing.assert_allclose(found.reshape(x.shape), alone, rtol=1e-5, atol=1e-5)
    assert not np.allclose(alone, x, atol=0.1)


def test_two_derivatives_are_those_of_finite_differences():
    """R1, the squared norm of a gradient through them, has a gradient too."""
    keys, x = KEYS[:4], jnp.asarray(batch()[:4])
    along = np.random.default_rng(3).normal(size=x.shape).astype(np.float32)
    some = (shift, *GEOMETRY, hue, *FILTERS, cutout)
    play_all = jax.vmap(functools.partial(transformed, some, 1.0))
    score = lambda x: jnp.sin(2 * play_all(keys, x)).sum()
    r1 = lambda x: (jax.grad(score)(x) ** 2).sum()
    both = jax.jit(lambda x: [jax.value_and_grad(f)(x) for f in (score, r1)])
    step = 1e-2
    pairs = zip(both(x), both(x + step * along), both(x - step * along), strict=True)
    for (_, grad), (above, _), (below, _) in pairs:
        slope = (np.float64(above) - np.float64(below)) / (2 * step)
        np.testing.assert_allclose((grad * along).sum(), slope, rtol=2e-2)
        assert abs(slope) > 1


def test_transformations_may_be_played_less_often():
    add = lambda key, image: image + 1
    group = less_often(0.5, add, lambda key, image: image + 10)
    both = functools.partial(transformed, (group, add))
    p, image = 0.8, jnp.zeros((1, 1, 1))
    seen = np.asarray(jax.vmap(both, in_axes=(None, 0, None))(p, KEYS, image)).ravel()
    assert_share(seen >= 10, 0.4)
    ones = seen % 10
    for count, share in ((0, 0.2 * 0.6), (1, 0.8 * 0.6 + 0.2 * 0.4), (2, 0.8 * 0.4)):
        assert_share(ones == count, share)
