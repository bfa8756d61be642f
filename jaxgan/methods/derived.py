"""A game made from another one: some objectives changed, or a memory added."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from jaxgan.game import Game, GameState, Memory, Objective
from jaxgan.typing import Batch

_COPIED = ("players", "clock", "sample", "condition", "output", "show")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Derived(Game):
    """A game made from another one, with the same checks.

    Attributes:
        base: the other game.
    """

    base: Game

    def check(self, state: GameState, batch: Batch) -> None:
        """Raises InputError for a batch whose values do not fit."""
        self.base.check(state, batch)

    def check_condition(self, condition: Any) -> None:
        """Raises InputError for a condition whose values do not fit."""
        self.base.check_condition(condition)


def derived(
    game: Game,
    *,
    objectives: Mapping[str, Objective],
    memory: Mapping[str, Memory] | None = None,
) -> Derived:
    """Returns the game with other objectives, and with more memory.

    Players, samples and conditions are the same, so the states of both games differ
    only in the memory and in the counters of added objectives.

    Args:
        game: the game.
        objectives: objectives to add, or to replace those of the same name.
        memory: memories to add or to replace; by default none.
    """
    return Derived(
        base=game,
        objectives={**game.objectives, **objectives},
        memory={**game.memory, **(memory or {})},
        **{name: getattr(game, name) for name in _COPIED},
    )
