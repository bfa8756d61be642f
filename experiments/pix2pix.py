"""pix2pix: Isola et al. 2017 (arXiv:1611.07004), translation learnt from pairs.

A U-Net that adds to its input, PatchGANs of several receptive fields that see the input
beside the image, the non-saturating loss, halved for D, and L1 of weight 100. Images
have 32 to 256 pixels. Without a download, it translates letters of one style into
another::

    python -m experiments.pix2pix
    python -m experiments.pix2pix --dataset glyphs:sans:serif-italic
    python -m experiments.pix2pix --dataset pairs:PATH --resolution 128

``pairs:PATH`` is for your own pairs, in folders A and B with equal names or side by
side in one image; see `jaxgan.data.load_pairs`. The run's pictures are strips of input,
output and target. ``python -m experiments.translate RUN FILES...`` translates others.

The paper's only noise is dropout, which it keeps in samples; so it is here, with a
separate key for every example. ``--dropout 0`` makes the generator deterministic.

Held-out pairs are judged by L1 and SSIM; letters also by whether they can be read and
whose style they have (`experiments.judges.letters`).

The preset "paper" has the paper's networks and settings for the 400 facades at 256
pixels, where the generator does not add to its input and one PatchGAN sees 70x70::

    python -m experiments.pix2pix --preset paper --dataset pairs:PATH

Claim: the paper trains it in under two hours on one Pascal Titan X. Not yet reproduced
here; its figures are of Cityscapes, judged by a network that is not included.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
import optax

from experiments.judges.translation import PAIRED
from jaxgan import Game, nets
from jaxgan.checks import InputError
from jaxgan.cli import TrainConfig, main
from jaxgan.data import DataSet, load_pairs
from jaxgan.methods.jitter import jittered
from jaxgan.methods.pix2pix import pix2pix
from jaxgan.player import EMA
from jaxgan.schedules import by_images


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TrainConfig):
    """pix2pix's settings; the defaults are those of the preset "small"."""

    experiment: ClassVar[str] = "pix2pix"
    load: ClassVar[Callable[..., DataSet]] = staticmethod(load_pairs)

    # A whole set of values: small, or paper.
    preset: str = "small"
    # glyphs:STYLE:STYLE, or pairs:PATH.
    dataset: str = "glyphs:sans:serif"
    # Generator updates.
    steps: int = 8_000
    # Examples of one update, over all devices.
    batch_size: int = 16
    # Channels of the generator's first map.
    g_width: int = 32
    # Channels of each discriminator's first map.
    d_width: int = 32
    # Layers of stride 2 of each PatchGAN: 0 sees 1 pixel, 1 sees 16, 2 sees 34, 3 sees
    # 70.
    patches: tuple[int, ...] = (1, 2)
    # Whether the generator's result is added to the input; by default if both have the
    # same number of channels.
    residual: bool | None = None
    # Dropout rate of the generator's innermost layers, in samples too.
    dropout: float = 0.5
    # Instance norm in both networks.
    norm: bool = True
    # Weight of the distance to the target.
    l1: float = 100.0
    # Weight of the adversarial loss in the generator's.
    adversarial: float = 1.0
    # Adam's learning rate for both players; from half of the steps on it decreases
    # linearly to 0.
    learning_rate: float = 5e-4
    # Adam's beta1, for both players.
    beta1: float = 0.5
    # Half-life of the averaged generator, in images; 0 for no average.
    ema_half_life: float = 5_000.0
    # Pixels by which training images are enlarged before a random crop; 0 for none.
    jitter: int = 0
    # Mirror half of the training images left to right.
    mirror: bool = False
    # Compute in bfloat16; parameters, logits and losses stay float32.
    bfloat16: bool = False


PRESETS = {
    "small": Config(),
    "paper": Config(
        preset="paper",
        steps=80_000,
        batch_size=1,
        g_width=64,
        d_width=64,
        patches=(3,),
        residual=False,
        resolution=256,
        jitter=30,
        mirror=True,
        learning_rate=2e-4,
        ema_half_life=0.0,
    ),
}


def patches(layers: Sequence[int], width: int, **how: Any) -> nn.Module:
    """Returns a PatchGAN for each number of layers, with logits judged together.

    Raises:
        InputError: if there is none.
    """
    if not layers:
        raise InputError("--patches needs at least one number of layers, such as 2.")
    judges = [nets.patchgan.Discriminator(n, width=width, **how) for n in layers]
    return judges[0] if len(judges) == 1 else nets.patchgan.MultiPatch(tuple(judges))


def make_game(config: Config, data: DataSet) -> Game:
    """Returns the game on pairs of the set's shapes."""
    dtype = jnp.bfloat16 if config.bfloat16 else jnp.float32
    norm: dict[str, Any] = {} if config.norm else {"norm": None}
    half = config.steps * config.batch_size // 2
    adam = by_images(
        optax.adam,
        learning_rate=optax.linear_schedule(config.learning_rate, 0.0, half, half),
        b1=config.beta1,
    )
    game = pix2pix(
        generator=nets.unet.Generator(
            data.shape_of("target")[-1],
            width=config.g_width,
            residual=config.residual,
            dropout=config.dropout,
            dtype=dtype,
            **norm,
        ),
        discriminator=patches(config.patches, config.d_width, dtype=dtype, **norm),
        g_optimizer=adam,
        d_optimizer=adam,
        l1=config.l1,
        adversarial=config.adversarial,
        ema=EMA(half_life=config.ema_half_life) if config.ema_half_life else None,
    )
    if not config.jitter and not config.mirror:
        return game
    how = {"pixels": config.jitter, "mirror": config.mirror}
    return jittered(game, ("input", "target"), **how)


if __name__ == "__main__":
    main(Config, make_game, evaluators=PAIRED, presets=PRESETS)
