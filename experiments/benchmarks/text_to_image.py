"""Images from captions in numbers: a projection discriminator, with R1 and R2.

It is the preset "small" of `experiments.text_to_image`. Its text encoder is fixed, but
belongs to the step: each update draws a wording, and embeds it. Nothing here imports a
framework.

The floating-point operations of a step, in the terms of `flops`, count an embedding
once for both players' updates, though the game computes it anew. With M those of the
discriminator's maps of an image (m of the first), H those of its other layers, and t
and u those of the layers that see only the caption, in the discriminator and in the
generator, one example of a step takes

    encoder          F_T
    generator        F_G                         for the discriminator
    discriminator    2 (3 M - m + 3 H - t)       real and fake
    R1 and R2        2 (3 (M + H - t))
    generator        3 F_G - u                   the caption needs no gradient
    through it       2 (M + H) - t               on the way to the generator
    beside it        M + H                       the real's logit

The inner product of image and caption counts for nothing, like all that is not a matrix
product or a convolution.
"""

import itertools

import numpy as np

from experiments.benchmarks import random_data
from experiments.benchmarks.works import Work

NETWORKS = ("text_to_image",)

TEXT = 64
"""Size of an embedding, of a word's vector, and of a caption in either network."""

WINDOW = 3
"""The words that a layer of the text encoder sees at a time."""

DEPTH = 2
"""Layers of the text encoder before the mean and the maximum over the words."""

HIDDEN = 256
"""The discriminator's features of an image, and of a caption."""

GROUPS = 8
"""The most groups of the generator's group norm."""

OTHERS = 1_024
"""Captions in the game's memory, to draw wrong ones from; none is drawn here."""

SLOPE = 0.2
"""LeakyReLU's slope for negative inputs."""


def others(work: Work) -> np.ndarray:
    """Returns captions to draw wrong ones from, evenly spaced: ``[m l]``."""
    captions = random_data.captions(work).reshape(-1, work.captions[-1])
    return captions[np.linspace(0, len(captions) - 1, OTHERS).astype(int)]


def maker_widths(work: Work) -> list[int]:
    """Returns the channels of the generator's maps, coarsest first, without the image.

    Example:
        >>> from experiments.benchmarks.works import WORKS
        >>> maker_widths(WORKS["text_to_image"])
        [128, 64, 32]
    """
    return [work.width << i for i in reversed(range(work.maps[1]))]


def judge_widths(work: Work) -> list[int]:
    """Returns the channels of the discriminator's maps, finest first.

    Example:
        >>> from experiments.benchmarks.works import WORKS
        >>> judge_widths(WORKS["text_to_image"])
        [32, 64, 128]
    """
    return [work.d_width << i for i in range(work.maps[1])]


def flops(work: Work) -> float:
    """Returns the operations of one step."""
    encoder, generator = _encoder(work), _generator(work)
    maps, head = _judge(work)
    g, m, h = sum(generator), sum(maps), sum(head)
    of_reals_and_fakes = 2 * (3 * m - maps[0] + 3 * h - head[0])
    alone = m + h
    penalties = 3 * (alone - head[0]) * (bool(work.r1) + bool(work.r2))
    d_update = g + of_reals_and_fakes + penalties
    g_update = 3 * g - generator[0] + 2 * alone - head[0] + alone
    return work.batch_size * (encoder + d_update + g_update)


def _encoder(work: Work) -> float:
    """Returns the operations of the text encoder on one caption."""
    words = DEPTH * work.captions[-1] * _dense(WINDOW * TEXT, TEXT)
    return words + _dense(2 * TEXT, TEXT)


def _generator(work: Work) -> list[float]:
    """Returns those of each layer of the generator; the caption's comes first."""
    widths, (base, _) = maker_widths(work), work.maps
    channels = itertools.pairwise([*widths, work.image_shape[2]])
    # A transposed convolution reads each pixel of the coarser map.
    maps = [
        (base << i) ** 2 * _dense(into, 16 * out)
        for i, (into, out) in enumerate(channels)
    ]
    flat = base * base * widths[0]
    return [_dense(TEXT, TEXT), _dense(work.latent_dim + TEXT, flat), *maps]


def _judge(work: Work) -> tuple[list[float], list[float]]:
    """Returns those of the discriminator's maps and of its other layers.

    Of the others, the caption's comes first.
    """
    widths, (base, times) = judge_widths(work), work.maps
    channels = itertools.pairwise([work.image_shape[2], *widths])
    maps = [
        (base << times - 1 - i) ** 2 * _dense(16 * into, out)
        for i, (into, out) in enumerate(channels)
    ]
    seen = _dense(base * base * widths[-1], HIDDEN)
    return maps, [_dense(TEXT, HIDDEN), seen, _dense(HIDDEN, 1)]


def _dense(into: int, out: int) -> float:
    """Returns the operations of a dense layer, two for each multiply-add."""
    return 2.0 * into * out
