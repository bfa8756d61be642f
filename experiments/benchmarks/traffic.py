"""The least bytes that a step must move, in closed form, for its roofline.

As `flops` counts what the networks define, this counts what no program can avoid when
only elementwise operations are fused: each layer's output is written once and read once
in the forward pass (2 A numbers per example, A being all outputs of a network), and in
the backward pass its output is read and its gradient written and read (3 A)::

    D-update        2 A_G + 2 (5 A_D)
    R1 or R2        8 A_D       the gradient of the input, and its backward pass
    WGAN-GP         10 A_D      its points have a forward pass too
    G-update        5 A_G + 5 A_D
    relativistic    2 A_D       D judges reals in the G-update too

Each update also reads its player's parameters, gradients and Adam's two moments, and
writes them: 8 P numbers of float32. Activations count 4 bytes a number, in bfloat16 2.
Small games, which stay in a cache, move less.
"""

import itertools

from experiments.benchmarks import flops, residual
from experiments.benchmarks.works import Work


def of_unit(work: Work) -> float:
    """Returns the bytes of one step of all members, or of all samples."""
    g, d = outputs(work)
    width = 2 if work.bfloat16 else 4
    if work.samples:
        return work.samples * 2.0 * g * width
    penalties = 8 * d * (bool(work.r1) + bool(work.r2)) + 10 * d * bool(work.gp)
    d_update, g_update = 2 * g + 10 * d + penalties, 5 * g + 5 * d
    g_update += 2 * d * work.g_reals
    activations = work.batch_size * (work.d_steps * d_update + g_update) * width
    p_g, p_d = parameters(work)
    return work.members * (activations + 8 * 4.0 * (work.d_steps * p_d + p_g))


def outputs(work: Work) -> tuple[int, int]:
    """Counts all layers' outputs for one example: the generator's, the judge's."""
    if work.network == "mlp":
        return 2 * work.width + work.pixels, 2 * work.width + 1
    if work.network in residual.NETWORKS:
        generator, judge = residual.layers(work)
        count = lambda layers: sum(layer.outputs for layer in layers)
        return count(generator), count(judge)
    base, times = work.maps
    maps = [(base << times - 1 - i) ** 2 * (work.width << i) for i in range(times)]
    # The generator's maps are the judge's in reverse, followed by an image.
    return sum(maps) + work.pixels, sum(maps) + 1


def parameters(work: Work) -> tuple[float, float]:
    """Counts the weights of the generator and the judge; biases and norms are few."""
    if work.network == "mlp":
        generator, judge = flops.layers(work)
        return sum(generator) / 2, sum(judge) / 2  # one multiply-add per weight
    if work.network in residual.NETWORKS:
        generator, judge = residual.layers(work)
        count = lambda layers: float(sum(layer.weights for layer in layers))
        return count(generator), count(judge)
    base, times = work.maps
    channels = [work.image_shape[2], *(work.width << i for i in range(times))]
    kernels = sum(16 * a * b for a, b in itertools.pairwise(channels))
    flat = base * base * channels[-1]
    return work.latent_dim * flat + kernels, kernels + flat


def roofline_seconds(work: Work, *, flops_rate: float, bytes_rate: float) -> float:
    """Returns the least seconds of a unit on a device with these rates per second."""
    return max(flops.of_unit(work) / flops_rate, of_unit(work) / bytes_rate)
