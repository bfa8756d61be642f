"""Random draws of one update: latents, noise, dropout masks, separate per example.

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
        objective: its name, a part of the streams' names.
        key: the run's key.
        step: the objective's update counter.
        index: the examples' global indices, ``[b]``.
    """

    objective: str
    key: Key
    step: Any
    index: Array

    def stream(self, name: str) -> Key:
        """The key from which the keys of all examples in a stream are derived."""
        return keys.stream(self.key, f"{self.objective}/{name}", self.step)

    def __call__(self, name: str) -> Key:
        return keys.per_example(self.stream(name), self.index)

    def normal(self, name: str, shape: tuple[int, ...]) -> Array:
        """N(0, 1) of ``shape`` for each example, ``[b *shape]``."""
        return jax.vmap(lambda key: jax.random.normal(key, shape))(self(name))
