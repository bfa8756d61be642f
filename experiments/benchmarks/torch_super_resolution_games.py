"""SRResNet's and SRGAN's losses and steps in PyTorch.

A step crops each pair at random, in random colours, once for both players' updates, as
a data loader would, and magnifies the crop once (`torch_pairs`). The discriminator's
logits and features of the originals have no gradient in the generator's update.

tuned: crops and kernels are stored channels last, original and fake are judged in one
pass, which does not change the result, since there is no norm, and Adam is fused.

compiled: the tuned images and losses through torch.compile.
"""

# pyright: reportMissingImports=false

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, softplus

from experiments.benchmarks import super_resolution, torch_super_resolution
from experiments.benchmarks.torch_pairs import Losses, paired_step
from experiments.benchmarks.torch_tools import (
    Step,
    adam,
    as_float,
    autocast,
    descend,
    judged,
    to_channels_last,
)
from experiments.benchmarks.torch_tools import compiled as compile_
from experiments.benchmarks.works import Work


def start(work: Work, *, tuned: bool = False, compiled: bool = False) -> Step:
    """Returns a step of the work's game between new players."""
    players = torch_super_resolution.players(work)
    if tuned:
        for player in players:
            to_channels_last(player)
    return make_step(work, players, tuned=tuned, compiled=compiled)


def make_step(
    work: Work,
    players: Sequence[nn.Module],
    *,
    tuned: bool = False,
    compiled: bool = False,
) -> Step:
    """Returns the step between `torch_super_resolution.players`."""
    layout = torch.channels_last if tuned else torch.contiguous_format

    def prepare(small: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
        x, y = parts(work, small, whole)
        laid_out = lambda image: as_float(image.contiguous(memory_format=layout))
        return recoloured(laid_out(x), laid_out(y))

    how = {"tuned": tuned, "compiled": compiled}
    g, *judges = players
    if work.network == "srgan":
        losses = Losses(srgan_d_loss, srgan_g_loss)
        return paired_step(work, g, *judges, losses=losses, prepare=prepare, **how)
    optimizer = adam(work, g, fused=tuned)

    def loss_of(x: Tensor, y: Tensor) -> Tensor:
        return l1_loss(g(x), y)

    if compiled:
        loss_of = compile_(loss_of)

    def step(inputs: Tensor, targets: Tensor) -> None:
        x, y = prepare(inputs[0], targets[0])
        with autocast(work):
            loss = loss_of(x, y)
        descend(optimizer, loss)

    return step


def parts(work: Work, small: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
    """Crops each pair at random, rotated and flipped in one of eight ways.

    Args:
        work: the game, which has the crop's size.
        small: ``[b c h w]``.
        whole: ``[b c s·h s·w]``, whose crops begin at a pixel of ``small``.
    """
    b, channels, *size = small.shape
    side = super_resolution.part(work) // work.scale
    starts = [torch.randint(length - side + 1, (b, 1)) for length in size]
    flips = [torch.rand(b, 1) < 0.5 for _ in size]
    exchange = torch.rand(b, 1, 1, 1) < 0.5
    example, channel = torch.arange(b).view(b, 1, 1, 1), torch.arange(channels)

    def cut(images: Tensor, scale: int) -> Tensor:
        along = torch.arange(scale * side)
        y, x = (
            scale * begin + torch.where(flip, along.flip(0), along)
            for begin, flip in zip(starts, flips, strict=True)
        )
        found = images[
            example, channel.view(-1, 1, 1), y[:, None, :, None], x[:, None, None]
        ]
        return torch.where(exchange, found.transpose(2, 3), found)

    return cut(small, 1), cut(whole, work.scale)


def recoloured(small: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
    """Changes the colours of images ``[b c h w]`` at random, of all alike."""
    b, channels = small.shape[:2]
    order = torch.rand(b, channels).argsort(1)[:, :, None, None]
    least = super_resolution.LEAST_CONTRAST
    gain = least + (1 - least) * torch.rand(b, 1, 1, 1)
    added = (1 - gain) * (2 * torch.rand(b, channels, 1, 1) - 1)

    def changed(image: Tensor) -> Tensor:
        return gain * image.gather(1, order.expand_as(image)) + added

    return changed(small), changed(whole)


def srgan_d_loss(
    d: nn.Module, x: Tensor, y: Tensor, fake: Tensor, *, together: bool = False
) -> Tensor:
    """Returns the mean of softplus(D(fake) - D(y)).

    Args:
        d: the discriminator.
        x: the inputs, which it does not see.
        y: the originals.
        fake: the magnified inputs, detached.
        together: whether to judge both in one pass.
    """
    of_real, of_fake = judged(lambda image: d(image)[0], y, fake, together=together)
    return softplus(of_fake - of_real).mean()


def srgan_g_loss(d: nn.Module, x: Tensor, y: Tensor, fake: Tensor) -> Tensor:
    """Returns the distances of images and of features, and the adversarial loss."""
    of_fake, features = d(fake)
    with torch.no_grad():
        of_real, real_features = d(y)
    apart = [l1_loss(*pair) for pair in zip(features, real_features, strict=True)]
    return (
        super_resolution.L1 * l1_loss(fake, y)
        + super_resolution.CONTENT * sum(apart) / len(apart)
        + super_resolution.ADVERSARIAL * softplus(of_real - of_fake).mean()
    )
