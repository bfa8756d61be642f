"""PyTorch's contestants: eager as tutorials write it, tuned, and compiled.

eager: a fake is made and then detached, real and fake are judged one after the other,
Adam has its defaults, and the members of a population take turns.
tuned ("channels last"): images are stored channels last, fakes for the discriminator
are made without a graph, both are judged in one pass where no batch norm mixes them,
the generator's update computes no gradient of the discriminator's weights, Adam is
fused, and a population is one batched matrix product per layer.
compiled: the tuned losses through torch.compile.

The games of `families` are tuned in their own ways: see `torch_translation_games`,
`torch_super_resolution_games` and `torch_text_to_image_games`.

On a GPU all of them use TF32 and cuDNN's benchmark, data and latents are made there,
and the compiled one replays CUDA graphs ("reduce-overhead"). A work in bfloat16 runs
its forward passes under autocast.
"""

# pyright: reportMissingImports=false

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from experiments.benchmarks import (
    families,
    random_data,
    super_resolution,
    text_to_image,
    torch_networks,
    torch_super_resolution_games,
    torch_text_to_image_games,
    torch_translation_games,
    translation,
    works,
)
from experiments.benchmarks.torch_objectives import (
    d_objective,
    g_objective,
    slope_by_autograd,
    slope_by_func,
)
from experiments.benchmarks.torch_tools import (
    adam,
    as_float,
    autocast,
    finish,
    latents,
    to_channels_last,
)
from experiments.benchmarks.torch_tools import compiled as compile_
from experiments.benchmarks.works import Work

Run = Callable[[int], None]


def eager(spec: Mapping[str, Any]) -> Run:
    """Returns the run written as in tutorials."""
    work = _begin(spec)
    if work.samples:
        return _sampling(work, tuned=False, compiled=False)
    alone = works.from_json({**spec["work"], "members": 1})
    return _training([_eager(alone) for _ in range(work.members)], work)


def channels_last(spec: Mapping[str, Any]) -> Run:
    """Returns the run tuned by hand."""
    return _tuned(spec, compiled=False)


def compiled(spec: Mapping[str, Any]) -> Run:
    """Returns the run tuned by hand, and compiled."""
    return _tuned(spec, compiled=True)


def _tuned(spec: Mapping[str, Any], *, compiled: bool) -> Run:
    work = _begin(spec)
    if work.samples:
        return _sampling(work, tuned=True, compiled=compiled)
    if work.network in families.NETWORKS:
        return _training([_of_family(work, tuned=True, compiled=compiled)], work)
    g, d = (to_channels_last(player) for player in players(work))
    return _training([tuned_step(work, g, d, compiled=compiled)], work)


def _eager(work: Work) -> Callable[..., None]:
    if work.network in families.NETWORKS:
        return _of_family(work)
    return eager_step(work, *players(work))


def _of_family(work: Work, **how: bool) -> Callable[..., None]:
    games = {
        translation.NETWORKS: torch_translation_games,
        super_resolution.NETWORKS: torch_super_resolution_games,
        text_to_image.NETWORKS: torch_text_to_image_games,
    }
    found = next(g for names, g in games.items() if work.network in names)
    return found.start(work, **how)


def _begin(spec: Mapping[str, Any]) -> Work:
    torch.set_num_threads(spec["threads"])
    torch.manual_seed(0)
    device = spec.get("device", "cpu")
    torch.set_default_device(device)
    if device == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    return works.from_json(spec["work"])


def players(work: Work) -> tuple[nn.Module, nn.Module]:
    """Returns the generator and the discriminator."""
    return torch_networks.generator(work), torch_networks.discriminator(work)


def eager_step(work: Work, g: nn.Module, d: nn.Module) -> Callable[[Tensor], None]:
    """Returns ``step(images)``, with images as uint8 ``[k b c h w]``, or points.

    They are a batch for each update of the discriminator, and one for that of the
    generator if `works.Work.g_reals`.
    """
    g_optimizer, d_optimizer = (adam(work, player) for player in (g, d))

    def step(images: Tensor) -> None:
        for batch in images[: work.d_steps]:
            d_optimizer.zero_grad()
            with autocast(work):
                fake = g(latents(work)).detach()
                epsilon = torch.rand(work.batch_size)
                d_loss = d_objective(work, d, as_float(batch), fake, epsilon)
            d_loss.backward()
            d_optimizer.step()
        g_optimizer.zero_grad()
        with autocast(work):
            real = as_float(images[-1]) if work.g_reals else None
            g_loss = g_objective(work, d, g(latents(work)), real)
        g_loss.backward()
        g_optimizer.step()

    return step


def tuned_step(
    work: Work, g: nn.Module, d: nn.Module, *, compiled: bool
) -> Callable[[Tensor], None]:
    """Returns the same, tuned; the images of members are ``[k n b ...]``."""
    g_optimizer, d_optimizer = (adam(work, player, fused=True) for player in (g, d))
    slope = slope_by_func if compiled else slope_by_autograd
    judge = partial(d_objective, work, d, slope=slope, together=True)

    def laid_out(real: Tensor) -> Tensor:
        if work.network == "mlp":
            return real
        return real.to(memory_format=torch.channels_last)

    def d_loss(images: Tensor, z: Tensor, epsilon: Tensor) -> Tensor:
        with torch.no_grad():
            fake = g(z)
        return judge(laid_out(as_float(images)), fake, epsilon)

    def g_loss(z: Tensor, images: Tensor | None) -> Tensor:
        real = None if images is None else laid_out(as_float(images))
        return g_objective(work, d, g(z), real)

    if compiled:
        d_loss, g_loss = compile_(d_loss), compile_(g_loss)

    def step(images: Tensor) -> None:
        for batch in images[: work.d_steps]:
            d_optimizer.zero_grad()
            # Autocast begins outside the compiled function: PyTorch does not compile
            # code that asks for the default device, and recompiles for a new context.
            with autocast(work):
                loss = d_loss(batch, latents(work), torch.rand(work.batch_size))
            loss.backward()
            d_optimizer.step()
        g_optimizer.zero_grad()
        d.requires_grad_(False)
        with autocast(work):
            loss = g_loss(latents(work), images[-1] if work.g_reals else None)
        loss.backward()
        d.requires_grad_(True)
        g_optimizer.step()

    return step


def _training(steps: list[Callable[..., None]], work: Work) -> Run:
    """Returns a run of one step that plays all members, or of a step for each."""
    tables = [_on_device(table) for table in random_data.tables(work).values()]
    members = [work.members] if len(steps) < work.members else []
    shape = (work.batches, *members, work.batch_size)

    def run(count: int) -> None:
        for _ in range(count):
            for step in steps:
                rows = torch.randint(work.examples, shape)
                step(*(table[rows] for table in tables))
        finish()

    return run


def _on_device(table: np.ndarray) -> Tensor:
    made = torch.from_numpy(table).to(torch.get_default_device())
    return made.permute(0, 3, 1, 2).contiguous() if made.ndim == 4 else made


def _sampling(work: Work, *, tuned: bool, compiled: bool) -> Run:
    g = torch_networks.generator(work).eval()
    if tuned:
        g = to_channels_last(g)
    generate: Any = compile_(g) if compiled else g
    # A CUDA graph overwrites its last output with its next.
    graphs = compiled and torch.get_default_device().type == "cuda"
    keep = torch.clone if graphs else lambda made: made

    @torch.inference_mode()
    def run(count: int) -> None:
        for _ in range(count):
            parts = math.ceil(work.samples / work.sample_batch)
            z = lambda: torch.randn(work.sample_batch, work.latent_dim)
            with autocast(work):
                made = [keep(generate(z()).float()) for _ in range(parts)]
            torch.cat(made).cpu()

    return run


def ceiling(spec: Mapping[str, Any]) -> Run:
    """Returns a run of products of two square matrices, one after another."""
    torch.set_num_threads(spec["threads"])
    a = torch.randn(spec["size"], spec["size"])

    def run(count: int) -> None:
        for _ in range(count):
            torch.mm(a, a)
        finish()

    return run
