"""The translation games in numbers: pix2pix and CycleGAN, with U-Nets and PatchGANs.

They are those of the presets "small" of `experiments.pix2pix` and
`experiments.cyclegan`. Nothing here imports a framework.

The floating-point operations of a step, in the terms of `flops`, count a translation
once for both players' updates, though Algorithm 1 may make it anew for each. For
pix2pix one example of a step takes

    generator        3 F_G - f_G             the input needs no gradient
    discriminator    2 (3 F_D - f_D)         real and fake
    through it       2 F_D                   on the way to the generator

and for CycleGAN, whose generators are alike, and its discriminators too,

    generators       6 (3 F_G) - 4 f_G       only the ways back need input gradients
    discriminators   4 (3 F_D - f_D)
    through them     2 (2 F_D)
"""

import itertools

from experiments.benchmarks.works import Work

NETWORKS = ("pix2pix", "cyclegan")

DROPOUT = 0.5
"""pix2pix's dropout, in the innermost upsampling block; CycleGAN has none."""

L1 = 100.0
"""pix2pix's weight of the L1 distance to the target."""

CYCLE = 10.0
"""CycleGAN's weight of the cycle loss, in each direction."""

IDENTITY = 5.0
"""CycleGAN's weight of the identity loss, in each direction."""

POOL = 50
"""The size of each of CycleGAN's pools of old fakes."""

MOST = 8
"""The width of a network's widest map, as a multiple of its first's."""

SLOPE = 0.2
"""LeakyReLU's slope for negative inputs."""


def unet_widths(work: Work) -> list[int]:
    """Returns the channels of a U-Net's halved maps, finest first.

    Example:
        >>> from experiments.benchmarks.works import WORKS
        >>> unet_widths(WORKS["pix2pix"])
        [24, 48, 96, 192]
    """
    depth = work.halvings or work.image_shape[0].bit_length() - 1
    return [work.width * min(2**i, MOST) for i in range(depth)]


def patch_widths(work: Work, layers: int) -> list[int]:
    """Returns the channels of a PatchGAN's maps before its logits.

    Example:
        >>> from experiments.benchmarks.works import WORKS
        >>> patch_widths(WORKS["pix2pix"], 2)
        [32, 64, 128]
    """
    return [work.d_width * min(2**i, MOST) for i in range(layers + 1)]


def judged_channels(work: Work) -> int:
    """Returns the channels that a discriminator sees; pix2pix's also sees the input."""
    return work.image_shape[2] * (2 if work.network == "pix2pix" else 1)


def flops(work: Work) -> float:
    """Returns the operations of one step."""
    generator, first = _unet(work), _patch_firsts(work)
    g, d = sum(generator), sum(sum(_patch(work, n)) for n in work.patches)
    trained, through = 3 * d - first, 2 * d
    if work.network == "pix2pix":
        example = 3 * g - generator[0] + 2 * trained + through
    else:
        example = 18 * g - 4 * generator[0] + 4 * trained + 2 * through
    return work.batch_size * example


def unet_channels(work: Work) -> dict[str, list[tuple[int, int]]]:
    """Returns the channels into and out of each of a U-Net's layers.

    "in" and "out" are those at full resolution; both are empty if there are none.
    Layers up are listed finest first, as those down are.

    Example:
        >>> import dataclasses
        >>> from experiments.benchmarks.works import WORKS
        >>> work = dataclasses.replace(WORKS["pix2pix"], halvings=2)
        >>> for name, layers in unet_channels(work).items():
        ...     print(name, *layers)
        in (1, 32) (32, 32)
        down (32, 24) (24, 48)
        up (48, 32) (48, 24)
        out (64, 32) (32, 32) (32, 1)
    """
    widths, channels, fine = unet_widths(work), work.image_shape[2], list(work.fine)
    # A layer up reads the coarser map, joined to the skip connection.
    below = [*(2 * width for width in widths[:-1]), widths[-1]]
    first = fine[-1] if fine else channels
    after = [2 * fine[-1], *reversed(fine), channels] if fine else []
    return {
        "in": list(itertools.pairwise([channels, *fine])),
        "down": list(itertools.pairwise([first, *widths])),
        "up": list(zip(below, [first, *widths[:-1]], strict=True)),
        "out": list(itertools.pairwise(after)),
    }


def _unet(work: Work) -> list[float]:
    """Returns the operations of each layer of a generator on one example."""
    layers, side = unet_channels(work), work.image_shape[0]
    fine = lambda name: [_conv(*each, side, kernel=3) for each in layers[name]]
    halved = lambda name: [
        _conv(*each, side >> (i + 1)) for i, each in enumerate(layers[name])
    ]
    return [*fine("in"), *halved("down"), *halved("up"), *fine("out")]


def _patch(work: Work, layers: int) -> list[float]:
    """Returns those of a PatchGAN: a halving per layer, then two of stride 1."""
    widths, side = patch_widths(work, layers), work.image_shape[0]
    sides = [side >> (i + 1) for i in range(layers)]
    sides += [sides[-1] - 1, sides[-1] - 2]
    channels = [judged_channels(work), *widths, 1]
    return [
        _conv(into, out, size)
        for (into, out), size in zip(itertools.pairwise(channels), sides, strict=True)
    ]


def _patch_firsts(work: Work) -> float:
    """Returns the operations of the first layers of all PatchGANs."""
    return sum(_patch(work, layers)[0] for layers in work.patches)


def _conv(into: int, out: int, side: int, kernel: int = 4) -> float:
    """Returns the operations of a convolution, two for each multiply-add."""
    return 2.0 * kernel**2 * into * out * side**2
