"""The floating-point operations of a step, in closed form, as its networks define them.

Matrix products and convolutions are counted, as two operations for each multiply-add;
elementwise operations are not. With F the operations of a network's forward pass on one
example, its backward pass takes F for the weights' gradients and F for those of the
layers' inputs, the latter without the first layer's share f where the gradient of the
network's own input is not needed. One example of a step is then

    D-update        F_G + 2 (3 F_D - f_D)     a fake is made, real and fake judged
    R1 or R2        3 F_D                     the forward pass is the loss's own
    WGAN-GP         4 F_D                     its points have a forward pass too
    G-update        3 F_G - f_G + 2 F_D       D passes the gradient on
    relativistic    F_D                       D judges reals in the G-update too

A penalty takes F_D for the gradient of its input, and 2 F_D for the backward pass
through that gradient, which has products only: the second derivative of a ReLU is zero.
All contestants are given the same number, whatever they compute, so that their
GFLOP/s are comparable. jaxgan's strided convolutions take 9 products for 16 on a CPU
(`jaxgan.nets.conv.winograd`), and so may exceed the ceiling of the matrix product. Work
done once per update on weights alone, as for spectral norm, is not counted. The steps
of the games of `families` are in their modules.
"""

import itertools

from experiments.benchmarks import families, residual
from experiments.benchmarks.works import Work


def of_unit(work: Work) -> float:
    """Returns the operations of one step of all members, or of all samples."""
    family = families.of(work)
    if family is not None:
        return family.flops(work)
    generator, discriminator = layers(work)
    g, d = sum(generator), sum(discriminator)
    if work.samples:
        return work.samples * g
    penalties = _penalties(work, d)
    d_update = g + 2 * (3 * d - discriminator[0]) + penalties
    g_update = 3 * g - generator[0] + (2 + work.g_reals) * d
    examples = work.members * work.batch_size
    return examples * (work.d_steps * d_update + g_update)


def _penalties(work: Work, d: float) -> float:
    return 3 * d * (bool(work.r1) + bool(work.r2)) + 4 * d * bool(work.gp)


def layers(work: Work) -> tuple[list[float], list[float]]:
    """Returns each layer's operations on one example: the generator's, the judge's."""
    if work.network == "mlp":
        width = work.width
        into = [work.latent_dim, width, width, work.pixels]
        out = [work.pixels, width, width, 1]
        return _dense(into), _dense(out)
    if work.network in residual.NETWORKS:
        generator, judge = residual.layers(work)
        count = lambda layers: [2.0 * layer.products for layer in layers]
        return count(generator), count(judge)
    base, times = work.maps
    coarsest = work.width << (times - 1)
    channels = [work.width << i for i in range(times)]
    # One pair (finer channels, coarser channels) for each map between two sizes.
    steps = list(zip([work.image_shape[2], *channels], channels, strict=False))
    maps = [
        2.0 * 16 * fine * coarse * (base << (times - 1 - i)) ** 2
        for i, (fine, coarse) in enumerate(steps)
    ]
    flat = base * base * coarsest
    return [*_dense([work.latent_dim, flat]), *reversed(maps)], [
        *maps,
        *_dense([flat, 1]),
    ]


def _dense(sizes: list[int]) -> list[float]:
    return [2.0 * a * b for a, b in itertools.pairwise(sizes)]
