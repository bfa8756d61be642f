"""The record beside a checkpoint's arrays: their description, versions and devices.

A record is JSON: the format's number, versions, devices, the leaves with their SHA-256,
and the caller's notes. It is saved as ``{"record": ..., "sha256": ...}``, where the
hash is of the record's canonical JSON. All later formats keep this envelope, ``format``
and ``versions``, so that a newer format can be told from a damaged record.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import jax

from jaxgan import __version__
from jaxgan.checkpoint import leaves
from jaxgan.checkpoint.errors import Damaged
from jaxgan.checks import InputError

FORMAT = 2  # 1: up to jaxgan 0.1.0, states of two players only

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")
_NAMED_AT_MOST = 3


def make(
    state: Any, notes: dict[str, Any], shards: int | None = None
) -> dict[str, Any]:
    """Makes the record of a state.

    Args:
        state: the state, on the host.
        notes: JSON values by name.
        shards: number of exact shards, or None.

    Raises:
        TypeError: if the notes are not JSON values.
    """
    return {
        "format": FORMAT,
        "versions": versions(),
        "devices": devices(shards),
        "leaves": {
            path: _describe(leaf) for path, leaf in leaves.by_path(state).items()
        },
        "notes": _as_json(notes),
    }


def _describe(leaf: Any) -> dict[str, str]:
    return {"array": leaves.shape_of(leaf), "sha256": leaves.sha256(leaf)}


def _as_json(notes: dict[str, Any]) -> dict[str, Any]:
    try:
        # As they will be restored: a numeric key becomes a string, for example, which
        # would change the order of the canonical JSON.
        return json.loads(json.dumps(notes))
    except TypeError as error:
        raise TypeError(
            f"A checkpoint's notes must be JSON values, got {notes!r}: {error}. "
            "Convert arrays with .tolist() and NumPy's numbers with float() or int()."
        ) from error


def versions() -> dict[str, str]:
    """Returns the versions of the packages that a state's bits may depend on."""
    others = {name: metadata.version(name) for name in _PACKAGES}
    return {"jaxgan": __version__, **others}


def devices(shards: int | None) -> str:
    """Describes the devices of all processes, as far as the last bits depend on them.

    These are the devices' number, or with exact shards the shards', and their kind; on
    CPUs the threads too, see `jaxgan.environment.repeatable_on_cpus`.
    """
    number = jax.device_count() if shards is None else f"{shards} exact shards"
    one = jax.devices()[0]
    pool = f", {threads()} threads" if one.platform == "cpu" else ""
    return f"{number} x {one.device_kind}{pool}"


def threads() -> int:
    """Returns the number of threads that XLA's computations on CPUs share.

    There is one for each core that this process may use, or PJRT_NPROC of them, but at
    least one for each of its devices.
    """
    asked = os.environ.get("PJRT_NPROC", "")
    if asked.isdecimal():
        cores = int(asked)
    elif hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(cores, jax.local_device_count())


def seal(record: dict[str, Any]) -> dict[str, Any]:
    """Makes the envelope in which a record is written."""
    return {"record": record, "sha256": _hash(record)}


def unseal(envelope: Any) -> dict[str, Any]:
    """Returns the record in an envelope.

    Raises:
        Damaged: if it has changed since `seal` made it.
    """
    try:
        intact = envelope["sha256"] == _hash(envelope["record"])
    except (TypeError, KeyError):
        intact = False
    if not intact:
        raise Damaged("its record has changed since it was written")
    return envelope["record"]


def _hash(record: Any) -> str:
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def check_usable(record: dict[str, Any], like: Any, where: str) -> None:
    """Raises InputError unless this jaxgan can restore a record's state as ``like``.

    Args:
        record: an intact record.
        like: a state of the game that is trained here.
        where: the checkpoint's name in the message.
    """
    if record["format"] > FORMAT:
        raise InputError(
            f"{where} has format {record['format']}, written by jaxgan "
            f"{record['versions']['jaxgan']}; here is jaxgan {versions()['jaxgan']}, "
            f"which reads formats up to {FORMAT}. Install the newer jaxgan."
        )
    if record["format"] < FORMAT:
        raise InputError(
            f"{where} has format {record['format']}, written by jaxgan "
            f"{record['versions']['jaxgan']}; here is jaxgan {versions()['jaxgan']}, "
            f"whose states have another layout (format {FORMAT}). Finish that run with "
            "the jaxgan that began it, or start again in another --workdir."
        )
    there = {path: leaf["array"] for path, leaf in record["leaves"].items()}
    here = leaves.by_path(leaves.with_words(like))
    here = {path: leaves.shape_of(leaf) for path, leaf in here.items()}
    different = [
        f"{path}: {there.get(path, 'nothing')} there, {here.get(path, 'nothing')} here"
        for path in [*here, *(path for path in there if path not in here)]
        if here.get(path) != there.get(path)
    ]
    if different:
        more = len(different) - _NAMED_AT_MOST
        raise InputError(
            f"{where} belongs to another network, optimizer or memory. Differences: "
            f"{'; '.join(different[:_NAMED_AT_MOST])}"
            f"{f'; and {more} more' if more > 0 else ''}. Use the settings and "
            "the code that its run's config.json names, or begin another run."
        )


def remembered(record: dict[str, Any], memory: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the memories of which a record has leaves, or which have none."""
    there = tuple(record["leaves"])
    return {
        name: value
        for name, value in memory.items()
        if not jax.tree.leaves(value)
        or any(path.startswith(f".memory[{name!r}]") for path in there)
    }


def check_same(record: dict[str, Any], state: Any) -> None:
    """Raises Damaged unless the arrays equal those of the record to the bit."""
    for path, leaf in leaves.by_path(state).items():
        saved = record["leaves"][path]
        if saved != _describe(leaf):
            raise Damaged(f"{path} has changed since it was written")


def differences(record: dict[str, Any], shards: int | None) -> list[str]:
    """Returns the versions and devices that differ, as "name: there -> here"."""
    there = {**record["versions"], "devices": record["devices"]}
    here = {**versions(), "devices": devices(shards)}
    return [
        f"{name}: {there.get(name)} -> {here.get(name)}"
        for name in sorted({*there, *here})
        if there.get(name) != here.get(name)
    ]
