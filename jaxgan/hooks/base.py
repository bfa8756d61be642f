"""The interface between `jaxgan.fit` and its hooks: `Hook` and `Run`."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan import processes
from jaxgan.checks import InputError
from jaxgan.game import Game, GameState
from jaxgan.sampling import Sampler
from jaxgan.typing import Key


class Run:
    """A run of `jaxgan.fit`, as passed to its hooks.

    Attributes:
        game: the game.
        key: the run's key.
        steps: the last step.
        data: the examples to train on, a `jaxgan.data.DataSet` or a table; None if they
            come from an iterator.
        hooks: all hooks of the run.
        shards: number of exact shards, or None.
        state: the current state.
        step: the number of steps that are finished.
        notes: notes of each hook, by name, from the checkpoint that the run continues.
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
        """A sampler of the game, with the current networks."""
        return Sampler(self.game, self.state)

    def continue_from(self, state: GameState, notes: Mapping[str, Any]) -> None:
        """Replaces the initial state and notes by saved ones."""
        self.state, self.notes = state, dict(notes)
        self.step = int(state.rounds)

    def data_for(self, hook: Any, given: Any) -> Any:
        """Returns the data given to a hook, by default those of the run.

        Raises:
            InputError: if there are none, since the run trains on an iterator.
        """
        data = self.data if given is None else given
        if data is None:
            name = type(hook).__name__
            raise InputError(
                f"{name} has no data to compare the samples with, since the run trains "
                f"on an iterator; give {name}(data=...)."
            )
        return data

    def say(self, text: str) -> None:
        """Prints a line on stderr, above a progress bar if there is one."""
        from tqdm import tqdm  # not needed to import the library

        if processes.is_first() and sys.stderr is not None:
            tqdm.write(text, file=sys.stderr)


class Hook:
    """The base class of actions during training; its methods do nothing.

    `jaxgan.fit` calls the hooks in order: `restore` and `begin` once; `advance` after
    each chunk of steps; for the hooks that are due, `measure`, whose numbers become one
    line of the log; for all hooks, `line` with that line; for those due, `act`; then
    `end` after the last step, and `close` in any case. With several processes, all of
    them call all methods, and `jaxgan.processes.is_first` tells which one writes files.

    Attributes:
        every: steps between the calls when the hook is due; it is also due after the
            last step. None: only after the last step.
        name: the name under which its notes are kept in a checkpoint.
    """

    every: int | None = None
    name: str = ""

    def restore(self, run: Run) -> None:
        """Replaces the run's state and notes by saved ones, before the run begins."""

    def begin(self, run: Run) -> None:
        """Prepares for steps from ``run.step`` on."""

    def advance(self, run: Run, metrics: Mapping[str, np.ndarray]) -> None:
        """Receives the metrics of the steps just completed, ``[steps]`` each."""

    def measure(self, run: Run) -> Mapping[str, float]:
        """Returns numbers by name, for this step's line of the log."""
        return {}

    def line(self, run: Run, row: Mapping[str, Any]) -> None:
        """Receives a line of the log: "step", and what all hooks measured at it."""

    def act(self, run: Run) -> None:
        """Acts on the current state, after the line is written."""

    def stop(self, run: Run) -> bool:
        """Saves the state before the run stops early; returns whether it did."""
        return False

    def end(self, run: Run) -> None:
        """Finishes a run after its last step."""

    def close(self, error: BaseException | None) -> None:
        """Releases the hook's resources, after the end or after an error."""

    def notes(self) -> dict[str, Any]:
        """Returns what the hook needs to continue from a checkpoint, as JSON values."""
        return {}
