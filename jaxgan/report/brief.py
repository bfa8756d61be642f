"""Shortening for display: evenly spaced entries, and the beginning of long text."""

from collections.abc import Mapping, Sequence
from typing import Any

MOST = 10
"""The maximum number of entries shown of one group, such as the classes."""

_LONGEST = 300  # characters of a value, or of a name


def spread(count: int, most: int = MOST) -> list[int]:
    """Returns at most ``most`` evenly spaced positions, with the first and the last.

    Example:
        >>> spread(3), spread(300, 4)
        ([0, 1, 2], [0, 99, 199, 299])
    """
    shown = min(count, most)
    last = max(shown - 1, 1)
    return [i * (count - 1) // last for i in range(shown)]


def few(group: Mapping[str, Any]) -> dict[str, Any]:
    """Returns at most `MOST` entries of a group, evenly spaced."""
    names: Sequence[str] = list(group)
    return {names[i]: group[names[i]] for i in spread(len(names))}


def text(value: Any, most: int = _LONGEST) -> str:
    r"""Returns a value as text of bounded length that can be printed anywhere.

    Example:
        >>> text("a\tb" + "c" * 20, 10)
        'a\\tbcccccc…'
    """
    shown = str(value)
    cut = shown if len(shown) <= most else shown[: most - 1] + "…"
    return "".join(c if c.isprintable() else _escaped(c) for c in cut)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()
