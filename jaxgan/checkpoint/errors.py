"""Errors and warnings of checkpoints."""

import errno
import os

# A full disk, a full quota, a file larger than the limit.
FULL = [os.strerror(n) for n in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)]


class CheckpointError(RuntimeError):
    """A checkpoint could not be written.

    The message says why, and which checkpoint is the last good one.
    """


class CheckpointWarning(UserWarning):
    """A damaged checkpoint was skipped, or one was saved with other versions."""


class Damaged(Exception):
    """A checkpoint cannot be read, or has changed since it was saved; says why."""


def reason_of(error: BaseException) -> str:
    """Returns the first line of an exception, without TensorStore's internals."""
    text = str(error).strip() or type(error).__name__
    for full in FULL:
        if full in text:
            return full
    # TensorStore lists its settings, in brackets; others take many lines.
    return text.splitlines()[0].split(" [tensorstore_spec")[0].rstrip(".:")
