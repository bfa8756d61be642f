"""The layers of the FID Inception network, as a table.

The branches of a block are named as in the published weights. The convolutions of a
branch that has several are numbered: the second of "branch5x5" is "branch5x5_2".
"""

from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple, TypeAlias


class Conv(NamedTuple):
    """A convolution without bias, followed by a batch norm and a ReLU.

    Attributes:
        features: number of output channels.
        high: the kernel's height in pixels.
        wide: the kernel's width in pixels.
        stride: stride along both sides; more than 1 also means no padding.
        padded: whether zero padding preserves the size, at stride 1.
        averaged: whether the input is averaged over 3 x 3 pixels first.
        name: its name in the weights file.
    """

    features: int
    high: int = 1
    wide: int = 1
    stride: int = 1
    padded: bool = True
    averaged: bool = False
    name: str = ""


class Pool(NamedTuple):
    """Max pooling over 3 x 3 pixels."""

    stride: int
    padding: int = 0


class Block(NamedTuple):
    """Branches side by side; each is a chain, and their channels are concatenated."""

    branches: Sequence[Sequence["Layer"]]


Layer: TypeAlias = Conv | Pool | Block

_Branches: TypeAlias = Mapping[str, Sequence[Layer]]


def _named(name: str, layer: Layer) -> Layer:
    """Returns the layer with its convolutions named as in the weights file."""
    match layer:
        case Conv():
            return layer._replace(name=name)
        case Block((first, second)):
            return _block(name, {"a": first, "b": second}, join="")
    return layer


def _block(name: str, branches: _Branches, join: str = ".") -> Block:
    """Returns a block of named branches; several layers of a branch are numbered."""

    def chain(branch: str, steps: Sequence[Layer]) -> tuple[Layer, ...]:
        numbered = sum(not isinstance(step, Pool) for step in steps) > 1
        return tuple(
            _named(f"{name}{join}{branch}" + f"_{n}" * numbered, step)
            for n, step in enumerate(steps, 1)
        )

    return Block(tuple(chain(*each) for each in branches.items()))


def _a(pooled: int) -> _Branches:
    return {
        "branch1x1": [Conv(64)],
        "branch5x5": [Conv(48), Conv(64, 5, 5)],
        "branch3x3dbl": [Conv(64), Conv(96, 3, 3), Conv(96, 3, 3)],
        "branch_pool": [Conv(pooled, averaged=True)],
    }


def _b() -> _Branches:
    return {
        "branch3x3": [Conv(384, 3, 3, 2)],
        "branch3x3dbl": [Conv(64), Conv(96, 3, 3), Conv(96, 3, 3, 2)],
        "branch_pool": [Pool(2)],
    }


def _c(inner: int) -> _Branches:
    row, column = Conv(inner, 1, 7), Conv(inner, 7, 1)
    return {
        "branch1x1": [Conv(192)],
        "branch7x7": [Conv(inner), row, Conv(192, 7, 1)],
        "branch7x7dbl": [Conv(inner), column, row, column, Conv(192, 1, 7)],
        "branch_pool": [Conv(192, averaged=True)],
    }


def _d() -> _Branches:
    return {
        "branch3x3": [Conv(192), Conv(320, 3, 3, 2)],
        "branch7x7x3": [
            Conv(192),
            Conv(192, 1, 7),
            Conv(192, 7, 1),
            Conv(192, 3, 3, 2),
        ],
        "branch_pool": [Pool(2)],
    }


def _e(*pool: Layer) -> _Branches:
    cross = Block([[Conv(384, 1, 3)], [Conv(384, 3, 1)]])
    return {
        "branch1x1": [Conv(320)],
        "branch3x3": [Conv(384), cross],
        "branch3x3dbl": [Conv(448), Conv(384, 3, 3), cross],
        "branch_pool": pool,
    }


NETWORK: Sequence[Layer | str] = (
    Conv(32, 3, 3, 2, name="Conv2d_1a_3x3"),
    Conv(32, 3, 3, padded=False, name="Conv2d_2a_3x3"),
    Conv(64, 3, 3, name="Conv2d_2b_3x3"),
    Pool(2),
    "64",
    Conv(80, name="Conv2d_3b_1x1"),
    Conv(192, 3, 3, padded=False, name="Conv2d_4a_3x3"),
    Pool(2),
    "192",
    _block("Mixed_5b", _a(32)),
    _block("Mixed_5c", _a(64)),
    _block("Mixed_5d", _a(64)),
    _block("Mixed_6a", _b()),
    _block("Mixed_6b", _c(128)),
    _block("Mixed_6c", _c(160)),
    _block("Mixed_6d", _c(160)),
    _block("Mixed_6e", _c(192)),
    "768",
    _block("Mixed_7a", _d()),
    _block("Mixed_7b", _e(Conv(192, averaged=True))),
    _block("Mixed_7c", _e(Pool(1, padding=1), Conv(192))),
    "2048",
)
"""The layers in order; a string names an output, the mean over pixels at that point."""


def kernels(
    chain: Sequence[Layer | str], channels: int
) -> Generator[tuple[str, tuple[int, ...]], None, int]:
    """Yields convolutions' names and kernel shapes ``[o i h w]``; returns channels."""
    for layer in chain:
        if isinstance(layer, Conv):
            yield layer.name, (layer.features, channels, layer.high, layer.wide)
            channels = layer.features
        elif isinstance(layer, Block):
            ends = []
            for branch in layer.branches:
                ends.append((yield from kernels(branch, channels)))
            channels = sum(ends)
    return channels
