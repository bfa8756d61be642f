"""The command line: settings, the run's directory, and the one `main` of all commands.

Only what is here reads a config object.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxgan.cli import command

if TYPE_CHECKING:
    from jaxgan.cli.config import TrainConfig
    from jaxgan.cli.experiment import EVALUATORS, main, run
    from jaxgan.cli.load import LoadedRun, load_run

# Imported when used: `command` alone serves where tyro and Pillow are not installed.
_LAZY_NAMES = {
    "EVALUATORS": "experiment",
    "LoadedRun": "load",
    "TrainConfig": "config",
    "load_run": "load",
    "main": "experiment",
    "run": "experiment",
}


def __getattr__(name: str) -> Any:
    """Imports what is only imported when it is used."""
    if name in _LAZY_NAMES:
        return getattr(importlib.import_module(f"jaxgan.cli.{_LAZY_NAMES[name]}"), name)
    raise AttributeError(f"module 'jaxgan.cli' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Returns the public names, those that are imported when used among them."""
    return sorted({*globals(), *__all__})


__all__ = [
    "EVALUATORS",
    "LoadedRun",
    "TrainConfig",
    "command",
    "load_run",
    "main",
    "run",
]
