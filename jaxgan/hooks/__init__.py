"""Hooks: actions between the chunks of steps of `jaxgan.fit`.

Pass them in this order, so that the log has all measurements and the checkpoint all
that must be kept::

    hooks = (
        jaxgan.hooks.Progress(),
        jaxgan.hooks.Log(folder, every=100),
        jaxgan.hooks.TensorBoard(folder / "tensorboard"),
        jaxgan.hooks.CollapseMonitor(),
        jaxgan.hooks.Evaluate([jaxgan.evaluation.TwoSample()], every=5_000),
        jaxgan.hooks.Samples(folder, every=1_000),
        jaxgan.hooks.Checkpoint(folder / "checkpoints", every=1_000),
    )

A hook of your own is a subclass of `Hook` with the methods that it needs.
"""

from jaxgan.hooks.base import Hook
from jaxgan.hooks.checkpoint import Checkpoint
from jaxgan.hooks.collapse import CollapseMonitor
from jaxgan.hooks.evaluate import Evaluate
from jaxgan.hooks.log import Log, read_metrics
from jaxgan.hooks.progress import Progress
from jaxgan.hooks.samples import Samples
from jaxgan.hooks.tensorboard import TensorBoard

__all__ = [
    "Checkpoint",
    "CollapseMonitor",
    "Evaluate",
    "Hook",
    "Log",
    "Progress",
    "Samples",
    "TensorBoard",
    "read_metrics",
]
