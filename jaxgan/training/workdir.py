"""A run's directory: who may write there, and what is written."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jaxgan import processes
from jaxgan.checks import InputError
from jaxgan.environment import FLAGS, describe_environment
from jaxgan.files import write_atomically, write_json
from jaxgan.training import board
from jaxgan.training.config import TrainConfig, identity


@contextmanager
def claim(config: TrainConfig, workdir: Path, fingerprint: str) -> Iterator[None]:
    """Makes the workdir this run's own, for as long as the context lasts.

    Args:
        config: what runs.
        workdir: where.
        fingerprint: the data set's; a run is not continued on other images.

    Raises:
        InputError: if it cannot be written, holds a run of another config, holds files
            that are no run's, or another process is writing there.
    """
    path = workdir / "config.json"
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        _check_not_foreign(workdir)
        lock = (workdir / ".lock").open("a")
    except OSError as error:
        raise InputError(
            f"The workdir {workdir} cannot be written: {error.strerror}. Choose "
            "another with --workdir."
        ) from error
    with lock:
        try:
            # Released by the system when the process ends, however it ends.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"Another process is running in {workdir}. Wait for it, or choose "
                "another --workdir."
            ) from error
        ours = describe(config, fingerprint)
        if path.exists():
            _check_same(ours, path)
        else:
            write_json(path, ours)
        yield


def check_shared(workdir: Path) -> None:
    """Raises InputError unless all processes see what the first one wrote."""
    if processes.any_process(not (workdir / "config.json").exists()):
        raise InputError(
            f"Not all processes find the first one's files in the workdir {workdir}. "
            "Put --workdir on a file system that all processes share, under one path."
        )


def read_result(workdir: Path) -> dict[str, Any] | None:
    """result.json, or None if the run is not finished."""
    path = workdir / "result.json"
    return json.loads(path.read_text()) if path.exists() else None


def _check_not_foreign(workdir: Path) -> None:
    ours = {".lock", "config.json", "config.json.part"}
    found = {path.name for path in workdir.iterdir()}
    if "config.json" not in found and found - ours:
        raise InputError(
            f"The workdir {workdir} is not empty and holds no run (there is "
            f"{min(found - ours)}, but no config.json). Choose another --workdir."
        )


def _check_same(ours: dict[str, Any], path: Path) -> None:
    try:
        here, there = _comparable(ours), _comparable(json.loads(path.read_text()))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not a run's config: {error!r}. Choose another --workdir."
        ) from error
    different = [
        f"{name}: {there.get(name)!r} there, {here.get(name)!r} here"
        for name in sorted({*here, *there})
        if here.get(name) != there.get(name)
    ]
    if different:
        raise InputError(
            f"{path.parent} holds a run of another config. What differs: "
            f"{'; '.join(different)}. Choose another --workdir, or give the same "
            "values to continue that run."
        )


def _comparable(record: dict[str, Any]) -> dict[str, Any]:
    """What must be equal for one run to continue another."""
    names = ("experiment", "data_fingerprint")
    flags = {**FLAGS, **record.get("flags", {})}
    return {**{name: record[name] for name in names}, **flags, **record["config"]}


def describe(config: TrainConfig, fingerprint: str) -> dict[str, Any]:
    """What config.json holds: enough to run the same again."""
    return {
        "experiment": config.experiment,
        "config": identity(config),
        "data_fingerprint": fingerprint,
        "data_dir": str(config.data_dir),
        **describe_environment(),
    }


class MetricsLog:
    """metrics.jsonl, and TensorBoard events beside it.

    Args:
        workdir: the run's directory.
        step: the step that the run starts from; what a stopped run wrote beyond it is
            dropped, since it will be written again.

    Attributes:
        seconds: how long the steps before took, over all sessions of the run.
    """

    def __init__(self, workdir: Path, step: int):
        self.path = workdir / "metrics.jsonl"
        lines = [row for row in read_metrics(workdir) if row["step"] <= step]
        text = "".join(json.dumps(row) + "\n" for row in lines)
        write_atomically(self.path, text.encode())
        self.seconds: float = lines[-1]["seconds"] if lines else 0.0
        self._board = board.writer(workdir / "tensorboard", purge_step=step + 1)

    def write(self, row: dict[str, Any]) -> None:
        """One line, and one TensorBoard point for each number."""
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        for name, value in row.items():
            if name != "step":
                self._board.add_scalar(name, value, row["step"])

    def close(self) -> None:
        """Writes what TensorBoard's writer still holds."""
        self._board.close()


def read_metrics(workdir: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl; a last line that was cut off is left out."""
    path = workdir / "metrics.jsonl"
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
