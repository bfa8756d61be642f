"""TensorBoard events, written without PyTorch."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxgan import processes
from jaxgan.hooks.base import Hook, Run


class TensorBoard(Hook):
    """Writes each line of the log as scalars, one for each number.

    Args:
        folder: folder of the events.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self._writer: Any = None

    def begin(self, run: Run) -> None:
        if processes.is_first():
            self._writer = writer(self.folder, purge_step=run.step + 1)

    def line(self, run: Run, row: Mapping[str, Any]) -> None:
        if self._writer is not None:
            for name, value in row.items():
                if name != "step":
                    self._writer.add_scalar(name, value, row["step"])

    def close(self, error: BaseException | None) -> None:
        if self._writer is not None:
            self._writer.close()


def writer(folder: Path, *, purge_step: int) -> Any:
    """Returns a tensorboardX ``SummaryWriter`` of events in ``folder``.

    If PyTorch is installed, tensorboardX imports it, and a run would spend seconds and
    hundreds of MB on code it never calls. Without it, tensorboardX writes the same.

    Args:
        folder: folder of the events.
        purge_step: the step from which on TensorBoard hides earlier events.
    """
    modules: dict[str, Any] = sys.modules
    hidden = "torch" not in modules
    if hidden:
        modules["torch"] = None  # so that `import torch` fails
    try:
        from tensorboardX import SummaryWriter
    finally:
        if hidden:
            del modules["torch"]
    return SummaryWriter(str(folder), purge_step=purge_step)
