"""pix2pix's and CycleGAN's losses and steps in PyTorch.

A step makes each translation once, for the discriminators, which see it detached, and
for the generators, which move second, as in jaxgan's Algorithm 1. The generators'
update computes no gradient of the discriminators' weights.

tuned: real and fake are judged in one pass, and a CycleGAN's generator translates one
set and reproduces the other in one pass; neither changes the result, since instance
norm does not mix examples. Adam is fused.

compiled: the tuned translations and losses through torch.compile. Autocast begins
outside of them: PyTorch does not compile code that asks for the default device, and
does not recognise a new context.
"""

# pyright: reportMissingImports=false

import random
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, softplus

from experiments.benchmarks import torch_translation, translation
from experiments.benchmarks.torch_pairs import Losses, paired_step
from experiments.benchmarks.torch_tools import (
    Step,
    adam,
    as_float,
    autocast,
    descend,
    judged,
)
from experiments.benchmarks.torch_tools import compiled as compile_
from experiments.benchmarks.works import Work


def start(work: Work, *, tuned: bool = False, compiled: bool = False) -> Step:
    """Returns a step of the work's game between new players.

    They stay channels first: on a CPU instance norm supports no other layout, and
    copies to and from it cost more than the convolutions gain.
    """
    players = torch_translation.players(work, grouped=tuned)
    return make_step(work, players, tuned=tuned, compiled=compiled)


def make_step(
    work: Work,
    players: Sequence[nn.Module],
    *,
    tuned: bool = False,
    compiled: bool = False,
) -> Step:
    """Returns the step of the work's game between `torch_translation.players`."""
    how = {"tuned": tuned, "compiled": compiled}
    if work.network == "pix2pix":
        return pix2pix_step(work, *players, **how)
    return cyclegan_step(work, players, **how)


def pix2pix_step(
    work: Work, g: nn.Module, d: nn.Module, *, tuned: bool, compiled: bool
) -> Step:
    """Returns a step: one update of D, then one of G."""
    prepare = lambda inputs, targets: (as_float(inputs), as_float(targets))
    losses = Losses(pix2pix_d_loss, pix2pix_g_loss)
    return paired_step(work, g, d, losses, prepare, tuned=tuned, compiled=compiled)


def pix2pix_d_loss(
    d: nn.Module, x: Tensor, y: Tensor, fake: Tensor, *, together: bool = False
) -> Tensor:
    """Returns half the mean of softplus(-D(y, x)) + softplus(D(fake, x)).

    Args:
        d: the discriminator.
        x: inputs.
        y: their targets.
        fake: their translations, detached.
        together: whether to judge both in one pass.
    """
    real, false = (torch.cat([image, x], 1) for image in (y, fake))
    real_logits, fake_logits = judged(d, real, false, together=together)
    return (softplus(-real_logits) + softplus(fake_logits)).mean() / 2


def pix2pix_g_loss(d: nn.Module, x: Tensor, y: Tensor, fake: Tensor) -> Tensor:
    """Returns the mean of softplus(-D(fake, x)), plus the distance to the targets."""
    logits = d(torch.cat([fake, x], 1))
    return softplus(-logits).mean() + translation.L1 * l1_loss(fake, y)


def cyclegan_step(
    work: Work, players: Sequence[nn.Module], *, tuned: bool, compiled: bool
) -> Step:
    """Returns a step: an update of both discriminators, then one of both generators."""
    g_ab, g_ba, d_a, d_b = players
    judges = nn.ModuleList([d_a, d_b])
    g_optimizer = adam(work, g_ab, g_ba, fused=tuned)
    d_optimizer = adam(work, judges, fused=tuned)
    pool_a, pool_b = Pool(translation.POOL), Pool(translation.POOL)

    def translate(a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        fake_b, same_b = translated(g_ab, a, b, together=tuned)
        fake_a, same_a = translated(g_ba, b, a, together=tuned)
        return fake_a, fake_b, same_a, same_b

    def d_loss(a: Tensor, b: Tensor, old_a: Tensor, old_b: Tensor) -> Tensor:
        loss_a = cyclegan_d_loss(d_a, a, old_a, together=tuned)
        return loss_a + cyclegan_d_loss(d_b, b, old_b, together=tuned)

    def g_loss(a: Tensor, b: Tensor, *made: Tensor) -> Tensor:
        return cyclegan_g_loss(players, a, b, made)

    if compiled:
        translate, d_loss, g_loss = map(compile_, (translate, d_loss, g_loss))

    def step(images_a: Tensor, images_b: Tensor) -> None:
        a, b = as_float(images_a[0]), as_float(images_b[0])
        with autocast(work):
            fake_a, fake_b, *same = translate(a, b)
            old_a, old_b = pool_a.shown(fake_a.detach()), pool_b.shown(fake_b.detach())
            loss = d_loss(a, b, old_a, old_b)
        descend(d_optimizer, loss)
        judges.requires_grad_(False)
        with autocast(work):
            loss = g_loss(a, b, fake_a, fake_b, *same)
        descend(g_optimizer, loss)
        judges.requires_grad_(True)

    return step


def translated(
    g: nn.Module, x: Tensor, y: Tensor, *, together: bool = False
) -> tuple[Tensor, Tensor]:
    """Returns G(x) of a set's images, and G(y) of the set that G translates to."""
    if not together:
        return g(x), g(y)
    both = g(torch.cat([x, y]))
    return both[: len(x)], both[len(x) :]


def cyclegan_d_loss(
    d: nn.Module, real: Tensor, fake: Tensor, *, together: bool = False
) -> Tensor:
    """Returns half the mean of (D(real) - 1)^2 + D(fake)^2."""
    real_logits, fake_logits = judged(d, real, fake, together=together)
    return ((real_logits - 1).square() + fake_logits.square()).mean() / 2


def cyclegan_g_loss(
    players: Sequence[nn.Module], a: Tensor, b: Tensor, made: Sequence[Tensor]
) -> Tensor:
    """Returns the least-squares, cycle and identity losses, both ways.

    Args:
        players: the generators there and back, and the judges of A and B.
        a: images of A.
        b: images of B.
        made: the fakes of A and of B, G_BA(a) and G_AB(b).
    """
    g_ab, g_ba, d_a, d_b = players
    fake_a, fake_b, same_a, same_b = made
    fools = (d_a(fake_a) - 1).square().mean() + (d_b(fake_b) - 1).square().mean()
    back = l1_loss(g_ba(fake_b), a) + l1_loss(g_ab(fake_a), b)
    same = l1_loss(same_a, a) + l1_loss(same_b, b)
    return fools + translation.CYCLE * back + translation.IDENTITY * same


class Pool:
    """Old fakes, as in the CycleGAN authors' code: one image after another.

    While there is room, an image is stored and shown. After that it is shown with
    probability 1/2, or else takes the place of a random old one, which is shown.
    """

    def __init__(self, capacity: int):
        self.capacity = capacity
        self.images: list[Tensor] = []

    def shown(self, fakes: Tensor) -> Tensor:
        """Returns what the discriminator sees instead of the fakes ``[b ...]``."""
        return torch.stack([self._exchanged(fake) for fake in fakes])

    def _exchanged(self, fake: Tensor) -> Tensor:
        if len(self.images) < self.capacity:
            self.images.append(fake.clone())
            return fake
        if random.random() < 0.5:
            return fake
        place = random.randrange(self.capacity)
        old, self.images[place] = self.images[place], fake.clone()
        return old
