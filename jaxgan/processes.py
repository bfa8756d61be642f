"""Several processes, on one host or many, that play one game together.

Each runs the same program on its own devices. They agree on whatever could differ
between them, and only the first writes files (except Orbax, which needs them all).
"""

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxgan.checks import InputError

# A process that has been silent for this long counts as lost.
_HEARTBEAT_SECONDS = 30
_AGAIN = (
    "Give the same command again to all processes, as many as you like; they continue "
    "from the last checkpoint."
)
_BY_HAND = "give --coordinator HOST:PORT --processes N --process I."


class PeerLostError(RuntimeError):
    """Another process of the run has ended, or cannot be reached."""


def join(
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
    *,
    timeout_seconds: int = 120,
) -> None:
    """Makes this process one of several. Call it before JAX is used.

    Args:
        coordinator: ``host:port`` of the first process; None lets JAX detect the
            cluster (Slurm, GKE, Cloud TPU, Open MPI) and both numbers.
        processes: number of processes.
        process: index of this one, from 0.
        timeout_seconds: time to wait for the others. XLA then aborts the process,
            with exit code 134, and the last line on stderr says why.

    Raises:
        InputError: if the three are not given together or are invalid, if none are
            given and no cluster is detected, or if the port is not free.
    """
    _check_place(coordinator, processes, process)
    who = "This process" if process is None else f"Process {process}"
    _watch(
        f"{who} could not join the others within {timeout_seconds} seconds"
        f"{'' if coordinator is None else f', at {coordinator}'}. Check that all are "
        "started, with the same coordinator and the same number of processes, and can "
        "reach it."
    )
    # JAX's handler would swallow a SIGTERM; the training loop has its own.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            coordinator,
            processes,
            process,
            initialization_timeout=timeout_seconds,
            heartbeat_timeout_seconds=_HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=_HEARTBEAT_SECONDS,
        )
    except (ValueError, RuntimeError) as error:
        _dismiss_watchers()
        raise InputError(
            f"The processes of this run could not be joined: "
            f"{str(error).splitlines()[0]} Outside of a cluster that JAX detects, "
            f"{_BY_HAND}"
        ) from error
    _dismiss_watchers()
    _watch(
        f"Process {jax.process_index()} of the run ended early: it was killed, or it "
        f"lost the first process. {_AGAIN}"
    )


def _check_place(
    coordinator: str | None, processes: int | None, process: int | None
) -> None:
    """Raises InputError unless all three are given and consistent, or none is."""
    if coordinator is None and processes is None and process is None:
        return
    if coordinator is None or processes is None or process is None:
        raise InputError(
            "Give --coordinator HOST:PORT, --processes N and --process I together, or "
            "none of them with --distributed."
        )
    host, _, port = coordinator.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 2**16):
        raise InputError(
            f"--coordinator must be HOST:PORT of the first process, got {coordinator}."
        )
    if not 0 <= process < processes:
        raise InputError(
            f"--process counts from 0 and must be below --processes, got --process "
            f"{process} of --processes {processes}."
        )


def is_first() -> bool:
    """Returns whether this is the process that writes files."""
    return jax.process_index() == 0


def gather(value: Any) -> np.ndarray:
    """Returns the values of all processes, ``[p ...]``; all must call it."""
    if jax.process_count() == 1:
        return np.asarray(value)[None]
    with losing_peers():
        return np.asarray(multihost_utils.process_allgather(np.asarray(value)))


def any_process(flag: bool) -> bool:
    """Returns whether the flag is set in any process; all must call it."""
    return bool(gather(np.int32(flag)).any())


def check_same(digest: str) -> None:
    """Raises RuntimeError unless all processes have the same SHA-256."""
    digests = gather(np.frombuffer(bytes.fromhex(digest), np.uint8))
    if not (digests == digests[0]).all():
        listed = ", ".join(row.tobytes().hex()[:12] for row in digests)
        raise RuntimeError(
            f"The processes ended with different states ({listed}). Their data, their "
            "versions or their hardware differ."
        )


def first_decides(action: Callable[[], Any]) -> Any:
    """Calls ``action`` in the first process only; all return its result, a JSON value.

    Raises:
        InputError: in every process, if the first one's call raises it.
    """
    if jax.process_count() == 1:
        return action()
    outcome = None
    if is_first():
        try:
            outcome = {"value": action()}
        except InputError as error:
            outcome = {"error": str(error)}
    text = np.frombuffer(json.dumps(outcome).encode(), np.uint8)
    length = int(gather(np.int32(len(text)))[0])
    outcome = json.loads(gather(np.resize(text, length))[0].tobytes())
    if "error" in outcome:
        raise InputError(outcome["error"])
    return outcome["value"]


@contextmanager
def losing_peers() -> Iterator[None]:
    """Returns a context that turns a lost connection to a peer into a PeerLostError."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        # Running out of memory is this process's own failure: no peer is lost.
        if jax.process_count() == 1 or "RESOURCE_EXHAUSTED" in str(error):
            raise
        raise PeerLostError(
            "Another process of this run has ended or cannot be reached "
            f"({str(error).splitlines()[0][:200]}). {_AGAIN}"
        ) from error


def leave(code: int) -> NoReturn:
    """Ends this process with an exit code, after its reason has been printed.

    If there are other processes, it does not raise SystemExit: at the interpreter's
    exit JAX waits for all of them, and they would wait for this one.
    """
    if jax.process_count() == 1:
        raise SystemExit(code)
    _dismiss_watchers()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


# When a process has lost the first one, XLA ends it at once, from XLA's own thread: no
# handler in that process could say why. A watcher outlives it.
_WATCHER = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if sys.stdin.read() != "at ease":
    print("\\nstopped: " + sys.argv[1], file=sys.stderr, flush=True)
"""
_watchers: list[subprocess.Popen[str]] = []


def _watch(last_words: str) -> None:
    """Prints ``last_words`` if this process ends before it dismisses its watchers."""
    command = [sys.executable, "-c", _WATCHER, last_words]
    _watchers.append(subprocess.Popen(command, stdin=subprocess.PIPE, text=True))
    atexit.register(_dismiss_watchers)


def _dismiss_watchers() -> None:
    while _watchers:
        _watchers.pop().communicate("at ease")
