"""What a discriminator sees of the images: a view after augmentation or noise."""

import dataclasses
from collections.abc import Callable
from typing import Any

from jaxgan.game import Memory
from jaxgan.turn import Turn
from jaxgan.typing import Key

View = Callable[[Any, Key, Turn], Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augment:
    """A differentiable transformation of all images that the discriminator sees.

    Penalties differentiate through it, with respect to the image before it.

    Attributes:
        view: ``(x [b ...], keys [b], turn) -> [b ...]``, one key per example.
        memory: the memory (such as the strength), in ``turn.memory["augment"]``.
    """

    view: View
    memory: Memory | None = None
