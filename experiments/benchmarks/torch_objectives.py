"""Both players' losses in PyTorch, of given inputs.

The last axis of the logits is the batch; a population has an axis of members before it,
whose losses are added, since each has its own parameters.
"""

# pyright: reportMissingImports=false

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

from experiments.benchmarks.works import Work

Slope = Callable[[nn.Module, Tensor], tuple[Tensor, Tensor]]
"""A function from a discriminator and examples to its logits and their gradients."""


D_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "non_saturating": lambda real, fake: softplus(-real) + softplus(fake),
    "wasserstein": lambda real, fake: fake - real,
    "hinge": lambda real, fake: relu(1 - real) + relu(1 + fake),
    "relativistic": lambda real, fake: softplus(fake - real),
}
"""The discriminator's loss of logits, by `works.Work.loss`."""

Play = Callable[[Tensor], tuple[Tensor, Any]]
"""A function from examples to their logits, and what is to be kept besides."""

Gradient = Callable[[Play, Tensor], tuple[Tensor, Any, Tensor]]
"""A function that plays on examples: what `Play` returns, and the logits' gradients."""


def gradient_by_autograd(play: Play, x: Tensor) -> tuple[Tensor, Any, Tensor]:
    """Differentiates with torch.autograd, as in tutorials."""
    x = x.detach().requires_grad_()
    logits, kept = play(x)
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return logits, kept, gradient


def gradient_by_func(play: Play, x: Tensor) -> tuple[Tensor, Any, Tensor]:
    """Computes the same by torch.func, which torch.compile can differentiate again."""

    def total(x: Tensor) -> tuple[Tensor, Any]:
        logits, kept = play(x)
        return logits.sum(), (logits, kept)

    gradient, (logits, kept) = torch.func.grad(total, has_aux=True)(x)
    return logits, kept, gradient


def slope_by_autograd(d: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Computes a discriminator's logits and gradient by `gradient_by_autograd`."""
    logits, _, gradient = gradient_by_autograd(lambda x: (d(x).float(), ()), x)
    return logits, gradient


def slope_by_func(d: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the same by `gradient_by_func`."""
    logits, _, gradient = gradient_by_func(lambda x: (d(x).float(), ()), x)
    return logits, gradient


def d_objective(
    work: Work,
    d: nn.Module,
    real: Tensor,
    fake: Tensor,
    epsilon: Tensor,
    *,
    slope: Slope = slope_by_autograd,
    together: bool = False,
) -> Tensor:
    """Returns the discriminator's loss.

    Args:
        work: the game.
        d: the discriminator.
        real: examples.
        fake: as many fakes, detached.
        epsilon: WGAN-GP's weight of the reals, U(0, 1) of the logits' shape.
        slope: how a penalty differentiates.
        together: whether to judge both in one forward pass, where no batch norm would
            mix them and no penalty tells them apart.
    """

    def judge(x: Tensor, weight: float) -> tuple[Tensor, Tensor | float]:
        if not weight:
            return d(x).float(), 0.0
        logits, gradient = slope(d, x)
        return logits, weight * squared(gradient, logits)

    if together and not work.batch_norm and work.r1 == work.r2:
        axis = int(work.members > 1)
        logits, cost = judge(torch.cat([real, fake], axis), work.r1)
        real_logits, fake_logits = logits.chunk(2, -1)
        costs = cost if isinstance(cost, int | float) else sum(cost.chunk(2, -1))
    else:
        real_logits, real_cost = judge(real, work.r1)
        fake_logits, fake_cost = judge(fake, work.r2)
        costs = real_cost + fake_cost
    if work.gp:
        epsilon = epsilon.reshape(*epsilon.shape, *[1] * (real.ndim - epsilon.ndim))
        logits, gradient = slope(d, epsilon * real + (1 - epsilon) * fake)
        norms = (squared(gradient, logits) + 1e-12).sqrt()
        costs = costs + work.gp * (norms - 1).square()
    loss = D_LOSSES[work.loss](real_logits, fake_logits)
    return (loss + costs).mean(-1).sum()


def g_objective(
    work: Work, d: nn.Module, fake: Tensor, real: Tensor | None = None
) -> Tensor:
    """Returns the generator's loss.

    Args:
        work: the game.
        d: the discriminator.
        fake: the generator's samples.
        real: as many examples, for a loss that needs them.
    """
    logits = d(fake).float()
    if work.g_reals:
        with torch.no_grad():  # D's logits of reals do not depend on G
            real_logits = d(real).float()
        loss = softplus(real_logits - logits)
    elif work.loss == "non_saturating":
        loss = softplus(-logits)
    else:
        loss = -logits
    return loss.mean(-1).sum()


def squared(gradient: Tensor, logits: Tensor) -> Tensor:
    """Returns the squared norm of each example's gradient, of the logits' shape."""
    return gradient.square().sum(tuple(range(logits.ndim, gradient.ndim)))
