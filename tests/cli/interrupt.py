"""Ends a run in this process as Ctrl-C pressed twice would: nothing more is saved."""

from typing import Any

import pytest

from jaxgan.hooks import Log


def interrupted(run, *args: Any, at: int) -> None:
    """Plays ``run(*args)`` until the line of step ``at`` is in the log."""
    write = Log.line

    def strike(self, state, row):
        write(self, state, row)
        if row["step"] == at:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Log, "line", strike)
        with pytest.raises(KeyboardInterrupt):
            run(*args)


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns lines of the log without what depends on the machine's speed."""
    times = ("seconds", "images_per_second")
    return [{k: v for k, v in row.items() if k not in times} for row in rows]
