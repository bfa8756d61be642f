"""Checkpoints during training, and resumption from the newest of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxgan import processes
from jaxgan.checkpoint import Checkpoints
from jaxgan.checks import InputError
from jaxgan.feed import order_seed
from jaxgan.hooks.base import Hook, Run


class Checkpoint(Hook):
    """Saves the state and the hooks' notes, and resumes from the newest checkpoint.

    Pass it after the hooks that must act before a state is saved, such as `Evaluate`.

    Args:
        folder: folder of the checkpoints. If it holds some of the same run, the run
            continues from the newest valid one.
        every: steps between checkpoints; the last step has one.
        keep: number of the newest checkpoints to keep, at least 1.

    Raises:
        InputError: by `jaxgan.fit`, if the checkpoints there are of a run with another
            key, or their arrays have other names or shapes than the game's state. Other
            losses and settings, which may also change within a run, are not noticed.
        CheckpointError: by `jaxgan.fit`, if a checkpoint could not be written.
    """

    def __init__(self, folder: str | Path, *, every: int = 1_000, keep: int = 3):
        self.folder, self.every, self._keep = Path(folder), every, keep
        self.checkpoints: Checkpoints | None = None

    def restore(self, run: Run) -> None:
        how = {"keep": self._keep, "shards": run.shards}
        self.checkpoints = Checkpoints(self.folder, **how).__enter__()
        latest = self.checkpoints.latest
        if latest is None:
            return
        if latest < run.step:
            raise InputError(
                f"{self.folder} holds checkpoints up to step {latest}, but the state "
                f"given is already at step {run.step}. Use another folder."
            )
        state, notes = self.checkpoints.restore(run.state)
        saved = notes.get("order_seed", order_seed(run.key))
        if saved != order_seed(run.key):
            raise InputError(
                f"{self.folder} holds checkpoints of a run with another key (its data "
                f"has the seed {saved}, here {order_seed(run.key)}). Use another "
                "folder, or that key to continue that run."
            )
        run.continue_from(state, notes.get("hooks", {}))
        if processes.is_first():
            print(f"Continuing from the checkpoint of step {run.step}.")

    def begin(self, run: Run) -> None:
        # A state given at a later step may not be available for a restart: save it.
        if run.step > 0 and self._open.latest is None:
            self._save(run, noting=())

    def act(self, run: Run) -> None:
        self._save(run, noting=run.hooks)

    def stop(self, run: Run) -> bool:
        self._save(run, noting=run.hooks)
        self._open.wait()
        return True

    def close(self, error: BaseException | None) -> None:
        if self.checkpoints is None:
            return
        from jaxgan.loop import NonFiniteError

        kind = None if error is None else type(error)
        self.checkpoints.__exit__(kind, error, None)
        if isinstance(error, NonFiniteError):
            error.add_note(self._kept())

    @property
    def _open(self) -> Checkpoints:
        assert self.checkpoints is not None, "restore(run) first"
        return self.checkpoints

    def _save(self, run: Run, *, noting: Sequence[Hook]) -> None:
        """Saves the state; raises if it is not finite, which no metric shows yet."""
        from jaxgan.loop import NonFiniteError

        notes: dict[str, Any] = {
            "order_seed": order_seed(run.key),
            "hooks": {hook.name: hook.notes() for hook in noting if hook.name},
        }
        try:
            with processes.losing_peers():
                self._open.save(run.state, notes, step=run.step)
        except FloatingPointError as error:
            raise NonFiniteError(
                f"{error} Lower the learning rates or add a penalty, and start a new "
                "run."
            ) from error

    def _kept(self) -> str:
        latest = self._open.latest
        if latest is None:
            return "There is no checkpoint yet."
        return (
            f"The last good checkpoint, of step {latest}, is kept in "
            f"{self._open.directory}."
        )
