"""The networks of images from captions in PyTorch, from its own layers, NCHW.

Initialised as jaxgan's are. Only the generator has a norm, group norm.
"""

# pyright: reportMissingImports=false

import itertools

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad

from experiments.benchmarks import text_to_image
from experiments.benchmarks.torch_weights import lecun, small
from experiments.benchmarks.works import Work


def players(work: Work) -> "Players":
    """Returns the text encoder, the generator and the discriminator."""
    return TextEncoder(work), Generator(work), Discriminator(work)


class TextEncoder(nn.Module):
    """``[b l] -> [b d]``: embeddings of length sqrt(d)."""

    def __init__(self, work: Work):
        super().__init__()
        size = text_to_image.TEXT
        self.words = nn.Embedding(work.words, size)
        nn.init.normal_(self.words.weight, std=size**-0.5)
        self.layers = nn.ModuleList(
            _dense(text_to_image.WINDOW * size, size)
            for _ in range(text_to_image.DEPTH)
        )
        self.last = _dense(2 * size, size)

    def forward(self, captions: Tensor) -> Tensor:
        is_word = (captions != 0)[..., None]
        x = self.words(captions) * is_word
        for layer in self.layers:
            edges = pad(x, (0, 0, 1, 1))
            near = torch.cat([edges[:, :-2], x, edges[:, 2:]], -1)
            x = (x + torch.relu(layer(near))) * is_word
        mean = x.sum(1) / is_word.sum(1).clamp(min=1)
        largest = x.masked_fill(~is_word, -torch.inf).amax(1)
        largest = largest.masked_fill(~is_word.any(1), 0.0)
        x = self.last(torch.cat([mean, largest], -1))
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-8)


class Generator(nn.Module):
    """``[b z], [b d] -> [b c h w]``: a dense layer, then maps that double in size."""

    def __init__(self, work: Work):
        super().__init__()
        widths, (base, _) = text_to_image.maker_widths(work), work.maps
        size = text_to_image.TEXT
        self.shape = (widths[0], base, base)
        self.text = _dense(size, size)
        self.dense = _dense(work.latent_dim + size, widths[0] * base * base)
        maps: list[nn.Module] = []
        for into, out in itertools.pairwise([*widths, work.image_shape[2]]):
            groups = min(text_to_image.GROUPS, into)
            maps += [
                nn.GroupNorm(groups, into, eps=1e-6),
                nn.ReLU(),
                small(nn.ConvTranspose2d(into, out, 4, 2, 1)),
            ]
        self.maps = nn.Sequential(*maps)

    def forward(self, z: Tensor, text: Tensor) -> Tensor:
        x = self.dense(torch.cat([z, _leaky(self.text(text))], 1))
        return torch.tanh(self.maps(x.reshape(-1, *self.shape)).float())


class Discriminator(nn.Module):
    """``[b c h w], [b d] -> [b]``, with an inner product of image and caption."""

    def __init__(self, work: Work):
        super().__init__()
        widths, (base, _) = text_to_image.judge_widths(work), work.maps
        hidden = text_to_image.HIDDEN
        maps: list[nn.Module] = []
        for into, out in itertools.pairwise([work.image_shape[2], *widths]):
            maps += [
                small(nn.Conv2d(into, out, 4, 2, 1)),
                nn.LeakyReLU(text_to_image.SLOPE),
            ]
        self.maps = nn.Sequential(*maps)
        self.text = _dense(text_to_image.TEXT, hidden)
        self.seen = _dense(base * base * widths[-1], hidden)
        self.logit = _dense(hidden, 1)
        self.scale = hidden**-0.5

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        seen = _leaky(self.seen(self.maps(x).flatten(1)))
        fits = (seen * self.text(text)).float().sum(1) * self.scale
        return self.logit(seen)[:, 0].float() + fits


Players = tuple[TextEncoder, Generator, Discriminator]


def _dense(into: int, out: int) -> nn.Module:
    return lecun(nn.Linear(into, out))


def _leaky(x: Tensor) -> Tensor:
    return leaky_relu(x, text_to_image.SLOPE)
