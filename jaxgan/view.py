"""Views of a discriminator: images after an augmentation or noise."""

import dataclasses
from collections.abc import Callable
from typing import Any

from jaxgan.game import Memory
from jaxgan.turn import Turn
from jaxgan.typing import Key

View = Callable[[Any, Key, Turn], Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augment:
    """A differentiable change of all images that the discriminator sees.

    Penalties differentiate through it, by the image before the change.

    Attributes:
        view: ``(x [b ...], keys [b], turn) -> [b ...]``, one key per example.
        memory: its memory (such as its strength), in ``turn.memory["augment"]``.
    """

    view: View
    memory: Memory | None = None
