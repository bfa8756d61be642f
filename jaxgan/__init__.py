"""jaxgan: the adversarial game as pure functions."""

import importlib
from typing import TYPE_CHECKING, Any

from jaxgan import (
    divergences,
    ema,
    game,
    keys,
    losses,
    methods,
    nets,
    parallel,
    penalties,
    schedules,
    update,
)
from jaxgan.checks import InputError
from jaxgan.game import Game, GameState, Memory, Objective, init
from jaxgan.gan import GAN, make_d_step, make_g_step
from jaxgan.losses import AdversarialLoss
from jaxgan.player import EMA, NetworkState, Player
from jaxgan.rounds import Move, algorithm_1, make_train_step
from jaxgan.sampling import sample
from jaxgan.turn import Nets, Turn
from jaxgan.update import make_update
from jaxgan.view import Augment

# Written here, so that a checkout knows its version without being installed.
__version__ = "0.2.0"

if TYPE_CHECKING:
    from jaxgan import (
        checkpoint,
        cli,
        data,
        evaluation,
        hooks,
        metrics,
        population,
        sampling,
        scan,
        show,
        simultaneous,
        theory,
        unrolled,
    )
    from jaxgan.cli import load_run
    from jaxgan.loop import fit

# The dependencies of data, pictures, checkpoints and evaluators import slowly.
_LAZY_MODULES = (
    *("checkpoint", "cli", "data", "evaluation", "hooks", "metrics", "population"),
    *("sampling", "scan", "show", "simultaneous", "theory", "unrolled"),
)
_LAZY_NAMES = {"fit": "jaxgan.loop", "load_run": "jaxgan.cli"}


def __getattr__(name: str) -> Any:
    """Imports a module or a name that is imported lazily."""
    if name in _LAZY_MODULES:
        return importlib.import_module(f"jaxgan.{name}")
    if name in _LAZY_NAMES:
        return getattr(importlib.import_module(_LAZY_NAMES[name]), name)
    raise AttributeError(f"module 'jaxgan' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Returns the public names, including those that are imported lazily."""
    return sorted({*globals(), *__all__})


__all__ = [
    "EMA",
    "GAN",
    "AdversarialLoss",
    "Augment",
    "Game",
    "GameState",
    "InputError",
    "Memory",
    "Move",
    "Nets",
    "NetworkState",
    "Objective",
    "Player",
    "Turn",
    "__version__",
    "algorithm_1",
    "checkpoint",
    "cli",
    "data",
    "divergences",
    "ema",
    "evaluation",
    "fit",
    "game",
    "hooks",
    "init",
    "keys",
    "load_run",
    "losses",
    "make_d_step",
    "make_g_step",
    "make_train_step",
    "make_update",
    "methods",
    "metrics",
    "nets",
    "parallel",
    "penalties",
    "population",
    "sample",
    "sampling",
    "scan",
    "schedules",
    "show",
    "simultaneous",
    "theory",
    "unrolled",
    "update",
]
