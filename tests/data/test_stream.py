"""Streamed batches are those of direct indexing, from any start."""

import itertools

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.data import ImageSet, batch_indices, batches

N = 23


@pytest.fixture(scope="module")
def images():
    pixels = np.random.default_rng(0).integers(0, 256, (N, 4, 4, 3), np.uint8)
    return ImageSet(pixels, np.arange(N, dtype=np.int32) % 3, ("a", "b", "c"))


@pytest.mark.parametrize("start", [0, 5, 1000])
def test_batches_equal_direct_indexing(images, start):
    stop = start + 12  # past the end of several epochs
    indices = batch_indices(9, start=start, steps=12, d_steps=2, batch_size=5, n=N)
    steps = list(batches(images, 9, start=start, stop=stop, d_steps=2, batch_size=5))
    stacked = {name: np.stack([step[name] for step in steps]) for name in steps[0]}
    assert stacked["image"].dtype == np.uint8
    assert stacked["label"].dtype == np.int32
    np.testing.assert_array_equal(stacked["image"], images.images[indices])
    np.testing.assert_array_equal(stacked["label"], images.labels[indices])


def test_batches_resume_without_replay(images):
    every = list(batches(images, 1, start=0, stop=9, d_steps=1, batch_size=4))
    rest = list(batches(images, 1, start=6, stop=9, d_steps=1, batch_size=4))
    for step, expected in zip(rest, every[6:], strict=True):
        np.testing.assert_array_equal(step["image"], expected["image"])


def test_batches_rows_are_columns_of_whole(images):
    knobs = {"start": 2, "stop": 5, "d_steps": 2, "batch_size": 6}
    whole = batches(images, 4, **knobs)
    halves = [batches(images, 4, **knobs, rows=slice(3 * h, 3 * h + 3)) for h in (0, 1)]
    for step, first, second in zip(whole, *halves, strict=True):
        joined = np.concatenate([first["image"], second["image"]], axis=1)
        np.testing.assert_array_equal(joined, step["image"])


def test_batches_leave_out_absent_labels(images):
    bare = ImageSet(images.images, None, ())
    step = next(batches(bare, 0, start=0, stop=1, d_steps=1, batch_size=2))
    assert set(step) == {"image"}


def test_batches_read_no_further_than_the_buffer(images):
    served = []

    class Spy(np.ndarray):
        def __getitem__(self, index):
            served.append(index)
            return super().__getitem__(index)

    spied = ImageSet(images.images.view(Spy), None, ())
    steps = batches(
        spied, 0, start=0, stop=10**9, d_steps=1, batch_size=2, threads=1, prefetch=3
    )
    assert len(list(itertools.islice(steps, 5))) == 5
    assert len(served) <= 5 + 3 + 1  # taken, waiting, being read


def test_batches_of_no_step_are_none(images):
    assert list(batches(images, 0, start=4, stop=4, d_steps=1, batch_size=2)) == []


def test_batches_refuse_at_the_call(images):
    with pytest.raises(InputError, match=r"batch of 24 .* only 23"):
        batches(images, 0, start=0, stop=1, d_steps=1, batch_size=24)
    with pytest.raises(InputError, match="stop >= start"):
        batches(images, 0, start=2, stop=1, d_steps=1, batch_size=2)
