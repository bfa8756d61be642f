"""Checkpoints that survive failures of disks and clusters."""

from jaxgan.checkpoint.errors import CheckpointError, CheckpointWarning
from jaxgan.checkpoint.leaves import digest, is_finite
from jaxgan.checkpoint.manager import Checkpoints
from jaxgan.checkpoint.reading import Restored, read_one

__all__ = [
    "CheckpointError",
    "CheckpointWarning",
    "Checkpoints",
    "Restored",
    "digest",
    "is_finite",
    "read_one",
]
