"""jaxgan: the adversarial game as pure functions."""

from jaxgan import (
    divergences,
    ema,
    game,
    keys,
    losses,
    nets,
    parallel,
    penalties,
    update,
)
from jaxgan.checks import InputError
from jaxgan.gan import GAN, GANState, NetworkState, init
from jaxgan.losses import AdversarialLoss
from jaxgan.sampling import sample
from jaxgan.steps import make_d_step, make_g_step, make_train_step

# Written here, so that a checkout knows its version without being installed.
__version__ = "0.1.0"

__all__ = [
    "GAN",
    "AdversarialLoss",
    "GANState",
    "InputError",
    "NetworkState",
    "__version__",
    "divergences",
    "ema",
    "game",
    "init",
    "keys",
    "losses",
    "make_d_step",
    "make_g_step",
    "make_train_step",
    "nets",
    "parallel",
    "penalties",
    "sample",
    "update",
]
