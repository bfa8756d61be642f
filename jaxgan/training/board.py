"""TensorBoard's writer, without PyTorch."""

import sys
from pathlib import Path
from typing import Any


def writer(folder: Path, *, purge_step: int) -> Any:
    """A tensorboardX ``SummaryWriter`` of events in ``folder``.

    Where PyTorch is installed, tensorboardX imports it, and a run would spend seconds
    and hundreds of MB on what it never calls. Without it, tensorboardX writes the same.

    Args:
        folder: where the events go.
        purge_step: the step from which on TensorBoard hides what was written before.
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
