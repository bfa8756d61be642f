"""The random draws of one update, separate for each example: latents, noise, dropout.

The draws of an example depend only on its global index within the update's batch, so
they are the same on any number of devices and for any number of microbatches.
"""

import dataclasses
from typing import Any

import jax

from jaxgan import keys
from jaxgan.typing import Array, Key


@dataclasses.dataclass(frozen=True)
class Draws:
    """One update's random streams: ``draw(name)`` is one key per example, ``[b]``.

    Attributes:
        objective: the objective's name, which is part of the streams' names.
        key: the run's key.
        step: the objective's update counter.
        index: the examples' global indices, ``[b]``.
    """

    objective: str
    key: Key
    step: Any
    index: Array

    def stream(self, name: str) -> Key:
        """Returns the key from which the keys of a stream's examples are derived."""
        return keys.stream(self.key, f"{self.objective}/{name}", self.step)

    def __call__(self, name: str) -> Key:
        return keys.per_example(self.stream(name), self.index)

    def normal(self, name: str, shape: tuple[int, ...]) -> Array:
        """Draws from N(0, 1), ``shape`` for each example: ``[b *shape]``."""
        return jax.vmap(lambda key: jax.random.normal(key, shape))(self(name))
