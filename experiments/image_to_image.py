"""What `experiments.pix2pix` and `experiments.cyclegan` share: settings, networks."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import optax

from jaxgan import Game, nets
from jaxgan.checks import InputError
from jaxgan.cli import TrainConfig
from jaxgan.methods import jitter
from jaxgan.player import EMA
from jaxgan.schedules import by_images


@dataclasses.dataclass(frozen=True, kw_only=True)
class TranslationConfig(TrainConfig):
    """The settings of a game that translates images into images."""

    # Named settings, which other flags override: small, or paper.
    preset: str = "small"
    # Generator updates.
    steps: int = 8_000
    # Examples of one update, over all devices.
    batch_size: int = 16
    # Channels of a generator's first map.
    g_width: int = 32
    # Halvings of a U-Net's maps; by default as many as the images' sides allow, at most
    # 8.
    depth: int | None = None
    # Channels of a U-Net's convolutions at full resolution, such as 32 32; by default
    # none, as in the papers. They keep details of a pixel or two sharp.
    fine: tuple[int, ...] = ()
    # Channels of each discriminator's first map.
    d_width: int = 32
    # Layers of stride 2 of each PatchGAN: 0 sees 1 pixel, 1 sees 16, 2 sees 34, 3 sees
    # 70.
    patches: tuple[int, ...] = (1, 2)
    # Instance norm in the U-Nets and the discriminators.
    norm: bool = True
    # Adam's learning rate, for all players; it decays linearly to 0 over the second
    # half of the steps.
    learning_rate: float = 2e-4
    # Adam's beta1, for all players.
    beta1: float = 0.5
    # Half-life of the averaged generators, in images; 0 for no average.
    ema_half_life: float = 5_000.0
    # Pixels by which training images are enlarged before a random crop; 0 for none.
    jitter: int = 0
    # Pixels by which training images are moved at most; their borders are repeated.
    shift: int = 0
    # Mirror half of the training images left to right.
    mirror: bool = False
    # Compute in bfloat16; parameters, logits and losses stay float32.
    bfloat16: bool = False


PAPER: dict[str, Any] = {
    "preset": "paper",
    "batch_size": 1,
    "g_width": 64,
    "depth": None,
    "fine": (),
    "norm": True,
    "d_width": 64,
    "patches": (3,),
    "residual": False,
    "resolution": 256,
    "jitter": 30,
    "mirror": True,
    "learning_rate": 2e-4,
    "ema_half_life": 0.0,
}
"""The values that both papers' configurations have in common."""


def unet(config: TranslationConfig, channels: int, **how: Any) -> nn.Module:
    """Returns a U-Net that makes images with ``channels`` channels."""
    size: dict[str, Any] = {
        "width": config.g_width,
        "depth": config.depth,
        "fine": config.fine,
    }
    return nets.unet.Generator(
        channels, **size, **_norm(config), **dtype(config), **how
    )


def patchgans(config: TranslationConfig) -> nn.Module:
    """Returns a PatchGAN for each number of layers, with logits judged together.

    Raises:
        InputError: if there is none.
    """
    layers: Sequence[int] = config.patches
    if not layers:
        raise InputError("--patches needs at least one number of layers, such as 2.")
    how: dict[str, Any] = {"width": config.d_width, **_norm(config), **dtype(config)}
    judges = [nets.patchgan.Discriminator(n, **how) for n in layers]
    return judges[0] if len(judges) == 1 else nets.patchgan.MultiPatch(tuple(judges))


def dtype(config: TranslationConfig) -> dict[str, Any]:
    """Returns the networks' argument that sets the dtype of their computation."""
    return {"dtype": jnp.bfloat16 if config.bfloat16 else jnp.float32}


def adam(config: TranslationConfig) -> optax.GradientTransformation:
    """Returns Adam with a learning rate that decreases to 0 in the second half."""
    half: Any = config.steps * config.batch_size / 2
    return by_images(
        optax.adam,
        learning_rate=optax.linear_schedule(config.learning_rate, 0.0, half, half),
        b1=config.beta1,
    )


def average(config: TranslationConfig) -> EMA | None:
    """Returns the generators' average, or None for none."""
    return EMA(half_life=config.ema_half_life) if config.ema_half_life else None


def jittered(config: TranslationConfig, game: Game, *groups: tuple[str, ...]) -> Game:
    """Returns the game on images that are cropped, moved or mirrored, if asked for.

    Args:
        config: the settings.
        game: the game on whole images.
        groups: columns whose images are changed alike.
    """
    how = {"pixels": config.jitter, "shift": config.shift, "mirror": config.mirror}
    return jitter.jittered(game, *groups, **how) if any(how.values()) else game


def _norm(config: TranslationConfig) -> dict[str, Any]:
    return {} if config.norm else {"norm": None}
