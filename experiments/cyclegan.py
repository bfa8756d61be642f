"""CycleGAN: Zhu et al. 2017 (arXiv:1703.10593), translation between unpaired sets.

Two generators, there and back, and PatchGANs for both sets; least-squares losses, a
cycle loss of weight 10, an identity loss of weight 5, and pools of 50 old fakes for the
discriminators. Without a download, it translates letters of one style into another,
without being told which letters correspond::

    python -m experiments.cyclegan
    python -m experiments.cyclegan --dataset unpaired:PATH --resolution 128

``unpaired:PATH`` is for your own sets, in folders trainA, trainB, testA and testB; see
`jaxgan.data.load_unpaired`. The run's pictures are strips of both sets, there and back.
``python -m experiments.translate RUN FILES...`` translates other images.

Both directions are judged by how well translations can be told from originals, and
letters also by the hidden pairs: L1, SSIM, and `experiments.judges.letters`.

The preset "small" has U-Nets that add to their input. The preset "paper" has the
paper's residual networks and settings for 256 pixels, 200 epochs of 1,000 images::

    python -m experiments.cyclegan --preset paper --dataset unpaired:PATH

Claim: Cityscapes photo to labels with a per-pixel accuracy of 0.58 and a class IoU of
0.16, judged by a network that is not included. Not yet reproduced here; it takes a GPU.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
import optax

from experiments.judges.translation import UNPAIRED
from experiments.pix2pix import patches
from jaxgan import Game, nets
from jaxgan.checks import InputError
from jaxgan.cli import TrainConfig, main
from jaxgan.data import DataSet, load_unpaired
from jaxgan.methods.cyclegan import cyclegan
from jaxgan.methods.jitter import jittered
from jaxgan.player import EMA
from jaxgan.schedules import by_images


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TrainConfig):
    """CycleGAN's settings; the defaults are those of the preset "small"."""

    experiment: ClassVar[str] = "cyclegan"
    load: ClassVar[Callable[..., DataSet]] = staticmethod(load_unpaired)

    # A whole set of values: small, or paper.
    preset: str = "small"
    # glyphs:STYLE:STYLE, or unpaired:PATH.
    dataset: str = "glyphs:sans:serif"
    # Updates of the generators.
    steps: int = 8_000
    # Examples of one update, over all devices.
    batch_size: int = 16
    # The generators: unet, or resnet.
    network: str = "unet"
    # Channels of the generators' first map.
    g_width: int = 24
    # Channels of each discriminator's first map.
    d_width: int = 32
    # Layers of stride 2 of each PatchGAN: 0 sees 1 pixel, 1 sees 16, 2 sees 34, 3 sees
    # 70.
    patches: tuple[int, ...] = (1, 2)
    # Whether a translation is what the generator adds to the input.
    residual: bool = True
    # Instance norm in the U-Nets and the discriminators.
    norm: bool = True
    # Weight of the cycle, each way.
    cycle: float = 10.0
    # Weight of the identity; 0 for none.
    identity: float = 5.0
    # Old fakes of each set that the discriminators see; 0 for none.
    pool: int = 50
    # Adam's learning rate for all players; from half of the steps on it decreases
    # linearly to 0.
    learning_rate: float = 2e-4
    # Adam's beta1, for all players.
    beta1: float = 0.5
    # Half-life of the averaged generators, in images; 0 for no average.
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
        steps=200_000,
        batch_size=1,
        network="resnet",
        g_width=64,
        d_width=64,
        patches=(3,),
        residual=False,
        resolution=256,
        jitter=30,
        mirror=True,
        ema_half_life=0.0,
    ),
}


def make_game(config: Config, data: DataSet) -> Game:
    """Returns the game between two sets of the data's shapes."""
    dtype = jnp.bfloat16 if config.bfloat16 else jnp.float32
    norm: dict[str, Any] = {} if config.norm else {"norm": None}
    shapes = {side: data.shape_of(side) for side in "ab"}
    half = config.steps * config.batch_size // 2
    adam = by_images(
        optax.adam,
        learning_rate=optax.linear_schedule(config.learning_rate, 0.0, half, half),
        b1=config.beta1,
    )
    judge = patches(config.patches, config.d_width, dtype=dtype, **norm)
    game = cyclegan(
        generator_ab=_generator(config, shapes["b"][-1], dtype=dtype),
        generator_ba=_generator(config, shapes["a"][-1], dtype=dtype),
        discriminator_a=judge,
        discriminator_b=judge,
        shape_a=shapes["a"],
        shape_b=shapes["b"],
        g_optimizer=adam,
        d_optimizer=adam,
        cycle=config.cycle,
        identity=config.identity or None,
        pool=config.pool,
        ema=EMA(half_life=config.ema_half_life) if config.ema_half_life else None,
    )
    if not config.jitter and not config.mirror:
        return game
    how = {"pixels": config.jitter, "mirror": config.mirror}
    return jittered(game, ("a",), ("b",), **how)


def _generator(config: Config, channels: int, **how: Any) -> nn.Module:
    """Returns a deterministic generator of images with ``channels`` channels."""
    how |= {"width": config.g_width, "residual": config.residual}
    if config.network == "unet":
        norm: dict[str, Any] = {} if config.norm else {"norm": None}
        return nets.unet.Generator(channels, dropout=0.0, **how, **norm)
    if config.network == "resnet":
        return nets.cyclegan.Generator(channels, **how)
    raise InputError(f"--network must be unet or resnet, got {config.network!r}.")


if __name__ == "__main__":
    main(Config, make_game, evaluators=UNPAIRED, presets=PRESETS)
