"""Translations without learning: baselines that a trained model must beat."""

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

    For a letter that is often the same letter with another accent, so a model that is
    no better may not have learnt the accents.

    Attributes:
        inputs: the training set's inputs.
        targets: the training set's targets.
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
    """Returns both baselines, by name, for a game on pairs.

    Args:
        sampler: a sampler of that game, trained or not.
        data: the pairs, with columns "input" and "target".
    """
    columns = data.train.columns
    pairs = {"inputs": columns["input"], "targets": columns["target"]}
    how = {"game": sampler.game, "state": sampler.state}
    return {
        "copied input": Copied(**how),
        "nearest training letter": Lookup(**how, **pairs),
    }
