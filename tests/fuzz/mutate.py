"""Mutations of files, and the bounds within which whatever reads them must stay."""

import contextlib
import resource
import signal
import struct
from collections.abc import Iterator

import numpy as np

SECONDS = 20  # for what takes milliseconds
MEBIBYTES = 2048
_EXTREME = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def mutated(content: bytes, random: np.random.Generator, other: bytes = b"") -> bytes:
    """Returns a file with one to four changes, each of a random kind at a random place.

    Args:
        content: the file.
        random: draws the changes.
        other: another file, of which a part may be copied in.
    """
    for _ in range(random.integers(1, 5)):
        change = _CHANGES[random.integers(len(_CHANGES))]
        content = change(content or b"\0", random, other or content)
    return content


def _place(content: bytes, random: np.random.Generator) -> int:
    """A place in the file: of two one is in the header, where most of the sense is."""
    end = min(len(content), 64) if random.integers(2) else len(content)
    return int(random.integers(max(end, 1)))


def _flip(content: bytes, random: np.random.Generator, other: bytes) -> bytes:
    changed, at = bytearray(content), _place(content, random)
    changed[at] ^= 1 << random.integers(8)
    return bytes(changed)


def _cut(content: bytes, random: np.random.Generator, other: bytes) -> bytes:
    return content[: int(random.integers(len(content) + 1))]


def _remove(content: bytes, random: np.random.Generator, other: bytes) -> bytes:
    at = _place(content, random)
    return content[:at] + content[at + int(random.integers(1, 40)) :]


def _insert(content: bytes, random: np.random.Generator, other: bytes) -> bytes:
    at, start = _place(content, random), _place(other, random)
    part = other[start : start + int(random.integers(1, 200))]
    return content[:at] + part + content[at:]


def _zero(content: bytes, random: np.random.Generator, other: bytes) -> bytes:
    at, count = _place(content, random), int(random.integers(1, 100))
    return content[:at] + bytes(len(content[at : at + count])) + content[at + count :]


def _number(content: bytes, random: np.random.Generator, other: bytes) -> bytes:
    """An extreme number, of 1, 2 or 4 bytes, in either order."""
    at, number = _place(content, random), int(random.choice(_EXTREME))
    form = str(random.choice(["<B", "<H", ">H", "<I", ">I"]))
    size = struct.calcsize(form)
    packed = struct.pack(form, number % 256**size)
    return content[:at] + packed + content[at + size :]


_CHANGES = (_flip, _cut, _remove, _insert, _zero, _number)


@contextlib.contextmanager
def bounded(what: str) -> Iterator[None]:
    """Fails if the block takes too long, or the process grows too much."""

    def late(*_):
        raise AssertionError(f"{what} took more than {SECONDS} s")

    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    before, handler = peak(), signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert peak() - before < MEBIBYTES, f"{what} took {peak() - before} MiB"
