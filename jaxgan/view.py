"""What a discriminator sees instead of an image: an augmentation, noise."""

import dataclasses
from collections.abc import Callable
from typing import Any

from jaxgan.game import Memory
from jaxgan.turn import Turn
from jaxgan.typing import Key

View = Callable[[Any, Key, Turn], Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augment:
    """A differentiable change of all that the discriminator sees.

    Penalties are taken by the image before it, through it.

    Attributes:
        view: ``(x [b ...], keys [b], turn) -> [b ...]``, one key an example.
        memory: what it remembers (its strength), in ``turn.memory["augment"]``.
    """

    view: View
    memory: Memory | None = None
