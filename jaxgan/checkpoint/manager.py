"""Checkpoints by Orbax: asynchronous, atomic, checked to the bit, never unpickled."""

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orbax.checkpoint as ocp

from jaxgan import processes
from jaxgan.checkpoint import leaves, quiet, record
from jaxgan.checkpoint.errors import (
    FULL,
    CheckpointError,
    CheckpointWarning,
    Damaged,
    reason_of,
)
from jaxgan.checkpoint.reading import Restored, read
from jaxgan.checks import InputError
from jaxgan.game import GameState


class Checkpoints:
    """The checkpoints of one run, named by its finished steps.

    A context manager; leaving it waits until all is on disk. With several processes
    all call the same methods, and ``directory`` is visible to all of them.

    Args:
        directory: the directory, created if missing.
        keep: number of the newest checkpoints to keep, at least 1.
        shards: the run's exact shards, see `jaxgan.shards`, or None.

    Raises:
        InputError: if no checkpoint would be kept.
        CheckpointError: if the directory cannot be used, and on leaving the context, if
            the last checkpoint could not be written. If another exception leaves the
            context, this error is added to it as a note.
    """

    def __init__(self, directory: Path, *, keep: int = 3, shards: int | None = None):
        if keep < 1:
            raise InputError(f"A run must keep at least 1 checkpoint, got keep={keep}.")
        self.directory, self._shards = directory.absolute(), shards
        self._writing: int | None = None
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep,
            create=True,
            lightweight_initialize=True,  # a damaged timestamp would raise otherwise
        )
        quiet.hush()
        try:
            self._manager = ocp.CheckpointManager(self.directory, options=options)
        except OSError as error:
            raise CheckpointError(
                f"Checkpoints cannot be written to {self.directory}: {error.strerror}. "
                "Choose another directory."
            ) from error

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        try:
            with self._reported():
                try:
                    self._manager.wait_until_finished()
                finally:
                    self._manager.close()
        except (CheckpointError, processes.PeerLostError) as failure:
            if error is None:
                raise
            error.add_note(str(failure))

    @property
    def latest(self) -> int | None:
        """The step of the newest checkpoint that is completely on disk."""
        return max(self._steps(), default=None)

    def _steps(self) -> list[int]:
        # Orbax also counts one that is still being written; a rename finishes it.
        names = [path.name for path in self.directory.glob("*") if path.is_dir()]
        return sorted(int(name) for name in names if name.isdecimal())

    def save(
        self,
        state: GameState,
        notes: dict[str, Any] | None = None,
        *,
        step: int | None = None,
    ) -> None:
        """Starts writing a copy of the state, which may then be donated.

        A step that is already on disk is not written again.

        Args:
            state: the state.
            notes: JSON values by name, kept in the same checkpoint. They are restored
                as JSON values: a tuple as a list.
            step: the checkpoint's name; by default the state's step.

        Raises:
            FloatingPointError: if the state is not finite. Nothing is written then,
                and the older checkpoints stay.
            TypeError: if the notes are not JSON values.
            CheckpointError: if this checkpoint or the one before could not be written.
        """
        leaves.check_finite(state)
        self.wait()
        step = int(state.step) if step is None else step
        if step in self._steps():
            return
        host = leaves.on_host(state)
        sealed = record.seal(record.make(host, notes or {}, self._shards))
        items = ocp.args.Composite(
            # Orbax copies NumPy arrays, unlike those of JAX, before it returns.
            state=ocp.args.StandardSave(host),
            record=ocp.args.JsonSave(sealed),
        )
        self._writing = step
        with self._reported():
            self._manager.save(step, args=items, force=True)

    def wait(self) -> None:
        """Waits until all is on disk.

        Raises:
            CheckpointError: if the last checkpoint could not be written.
        """
        with self._reported():
            self._manager.wait_until_finished()

    def restore(self, like: GameState) -> Restored:
        """Returns the newest checkpoint that has not changed by a bit since its save.

        Newer ones that are damaged are moved to ``damaged`` beside the directory, so
        that the run can save those steps again, and a `CheckpointWarning` names them.
        It also warns of versions or devices other than those that saved the checkpoint;
        with exact shards the number of devices does not matter.

        Args:
            like: a state of the same game, such as the initial one. The restored
                arrays go to the devices of its arrays.

        Raises:
            InputError: if there is no checkpoint; if none is good, in which case all
                stay where they are; if it belongs to another network, or was saved by
                a newer jaxgan.
        """
        self.wait()
        damaged: dict[int, str] = {}
        for step in reversed(self._steps()):
            try:
                path = self.directory / str(step)
                restored, differences = read(path, like, self._shards)
            except Damaged as error:
                damaged[step] = str(error)
                continue
            self._pass_over(damaged, step)
            if differences:
                warnings.warn(
                    f"The checkpoint of step {step} in {self.directory} was saved with "
                    "other versions or devices than here "
                    f"({'; '.join(differences)}). The draws are the same, but the last "
                    "bits of the results may differ.",
                    CheckpointWarning,
                    stacklevel=2,
                )
            return restored
        if not damaged:
            raise InputError(f"There is no checkpoint in {self.directory}.")
        raise InputError(
            f"No checkpoint in {self.directory} is good. {_list(damaged)} Nothing was "
            "deleted. Copy them again if they came from elsewhere, or start again in "
            "another --workdir."
        )

    def _pass_over(self, damaged: dict[int, str], used: int) -> None:
        if damaged and processes.is_first():
            moved = [self._set_aside(step) for step in damaged]
            warnings.warn(
                f"Using the checkpoint of step {used} in {self.directory}, since newer "
                f"ones are damaged. {_list(damaged)} {' '.join(moved)}",
                CheckpointWarning,
                stacklevel=3,
            )
        if damaged:
            processes.any_process(False)  # the others wait until all are moved
            self._manager.reload()

    def _set_aside(self, step: int) -> str:
        folder = self.directory.parent / "damaged"
        try:
            folder.mkdir(exist_ok=True)
            target, count = folder / str(step), 1
            while target.exists():
                count += 1
                target = folder / f"{step}-{count}"
            shutil.move(self.directory / str(step), target)
        except OSError as error:
            return f"Step {step} could not be moved away: {error.strerror}."
        return f"Step {step} was moved to {target}."

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Returns a context that raises the writer's errors as a CheckpointError.

        If the writers wait for a process that is lost, it is a PeerLostError.
        """
        try:
            with processes.losing_peers():
                yield
        except processes.PeerLostError:
            raise
        except Exception as error:
            # Orbax has already dropped the checkpoints to be replaced from its list.
            self._manager.reload()
            good = self.latest
            kept = (
                "There is no earlier one."
                if good is None
                else f"The last good one, of step {good}, is kept, and the same "
                "command continues from it."
            )
            reason = reason_of(error)
            full = " Make room there, or raise the limit." if reason in FULL else ""
            raise CheckpointError(
                f"The checkpoint of step {self._writing} could not be written to "
                f"{self.directory}: {reason}.{full} {kept}"
            ) from error


def _list(damaged: dict[int, str]) -> str:
    return " ".join(f"Step {step}: {reason}." for step, reason in damaged.items())
