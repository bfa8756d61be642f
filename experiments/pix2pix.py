"""pix2pix: Isola et al. 2017 (arXiv:1611.07004), translation learnt from pairs.

A U-Net whose output is added to its input, PatchGANs of several receptive fields,
conditioned on the input, the non-saturating loss, halved for D, and L1 of weight 100.
The preset "small" has no norm, and skip connections at full resolution too, see
`jaxgan.nets.unet`. Images have 32 to 256 pixels. Without a download, it translates
letters of one style into another::

    python -m experiments.pix2pix
    python -m experiments.pix2pix --dataset glyphs:sans:serif-italic
    python -m experiments.pix2pix --dataset pairs:PATH --resolution 128

``pairs:PATH`` is for your own pairs, in folders A and B with equal names or side by
side in one image; see `jaxgan.data.load_pairs`. The run's pictures are strips of input,
output and target. ``python -m experiments.translate RUN FILES...`` translates others.

As in the paper, the only noise is dropout, which stays on in samples, here with a
separate key for every example. ``--dropout 0`` makes the generator deterministic.

Held-out pairs are judged by L1 and SSIM; letters also by whether they can be read and
which style they have (`experiments.judges.letters`).

The preset "paper" has the paper's networks and settings for the 400 facades at 256
pixels: the output is not added to the input, and the one PatchGAN sees 70x70 pixels::

    python -m experiments.pix2pix --preset paper --dataset pairs:PATH

Claim: the paper trains it in under two hours on one Pascal Titan X. Not yet reproduced
here; its figures are for Cityscapes, judged by a network that is not included.
"""

import dataclasses
from collections.abc import Callable
from typing import ClassVar

from experiments.image_to_image import (
    PAPER,
    TranslationConfig,
    adam,
    average,
    jittered,
    patchgans,
    unet,
)
from experiments.judges.translation import PAIRED
from jaxgan import Game
from jaxgan.cli import main
from jaxgan.data import DataSet, load_pairs
from jaxgan.methods.pix2pix import pix2pix


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TranslationConfig):
    """pix2pix's settings; the defaults are those of the preset "small"."""

    experiment: ClassVar[str] = "pix2pix"
    load: ClassVar[Callable[..., DataSet]] = staticmethod(load_pairs)

    # glyphs:STYLE:STYLE, or pairs:PATH.
    dataset: str = "glyphs:sans:serif"
    # Whether the generator's output is added to the input; by default if both have the
    # same number of channels. Without it, lower the learning rate: tanh may saturate.
    residual: bool | None = None
    # Channels of the generator's first map at half the resolution.
    g_width: int = 24
    # Halvings of the generator's maps.
    depth: int | None = 4
    # Channels of the generator's convolutions at full resolution.
    fine: tuple[int, ...] = (32, 32)
    # Instance norm in both networks.
    norm: bool = False
    # Dropout rate of the generator's innermost layers, in samples too.
    dropout: float = 0.5
    # Weight of the L1 distance to the target.
    l1: float = 100.0
    # Weight of the adversarial loss in the generator's loss.
    adversarial: float = 1.0
    # Adam's learning rate, for both players; it decays linearly to 0 over the second
    # half of the steps.
    learning_rate: float = 1e-3


PRESETS = {"small": Config(), "paper": Config(**PAPER, steps=80_000)}


def make_game(config: Config, data: DataSet) -> Game:
    """Returns the game on pairs of the set's shapes."""
    channels = data.shape_of("target")[-1]
    how = {"residual": config.residual, "dropout": config.dropout}
    optimizer = adam(config)
    game = pix2pix(
        generator=unet(config, channels, **how),
        discriminator=patchgans(config),
        g_optimizer=optimizer,
        d_optimizer=optimizer,
        l1=config.l1,
        adversarial=config.adversarial,
        ema=average(config),
    )
    return jittered(config, game, ("input", "target"))


if __name__ == "__main__":
    main(Config, make_game, evaluators=PAIRED, presets=PRESETS)
