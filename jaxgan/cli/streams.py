"""A command's stdout and stderr: if they fail, its work goes on."""

import io
import os
import stat
import sys
from typing import Any


def make_safe() -> None:
    """Makes `print` in this process never fail.

    Characters that the terminal's encoding lacks are escaped: file names may hold any
    bytes. Output after the reader of a pipe has left (``| head``) is discarded, and so
    is all output without a stream (``>&-``).
    """
    for name in ("stdout", "stderr"):
        setattr(sys, name, _safe(getattr(sys, name)))


class _Pipe(io.FileIO):
    """A pipe that discards its input once its reader has left."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except BrokenPipeError:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self.fileno())
            return super().write(content)


def _safe(stream: Any) -> Any:
    if stream is None:
        return open(os.devnull, "w")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.reconfigure(errors="backslashreplace")
    file = getattr(stream.buffer, "raw", stream.buffer)  # itself, if unbuffered
    if type(file) is not io.FileIO or not _is_pipe(file.fileno()):
        return stream
    stream.flush()
    pipe = _Pipe(file.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        pipe if stream.buffer is file else io.BufferedWriter(pipe),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _is_pipe(number: int) -> bool:
    mode = os.fstat(number).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
