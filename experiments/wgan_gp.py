"""WGAN-GP on images: Gulrajani et al. 2017 (arXiv:1704.00028), residual networks.

The Wasserstein loss and a penalty of weight 10 on the critic's gradient, several critic
updates for one of the generator, and Adam with beta1 0, beta2 0.9 and a learning rate
that decreases linearly to 0. Square images of 32, 48, 64 or 128 pixels::

    python -m experiments.wgan_gp
    python -m experiments.wgan_gp --dataset cifar10 --conditional
    python -m experiments.wgan_gp --dataset folder:PATH --resolution 64 --crop

The preset "small" has narrow networks, for two CPU cores. The preset "paper" has the
paper's networks and settings for CIFAR-10, 100,000 generator updates. For larger images
give ``--g-width 64 --d-width 64``, the widths of SNGAN's tables::

    python -m experiments.wgan_gp --preset paper --dataset cifar10

Claim: FID 16.95 of 50,000 samples to CIFAR-10's training set, which
pytorch-gan-collections found with such networks. Not yet reproduced here; it takes a
GPU. The authors' code doubles the batch size in the generator's updates; here both
players have the same.

With ``--conditional`` the generator has conditional batch norm, as in the authors'
code, and the critic a label projection, where theirs has an auxiliary classifier.
"""

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
import optax

from jaxgan import GAN, Game, losses, nets, penalties
from jaxgan.cli import TrainConfig, main
from jaxgan.cli.augment import AugmentConfig, augmented, with_lecam
from jaxgan.cli.conditional import ConditionalConfig, num_classes
from jaxgan.data import DataSet
from jaxgan.schedules import by_images


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(AugmentConfig, ConditionalConfig, TrainConfig):
    """WGAN-GP's settings; the defaults are those of the preset "small"."""

    experiment: ClassVar[str] = "wgan_gp"

    # Named settings, which other flags override: small, or paper.
    preset: str = "small"
    # digits, mnist, fashion_mnist, cifar10, folder:PATH, or a stock tfds image set.
    dataset: str = "fashion_mnist"
    # The images are resized to squares of 32, 48, 64 or 128 pixels.
    resolution: int | str | None = 32
    # Generator updates.
    steps: int = 5_000
    # Examples of one update, over all devices.
    batch_size: int = 32
    # Critic updates for each generator update.
    d_steps: int = 5
    # Dimensions of the latent space.
    latent_dim: int = 128
    # Channels of the generator's narrowest map; others are in proportion. None: as
    # published.
    g_width: int | None = 16
    # Channels of the critic's narrowest map; others are in proportion. None: as
    # published.
    d_width: int | None = 8
    # Weight of the gradient penalty, the paper's lambda.
    penalty: float = 10.0
    # Adam's initial learning rate, for both players; it decays linearly to 0.
    learning_rate: float = 1e-3
    # Adam's beta1, for both players.
    beta1: float = 0.0
    # Adam's beta2, for both players.
    beta2: float = 0.9
    # Half-life of the averaged generator, in images; 0 for no average.
    ema_half_life: float = 10_000.0
    # Compute in bfloat16; parameters, logits and losses stay float32.
    bfloat16: bool = False


PRESETS = {
    "small": Config(),
    "paper": Config(
        preset="paper",
        steps=100_000,
        batch_size=64,
        g_width=128,
        d_width=128,
        learning_rate=2e-4,
        ema_half_life=0.0,
    ),
}


def make_gan(config: Config, data: DataSet) -> Game:
    """Returns the game on images of the set's shape."""
    height, width, channels = data.image_shape
    classes = num_classes(config, data)
    dtype = jnp.bfloat16 if config.bfloat16 else jnp.float32
    # A float: the number may not fit in 32 bits.
    images: Any = float(config.steps * config.batch_size)
    adam = by_images(
        optax.adam,
        learning_rate=optax.linear_schedule(config.learning_rate, 0.0, images),
        b1=config.beta1,
        b2=config.beta2,
    )
    gan = GAN(
        generator=nets.wgan_gp.Generator(
            (height, width),
            channels,
            width=config.g_width,
            num_classes=classes,
            dtype=dtype,
        ),
        discriminator=nets.wgan_gp.Discriminator(
            width=config.d_width, num_classes=classes, dtype=dtype
        ),
        loss=losses.wasserstein,
        penalties=((config.penalty, penalties.wgan_gp()),),
        g_optimizer=adam,
        d_optimizer=adam,
        latent_dim=config.latent_dim,
        condition="label" if classes else None,
        ema_half_life=config.ema_half_life,
        augment=augmented(config, channels, signs=False),
    )
    return with_lecam(config, gan)


if __name__ == "__main__":
    main(Config, make_gan, presets=PRESETS)
