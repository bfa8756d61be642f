"""The classic GAN: two multi-layer perceptrons, and the non-saturating loss.

Goodfellow et al. 2014 (arXiv:1406.2661), Algorithm 1 with k = 1. The default learns
scikit-learn's 8x8 handwritten digits, which need no download::

    python -m experiments.mlp

With another set it is the well-known toy (latent 64, hidden 256, Adam 2e-4, batch 100,
200 epochs of MNIST's 600 batches)::

    python -m experiments.mlp --dataset mnist
"""

import dataclasses
from typing import ClassVar

import optax

from jaxgan import GAN, losses, nets
from jaxgan.data import DataSet
from jaxgan.training import TrainConfig, main


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TrainConfig):
    """The classic MLP game; defaults for the 8x8 digits."""

    experiment: ClassVar[str] = "mlp"

    steps: int = 20_000
    batch_size: int = 100
    # Dimensions of the latent space.
    latent_dim: int = 64
    # Units of each hidden layer.
    hidden: int = 256
    # Adam's learning rate, for both players.
    learning_rate: float = 2e-4
    # Adam's beta1, for both players.
    beta1: float = 0.5


def make_gan(config: Config, data: DataSet) -> GAN:
    """The game on images of the data's shape."""
    adam = optax.adam(config.learning_rate, b1=config.beta1)
    return GAN(
        generator=nets.mlp.Generator(data.image_shape, width=config.hidden),
        discriminator=nets.mlp.Discriminator(width=config.hidden),
        loss=losses.non_saturating,
        g_optimizer=adam,
        d_optimizer=adam,
        latent_dim=config.latent_dim,
    )


if __name__ == "__main__":
    main(Config, make_gan)
