"""Keeps Orbax and TensorStore off the terminal: their errors are raised here."""

import logging
import sys
from pathlib import Path


def hush() -> None:
    """Drops Orbax's log lines, and the late errors of abandoned reads and writes.

    When one array cannot be read or written, Orbax gives up, and closes the event loop
    to which TensorStore reports on all the others. Each of those reports is then an
    exception that Python can only print. They come late, so they are always dropped.
    """
    logging.getLogger("absl").addFilter(_is_not_of_orbax)
    logging.getLogger("asyncio").addFilter(_was_not_left_behind)
    if sys.unraisablehook is not _last_hook:
        _install(sys.unraisablehook)


def _is_not_of_orbax(line: logging.LogRecord) -> bool:
    return "orbax" not in Path(line.pathname).parts


def _was_not_left_behind(line: logging.LogRecord) -> bool:
    text = line.getMessage()
    ours = any(name in text.lower() for name in ("orbax", "ocdbt", "tensorstore"))
    return not (ours and "exception was never retrieved" in text)


_last_hook = None


def _install(before) -> None:
    global _last_hook

    def hook(unraisable):
        error = unraisable.exc_value
        closed = (
            isinstance(error, RuntimeError) and str(error) == "Event loop is closed"
        )
        if not (closed and unraisable.object is None):
            before(unraisable)

    sys.unraisablehook = _last_hook = hook
