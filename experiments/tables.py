"""Tables of text."""

from collections.abc import Sequence


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Formats a table with aligned columns.

    Example:
        >>> print(text_table(["loss", "modes"], [["hinge", "8"]]))
        loss   modes
        hinge  8
    """
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            entry.ljust(width) for entry, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )
