"""Translations that learn nothing, which show what a figure of a judge is worth."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import UInt8

from jaxgan.images import as_float
from jaxgan.sampling import Sampler
from jaxgan.typing import Key

Pixels = UInt8[np.ndarray, "n h w c"]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Lookup(Sampler):
    """Translates each input to the target of the training input nearest to it, in L1.

    Of letters that is often the same letter with another accent. A model that is no
    better may have learnt the training set by heart, and no accent.

    Attributes:
        inputs: those of the training set.
        targets: their targets.
    """

    inputs: Pixels
    targets: Pixels

    def __call__(self, key: Key, count: int, *, condition: Any = None, **how: Any):
        del key, count, how
        known = self.inputs.reshape(len(self.inputs), -1).astype(np.int16)
        asked = np.asarray(condition).reshape(len(condition), -1).astype(np.int16)
        nearest = [int(np.abs(known - row).sum(axis=1).argmin()) for row in asked]
        return as_float(self.targets[nearest])


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Copied(Sampler):
    """Returns each input as its translation."""

    def __call__(self, key: Key, count: int, *, condition: Any = None, **how: Any):
        del key, count, how
        return as_float(np.asarray(condition))


def baselines(sampler: Sampler, data: Any) -> dict[str, Sampler]:
    """Returns both, by name, for the game of another sampler on pairs."""
    columns = data.train.columns
    pairs = {"inputs": columns["input"], "targets": columns["target"]}
    how = {"game": sampler.game, "state": sampler.state}
    return {
        "copied input": Copied(**how),
        "nearest training letter": Lookup(**how, **pairs),
    }
