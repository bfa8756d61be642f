"""The one `main` of all commands: from flags to exit codes, without tracebacks."""

import errno
import signal
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from jaxgan import processes
from jaxgan.checkpoint.errors import CheckpointError
from jaxgan.checks import InputError
from jaxgan.cli import streams
from jaxgan.loop import NonFiniteError
from jaxgan.signals import Stopped

EXIT_BAD_INPUT = 2
EXIT_NON_FINITE = 3
EXIT_NOT_WRITTEN = 4
EXIT_PEER_LOST = 5
EXIT_SIGNAL = 128  # plus the signal's number, as shells do: 130 SIGINT, 143 SIGTERM
_FULL = {errno.ENOSPC, errno.EDQUOT}
_CANNOT_WRITE = {*_FULL, errno.EROFS, errno.EIO}  # also for an unnamed file

C = TypeVar("C")


def main(
    config_class: Callable[..., C],
    run: Callable[[C], Any],
    *,
    prog: str,
    description: str | None = None,
    arguments: Sequence[str] | None = None,
    presets: Mapping[str, C] | None = None,
) -> Any:
    """Parses a command line into a config, runs it, and turns errors into exit codes.

    Exits with 2 for input that cannot be used; 3 when a metric became non-finite; 4
    when files could not be read or written; 5 when another process of the run was lost;
    130 and 143 when stopped by SIGINT and SIGTERM. The message says what to do.

    Args:
        config_class: a frozen dataclass; its comments are the help.
        run: the function to call with the config.
        prog: the command's name in its help, such as "python -m experiments.mlp".
        description: the help's first part.
        arguments: the command line; by default this process's.
        presets: whole configs by name, for ``--preset NAME``: its values become the
            defaults of the other flags. The class then has a field ``preset``.

    Returns:
        The result of ``run``.
    """
    import tyro

    streams.make_safe()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    how: dict[str, Any] = {"prog": prog, "description": description, "args": arguments}
    if presets:
        how["default"] = guarded(lambda: preset_of(arguments, presets))
    config = tyro.cli(config_class, **how)
    return guarded(lambda: run(config))


def preset_of(arguments: Sequence[str], presets: Mapping[str, C]) -> C:
    """Returns the preset that a command line's ``--preset`` names, else the first.

    Raises:
        InputError: there is no such preset.
    """
    name = next(iter(presets))
    for at, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        if flag == "--preset":
            name = value if equals else "".join(arguments[at + 1 : at + 2])
    if name not in presets:
        raise InputError(
            f"--preset must be one of {', '.join(presets)}; got {name or 'nothing'}."
        )
    return presets[name]


def guarded(action: Callable[[], Any]) -> Any:
    """Returns the result of ``action``; ends the process if it raises, see `main`."""
    warnings.showwarning = _show_warning
    streams.make_safe()
    try:
        with processes.losing_peers():
            return action()
    except InputError as error:
        _exit(f"error: {error}", EXIT_BAD_INPUT)
    except NonFiniteError as error:
        notes = getattr(error, "__notes__", [])
        _exit(" ".join([f"stopped: {error}", *notes]), EXIT_NON_FINITE)
    except CheckpointError as error:
        _exit(f"stopped: {error}", EXIT_NOT_WRITTEN)
    except OSError as error:
        if error.filename is None and error.errno not in _CANNOT_WRITE:
            raise
        _exit(_of_file(error), EXIT_NOT_WRITTEN)
    except processes.PeerLostError as error:
        _exit(f"stopped: {error}", EXIT_PEER_LOST)
    except Stopped as stop:
        _exit(f"\n{stop}", EXIT_SIGNAL + stop.signal)
    except KeyboardInterrupt:
        _exit(
            "\ninterrupted. Give the same command again; a run continues from what was "
            "saved.",
            EXIT_SIGNAL + signal.SIGINT,
        )


def _exit(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    processes.leave(code)


def _of_file(error: OSError) -> str:
    failed = "written" if error.errno in _CANNOT_WRITE else "read or written"
    advice = "make room" if error.errno in _FULL else "put that right"
    return (
        f"stopped: {error.filename or 'a file'} could not be {failed}: "
        f"{error.strerror}; {advice}, and give the same command again. A run continues "
        "from its last checkpoint."
    )


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """Prints a warning without its place in the code, which means nothing to a user."""
    print(f"warning: {message}", file=file or sys.stderr)
