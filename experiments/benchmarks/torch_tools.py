"""The common parts of PyTorch's contestants: layouts, types, compilation, updates."""

# pyright: reportMissingImports=false

from collections.abc import Callable

import torch
from torch import Tensor, nn

from experiments.benchmarks.works import Work

Step = Callable[[Tensor, Tensor], None]
"""A function that plays a step on two columns ``[1 b ...]``; images are uint8, NCHW."""


def autocast(work: Work) -> torch.autocast:
    """Returns the context of a work's forward passes: bfloat16, or unchanged."""
    device = torch.get_default_device().type
    return torch.autocast(device, torch.bfloat16, enabled=work.bfloat16)


def compiled(function: Callable) -> Callable:
    """Compiles the function with torch.compile; on a GPU it replays CUDA graphs."""
    on_gpu = torch.get_default_device().type == "cuda"
    return torch.compile(function, mode="reduce-overhead" if on_gpu else None)


def finish() -> None:
    """Waits for all queued work."""
    if torch.get_default_device().type == "cuda":
        torch.cuda.synchronize()


def to_channels_last(module: nn.Module) -> nn.Module:
    """Returns the module with its kernels stored channels last."""
    return module.to(memory_format=torch.channels_last)  # pyright: ignore


def as_float(images: Tensor) -> Tensor:
    """Maps uint8 to [-1, 1]; points stay as they are."""
    return images.float() / 127.5 - 1 if images.dtype == torch.uint8 else images


def latents(work: Work) -> Tensor:
    """Draws from N(0, I), ``[b z]``; with members ``[n b z]``."""
    members = [work.members] if work.members > 1 else []
    return torch.randn(*members, work.batch_size, work.latent_dim)


def judged(
    d: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, *, together: bool
) -> tuple[Tensor, Tensor]:
    """Returns d's logits of reals and of as many fakes, in one pass or in two."""
    if not together:
        return d(real), d(fake)
    logits = d(torch.cat([real, fake]))
    return logits[: len(real)], logits[len(real) :]


def adam(work: Work, *modules: nn.Module, **how: bool) -> torch.optim.Adam:
    """Returns Adam for all parameters of the modules, with the work's settings."""
    parameters = [p for module in modules for p in module.parameters()]
    betas = (work.beta1, work.beta2)
    return torch.optim.Adam(parameters, work.learning_rate, betas, **how)


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Updates the optimizer's parameters by the gradients of the loss."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
