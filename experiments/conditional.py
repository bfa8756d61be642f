"""A GAN that draws the class it is asked for: Mirza & Osindero 2014 (arXiv:1411.1784).

Both players see the label beside their input. The grid of samples has a class in each
row, and the evaluation reports the share of samples that are classified as asked::

    python -m experiments.conditional
    python -m experiments.conditional --dataset mnist
"""

import dataclasses
from typing import ClassVar

import optax

from jaxgan import GAN, InputError, losses, nets, penalties
from jaxgan.cli import TrainConfig, main
from jaxgan.data import DataSet


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TrainConfig):
    """The conditional MLP game; defaults for the 8x8 digits."""

    experiment: ClassVar[str] = "conditional"

    # Generator updates.
    steps: int = 10_000
    # Examples of one update, over all devices.
    batch_size: int = 96
    # Dimensions of the latent space.
    latent_dim: int = 64
    # Units of each hidden layer.
    hidden: int = 256
    # Weight of the R1 penalty, gamma / 2 in its paper; 0 for none.
    r1: float = 0.01
    # Adam's learning rate, for both players.
    learning_rate: float = 1e-3
    # Adam's beta1, for both players.
    beta1: float = 0.5


def make_gan(config: Config, data: DataSet) -> GAN:
    """Returns the game on labelled images."""
    if data.num_classes == 0:
        raise InputError(
            f"The conditional game needs labels, but {config.dataset} has none. Use a "
            "labelled set; in a folder of images, sub-folders are the classes."
        )
    adam = optax.adam(config.learning_rate, b1=config.beta1)
    return GAN(
        generator=nets.mlp.Generator(
            data.image_shape, width=config.hidden, num_classes=data.num_classes
        ),
        discriminator=nets.mlp.Discriminator(
            width=config.hidden, num_classes=data.num_classes
        ),
        loss=losses.non_saturating,
        penalties=((config.r1, penalties.r1),) if config.r1 else (),
        g_optimizer=adam,
        d_optimizer=adam,
        latent_dim=config.latent_dim,
        condition="label",
    )


if __name__ == "__main__":
    main(Config, make_gan)
