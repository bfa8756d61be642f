"""The step of a game on pairs of an input and a target, in PyTorch.

A step makes each output once, for the discriminator, which sees it detached, and for
the generator, which moves second, as in jaxgan's Algorithm 1. The generator's update
computes no gradient of the discriminator's weights.
"""

# pyright: reportMissingImports=false

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from experiments.benchmarks.torch_tools import Step, adam, autocast, descend
from experiments.benchmarks.torch_tools import compiled as compile_
from experiments.benchmarks.works import Work


class Losses(NamedTuple):
    """The losses of both players.

    Attributes:
        d: ``(d, input, target, fake, *, together)``, with a detached fake; together:
            whether to judge target and fake in one pass.
        g: ``(d, input, target, fake)``.
    """

    d: Callable[..., Tensor]
    g: Callable[..., Tensor]


def paired_step(
    work: Work,
    g: nn.Module,
    d: nn.Module,
    losses: Losses,
    prepare: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    *,
    tuned: bool,
    compiled: bool,
) -> Step:
    """Returns a step: one update of D, then one of G.

    Args:
        work: the game.
        g: the generator.
        d: the discriminator.
        losses: the losses.
        prepare: returns the inputs and the targets that are played, in [-1, 1].
        tuned: whether Adam is fused, and D judges in one pass.
        compiled: whether to compile the outputs and the losses.
    """
    g_optimizer, d_optimizer = (adam(work, player, fused=tuned) for player in (g, d))

    def make(x: Tensor) -> Tensor:
        return g(x)

    def d_loss(x: Tensor, y: Tensor, fake: Tensor) -> Tensor:
        return losses.d(d, x, y, fake, together=tuned)

    def g_loss(x: Tensor, y: Tensor, fake: Tensor) -> Tensor:
        return losses.g(d, x, y, fake)

    if compiled:
        make, d_loss, g_loss = map(compile_, (make, d_loss, g_loss))

    def step(inputs: Tensor, targets: Tensor) -> None:
        x, y = prepare(inputs[0], targets[0])
        with autocast(work):
            fake = make(x)
            loss = d_loss(x, y, fake.detach())
        descend(d_optimizer, loss)
        d.requires_grad_(False)
        with autocast(work):
            loss = g_loss(x, y, fake)
        descend(g_optimizer, loss)
        d.requires_grad_(True)

    return step
