"""The command line: settings, the run's directory, and the one `main` of all commands.

Only this package reads a config object.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxgan.cli import command

if TYPE_CHECKING:
    from jaxgan.cli.config import TrainConfig
    from jaxgan.cli.experiment import EVALUATORS, main, run
    from jaxgan.cli.load import LoadedRun, load_run

# Imported when used: `command` also works without tyro and Pillow installed.
_LAZY_NAMES = {
    "EVALUATORS": "experiment",
    "LoadedRun": "load",
    "TrainConfig": "config",
    "load_run": "load",
    "main": "experiment",
    "run": "experiment",
}


def __getattr__(name: str) -> Any:
    """Imports a name that is imported lazily."""
    if name in _LAZY_NAMES:
        return getattr(importlib.import_module(f"jaxgan.cli.{_LAZY_NAMES[name]}"), name)
    raise AttributeError(f"module 'jaxgan.cli' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Returns the public names, including those that are imported lazily."""
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
