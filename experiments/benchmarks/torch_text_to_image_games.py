"""The losses and the step of images from captions, in PyTorch.

A step draws a wording of each caption and embeds it once, for both players' updates,
and without a graph, since the text encoder is fixed. Fakes are made anew for each
update, as in the other games from latents. The generator's update computes no gradients
of the discriminator's weights or of its logits of reals.

tuned: images and kernels are stored channels last, real and fake are judged in one
pass, which does not change the result, since nothing mixes examples, and Adam is fused.

compiled: the tuned encoder and losses through torch.compile.
"""

# pyright: reportMissingImports=false

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from experiments.benchmarks import torch_text_to_image
from experiments.benchmarks.torch_objectives import (
    Gradient,
    gradient_by_autograd,
    gradient_by_func,
    squared,
)
from experiments.benchmarks.torch_text_to_image import Discriminator, Players
from experiments.benchmarks.torch_tools import (
    Step,
    adam,
    as_float,
    autocast,
    descend,
    latents,
    to_channels_last,
)
from experiments.benchmarks.torch_tools import compiled as compile_
from experiments.benchmarks.works import Work


def start(work: Work, *, tuned: bool = False, compiled: bool = False) -> Step:
    """Returns a step of the work's game between new players."""
    players = torch_text_to_image.players(work)
    if tuned:
        for player in players:
            to_channels_last(player)
    return make_step(work, players, tuned=tuned, compiled=compiled)


def make_step(
    work: Work,
    players: Players,
    *,
    tuned: bool = False,
    compiled: bool = False,
) -> Step:
    """Returns the step, on images and captions, of `torch_text_to_image.players`."""
    text, g, d = players
    text.requires_grad_(False)
    g_optimizer, d_optimizer = (adam(work, player, fused=tuned) for player in (g, d))
    layout = torch.channels_last if tuned else torch.contiguous_format
    gradient = gradient_by_func if compiled else gradient_by_autograd

    def encode(captions: Tensor) -> Tensor:
        return encoded(text, captions)

    def d_loss_of(x: Tensor, z: Tensor, caption: Tensor) -> Tensor:
        with torch.no_grad():
            fake = g(z, caption)
        how = {"gradient": gradient, "together": tuned}
        return d_loss(work, d, x, fake, caption, **how)

    def g_loss_of(x: Tensor, z: Tensor, caption: Tensor) -> Tensor:
        return g_loss(d, x, g(z, caption), caption)

    if compiled:
        encode, d_loss_of, g_loss_of = map(compile_, (encode, d_loss_of, g_loss_of))

    def step(images: Tensor, captions: Tensor) -> None:
        x = as_float(images[0].contiguous(memory_format=layout))
        # A CUDA graph's output may be overwritten before the generator's update.
        caption = encode(drawn(captions[0])).clone()
        with autocast(work):
            loss = d_loss_of(x, latents(work), caption)
        descend(d_optimizer, loss)
        d.requires_grad_(False)
        with autocast(work):
            loss = g_loss_of(x, latents(work), caption)
        descend(g_optimizer, loss)
        d.requires_grad_(True)

    return step


def drawn(captions: Tensor) -> Tensor:
    """Draws a wording ``[b l]`` of each of the captions ``[b k l]``."""
    b, wordings, _ = captions.shape
    return captions[torch.arange(b), torch.randint(wordings, (b,))]


def encoded(text: nn.Module, captions: Tensor) -> Tensor:
    """Returns the embeddings of captions, without a graph."""
    with torch.no_grad():
        return text(captions)


def d_loss(
    work: Work,
    d: Discriminator,
    x: Tensor,
    fake: Tensor,
    caption: Tensor,
    *,
    gradient: Gradient = gradient_by_autograd,
    together: bool = False,
) -> Tensor:
    """Returns D's loss with R1 and R2.

    Args:
        work: the game.
        d: the discriminator.
        x: images.
        fake: fakes for the same captions, detached.
        caption: the embeddings of the captions.
        gradient: how to differentiate.
        together: whether to judge images and fakes in one pass.
    """

    def play(images: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """Returns logits and their squared slopes."""
        logits, _, slope = gradient(lambda images: (d(images, text), ()), images)
        return logits, squared(slope, logits)

    b = len(x)
    if together:
        both = torch.cat([caption, caption])
        logits, slopes = play(torch.cat([x, fake]), both)
        of_real, of_fake, r1, r2 = logits[:b], logits[b:], slopes[:b], slopes[b:]
    else:
        (of_real, r1), (of_fake, r2) = play(x, caption), play(fake, caption)
    return (softplus(of_fake - of_real) + work.r1 * r1 + work.r2 * r2).mean()


def g_loss(d: Discriminator, x: Tensor, fake: Tensor, caption: Tensor) -> Tensor:
    """Returns the mean of softplus(D(x, t) - D(fake, t)), t being the captions."""
    of_fake = d(fake, caption)
    with torch.no_grad():
        of_real = d(x, caption)
    return softplus(of_real - of_fake).mean()
