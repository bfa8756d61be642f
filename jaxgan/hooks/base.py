"""Hooks as `jaxgan.fit` sees them, and a run as its hooks see it."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan import processes
from jaxgan.game import Game, GameState
from jaxgan.sampling import Sampler
from jaxgan.typing import Key


class Run:
    """A run of `fit`, as its hooks see it.

    Attributes:
        game: the game.
        key: the run's key.
        steps: the last step.
        data: the examples that it plays, a `jaxgan.data.DataSet` or a table; None where
            they come from an iterator.
        hooks: all of them.
        shards: number of exact shards, or None.
        state: the state now.
        notes: of each hook, by its name, from the checkpoint that it continues.
    """

    def __init__(
        self,
        game: Game,
        state: GameState,
        key: Key,
        *,
        steps: int,
        data: Any = None,
        hooks: Sequence[Any] = (),
        shards: int | None = None,
    ):
        self.game, self.key, self.steps = game, key, steps
        self.data, self.hooks, self.shards = data, tuple(hooks), shards
        self.state = state
        self.notes: dict[str, Any] = {}
        self.step = int(state.rounds)

    @property
    def sampler(self) -> Sampler:
        """The game's samples, by the networks as they are now."""
        return Sampler(self.game, self.state)

    def continue_from(self, state: GameState, notes: Mapping[str, Any]) -> None:
        """Puts a saved state, and what the hooks noted, in place of the first one."""
        self.state, self.notes = state, dict(notes)
        self.step = int(state.rounds)

    def say(self, text: str) -> None:
        """Prints a line on stderr, above a progress bar if there is one."""
        from tqdm import tqdm  # which the library's import does without

        if processes.is_first() and sys.stderr is not None:
            tqdm.write(text, file=sys.stderr)


class Hook:
    """Something that happens while a game trains; each method does nothing here.

    `jaxgan.fit` calls, of all hooks in their order: `restore` and `begin` once;
    `advance` after each chunk of steps; where a hook is due, `measure`, whose numbers
    become one line of the log; `line` with that line; `act`; then `end` after the last
    step, and `close` in any case. With several processes all of them call all methods,
    and `jaxgan.processes.is_first` tells which one writes files.

    Attributes:
        every: the hook is due every so many steps, and after the last one; None: only
            after the last one.
        name: under which its notes are kept in a checkpoint.
    """

    every: int | None = None
    name: str = ""

    def restore(self, run: Run) -> None:
        """Replaces the run's state and notes by saved ones, before it begins."""

    def begin(self, run: Run) -> None:
        """Prepares for steps from ``run.step`` on."""

    def advance(self, run: Run, metrics: Mapping[str, np.ndarray]) -> None:
        """Takes the metrics of the steps just played, ``[steps]`` each."""

    def measure(self, run: Run) -> Mapping[str, float]:
        """Returns numbers by name, for the line of this step."""
        return {}

    def line(self, run: Run, row: Mapping[str, Any]) -> None:
        """Takes a line: "step", and what all hooks measured at it."""

    def act(self, run: Run) -> None:
        """Acts on the state as it is now, the line being written."""

    def stop(self, run: Run) -> bool:
        """Saves the state before the run stops early; returns whether it did."""
        return False

    def end(self, run: Run) -> None:
        """Finishes a run that has played its last step."""

    def close(self, error: BaseException | None) -> None:
        """Releases what it holds, after the end or after an error."""

    def notes(self) -> dict[str, Any]:
        """Returns what it must know again to continue from a checkpoint, as JSON."""
        return {}
