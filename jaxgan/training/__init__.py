"""The loop, and the config and command line that every experiment shares."""

from jaxgan.training.config import TrainConfig
from jaxgan.training.loop import NonFiniteError
from jaxgan.training.main import main, run

__all__ = ["NonFiniteError", "TrainConfig", "main", "run"]
