"""The classic GAN: two multi-layer perceptrons, and the non-saturating loss.

Goodfellow et al. 2014 (arXiv:1406.2661), Algorithm 1 with k = 1. The default learns
scikit-learn's 8x8 handwritten digits, which need no download, in under a minute on two
cores; a light R1 penalty keeps it from dropping any of the ten classes::

    python -m experiments.mlp

On any other set it is the well-known toy setting: latent 64, hidden 256, Adam 2e-4,
batch 100, and 120,000 steps, which on MNIST's 60,000 images are 200 epochs::

    python -m experiments.mlp --dataset mnist
"""

# pyright: reportIncompatibleVariableOverride=false

import dataclasses
from typing import ClassVar

import optax

from jaxgan import GAN, losses, nets, penalties
from jaxgan.cli import TrainConfig, main
from jaxgan.data import DataSet

TOY = {"steps": 120_000, "batch_size": 100, "learning_rate": 2e-4, "r1": 0.0}
DIGITS = {"steps": 6_000, "batch_size": 96, "learning_rate": 1e-3, "r1": 0.01}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TrainConfig):
    """The classic MLP game."""

    experiment: ClassVar[str] = "mlp"

    # Generator updates; by default 6,000 on digits, 120,000 on other sets.
    steps: int | None = None
    # Examples of one update, over all devices; by default 96 on digits, else 100.
    batch_size: int | None = None
    # Dimensions of the latent space.
    latent_dim: int = 64
    # Units of each hidden layer.
    hidden: int = 256
    # Weight of R1, gamma / 2 in its paper; by default 0.01 on digits, else 0.
    r1: float | None = None
    # Adam's learning rate, for both players; by default 1e-3 on digits, else 2e-4.
    learning_rate: float | None = None
    # Adam's beta1, for both players.
    beta1: float = 0.5

    def with_defaults(self) -> "Config":
        """Returns the config with unset fields filled in from the data set's recipe."""
        recipe = DIGITS if self.dataset == "digits" else TOY
        unsaid = {k: v for k, v in recipe.items() if getattr(self, k) is None}
        return dataclasses.replace(self, **unsaid)


def make_gan(config: Config, data: DataSet) -> GAN:
    """Returns the game on images of the data's shape."""
    config = config.with_defaults()
    assert config.learning_rate is not None
    adam = optax.adam(config.learning_rate, b1=config.beta1)
    return GAN(
        generator=nets.mlp.Generator(data.image_shape, width=config.hidden),
        discriminator=nets.mlp.Discriminator(width=config.hidden),
        loss=losses.non_saturating,
        penalties=((config.r1, penalties.r1),) if config.r1 else (),
        g_optimizer=adam,
        d_optimizer=adam,
        latent_dim=config.latent_dim,
    )


if __name__ == "__main__":
    main(Config, make_gan)
