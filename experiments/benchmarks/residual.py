"""The sizes of the residual networks' layers, for `flops` and `traffic`."""

import itertools
from typing import NamedTuple

from experiments.benchmarks.works import Work

NETWORKS = ("sngan", "r3gan")


class Layer(NamedTuple):
    """A dense layer or a convolution, on one example.

    Attributes:
        weights: the number of weights of its kernel.
        outputs: the number of its outputs.
        products: the number of multiplications of a weight by an input.
    """

    weights: int
    outputs: int
    products: int


Layers = list[Layer]


def layers(work: Work) -> tuple[Layers, Layers]:
    """Returns the generator's layers and the discriminator's, in order.

    Layers that read the same input as the first count as one layer with it.
    """
    return _sngan(work) if work.network == "sngan" else _r3gan(work)


def _dense(into: int, out: int) -> Layer:
    return Layer(into * out, out, into * out)


def _conv(kernel: int, into: int, out: int, side: int) -> Layer:
    """Returns a convolution onto ``side`` x ``side``; a group has ``into`` channels."""
    weights = kernel * kernel * into * out
    return Layer(weights, side * side * out, side * side * weights)


def _sngan(work: Work) -> tuple[Layers, Layers]:
    """Returns the layers for 32 pixels: three doublings from 4x4, and two halvings."""
    g, d, channels = work.width, work.width // 2, work.image_shape[2]
    generator = [_dense(work.latent_dim, 4 * 4 * g)]
    for side in (8, 16, 32):
        generator += [_conv(3, g, g, side)] * 2 + [_conv(1, g, g, side // 2)]
    generator.append(_conv(3, g, channels, 32))
    first = _conv(3, channels, d, 32), _conv(1, channels, d, 16)
    discriminator = [
        Layer(*map(sum, zip(*first, strict=True))),
        _conv(3, d, d, 32),
        *[_conv(3, d, d, 16)] * 2,
        _conv(1, d, d, 8),
        *[_conv(3, d, d, 8)] * 4,
        _dense(d, 1),
    ]
    return generator, discriminator


def _r3gan(work: Work) -> tuple[Layers, Layers]:
    """Returns stages of a block each, from 4x4 up; projections use the smaller maps."""
    widths, channels = work.widths, work.image_shape[2]
    sides = [4 << stage for stage in range(len(widths))]
    blocks = [
        [
            _conv(1, width, 2 * width, side),
            _conv(3, work.group_size, 2 * width, side),
            _conv(1, 2 * width, width, side),
        ]
        for width, side in zip(widths, sides, strict=True)
    ]
    generator = [_dense(work.latent_dim, widths[0]), *blocks[0]]
    discriminator = [*blocks[0], _dense(widths[0], 1)]
    for (coarse, fine), side, block in zip(
        itertools.pairwise(widths), sides, blocks[1:], strict=False
    ):
        if coarse != fine:
            generator.append(_conv(1, coarse, fine, side))
            discriminator.insert(0, _conv(1, fine, coarse, side))
        generator += block
        discriminator = block + discriminator
    generator.append(_conv(1, widths[-1], channels, sides[-1]))
    return generator, [_conv(1, channels, widths[-1], sides[-1]), *discriminator]
