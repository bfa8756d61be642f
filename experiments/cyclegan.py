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
letters also on held-out pairs: L1, SSIM, and `experiments.judges.letters`.

The preset "small" has U-Nets whose output is added to the input, no norm, and four
images to an update. The preset "paper" has the paper's residual networks and settings
for 256 pixels, 200 epochs of 1,000 images::

    python -m experiments.cyclegan --preset paper --dataset unpaired:PATH

Claim: Cityscapes photo to labels with a per-pixel accuracy of 0.58 and a class IoU of
0.16, judged by a network that is not included. Not yet reproduced here; it takes a GPU.
"""

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import flax.linen as nn

from experiments.image_to_image import (
    PAPER,
    TranslationConfig,
    adam,
    average,
    dtype,
    jittered,
    patchgans,
    unet,
)
from experiments.judges.translation import UNPAIRED
from jaxgan import Game, nets
from jaxgan.checks import InputError
from jaxgan.cli import main
from jaxgan.data import DataSet, load_unpaired
from jaxgan.methods.cyclegan import cyclegan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TranslationConfig):
    """CycleGAN's settings; the defaults are those of the preset "small"."""

    experiment: ClassVar[str] = "cyclegan"
    load: ClassVar[Callable[..., DataSet]] = staticmethod(load_unpaired)

    # glyphs:STYLE:STYLE, or unpaired:PATH.
    dataset: str = "glyphs:sans:serif"
    # The generators: unet, or resnet.
    network: str = "unet"
    # Generator updates.
    steps: int = 24_000
    # Examples of one update, over all devices.
    batch_size: int = 4
    # Channels of the generators' first map.
    g_width: int = 24
    # Halvings of the U-Nets' maps.
    depth: int | None = 4
    # Layers of stride 2 of each PatchGAN: 0 sees 1 pixel, 1 sees 16, 2 sees 34, 3 sees
    # 70.
    patches: tuple[int, ...] = (2,)
    # Instance norm in the generators and the discriminators.
    norm: bool = False
    # Adam's learning rate, for all players; it decays linearly to 0 over the second
    # half of the steps.
    learning_rate: float = 3e-4
    # Whether a generator's output is added to its input.
    residual: bool = True
    # Weight of the cycle loss, in each direction.
    cycle: float = 10.0
    # Weight of the identity loss; 0 for none.
    identity: float = 5.0
    # Size of each discriminator's pool of old fakes; 0 for none.
    pool: int = 50


PRESETS = {
    "small": Config(),
    "paper": Config(**PAPER, steps=200_000, network="resnet"),
}


def make_game(config: Config, data: DataSet) -> Game:
    """Returns the game between two sets of the data's shapes."""
    shapes = {side: data.shape_of(side) for side in "ab"}
    judge, optimizer = patchgans(config), adam(config)
    game = cyclegan(
        generator_ab=_generator(config, shapes["b"][-1]),
        generator_ba=_generator(config, shapes["a"][-1]),
        discriminator_a=judge,
        discriminator_b=judge,
        shape_a=shapes["a"],
        shape_b=shapes["b"],
        g_optimizer=optimizer,
        d_optimizer=optimizer,
        cycle=config.cycle,
        identity=config.identity or None,
        pool=config.pool,
        ema=average(config),
    )
    return jittered(config, game, ("a",), ("b",))


def _generator(config: Config, channels: int) -> nn.Module:
    """Returns a deterministic generator of images with ``channels`` channels."""
    if config.network == "unet":
        return unet(config, channels, dropout=0.0, residual=config.residual)
    if config.network == "resnet":
        # The default depth may stay: it is the U-Nets' in the preset.
        if config.fine or config.depth not in (None, Config.depth):
            raise InputError(
                "--fine and --depth are for --network unet; leave them out for resnet."
            )
        size = {"width": config.g_width, "residual": config.residual}
        return nets.cyclegan.Generator(channels, **size, **dtype(config))
    raise InputError(f"--network must be unet or resnet, got {config.network!r}.")


if __name__ == "__main__":
    main(Config, make_game, evaluators=UNPAIRED, presets=PRESETS)
