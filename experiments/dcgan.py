"""DCGAN on images: Radford, Metz & Chintala 2016 (arXiv:1511.06434).

Fractionally-strided generator, strided discriminator, batch norm in both, Adam with
learning rate 2e-4 and beta1 0.5, latents of 100 dimensions, from N(0, I) where the
paper draws them uniformly. Images of any shape with sides of 8 to 256 pixels that are
3, 4 or 7 times a power of two; others with --resolution N or HxW::

    python -m experiments.dcgan --dataset fashion_mnist
    python -m experiments.dcgan --dataset cifar10 --width 64
    python -m experiments.dcgan --dataset folder:PATH --resolution 64 --crop
    python -m experiments.dcgan --dataset folder:PATH --resolution 256x64 --crop

With a gradient penalty the discriminator goes without batch norm; with few images, an
augmentation keeps it from memorising them::

    python -m experiments.dcgan --dataset mnist --r1 0.1
    python -m experiments.dcgan --dataset folder:PATH --resolution 32 --augment ada
"""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
import optax

from jaxgan import GAN, Game, losses, nets, penalties
from jaxgan.cli import TrainConfig, main
from jaxgan.cli.augment import AugmentConfig, augmented, with_lecam
from jaxgan.data import DataSet


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(AugmentConfig, TrainConfig):
    """DCGAN's settings."""

    experiment: ClassVar[str] = "dcgan"

    # digits, mnist, fashion_mnist, cifar10, folder:PATH, or a stock tfds image set.
    dataset: str = "mnist"
    # Generator updates; in batches of 64, MNIST's 60,000 images take 938 per epoch.
    steps: int = 20_000
    # Examples of one update, over all devices.
    batch_size: int = 64
    # Dimensions of the latent space.
    latent_dim: int = 100
    # Channels of the finest hidden maps; coarser ones have more.
    width: int = 64
    # Batch norm in the discriminator; by default on unless there is a penalty.
    batch_norm: bool | None = None
    # Weight of the R1 penalty, gamma / 2 in its paper; 0 for none.
    r1: float = 0.0
    # Adam's learning rate, for both players.
    learning_rate: float = 2e-4
    # Adam's beta1, for both players.
    beta1: float = 0.5
    # Compute in bfloat16; parameters, logits and losses stay float32.
    bfloat16: bool = False

    def with_defaults(self) -> "Config":
        """Returns the config with batch norm decided; by default off with a penalty."""
        decided = self.r1 == 0 if self.batch_norm is None else self.batch_norm
        return dataclasses.replace(self, batch_norm=decided)


def make_gan(config: Config, data: DataSet) -> Game:
    """Returns the game on images of the set's shape."""
    config = config.with_defaults()
    height, width, channels = data.image_shape
    dtype = jnp.bfloat16 if config.bfloat16 else jnp.float32
    adam = optax.adam(config.learning_rate, b1=config.beta1)
    gan = GAN(
        generator=nets.dcgan.Generator(
            (height, width), channels, width=config.width, dtype=dtype
        ),
        discriminator=nets.dcgan.Discriminator(
            width=config.width,
            batch_norm=bool(config.batch_norm),
            dtype=dtype,
        ),
        loss=losses.non_saturating,
        penalties=((config.r1, penalties.r1),) if config.r1 else (),
        g_optimizer=adam,
        d_optimizer=adam,
        latent_dim=config.latent_dim,
        augment=augmented(config, channels),
    )
    return with_lecam(config, gan)


if __name__ == "__main__":
    main(Config, make_gan)
