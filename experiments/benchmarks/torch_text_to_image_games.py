"""The losses and the step of images from captions, in PyTorch.

A step draws a wording of each caption and embeds it once, for both players' updates,
and without a graph, since the text encoder is fixed. Fakes are made anew for each
update, as in the other games from latents. The maps of a real image are judged with its
right and with its wrong caption, as in DF-GAN's code. The generator's update computes
no gradients of the discriminator's weights or of its logits of reals.

tuned: images and kernels are stored channels last, right and wrong captions are
embedded in one pass, real and fake are judged in one pass, which does not change the
result, since group norm does not mix examples, and Adam is fused.

compiled: the tuned encoder and losses through torch.compile.
"""

# pyright: reportMissingImports=false

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from experiments.benchmarks import text_to_image, torch_text_to_image
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
    judged,
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
    others = torch.from_numpy(text_to_image.others(work))
    others = others.to(torch.get_default_device())
    layout = torch.channels_last if tuned else torch.contiguous_format
    gradient = gradient_by_func if compiled else gradient_by_autograd

    def encode(right: Tensor, wrong: Tensor) -> tuple[Tensor, Tensor]:
        return encoded(text, right, wrong, together=tuned)

    def d_loss_of(x: Tensor, z: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
        with torch.no_grad():
            fake = g(z, right)
        how = {"gradient": gradient, "together": tuned}
        return d_loss(work, d, x, fake, right, wrong, **how)

    def g_loss_of(x: Tensor, z: Tensor, right: Tensor) -> Tensor:
        return g_loss(d, x, g(z, right), right)

    if compiled:
        encode, d_loss_of, g_loss_of = map(compile_, (encode, d_loss_of, g_loss_of))

    def step(images: Tensor, captions: Tensor) -> None:
        x = as_float(images[0].contiguous(memory_format=layout))
        # A CUDA graph's output may be overwritten before the generator's update.
        right, wrong = (e.clone() for e in encode(*drawn(captions[0], others)))
        with autocast(work):
            loss = d_loss_of(x, latents(work), right, wrong)
        descend(d_optimizer, loss)
        d.requires_grad_(False)
        with autocast(work):
            loss = g_loss_of(x, latents(work), right)
        descend(g_optimizer, loss)
        d.requires_grad_(True)

    return step


def drawn(captions: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Draws a wording ``[b l]`` of each of the captions ``[b k l]``, and a wrong one.

    Args:
        captions: the right captions.
        others: those that wrong ones are drawn from, ``[m l]``.
    """
    b, wordings, _ = captions.shape
    right = captions[torch.arange(b), torch.randint(wordings, (b,))]
    return right, others[torch.randint(len(others), (b,))]


def encoded(
    text: nn.Module, right: Tensor, wrong: Tensor, *, together: bool
) -> tuple[Tensor, Tensor]:
    """Returns the embeddings of right and wrong captions, without a graph."""
    with torch.no_grad():
        return judged(text, right, wrong, together=together)


def d_loss(
    work: Work,
    d: Discriminator,
    x: Tensor,
    fake: Tensor,
    right: Tensor,
    wrong: Tensor,
    *,
    gradient: Gradient = gradient_by_autograd,
    together: bool = False,
) -> Tensor:
    """Returns D's loss of fakes and of wrong captions, with R1 and R2.

    Args:
        work: the game.
        d: the discriminator.
        x: images.
        fake: fakes for the same captions, detached.
        right: the embeddings of the images' captions.
        wrong: those of wrong captions.
        gradient: how to differentiate.
        together: whether to judge images and fakes in one pass.
    """

    def play(images: Tensor, text: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns logits, their squared slopes, and the images' maps."""

        def seen(images: Tensor) -> tuple[Tensor, Tensor]:
            maps = d.maps(images)
            return d.judge(maps, text), maps

        logits, maps, slope = gradient(seen, images)
        return logits, squared(slope, logits), maps

    b = len(x)
    if together:
        logits, slopes, maps = play(torch.cat([x, fake]), torch.cat([right, right]))
        of_real, of_fake = logits[:b], logits[b:]
        r1, r2, maps = slopes[:b], slopes[b:], maps[:b]
    else:
        of_real, r1, maps = play(x, right)
        of_fake, r2, _ = play(fake, right)
    of_wrong = d.judge(maps, wrong)
    mismatch = text_to_image.MISMATCH
    loss = (1 - mismatch) * softplus(of_fake - of_real)
    loss = loss + mismatch * softplus(of_wrong - of_real)
    return (loss + work.r1 * r1 + work.r2 * r2).mean()


def g_loss(d: Discriminator, x: Tensor, fake: Tensor, right: Tensor) -> Tensor:
    """Returns the mean of softplus(D(x, t) - D(fake, t)), t being right captions."""
    of_fake = d(fake, right)
    with torch.no_grad():
        of_real = d(x, right)
    return softplus(of_real - of_fake).mean()
