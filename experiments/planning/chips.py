"""TPU chips as their datasheets describe them, and the slices they come in.

The numbers are those of Google's public system-architecture pages, one for each chip,
which `Chip.source` names. Where a page gives a pod's bandwidth, it is divided by the
pod's chips; where it gives an inter-chip bandwidth for both directions, half of it is
what a chip can send.
"""

import dataclasses
import difflib
import math
import re

from jaxgan.checks import InputError

_PAGES = "https://docs.cloud.google.com/tpu/docs/"
_GIB = 2**30


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chip:
    """One chip's datasheet.

    Attributes:
        name: as in ``--topology``.
        flops: peak FLOP/s in bfloat16. Float32 matrix products run at this rate too:
            by default a TPU rounds their factors to bfloat16.
        hbm_bytes: memory. The compiler keeps a little of it for itself.
        hbm_bandwidth: bytes/s between the memory and the chip.
        ici_bandwidth: bytes/s that the chip sends to its neighbours, over all links.
        dcn_bandwidth: the chip's share of the data-centre network, in bytes/s each
            way; None where its page says nothing.
        axes: the number of sides of its slices, which are tori.
        slice_chips: chips of the largest slice.
        source: the page.
    """

    name: str
    flops: float
    hbm_bytes: int
    hbm_bandwidth: float
    ici_bandwidth: float
    dcn_bandwidth: float | None
    axes: int
    slice_chips: int

    @property
    def source(self) -> str:
        """The page that the numbers are from."""
        return _PAGES + self.name


CHIPS = {
    chip.name: chip
    for chip in (
        Chip(
            name="v4",
            flops=275e12,
            hbm_bytes=32 * _GIB,
            hbm_bandwidth=1200e9,
            ici_bandwidth=1.1e15 / 4096,  # all-reduce bandwidth of a pod
            dcn_bandwidth=None,
            axes=3,
            slice_chips=4096,
        ),
        Chip(
            name="v5e",
            flops=197e12,
            hbm_bytes=16 * _GIB,
            hbm_bandwidth=819e9,
            ici_bandwidth=400e9 / 2,
            dcn_bandwidth=6.4e12 / 8 / 256,
            axes=2,
            slice_chips=256,
        ),
        Chip(
            name="v5p",
            flops=459e12,
            hbm_bytes=95 * _GIB,
            hbm_bandwidth=2765e9,
            ici_bandwidth=1200e9 / 2,
            dcn_bandwidth=50e9 / 8,
            axes=3,
            slice_chips=6144,
        ),
        Chip(
            name="v6e",
            flops=918e12,
            hbm_bytes=32 * _GIB,
            hbm_bandwidth=1600e9,
            ici_bandwidth=800e9 / 2,
            dcn_bandwidth=25.6e12 / 8 / 256,
            axes=2,
            slice_chips=256,
        ),
    )
}


@dataclasses.dataclass(frozen=True)
class Topology:
    """A slice: a torus of ``sides`` chips, or several of them side by side.

    Attributes:
        chip: the kind of chip that it is made of.
        sides: chips along each side of one slice.
        slices: how many slices, joined by the data-centre network.
    """

    chip: Chip
    sides: tuple[int, ...]
    slices: int = 1

    @property
    def chips(self) -> int:
        """The number of chips in all slices."""
        return self.slices * math.prod(self.sides)

    def __str__(self) -> str:
        return f"{self.chip.name}:{'x'.join(map(str, self.sides))}"


def parse_topology(text: str) -> Topology:
    """Parses the name of one slice.

    Raises:
        InputError: if there is no such slice.

    Example:
        >>> parse_topology("v5e:16x16").chips
        256
    """
    match = re.fullmatch(r"(\w+):([1-9]\d*(?:x[1-9]\d*)*)", text)
    if match is None:
        raise InputError(
            f"--topology must be CHIP:SIDES, such as v5e:16x16 or v5p:4x4x8, got "
            f"{text!r}."
        )
    name, sides = match[1], tuple(map(int, match[2].split("x")))
    if name not in CHIPS:
        near = difflib.get_close_matches(name, CHIPS)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise InputError(
            f"--topology {text} names an unknown chip. {hint}Known are "
            f"{', '.join(CHIPS)}."
        )
    topology = Topology(CHIPS[name], sides)
    _check(topology)
    return topology


def _check(topology: Topology) -> None:
    chip = topology.chip
    if len(topology.sides) != chip.axes:
        example = "x".join("4" * chip.axes)
        raise InputError(
            f"A slice of {chip.name} has {chip.axes} sides, such as "
            f"{chip.name}:{example}; --topology {topology} has {len(topology.sides)}."
        )
    if topology.chips > chip.slice_chips:
        raise InputError(
            f"A slice of {chip.name} has at most {chip.slice_chips:,} chips; "
            f"--topology {topology} would have {topology.chips:,}. Plan one slice: the "
            "table of weak scaling goes on to several."
        )


def torus(chip: Chip, chips: int) -> Topology:
    """Returns the most compact topology of ``chips`` chips, a power of two.

    Example:
        >>> torus(CHIPS["v5e"], 1024)  # doctest: +ELLIPSIS
        Topology(chip=Chip(name='v5e', ...), sides=(16, 16), slices=4)
        >>> torus(CHIPS["v4"], 16).sides
        (2, 2, 4)
    """
    largest = 2 ** (chip.slice_chips.bit_length() - 1)
    within = min(chips, largest)
    doublings = within.bit_length() - 1
    sides = (2 ** ((doublings + i) // chip.axes) for i in range(chip.axes))
    return Topology(chip, tuple(sides), chips // within)
