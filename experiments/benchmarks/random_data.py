"""The data of the works: random, since their content does not affect the time."""

import numpy as np

from experiments.benchmarks.works import Work


def tables(work: Work) -> dict[str, np.ndarray]:
    """Draws the data of all `works.Work.columns`, each from its own seed.

    Example:
        >>> from experiments.benchmarks.works import WORKS
        >>> made = tables(WORKS["srgan"])
        >>> made["input"].shape, made["target"].shape
        ((224, 24, 24, 3), (224, 96, 96, 3))
    """
    return {
        name: captions(work) if name == "captions" else _images(work, shape, seed)
        for seed, (name, shape) in enumerate(work.columns.items())
    }


def table(work: Work) -> np.ndarray:
    """Draws images, uint8 ``[n h w c]``, or points of a ring, ``[n 2]``."""
    return _images(work, work.image_shape, 0)


def captions(work: Work) -> np.ndarray:
    """Draws captions, int32 ``[n k l]``: words' numbers, or 0 for none."""
    shape = (work.examples, *work.captions)
    return np.random.default_rng(1).integers(0, work.words, shape, np.int32)


def _images(work: Work, shape: tuple[int, ...], seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    if len(shape) == 3:
        return random.integers(0, 256, (work.examples, *shape), np.uint8)
    # Points lie near those of a real run, so that logits are realistic.
    angle = 2 * np.pi * random.integers(0, 8, work.examples) / 8
    modes = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return (modes + 0.02 * random.standard_normal(modes.shape)).astype(np.float32)
