"""What a chunk of steps plays, from the device's memory or from a stream.

Both paths play the same examples in the same order. A set that fits lies on the device
whole, and a chunk takes the rows of each step; of a larger set, a chunk takes its own
examples. Either way all that a chunk needs is on the devices before it is called.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxgan import data, parallel
from jaxgan.data import ImageSet
from jaxgan.training.config import TrainConfig

Take = Callable[[int], tuple[Any, Any]]


def fits(images: ImageSet, config: TrainConfig) -> bool:
    """Whether the set lives on the device."""
    return images.images.nbytes <= config.device_cache_mib * 2**20


def resident(images: ImageSet, config: TrainConfig, start: int, longest: int) -> Take:
    """``take(length)``: (table, rows) of the next steps; the table is the whole set."""
    table = parallel.put_shared(images.batch(np.arange(len(images))))
    mine = parallel.columns(config.batch_size)
    place = start

    def take(length: int):
        nonlocal place
        rows = data.batch_indices(
            config.seed,
            start=place,
            steps=length,
            d_steps=config.d_steps,
            batch_size=config.batch_size,
            n=len(images),
        )
        place += length
        return table, _put(_pad(rows[:, :, mine], longest))

    return take


def streamed(images: ImageSet, config: TrainConfig, start: int, longest: int) -> Take:
    """``take(length)``: (table, None) of the next steps, the steps being the table."""
    batches = data.batches(
        images,
        config.seed,
        start=start,
        stop=config.steps,
        d_steps=config.d_steps,
        batch_size=config.batch_size,
        rows=parallel.columns(config.batch_size),
    )

    def take(length: int):
        steps = [next(batches) for _ in range(length)]
        stack = lambda *columns: _put(_pad(np.stack(columns), longest))
        return jax.tree.map(stack, *steps), None

    return take


def _put(steps: np.ndarray):
    """``[m k b ...]`` on the devices, which share out the examples."""
    if jax.device_count() > 1:
        return parallel.put_split(steps, batch_axis=2)
    return parallel.put_shared(steps)


def _pad(steps: np.ndarray, length: int) -> np.ndarray:
    missing = length - len(steps)
    return np.pad(steps, [(0, missing)] + [(0, 0)] * (steps.ndim - 1))
