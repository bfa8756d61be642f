"""The works (workloads) that are raced: games as numbers, built by every framework.

Nothing here imports a framework: a contestant's process loads only its own framework,
so that no other counts in its memory and its start.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """One game, made of numbers and words only, so that it can be sent as JSON.

    Attributes:
        name: its name in the tables.
        network: "mlp", "dcgan", "sngan" or "r3gan"; or, for a game whose constants are
            in a module of its own, one of `families.NETWORKS`.
        image_shape: ``[h w c]``, of the larger image of a pair; ``[2]`` for points.
        latent_dim: the size of the latent, from N(0, I); 0 for a game without one.
        width: units of a hidden layer, or channels of the generator's finest hidden
            map (a U-Net's first); a "sngan" discriminator's maps have half as many.
        d_width: channels of the discriminator's first map, in `families.NETWORKS`
            only; else 0.
        batch_size: examples of one update.
        d_steps: D-updates for each G-update; 0 if there is no discriminator.
        loss: "non_saturating", "wasserstein", "hinge", "relativistic",
            "least_squares", or "l1", a lone generator's.
        r1: weight of the squared gradient norm on reals.
        r2: the same on fakes.
        gp: weight of WGAN-GP's penalty.
        batch_norm: whether a "dcgan" discriminator has batch norm; its generator does.
        widths: channels of each stage of an "r3gan", the coarsest first.
        group_size: channels per group of an "r3gan"'s 3x3 convolutions.
        fine: channels of a U-Net's convolutions at full resolution, before the first
            halving and, in reverse order, after the last doubling.
        halvings: of a U-Net's maps; 0 for as many as the image allows.
        norm: whether a translation's networks have instance norm.
        scale: a target's height and width, as a multiple of its input's.
        captions: the shape ``[k l]`` of an image's captions, k wordings of l words.
        words: the size of the captions' vocabulary, in which 0 stands for no word.
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
    fine: tuple[int, ...] = ()
    halvings: int = 0
    patches: tuple[int, ...] = ()
    norm: bool = True
    scale: int = 1
    captions: tuple[int, ...] = ()
    words: int = 0
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
        """The images of a unit of work: D's reals, a lone G's examples, or samples."""
        return self.samples or self.members * max(self.d_steps, 1) * self.batch_size

    @property
    def g_reals(self) -> bool:
        """True if the generator's update takes examples of its own, not D's last."""
        return self.network == "r3gan" or not self.d_steps

    @property
    def batches(self) -> int:
        """The number of batches of examples that a step takes."""
        return self.d_steps + self.g_reals

    @property
    def columns(self) -> dict[str, tuple[int, ...]]:
        """The shapes of one example of each of the data's columns, by name."""
        image = self.image_shape
        if self.latent_dim:
            captioned = {"image": image, "captions": self.captions}
            return captioned if self.captions else {"image": image}
        if self.network == "cyclegan":
            return {"a": image, "b": image}
        small = (*(side // self.scale for side in image[:2]), image[2])
        return {"input": small, "target": image}

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
# their schedules: the initial learning rate of SNGAN, and the values at the end of
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
    learning_rate=2e-3,
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
# The same for `experiments.pix2pix` and `experiments.cyclegan`, at the initial rate.
_PIX2PIX = Work(
    name="pix2pix",
    network="pix2pix",
    image_shape=(32, 32, 1),
    latent_dim=0,
    width=24,
    d_width=32,
    batch_size=16,
    fine=(32, 32),
    halvings=4,
    patches=(1, 2),
    norm=False,
    learning_rate=1e-3,
)
_CYCLEGAN = dataclasses.replace(
    _PIX2PIX,
    name="cyclegan",
    network="cyclegan",
    batch_size=4,
    fine=(),
    patches=(2,),
    loss="least_squares",
    learning_rate=3e-4,
)
# The same for both stages of `experiments.srgan`, and for `experiments.text_to_image`.
_SRRESNET = Work(
    name="srresnet",
    network="srresnet",
    image_shape=(96, 96, 3),
    latent_dim=0,
    width=32,
    batch_size=16,
    d_steps=0,
    loss="l1",
    scale=4,
    learning_rate=1e-3,
    beta1=0.9,
    examples=224,  # the tiles of its photos
)
_SRGAN = dataclasses.replace(
    _SRRESNET,
    name="srgan",
    network="srgan",
    d_width=16,
    d_steps=1,
    loss="relativistic",
    learning_rate=1e-4,
)
_TEXT_TO_IMAGE = Work(
    name="text_to_image",
    network="text_to_image",
    image_shape=(32, 32, 3),
    latent_dim=32,
    width=32,
    d_width=32,
    batch_size=64,
    loss="relativistic",
    r1=0.5,
    r2=0.5,
    captions=(5, 18),
    words=78,
    learning_rate=5e-4,
    beta1=0.0,
    beta2=0.99,
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
        _SRRESNET,
        _SRGAN,
        _TEXT_TO_IMAGE,
    )
}


def tiny(work: Work) -> Work:
    """Returns the same game at a size that shows that it works, not its speed."""
    # An SRGAN's discriminator halves parts of half this side four times.
    side = {"mlp": 4, "sngan": 32, "srresnet": 32, "srgan": 32}.get(work.network, 8)
    # A smaller DCGAN's discriminator has no map with batch norm, and PatchGANs have no
    # logits for smaller images.
    if work.batch_norm or work.d_width:
        side = max(side, 16)
    shape = (side, side, 1) if len(work.image_shape) == 3 else work.image_shape
    return dataclasses.replace(
        work,
        image_shape=shape,
        latent_dim=4 if work.latent_dim else 0,
        width=4,
        d_width=4 if work.d_width else 0,
        widths=(8, 4) if work.widths else (),
        group_size=4,
        fine=(4, 4) if work.fine else (),
        halvings=min(work.halvings, 3),
        captions=(3, 6) if work.captions else (),
        words=9 if work.words else 0,
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
