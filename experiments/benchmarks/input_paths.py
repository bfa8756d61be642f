"""The data paths of a run, and NumPy's, without the training: a unit is one batch.

A batch counts once it is on the device as uint8; to make sure, its pixels are added up
there, which the resident path pays for too.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxgan import feed
from jaxgan.data import ImageSet

CHUNK = 100
"""The most steps in one call: as many as a run takes between two lines of metrics."""

Run = Callable[[int], None]


def resident(spec: Mapping[str, Any]) -> Run:
    """Keeps the whole set on the device, which takes the rows of each step."""
    take = feed.resident(_images(spec), _order(spec), CHUNK)

    @jax.jit
    def consume(table, rows, count):
        add = lambda i, total: total + jnp.sum(table["image"][rows[i]], dtype=jnp.int32)
        return lax.fori_loop(0, count, add, jnp.int32(0))

    return _in_chunks(take, consume)


def streamed(spec: Mapping[str, Any]) -> Run:
    """Reads ahead from the disk's cache with threads, to the device chunk by chunk."""
    take = feed.streamed(_images(spec), _order(spec), CHUNK)

    @jax.jit
    def consume(table, rows, count):
        add = lambda i, total: total + jnp.sum(table["image"][i], dtype=jnp.int32)
        return lax.fori_loop(0, count, add, jnp.int32(0))

    return _in_chunks(take, consume)


def picked(spec: Mapping[str, Any]) -> Run:
    """Picks each batch with NumPy and puts it on the device, the obvious way."""
    images = np.asarray(_images(spec).images)
    random = np.random.default_rng(0)

    def run(count: int) -> None:
        for _ in range(count):
            rows = random.integers(0, len(images), spec["batch_size"])
            jax.device_put(images[rows]).block_until_ready()

    return run


def _in_chunks(take: Callable, consume: Callable) -> Run:
    def run(count: int) -> None:
        while count:
            steps = min(count, CHUNK)
            consume(*take(steps), np.int32(steps)).block_until_ready()
            count -= steps

    return run


def _images(spec: Mapping[str, Any]) -> ImageSet:
    return ImageSet(np.load(spec["file"], mmap_mode="r"), None, ())


def _order(spec: Mapping[str, Any]) -> feed.Order:
    # A stream ends with its run, which is endless here.
    size, endless = spec["batch_size"], 2**31 - 1
    return feed.Order(seed=0, batch_size=size, fresh=1, start=0, stop=endless)
