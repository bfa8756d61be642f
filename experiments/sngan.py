"""SNGAN on images: Miyato et al. 2018 (arXiv:1802.05957), residual networks.

Spectral norm in every layer of the discriminator, hinge loss, and Adam with beta1 0,
beta2 0.9 and a learning rate that decreases linearly to 0. Square images of 32, 48, 64
or 128 pixels::

    python -m experiments.sngan
    python -m experiments.sngan --dataset cifar10 --conditional
    python -m experiments.sngan --dataset folder:PATH --resolution 64 --crop

The preset "small" has narrow networks and two discriminator updates for one of the
generator, for two CPU cores, and ten times the paper's learning rate: on Fashion-MNIST,
after 870 steps of this decay, EfficientNet's kernel distance (x 1000) was 162 at 5e-4,
118 at 1e-3, 63 at 2e-3 and 60 at 4e-3, with less precision. The preset "paper" has the
paper's networks, at every resolution, and its settings for CIFAR-10: a learning rate of
2e-4, five discriminator updates, and 100,000 generator updates::

    python -m experiments.sngan --preset paper --dataset cifar10

Claim: FID 14.32 of 50,000 samples to CIFAR-10's training set, which
pytorch-gan-collections found with such networks; the paper says 21.7. Not yet
reproduced here; it takes a GPU.

With ``--conditional`` the generator has conditional batch norm and the discriminator a
label projection: Miyato & Koyama 2018 (arXiv:1802.05637).
"""

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
import optax

from jaxgan import GAN, Game, losses, nets
from jaxgan.cli import TrainConfig, main
from jaxgan.cli.augment import AugmentConfig, augmented, with_lecam
from jaxgan.cli.conditional import ConditionalConfig, num_classes
from jaxgan.data import DataSet
from jaxgan.schedules import by_images


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(AugmentConfig, ConditionalConfig, TrainConfig):
    """SNGAN's settings; the defaults are those of the preset "small"."""

    experiment: ClassVar[str] = "sngan"

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
    # Discriminator updates for each generator update; 5 in the paper's preset.
    d_steps: int = 2
    # Dimensions of the latent space.
    latent_dim: int = 128
    # Channels of the generator's narrowest map; others are in proportion. None: as
    # published.
    g_width: int | None = 32
    # Channels of the discriminator's narrowest map; others are in proportion. None: as
    # published.
    d_width: int | None = 16
    # Adam's initial learning rate, for both players; it decays linearly to 0.
    learning_rate: float = 2e-3
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
        d_steps=5,
        g_width=None,
        d_width=None,
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
        generator=nets.sngan.Generator(
            (height, width),
            channels,
            width=config.g_width,
            num_classes=classes,
            dtype=dtype,
        ),
        discriminator=nets.sngan.Discriminator(
            width=config.d_width, num_classes=classes, dtype=dtype
        ),
        loss=losses.hinge,
        g_optimizer=adam,
        d_optimizer=adam,
        latent_dim=config.latent_dim,
        condition="label" if classes else None,
        ema_half_life=config.ema_half_life,
        augment=augmented(config, channels),
    )
    return with_lecam(config, gan)


if __name__ == "__main__":
    main(Config, make_gan, presets=PRESETS)
