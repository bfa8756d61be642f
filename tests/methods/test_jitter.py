"""Random jitter: crops of an enlarged image, alike for a pair, apart for two sets."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan
from jaxgan.checks import InputError
from jaxgan.methods.jitter import jitter, jittered
from tests.methods import plays
from tests.methods.test_pix2pix import game, pairs

NAMES = ("input", "target")
KEYS = jax.random.split(jax.random.key(0), 400)


def image(channels=2, height=5, width=7):
    values = np.random.default_rng(0).normal(size=(height, width, channels))
    return jnp.asarray(values, jnp.float32)


def enlarged(values, pixels):
    """Bilinear resizing, pixels' centres at halves, borders repeated; float64."""
    values = np.asarray(values, np.float64)
    for axis in (0, 1):
        size = values.shape[axis]
        large = size + pixels
        at = (np.arange(large) + 0.5) * size / large - 0.5
        low = np.floor(at).astype(int)
        share = (at - low).reshape([-1 if i == axis else 1 for i in range(3)])
        near, far = (i.clip(0, size - 1) for i in (low, low + 1))
        near, far = values.take(near, axis=axis), values.take(far, axis=axis)
        values = (1 - share) * near + share * far
    return values


@pytest.mark.parametrize("mirror", [False, True])
def test_every_crop_of_the_enlarged_image_is_as_likely(mirror):
    one, pixels = image(), 2
    play = jax.vmap(lambda key: jitter(key, [one], pixels=pixels, mirror=mirror)[0])
    made = np.asarray(play(KEYS))
    large = enlarged(one, pixels)
    crops = [large[i : i + 5, j : j + 7] for i in range(3) for j in range(3)]
    if mirror:
        crops += [crop[:, ::-1] for crop in crops]
    gaps = np.abs(made[:, None] - np.stack(crops)).max(axis=(2, 3, 4))
    np.testing.assert_allclose(gaps.min(axis=1), 0, atol=1e-5)
    counts = np.bincount(gaps.argmin(axis=1), minlength=len(crops))
    expected = len(KEYS) / len(crops)
    # Chi-squared has a mean of one less than the number of crops.
    assert ((counts - expected) ** 2 / expected).sum() < 3 * len(crops)


def test_every_shift_is_as_likely_and_repeats_the_border():
    one, most = image(), 2
    play = jax.vmap(lambda key: jitter(key, [one], pixels=0, shift=2, mirror=False)[0])
    made = np.asarray(play(KEYS))
    down, right = (np.arange(size) for size in (5, 7))
    moved = np.stack([
        np.asarray(one)[(down + y).clip(0, 4)][:, (right + x).clip(0, 6)]
        for y in range(-most, most + 1)
        for x in range(-most, most + 1)
    ])  # fmt: skip
    same = (made[:, None] == moved).all(axis=(2, 3, 4))
    np.testing.assert_array_equal(same.sum(axis=1), 1)
    counts, expected = same.sum(axis=0), len(KEYS) / len(moved)
    assert ((counts - expected) ** 2 / expected).sum() < 3 * len(moved)


def test_images_of_a_group_are_moved_alike():
    one = image()
    both = [one[..., :1], jnp.concatenate([one, one], axis=-1)]
    for key in KEYS[:10]:
        first, second = jitter(key, both, pixels=3, shift=1, mirror=True)
        alone = jitter(key, [one], pixels=3, shift=1, mirror=True)[0]
        np.testing.assert_array_equal(first, alone[..., :1])
        np.testing.assert_array_equal(second[..., 2:], alone)


def seen(groups, pixels=2):
    """What the discriminator's loss sees of two copies of the same images."""
    base = game()
    found = {}

    def loss(nets, batch, turn):
        found.update(batch)
        return base.objectives["d"].loss(nets, batch, turn)

    objectives = {"d": dataclasses.replace(base.objectives["d"], loss=loss)}
    noted = dataclasses.replace(base, objectives={**base.objectives, **objectives})
    batch = {
        name: jnp.stack([image(2)] * 4)[..., : i + 1] for i, name in enumerate(NAMES)
    }
    played = jittered(noted, *groups, pixels=pixels)
    state = jaxgan.init(played, jax.random.key(0), batch)
    with jax.disable_jit():
        jaxgan.make_d_step(played)(state, batch, jax.random.key(0))
    return [np.asarray(found[name])[..., :1] for name in NAMES]


def test_a_pair_stays_a_pair_and_sets_do_not():
    first, second = seen([NAMES])
    np.testing.assert_array_equal(first, second)
    assert len({each.tobytes() for each in first}) > 1  # each example by itself
    first, second = seen([NAMES[:1], NAMES[1:]])
    assert (first != second).any()
    first, second = seen([NAMES[:1]])
    np.testing.assert_array_equal(second, np.stack([image(2)[..., :1]] * 4))


def test_plays(tmp_path):
    plays.check(jittered(game(), NAMES, pixels=2), pairs(), tmp_path, microbatches=2)


def test_no_jitter_changes_nothing():
    plain = game()
    still = jittered(plain, NAMES, pixels=0, mirror=False)
    batch = plays.first(pairs())
    key = jax.random.key(0)
    ends = []
    for each in (plain, still):
        state = jaxgan.init(each, key, batch)
        ends.append(jax.jit(jaxgan.make_g_step(each))(state, batch, key))
    jax.tree.map(np.testing.assert_array_equal, *ends)


def test_what_cannot_be_jittered_is_refused():
    with pytest.raises(InputError, match="names"):
        jittered(game())
    with pytest.raises(InputError, match="-1"):
        jittered(game(), NAMES, pixels=-1)
    with pytest.raises(InputError, match="shift=-2"):
        jittered(game(), NAMES, shift=-2)
    batch = plays.first(pairs())
    huge = jittered(game(), NAMES, pixels=100_000)
    with pytest.raises(InputError, match="by 100000"):
        jaxgan.init(huge, jax.random.key(0), batch)
    batch["input"] = batch["input"][:, :, :3]
    with pytest.raises(InputError, match="one size"):
        jaxgan.init(jittered(game(), NAMES), jax.random.key(0), batch)
