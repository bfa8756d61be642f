"""jaxgan: the adversarial game as pure functions."""

from importlib.metadata import version

from jaxgan import divergences, ema, keys, losses, nets, parallel, penalties
from jaxgan.checks import InputError
from jaxgan.gan import GAN, GANState, NetworkState, init
from jaxgan.losses import AdversarialLoss
from jaxgan.sampling import sample
from jaxgan.steps import make_d_step, make_g_step, make_train_step

__version__ = version("jaxgan")

__all__ = [
    "GAN",
    "AdversarialLoss",
    "GANState",
    "InputError",
    "NetworkState",
    "__version__",
    "divergences",
    "ema",
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
]
