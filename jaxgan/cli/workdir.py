"""A run's directory: its lock, and its config.json."""

import fcntl
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from jaxgan import processes
from jaxgan.checks import InputError
from jaxgan.cli import kept
from jaxgan.cli.config import MAY_CHANGE, PLACED, TrainConfig, identity
from jaxgan.data import DataSet
from jaxgan.environment import FLAGS, describe_environment
from jaxgan.files import write_json
from jaxgan.report import records

_OTHERWISE = "Put back a copy of it, or choose another --workdir."


@contextmanager
def claim(
    workdir: Path, record: dict[str, Any], defaults: Mapping[str, Any] | None = None
) -> Iterator[None]:
    """Claims the workdir for this run while the context lasts.

    Settings that may change between a run's sessions (`config.MAY_CHANGE`) are updated.

    Args:
        workdir: the workdir.
        record: the run's description, see `describe`.
        defaults: values of the settings that the run there lacks because it began
            before there were such settings.

    Raises:
        InputError: if the workdir cannot be written, holds a run of another config or
            one that has lost its checkpoints, holds files but no run, or another
            process is writing there.
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
        _lock(lock, workdir)
        if path.exists():
            old = records.read_config(workdir, otherwise=_OTHERWISE)
            _check_same(record, old, workdir, defaults or {})
            kept.check(workdir, old, steps=record["config"]["steps"])
            _write_changes(path, record, old)
        else:
            write_json(path, record)
        yield


def _lock(lock: IO, workdir: Path) -> None:
    try:
        # The system releases it when the process ends, however it ends.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"Another process is running in {workdir}. Wait for it, or choose another "
            "--workdir."
        ) from error
    except OSError as error:
        warnings.warn(
            f"The file system of {workdir} has no locks ({error.strerror}), so nothing "
            "keeps a second process out: start only one with this --workdir.",
            stacklevel=2,
        )


def check_shared(workdir: Path) -> None:
    """Raises InputError unless all processes see the files of the first one."""
    if processes.any_process(not (workdir / "config.json").exists()):
        raise InputError(
            f"Not all processes find the first one's files in the workdir {workdir}. "
            "Put --workdir on a file system that all processes share, at the same path."
        )


def is_finished(result: dict[str, Any] | None, config: TrainConfig) -> bool:
    """Returns whether a run has a result of at least the requested steps."""
    return result is not None and result["steps"] >= config.steps


def _write_changes(path: Path, record: dict[str, Any], old: dict[str, Any]) -> None:
    """Updates config.json, unless it already says the same."""
    if any(old["config"].get(k) != record["config"][k] for k in MAY_CHANGE):
        # The rest stays as it was when the run began.
        changed = {name: record["config"][name] for name in MAY_CHANGE}
        changed["steps"] = max(changed["steps"], old["config"]["steps"])
        write_json(path, {**old, "config": {**old["config"], **changed}})


def _check_not_foreign(workdir: Path) -> None:
    ours = {".lock", "config.json", "config.json.part"}
    found = {path.name for path in workdir.iterdir()}
    if "config.json" not in found and found - ours:
        raise InputError(
            f"The workdir {workdir} is not empty and holds no run (there is "
            f"{min(found - ours)}, but no config.json). Choose another --workdir."
        )


def _check_same(
    ours: dict[str, Any],
    old: dict[str, Any],
    workdir: Path,
    defaults: Mapping[str, Any],
) -> None:
    since = {k: v for k, v in defaults.items() if k in ours["config"]}
    here = _comparable(ours)
    there = _comparable({**old, "config": {**since, **old["config"]}})
    different = [
        f"{name}: {there.get(name)!r} there, {here.get(name)!r} here"
        for name in sorted({*here, *there})
        if here.get(name) != there.get(name)
    ]
    if different:
        raise InputError(
            f"{workdir} holds a run of another config. Differences: "
            f"{'; '.join(different)}. Choose another --workdir, or give the same "
            "values to continue that run."
        )


def _comparable(record: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields that must be equal for one run to continue another."""
    names = ("experiment", "data_fingerprint")
    flags = {**FLAGS, **record.get("flags", {})}
    config = {k: v for k, v in record["config"].items() if k not in MAY_CHANGE}
    kind, colon, _ = config["dataset"].partition(":")
    if kind in PLACED and colon:
        config["dataset"] = kind  # its path may change: the fingerprint is of content
    if config.get("embeddings"):
        config["embeddings"] = "given"  # likewise
    return {**{name: record[name] for name in names}, **flags, **config}


def describe(
    config: TrainConfig, data: DataSet, make_game: Callable[..., Any]
) -> dict[str, Any]:
    """Returns the content of config.json: enough to repeat the run and to load it."""
    example = data.train.batch(np.arange(1))
    return {
        "experiment": config.experiment,
        "config": identity(config),
        "made_by": {
            "module": _module_of(type(config)),
            "config_class": type(config).__qualname__,
            "make_game": getattr(make_game, "__qualname__", repr(make_game)),
        },
        "data_fingerprint": data.fingerprint,
        "credit": data.credit,
        "data": {
            "name": data.name,
            "classes": list(data.train.classes),
            "columns": {
                name: [str(column.dtype), list(column.shape[1:])]
                for name, column in example.items()
            },
            **_words(data),
        },
        "data_dir": str(config.data_dir),
        **describe_environment(),
    }


def _words(data: DataSet) -> dict[str, Any]:
    """Returns a captioned set's vocabulary, which its game is made from."""
    vocabulary = getattr(data, "vocabulary", None)
    return {} if vocabulary is None else {"vocabulary": vocabulary.as_json()}


def _module_of(config_class: type) -> str:
    """Returns the name to import a class's module by, even if it is ``__main__``."""
    name = config_class.__module__
    if name != "__main__":
        return name
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    return spec.name if spec is not None else Path(str(main.__file__)).stem
