"""jaxgan: the adversarial game as pure functions."""

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
    "divergences",
    "ema",
    "game",
    "init",
    "keys",
    "losses",
    "make_d_step",
    "make_g_step",
    "make_train_step",
    "make_update",
    "methods",
    "nets",
    "parallel",
    "penalties",
    "sample",
    "schedules",
    "update",
]
