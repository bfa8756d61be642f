"""Parts of pairs: aligned, anywhere, in eight ways, and each example's own."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.draws import Draws
from jaxgan.methods.aligned_parts import LEAST_CONTRAST, parts, recoloured
from jaxgan.turn import Turn

KEY = jax.random.key(0)


def coded(count=64, height=5, width=7):
    """Examples whose pixels are (row, column), and targets with 2x2 of each."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    small = np.tile(np.stack([rows, columns], axis=-1), (count, 1, 1, 1))
    return {"input": small, "target": small.repeat(2, axis=1).repeat(2, axis=2)}


def drawn(batch, count=64, crop=6, index=None):
    turn = Turn.first("g", KEY, {}, count)
    if index is not None:
        draws = Draws("g", KEY, turn.draws.step, jnp.asarray(index))
        turn = Turn(draws, turn.images, {})
    play = jax.jit(lambda batch: parts(batch, turn, crop=crop, scale=2))
    return jax.tree.map(np.asarray, play(batch))


def test_parts_are_aligned_and_lie_anywhere_in_eight_ways():
    """A part of the target is the part of the input, each pixel as 2x2."""
    found = drawn(coded(256), 256)
    small = found["input"]
    assert small.shape == (256, 3, 3, 2)
    np.testing.assert_array_equal(
        found["target"], small.repeat(2, axis=1).repeat(2, axis=2)
    )
    corners = {tuple(part.reshape(9, 2).min(axis=0)) for part in small}
    assert corners == {(y, x) for y in range(3) for x in range(5)}
    upright = np.stack(np.mgrid[:3, :3], axis=-1)
    ways = [np.rot90(x, n) for x in (upright, upright[:, ::-1]) for n in range(4)]
    known = {way.tobytes(): number for number, way in enumerate(ways)}
    moved = small - small.reshape(256, 9, 2).min(axis=1)[:, None, None]
    of = [known[np.ascontiguousarray(x).tobytes()] for x in moved.astype(np.int64)]
    counts = np.bincount(of, minlength=8)
    # Of 256 draws 32 each, with a deviation of 5.3.
    assert counts.min() > 12
    assert counts.max() < 55


def test_parts_follow_the_example_alone():
    """Not how many others are played with it."""
    batch = coded(64)
    whole = drawn(batch, 64)
    some = jax.tree.map(lambda leaf: leaf[5:9], batch)
    few = drawn(some, 4, index=np.arange(5, 9, dtype=np.int32))
    for name, part in few.items():
        np.testing.assert_array_equal(part, whole[name][5:9])


def test_without_a_crop_all_of_a_square_is_played():
    batch = coded(16, 4, 4)
    found = drawn(batch, 16, crop=None)
    assert found["target"].shape == (16, 8, 8, 2)
    order = lambda part: np.sort(part.reshape(16, 16, 2) @ np.array([10.0, 1.0]))
    np.testing.assert_array_equal(order(found["input"]), order(batch["input"]))


def test_colours_are_exchanged_and_moved_towards_a_random_one():
    """Solved for the permutation, the gain and the mean, for both images alike."""
    random = np.random.default_rng(0)
    small, whole = (random.uniform(-1, 1, (n, n, 3)).astype("f4") for n in (4, 8))
    play = jax.jit(jax.vmap(recoloured, (0, None, None)))
    keys = jax.random.split(KEY, 600)
    found = [np.asarray(each, np.float64) for each in play(keys, small, whole)]
    orders, gains, means = [], [], []
    for few, many in zip(*found, strict=True):
        x, y = (np.concatenate([a.reshape(-1, 3), b.reshape(-1, 3)]) for a, b in (
            (small, whole), (few, many)
        ))  # fmt: skip
        order = np.corrcoef(x.T, y.T)[3:, :3].argmax(axis=1)
        slopes, bases = zip(
            *(np.polyfit(x[:, c], y[:, i], 1) for i, c in enumerate(order)), strict=True
        )
        np.testing.assert_allclose(slopes, slopes[0], atol=1e-5)
        np.testing.assert_allclose(y, slopes[0] * x[:, order] + bases, atol=1e-5)
        orders.append(tuple(order))
        gains.append(slopes[0])
        means.append(np.array(bases) / (1 - slopes[0]))
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6
    assert min(counts) > 60  # of 100, with a deviation of 9
    # Uniform: the mean and the deviation of 600 gains, and of 1,800 values.
    middle, width = (1 + LEAST_CONTRAST) / 2, 1 - LEAST_CONTRAST
    np.testing.assert_allclose(np.mean(gains), middle, atol=0.03)
    np.testing.assert_allclose(np.std(gains), width / 12**0.5, atol=0.02)
    np.testing.assert_allclose(np.mean(means), 0, atol=0.06)
    np.testing.assert_allclose(np.std(means), 2 / 12**0.5, atol=0.03)
    assert max(np.abs(each).max() for each in found) <= 1


def test_parts_are_recoloured_only_if_asked_for():
    batch = jax.tree.map(lambda x: x / 10, coded(64))
    turn = Turn.first("g", KEY, {}, 64)
    play = lambda recolour: jax.jit(
        lambda batch: parts(batch, turn, crop=6, scale=2, recolour=recolour)
    )(batch)
    plain, changed = play(False), play(True)
    for name in ("input", "target"):
        assert (plain[name] != changed[name]).any(axis=(1, 2, 3)).all()
    again = changed["input"].repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(changed["target"], again)
