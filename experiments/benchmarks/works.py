"""The works that are raced: games in numbers, which every framework builds for itself.

Nothing here imports a framework: a contestant's process loads its own framework only,
so that its memory and its start are its own.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """One game, made of numbers and words only, so that it can be sent as JSON.

    Attributes:
        name: its name in the tables.
        network: "mlp", "dcgan", "sngan" or "r3gan"; "pix2pix" and "cyclegan" name
            games of U-Nets and PatchGANs, whose constants are in `translation`.
        image_shape: of one example, ``[h w c]``, or ``[2]`` for points.
        latent_dim: the size of the latent, from N(0, I); 0 for a translation.
        width: units of a hidden layer, or channels of the generator's finest hidden
            map; a "sngan" discriminator's maps have half as many. Of a U-Net, those
            of the first map.
        d_width: channels of a PatchGAN's first map; 0 for other networks.
        batch_size: examples of one update.
        d_steps: D-updates for each G-update.
        loss: "non_saturating", "wasserstein", "hinge", "relativistic" or
            "least_squares".
        r1: weight of the squared gradient norm on reals.
        r2: the same on fakes.
        gp: weight of WGAN-GP's penalty.
        batch_norm: whether a "dcgan" discriminator has batch norm; its generator has.
        widths: channels of each stage of an "r3gan", the coarsest first.
        group_size: channels of a group of an "r3gan"'s 3x3 convolutions.
        learning_rate: Adam's, for both players.
        beta1: Adam's.
        beta2: Adam's.
        members: how many games are trained at once, each from its own seed.
        samples: images to make with the generator; 0 to train.
        sample_batch: images made at a time; divides ``samples``.
        bfloat16: whether networks compute in bfloat16, with float32 parameters.
        examples: rows of the data.
    """

    name: str
    network: str
    image_shape: tuple[int, ...]
    latent_dim: int
    width: int
    batch_size: int
    d_width: int = 0
    d_steps: int = 1
    loss: str = "non_saturating"
    r1: float = 0.0
    r2: float = 0.0
    gp: float = 0.0
    batch_norm: bool = False
    widths: tuple[int, ...] = ()
    group_size: int = 16
    learning_rate: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    members: int = 1
    samples: int = 0
    sample_batch: int = 250
    bfloat16: bool = False
    examples: int = 10_000

    @property
    def images(self) -> int:
        """The images of one unit of work: reals that D learns from, or samples made."""
        return self.samples or self.members * self.d_steps * self.batch_size

    @property
    def g_reals(self) -> bool:
        """True if the generator's loss needs reals, which are a batch of their own."""
        return self.loss == "relativistic"

    @property
    def batches(self) -> int:
        """The number of batches of reals that a step takes."""
        return self.d_steps + self.g_reals

    @property
    def columns(self) -> tuple[str, ...]:
        """The data's columns by name; a row has one example of each."""
        named = {"pix2pix": ("input", "target"), "cyclegan": ("a", "b")}
        return named.get(self.network, ("image",))

    @property
    def pixels(self) -> int:
        """The number of values in one example."""
        return math.prod(self.image_shape)

    @property
    def maps(self) -> tuple[int, int]:
        """The size of a "dcgan"'s coarsest map, and how often it doubles."""
        base = 7 if self.image_shape[0] % 7 == 0 else 4
        return base, (self.image_shape[0] // base).bit_length() - 1


_MLP = Work(
    name="mlp",
    network="mlp",
    image_shape=(28, 28, 1),
    latent_dim=64,
    width=256,
    batch_size=100,
)
_RING = Work(
    name="ring",
    network="mlp",
    image_shape=(2,),
    latent_dim=2,
    width=64,
    batch_size=128,
    r1=0.05,
    r2=0.05,
    learning_rate=1e-3,
)
_DCGAN = Work(
    name="dcgan",
    network="dcgan",
    image_shape=(32, 32, 3),
    latent_dim=100,
    width=64,
    batch_size=64,
    batch_norm=True,
)
_WGAN_GP = dataclasses.replace(
    _DCGAN,
    name="wgan_gp",
    batch_norm=False,
    loss="wasserstein",
    gp=10.0,
    d_steps=5,
    learning_rate=1e-4,
    beta1=0.0,
    beta2=0.9,
)
# The presets "small" of `experiments.sngan` and `experiments.r3gan`, with constants for
# their schedules: the first learning rate of SNGAN, and the values at the end of
# R3GAN's burn-in.
_SNGAN = Work(
    name="sngan",
    network="sngan",
    image_shape=(32, 32, 1),
    latent_dim=128,
    width=32,
    batch_size=32,
    d_steps=2,
    loss="hinge",
    beta1=0.0,
    beta2=0.9,
)
_R3GAN = Work(
    name="r3gan",
    network="r3gan",
    image_shape=(32, 32, 1),
    latent_dim=64,
    width=8,
    widths=(96, 48, 16, 8),
    batch_size=32,
    loss="relativistic",
    r1=0.05,
    r2=0.05,
    learning_rate=2.5e-4,
    beta1=0.0,
    beta2=0.99,
)
# The same for `experiments.pix2pix` and `experiments.cyclegan`, at the first rate.
_PIX2PIX = Work(
    name="pix2pix",
    network="pix2pix",
    image_shape=(32, 32, 1),
    latent_dim=0,
    width=32,
    d_width=32,
    batch_size=16,
    learning_rate=5e-4,
)
_CYCLEGAN = dataclasses.replace(
    _PIX2PIX,
    name="cyclegan",
    network="cyclegan",
    width=24,
    loss="least_squares",
    learning_rate=2e-4,
)

WORKS = {
    work.name: work
    for work in (
        _MLP,
        _RING,
        _DCGAN,
        dataclasses.replace(_DCGAN, name="dcgan_r1", batch_norm=False, r1=0.1),
        _WGAN_GP,
        dataclasses.replace(_RING, name="population_16", members=16),
        dataclasses.replace(_RING, name="population_64", members=64),
        dataclasses.replace(_DCGAN, name="sampling", samples=10_000),
        _SNGAN,
        _R3GAN,
        _PIX2PIX,
        _CYCLEGAN,
    )
}


def tiny(work: Work) -> Work:
    """Returns the same game at a size that shows that it works, not its speed."""
    side = {"mlp": 4, "sngan": 32}.get(work.network, 8)
    # A smaller DCGAN's discriminator has no map with batch norm, and PatchGANs have no
    # logits for smaller images.
    if work.batch_norm or work.d_width:
        side = 16
    shape = (side, side, 1) if len(work.image_shape) == 3 else work.image_shape
    return dataclasses.replace(
        work,
        image_shape=shape,
        latent_dim=4 if work.latent_dim else 0,
        width=4,
        d_width=4 if work.d_width else 0,
        widths=(8, 4) if work.widths else (),
        group_size=4,
        batch_size=8,
        d_steps=min(work.d_steps, 2),
        members=min(work.members, 3),
        samples=min(work.samples, 2 * work.sample_batch),
        examples=64,
    )


def from_json(fields: Mapping[str, Any]) -> Work:
    """Returns the work whose fields went through JSON, where tuples become lists."""
    as_tuple = lambda value: tuple(value) if isinstance(value, list) else value
    values: dict[str, Any] = {name: as_tuple(fields[name]) for name in fields}
    return Work(**values)


def tables(work: Work) -> dict[str, np.ndarray]:
    """Draws the data of all `Work.columns` by `table`, each from its own seed."""
    return {name: table(work, seed) for seed, name in enumerate(work.columns)}


def table(work: Work, seed: int = 0) -> np.ndarray:
    """Draws random data of the work's shape: uint8 ``[n h w c]``, or a ring ``[n 2]``.

    The content of images does not affect the time; points must be near those of a run.
    """
    random = np.random.default_rng(seed)
    if len(work.image_shape) == 3:
        return random.integers(0, 256, (work.examples, *work.image_shape), np.uint8)
    angle = 2 * np.pi * random.integers(0, 8, work.examples) / 8
    modes = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return (modes + 0.02 * random.standard_normal(modes.shape)).astype(np.float32)
