"""Batches read ahead by threads, for sets that do not fit on the device."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Int

from jaxgan.checks import InputError
from jaxgan.data.order import batch_indices


@dataclasses.dataclass(frozen=True, eq=False)
class _Steps:
    """The steps from ``start`` to ``stop`` as a sequence; each is read on access.

    Random access is all that grain needs, and `jaxgan.data.order` allows it.
    """

    examples: Any
    seed: int
    start: int
    stop: int
    d_steps: int
    batch_size: int
    rows: slice | Int[np.ndarray, " r"]

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, index: int) -> Any:
        indices = batch_indices(
            self.seed,
            start=self.start + index,
            steps=1,
            d_steps=self.d_steps,
            batch_size=self.batch_size,
            n=len(self.examples),
        )
        return self.examples.batch(indices[0][:, self.rows])


def batches(
    examples: Any,
    seed: int,
    *,
    start: int,
    stop: int,
    d_steps: int,
    batch_size: int,
    rows: slice | Int[np.ndarray, " r"] = slice(None),
    threads: int = 4,
    prefetch: int = 8,
) -> Iterator[Any]:
    """Reads ahead the batches of steps ``start`` to ``stop``, one step at a time.

    Step t holds exactly the examples ``batch_indices(seed, start=t, steps=1, ...)``,
    whatever came before, so a run resumes at ``start`` without replay. Stack any number
    of steps for a scan over them.

    Args:
        examples: an `ImageSet`, `Examples`, or an object with their ``batch`` and
            length; a memory map is read only where a batch needs it.
        seed: the run's seed.
        start: the first step.
        stop: the step after the last.
        d_steps: discriminator steps, and so batches, per step.
        batch_size: examples per batch, all hosts together.
        rows: which of the batch's examples this process reads.
        threads: the number of threads that read.
        prefetch: the largest number of steps that wait in memory.

    Returns:
        An iterator over the results of the set's ``batch``, with b the length of
        ``rows``: for images, {"image": uint8 [d_steps b h w c]} and, if the set has
        labels, "label": int32 [d_steps b].

    Raises:
        InputError: at the call, if ``batch_size`` exceeds the set or stop < start.

    Example:
        >>> from jaxgan.data import ImageSet
        >>> images = ImageSet(np.zeros((6, 2, 2, 1), np.uint8), None, ())
        >>> steps = batches(images, 0, start=3, stop=5, d_steps=2, batch_size=4)
        >>> [step["image"].shape for step in steps]
        [(2, 4, 2, 2, 1), (2, 4, 2, 2, 1)]
    """
    if stop < start:
        raise InputError(f"Expected stop >= start, got {start=} and {stop=}.")
    # Refuses invalid numbers here, not in a thread at the first step.
    batch_indices(
        seed,
        start=start,
        steps=0,
        d_steps=d_steps,
        batch_size=batch_size,
        n=len(examples),
    )
    import grain  # takes seconds to import; not needed for sets on the device

    steps = _Steps(examples, seed, start, stop, d_steps, batch_size, rows)
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=prefetch)
    return iter(grain.MapDataset.source(steps).to_iter_dataset(options))
