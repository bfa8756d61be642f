"""Super-resolution in numbers: SRResNet and SRGAN, on random crops in random colours.

They are both stages of the preset "small" of `experiments.srgan`; no network has a
norm. Nothing here imports a framework.

The floating-point operations of a step, in the terms of `flops`, count a crop once for
both players' updates, as `translation` counts a translation. One example of a step of
SRResNet, and of SRGAN's generator, takes

    generator        3 F_G - f_G             the input needs no gradient

and of SRGAN besides that

    discriminator    2 (3 F_D - f_D)         real and fake
    through it       2 F_D                   on the way to the generator
    beside it        F_D                     the real's logit and features
"""

import itertools

from experiments.benchmarks.works import Work

NETWORKS = ("srresnet", "srgan")

PARTS = 2
"""The side of a tile, as a multiple of that of the crop that is trained on."""

BLOCKS = 5
"""The generator's residual blocks."""

HALVINGS = 4
"""The discriminator's convolutions of stride 2."""

HIDDEN = 16
"""Units of the discriminator's hidden layer, as a multiple of its first map's width."""

L1 = 1.0
"""SRGAN's weight of the L1 distance to the target."""

CONTENT = 0.01
"""SRGAN's weight of the distance between the discriminator's features."""

ADVERSARIAL = 3e-4
"""SRGAN's weight of the adversarial loss."""

LEAST_CONTRAST = 0.4
"""The least factor by which a crop's contrast is lowered."""

SLOPE = 0.2
"""LeakyReLU's slope for negative inputs."""


def part(work: Work) -> int:
    """Returns the side of a target's crop, in pixels.

    Example:
        >>> from experiments.benchmarks.works import WORKS
        >>> part(WORKS["srgan"])
        48
    """
    return work.image_shape[0] // PARTS


def doublings(work: Work) -> int:
    """Returns how often the generator doubles the size.

    Example:
        >>> from experiments.benchmarks.works import WORKS
        >>> doublings(WORKS["srgan"])
        2
    """
    return work.scale.bit_length() - 1


def judge_widths(work: Work) -> list[int]:
    """Returns the channels of the discriminator's image and of all its maps.

    Example:
        >>> from experiments.benchmarks.works import WORKS
        >>> judge_widths(WORKS["srgan"])
        [3, 16, 16, 32, 32, 64, 64, 128, 128]
    """
    maps = [work.d_width << i // 2 for i in range(2 * HALVINGS)]
    return [work.image_shape[2], *maps]


def flops(work: Work) -> float:
    """Returns the operations of one step."""
    generator = _generator(work)
    example = 3 * sum(generator) - generator[0]
    if work.network == "srgan":
        judge = _judge(work)
        example += 2 * (3 * sum(judge) - judge[0]) + 3 * sum(judge)
    return work.batch_size * example


def _generator(work: Work) -> list[float]:
    """Returns the operations of each layer of the generator on one example."""
    width, channels = work.width, work.image_shape[2]
    side = part(work) // work.scale
    layers = [_conv(channels, width, side)]
    layers += [_conv(width, width, side)] * (2 * BLOCKS + 1)
    layers += [_conv(width, width, 2 * side << i) for i in range(doublings(work))]
    return [*layers, _conv(width, channels, part(work))]


def _judge(work: Work) -> list[float]:
    """Returns those of the discriminator: every second convolution halves its map."""
    widths = judge_widths(work)
    maps = [
        _conv(into, out, part(work) >> (i + 1) // 2)
        for i, (into, out) in enumerate(itertools.pairwise(widths))
    ]
    hidden = HIDDEN * work.d_width
    return [*maps, 2.0 * widths[-1] * hidden, 2.0 * hidden]


def _conv(into: int, out: int, side: int) -> float:
    """Returns the operations of a 3x3 convolution, two for each multiply-add."""
    return 2.0 * 9 * into * out * side**2
