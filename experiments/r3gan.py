"""R3GAN: Huang et al. 2024 (arXiv:2501.05441).

A relativistic pairing loss, R1 and R2 in each update, and two plain residual networks
without normalisation. Learning rate, gamma, Adam's beta2 and the average's half-life
change along one cosine during the burn-in, and then stay constant. Square images of 4,
8, 16, ... pixels; others with --resolution N::

    python -m experiments.r3gan
    python -m experiments.r3gan --dataset cifar10 --gamma 0.05 --final-gamma 0.005

The first makes grey pictures of 32x32 pixels in about twenty minutes on two CPU cores.
The paper's runs are presets, which other flags override. They need GPUs::

    python -m experiments.r3gan --preset cifar10
    python -m experiments.r3gan --preset ffhq64 --dataset folder:PATH

The paper claims, with FID of 50,000 samples to all of the training images::

    stacked_mnist   1,000 modes, KL 0.029   7 hours on 8 L40
    cifar10         FID 1.96                4 days on 8 L40
    ffhq64          FID 1.95                not said
    ffhq256         FID 2.75                about 3 weeks on 8 A6000
    imagenet32      FID 1.27                about 5,000 hours of an H100
    imagenet64      FID 2.09                not said

None of these runs has been repeated here. One thing differs: for all but stacked_mnist
the paper also trains on mirror images of the real ones, which the data sets here do not
add. A folder may hold both.
"""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp

from jaxgan import Game, InputError, nets
from jaxgan.cli import TrainConfig, main
from jaxgan.cli.augment import AugmentConfig, with_lecam
from jaxgan.cli.augment import augmented as named
from jaxgan.cli.conditional import ConditionalConfig, num_classes
from jaxgan.data import DataSet
from jaxgan.methods import ada_transforms
from jaxgan.methods.ada import augmented
from jaxgan.methods.r3gan import SCHEDULE, Cosine, adam, r3gan
from jaxgan.view import Augment


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(AugmentConfig, ConditionalConfig, TrainConfig):
    """R3GAN's settings; the defaults are those of the preset "small"."""

    experiment: ClassVar[str] = "r3gan"

    # Named settings, which other flags override: small, or the paper's stacked_mnist,
    # cifar10, ffhq64, ffhq256, imagenet32 or imagenet64.
    preset: str = "small"
    # digits, mnist, fashion_mnist, cifar10, folder:PATH, or a stock tfds image set.
    dataset: str = "fashion_mnist"
    # Resize the images to N or HEIGHTxWIDTH pixels; by default they keep their size.
    resolution: int | str | None = 32
    # Generator updates.
    steps: int = 8_000
    # Examples of one update, over all devices; a round reads twice as many images.
    batch_size: int = 32
    # Dimensions of the latent space.
    latent_dim: int = 64
    # Channels of each stage, from 4x4 pixels to the images' size.
    widths: str = "96,48,16,8"
    # Residual blocks of each stage.
    blocks: int = 1
    # Channels per group in the blocks' 3x3 convolutions.
    group_size: int = 16
    # Images of the burn-in, during which the values below go from initial to final.
    burn_in: int = 100_000
    # Adam's initial learning rate, for both players.
    learning_rate: float = 3e-3
    # Adam's learning rate after the burn-in.
    final_learning_rate: float = 2.5e-4
    # Adam's initial beta2, for both players.
    beta2: float = 0.9
    # Adam's beta2 after the burn-in.
    final_beta2: float = 0.99
    # Initial gamma, twice the weight of R1 and of R2; larger for more pixels.
    gamma: float = 1.0
    # Gamma after the burn-in.
    final_gamma: float = 0.1
    # Half-life of the averaged generator after the burn-in, in images; 0 at the start.
    ema_half_life: float = 5_000.0
    # Probability of the paper's own augmentation after the burn-in, rising from 0 at
    # the start; 0 for none. It takes the place of --augment.
    augment_probability: float = 0.0
    # Stages, from the finest, that compute in bfloat16; by default none.
    bfloat16_stages: int | None = None


_PAPER = Config(
    blocks=2,
    burn_in=20_000_000,
    learning_rate=2e-4,
    final_learning_rate=5e-5,
    ema_half_life=0.5e6,
    bfloat16_stages=4,
)
_FACES = dataclasses.replace(_PAPER, batch_size=256, augment_probability=0.3)
_IMAGENET = dataclasses.replace(
    _PAPER,
    steps=1_000_000_000 // 4_096,
    batch_size=4_096,
    group_size=32,
    conditional=True,
    burn_in=200_000_000,
    ema_half_life=50e6,
)
_PAPERS = {
    "stacked_mnist": dataclasses.replace(
        _PAPER,
        steps=10_000_000 // 512,
        batch_size=512,
        widths="768,768,768,768",
        burn_in=2_000_000,
        final_learning_rate=2e-4,
        gamma=1.0,
        final_gamma=0.1,
    ),
    "cifar10": dataclasses.replace(
        _PAPER,
        dataset="cifar10",
        steps=250_000_000 // 512,
        batch_size=512,
        widths="768,768,768,768",
        conditional=True,
        gamma=0.05,
        final_gamma=0.005,
        ema_half_life=5e6,
        augment_probability=0.55,
        bfloat16_stages=3,
    ),
    "ffhq64": dataclasses.replace(
        _FACES,
        resolution=64,
        steps=100_000_000 // 256,
        widths="768,768,768,768,384",
        gamma=2.0,
        final_gamma=0.2,
    ),
    "ffhq256": dataclasses.replace(
        _FACES,
        resolution=256,
        steps=200_000_000 // 256,
        widths="768,768,768,768,384,192,96",
        gamma=150.0,
        final_gamma=15.0,
    ),
    "imagenet32": dataclasses.replace(
        _IMAGENET,
        widths="1536,1536,1536,1536",
        gamma=0.5,
        final_gamma=0.05,
        augment_probability=0.5,
    ),
    "imagenet64": dataclasses.replace(
        _IMAGENET,
        resolution=64,
        widths="1536,1536,1536,1536,1536",
        gamma=1.0,
        final_gamma=0.1,
        augment_probability=0.4,
    ),
}


def _named(name: str, config: Config) -> Config:
    """Returns the preset; its data are cifar10, or a folder of the preset's name."""
    dataset = config.dataset if name == "cifar10" else f"folder:{name}"
    return dataclasses.replace(config, preset=name, dataset=dataset)


PRESETS = {
    "small": Config(),
    **{name: _named(name, config) for name, config in _PAPERS.items()},
}
"""The settings by name, the default first; the others are from the paper's table 9."""


def make_gan(config: Config, data: DataSet) -> Game:
    """Returns the game on images of the set's shape.

    Raises:
        InputError: for images that are not square, missing labels, or two
            augmentations.
    """
    height, width, channels = data.image_shape
    if height != width:
        raise InputError(
            f"R3GAN makes square images, but those of {config.dataset} are {height}x"
            f"{width} pixels (height x width). Give --resolution N and --crop."
        )
    shared = {
        "widths": stage_widths(config.widths),
        "blocks": config.blocks,
        "group_size": config.group_size,
        "num_classes": num_classes(config, data),
    }
    if config.bfloat16_stages is not None:
        shared |= {"dtype": jnp.bfloat16, "fine_stages": config.bfloat16_stages}
    optimizer = adam(
        learning_rate=_burned_in(
            config, config.learning_rate, config.final_learning_rate
        ),
        b2=_burned_in(config, config.beta2, config.final_beta2),
    )
    gan = r3gan(
        generator=nets.r3gan.Generator(height, channels, **shared),
        discriminator=nets.r3gan.Discriminator(**shared),
        g_optimizer=optimizer,
        d_optimizer=optimizer,
        gamma=_burned_in(config, config.gamma, config.final_gamma),
        latent_dim=config.latent_dim,
        condition="label" if config.conditional else None,
        ema_half_life=_burned_in(config, 0.0, config.ema_half_life),
        augment=_augmentation(config, channels),
    )
    return with_lecam(config, gan)


def stage_widths(text: str) -> tuple[int, ...]:
    """Returns the channels of each stage that ``--widths`` lists.

    Raises:
        InputError: for anything other than positive whole numbers and commas.

    Example:
        >>> stage_widths("64,32")
        (64, 32)
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise InputError(
            "--widths are the channels of each stage, from 4x4 pixels to the images' "
            f"size, such as 96,48,16,8; got {text!r}."
        )
    return tuple(int(part) for part in parts)


def _burned_in(config: Config, first: float, final: float) -> Cosine:
    return Cosine(first, final, burn_in=config.burn_in)


def _augmentation(config: Config, channels: int) -> Augment | None:
    """Returns the paper's augmentation, ramped up in the burn-in; or ``--augment``."""
    if not 0 <= config.augment_probability <= 1:
        raise InputError(
            "--augment-probability must be from 0 to 1, got "
            f"{config.augment_probability:g}."
        )
    other = named(config, channels, signs=False)
    if config.augment_probability == 0:
        return other
    if other is not None:
        raise InputError(
            f"--augment {config.augment} would replace the paper's augmentation, whose "
            f"probability is {config.augment_probability:g} here: the paper's presets "
            "set it. Give --augment-probability 0 as well, or leave --augment out."
        )
    probability = _burned_in(config, 0.0, config.augment_probability)
    return augmented(probability, ada_transforms.R3GAN)


if __name__ == "__main__":
    main(Config, make_gan, schedule=SCHEDULE, presets=PRESETS)
