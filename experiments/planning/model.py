"""The time of a train step: a roofline model, on one chip and on many.

A model, not a measurement. With each chip's floating-point operations F, bytes moved
M, and all-reduced bytes S in c calls::

    on the chip      max(F / peak FLOP/s, M / HBM bandwidth)
    in a slice       2 (n - 1) / n  S / ICI bandwidth         n chips, in rings
    between slices   2 (m - 1) / m  S / n / DCN bandwidth     m slices
    waiting          c (hops x HOP_SECONDS + DCN_SECONDS if m > 1)

An all-reduce is a reduce-scatter, then an all-gather: each sends (n - 1) / n of the
payload. Between slices each chip exchanges only the n-th part that it has reduced. The
rings run along one side of the torus after another, so a call takes as many hops as the
sides have chips. Nothing overlaps; a compiler that hides communication behind
computation is faster.
"""

import dataclasses
import math

from experiments.planning.chips import Chip, Topology, torus

HOP_SECONDS = 1e-6
"""The time assumed for one hop between neighbours; it is on no datasheet.

"Typically around 1us" says How to Scale Your Model (jax-ml.github.io/scaling-book), in
its note on ICI latency, which counts a torus's hops as here.
"""

DCN_SECONDS = 1e-4
"""The time assumed for one all-reduce between slices; it is on no datasheet."""

SCALE = (1, 4, 16, 64, 256, 1024, 4096)
"""The numbers of chips in the table of weak scaling."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """The work of one chip in one train step.

    Attributes:
        flops: floating-point operations.
        bytes_moved: what its operations read and write, in bytes.
        all_reduces: the number of calls.
        all_reduce_bytes: their total payload.
    """

    flops: float
    bytes_moved: float
    all_reduces: int
    all_reduce_bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepTime:
    """The parts of one step, in seconds."""

    compute: float
    memory: float
    ici: float
    dcn: float
    latency: float

    @property
    def total(self) -> float:
        """The time of the step: the roofline on the chip, then the network."""
        return max(self.compute, self.memory) + self.ici + self.dcn + self.latency

    @property
    def bound(self) -> str:
        """The part that takes longest."""
        parts = dataclasses.asdict(self)
        return max(parts, key=lambda name: parts[name])


def step_time(cost: Cost, topology: Topology) -> StepTime:
    """Returns the time of one step, with each of the topology's chips doing ``cost``.

    Raises:
        ValueError: for several slices of a chip whose share of the data-centre
            network is not known.
    """
    chip, slices = topology.chip, topology.slices
    chips = topology.chips // slices
    if slices > 1 and chip.dcn_bandwidth is None:
        raise ValueError(f"The data-centre network of {chip.name} is not known.")
    hops = sum(side for side in topology.sides if side > 1)
    sent = lambda n, payload: 2 * (n - 1) / n * payload
    return StepTime(
        compute=cost.flops / chip.flops,
        memory=cost.bytes_moved / chip.hbm_bandwidth,
        ici=sent(chips, cost.all_reduce_bytes) / chip.ici_bandwidth,
        dcn=sent(slices, cost.all_reduce_bytes / chips)
        / (chip.dcn_bandwidth or math.inf),
        latency=cost.all_reduces * (hops * HOP_SECONDS + (slices > 1) * DCN_SECONDS),
    )


def weak_scaling(
    cost: Cost, chip: Chip, scale: tuple[int, ...] = SCALE
) -> list[tuple[Topology, StepTime]]:
    """Returns the step times of the same work on each of more and more chips."""
    topologies = [torus(chip, chips) for chips in scale]
    return [(topology, step_time(cost, topology)) for topology in topologies]
