"""One checkpoint read back, checked to the bit, and put on the devices."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import orbax.checkpoint as ocp
from etils import epath  # Orbax's own paths

from jaxgan import processes
from jaxgan.checkpoint import leaves, record
from jaxgan.checkpoint.errors import Damaged, reason_of
from jaxgan.checks import InputError
from jaxgan.game import GameState

T = TypeVar("T")
_TRIES = 3  # to read while the run writes and removes checkpoints


class Restored(NamedTuple):
    """A checkpoint: the state, and the notes that were saved with it."""

    state: GameState
    notes: dict[str, Any]


def read(
    path: Path,
    like: GameState,
    shards: int | None = None,
    *,
    new_memory: bool = False,
) -> tuple[Restored, list[str]]:
    """Returns the checkpoint in ``path``, and the versions that differ from those here.

    With ``new_memory``, memories that the checkpoint lacks are those of ``like``.

    It does not use Orbax's own manager, in which processes wait for each other: one
    that cannot read would leave the others waiting.

    Raises:
        Damaged: if it cannot be read, or has changed since it was written.
        InputError: if it belongs to another network, or was saved by a newer jaxgan.
    """
    path = path.absolute()  # Orbax accepts no relative path
    found = _agreed("record", lambda: _read_record(path / "record"))
    memory = like.memory
    if new_memory:
        like = like.replace(memory=record.remembered(found, memory))
    record.check_usable(found, like, f"The checkpoint {path}")
    differences = record.differences(found, shards)
    try:
        state = _agreed("arrays", lambda: _read_arrays(path / "state", like, found))
    except Damaged as error:
        if not differences:
            raise
        others = "; ".join(differences)
        raise Damaged(f"{error} (or the versions differ: {others})") from error
    state = leaves.put_like(state, like)
    state = state.replace(memory={**memory, **state.memory})
    return Restored(state, found["notes"]), differences


def _agreed(what: str, read: Callable[[], T]) -> T:
    """Returns the result of ``read``, if it succeeds in every process.

    Raises:
        Damaged: in all processes, if it raises anything in one of them.
    """
    value, reason = None, ""
    try:
        value = read()
    except Damaged as error:
        reason = str(error)
    except Exception as error:  # TensorStore's are of many types
        reason = f"its {what} cannot be read ({reason_of(error)})"
    if processes.any_process(bool(reason)):
        raise Damaged(reason or f"another process cannot read its {what}")
    return cast(T, value)


def _read_record(path: Path) -> dict[str, Any]:
    with closing(ocp.JsonCheckpointHandler()) as handler:
        return record.unseal(handler.restore(epath.Path(path)))


def _read_arrays(path: Path, like: GameState, found: dict[str, Any]) -> Any:
    args = ocp.args.StandardRestore(leaves.unread(like))
    with closing(ocp.StandardCheckpointHandler()) as handler:
        state = handler.restore(epath.Path(path), args=args)
    record.check_same(found, state)
    return state


def read_one(
    directory: Path,
    like: GameState,
    *,
    step: int | None = None,
    new_memory: bool = False,
) -> Restored:
    """Returns a good checkpoint of a directory that another process may be writing.

    Nothing there is changed: a damaged checkpoint stays where it is.

    Args:
        directory: the directory of the checkpoints.
        like: a state of the same game, or its shapes.
        step: the checkpoint's step; by default that of the newest good one.
        new_memory: whether a memory that the checkpoint lacks, as when an augmentation
            is added, is that of ``like``. Otherwise the game is another one.

    Raises:
        InputError: if there is none; if it belongs to another network, or was saved by
            a newer jaxgan.
    """
    for _ in range(_TRIES):
        steps = _steps(directory) if step is None else [step]
        reasons = []
        for number in reversed(steps):
            path = directory / str(number)
            if not path.is_dir():
                continue  # meanwhile the run has replaced it by a newer one
            try:
                return read(path, like, new_memory=new_memory)[0]
            except Damaged as error:
                reasons.append(f"Step {number}: {error}.")
        if step is not None or set(steps) == set(_steps(directory)):
            break
    wanted = "a good checkpoint" if step is None else f"a checkpoint of step {step}"
    there = ", ".join(map(str, _steps(directory))) or "none"
    found = f"{directory} does not have {wanted}; there are: {there}."
    raise InputError(" ".join([found, *reasons]))


def _steps(directory: Path) -> list[int]:
    names = [path.name for path in directory.glob("*") if path.is_dir()]
    return sorted(int(name) for name in names if name.isdecimal())
