"""A game's train step, compiled for a TPU slice on a machine that has none."""

import dataclasses
import importlib.util
import os
import re
from functools import partial
from typing import Any

import jax
import numpy as np

import jaxgan
from experiments.planning import collectives
from experiments.planning.chain import longest_chain
from experiments.planning.chips import Topology
from experiments.planning.collectives import AllReduces
from experiments.planning.model import Cost
from jaxgan import parallel
from jaxgan.checks import InputError
from jaxgan.data import DataSet
from jaxgan.rounds import Schedule, algorithm_1, fresh_batches

# Settings that libtpu would otherwise look for in vain, with long warnings; and a way
# around its lock, which it takes because a real TPU serves one process only.
_NO_MACHINE = {
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "TPU_WORKER_HOSTNAMES": "localhost",
}
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SIZE = r"([\d.]+)([KMGT]?)"
_OVER = (
    re.compile(rf"\({_SIZE}\) exceeds available \w+ \({_SIZE}\)"),
    re.compile(rf"Used {_SIZE} of {_SIZE} hbm"),
)


class OutOfMemory(Exception):
    """Raised if the compiler finds no way to run the step in a chip's memory.

    Attributes:
        needed: bytes that the step would take.
        available: bytes that are available.
    """

    def __init__(self, needed: float, available: float):
        super().__init__(f"{needed:.0f} bytes needed, {available:.0f} available")
        self.needed, self.available = needed, available


@dataclasses.dataclass(frozen=True, kw_only=True)
class Memory:
    """One chip's memory while it runs the step, in bytes.

    Attributes:
        arguments: the state, the chip's share of the batch, and the key.
        outputs: the results that are not written over the arguments.
        temporaries: all intermediate values.
        program: the machine code.
    """

    arguments: int
    outputs: int
    temporaries: int
    program: int

    @property
    def total(self) -> int:
        """The sum of all parts."""
        return self.arguments + self.outputs + self.temporaries + self.program


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compiled:
    """The compiler's account of one chip's part of a train step.

    Attributes:
        memory: of the whole train step, its discriminator steps in one loop.
        cost: of the whole train step, each discriminator step counted.
        all_reduces: the same step's, by their reasons.
        chain: a lower bound on how many of them wait for one another.
        loops: loops inside a player's step beyond that over its microbatches. The cost
            of their bodies is in ``cost`` once, however often they run.
    """

    memory: Memory
    cost: Cost
    all_reduces: list[AllReduces]
    chain: int
    loops: int


def make_mesh(topology: Topology) -> jax.sharding.Mesh:
    """Returns the slice's chips, which need not exist, along one axis.

    Raises:
        InputError: if libtpu is not installed, or knows no such slice.
    """
    if importlib.util.find_spec("libtpu") is None:
        raise InputError(
            "Planning needs the TPU compiler, from the package libtpu. Install it "
            "with: pip install -e '.[tpu-plan]'"
        )
    from jax.experimental import topologies

    for name, value in _NO_MACHINE.items():
        os.environ.setdefault(name, value)
    how: dict[str, Any] = {}
    if topology.chip.name == "v4":
        how["chip_config_name"] = "megacore"  # a chip's two cores as one device
    if topology.chips == 1:
        how["chips_per_host_bounds"] = (1, 1, 1)
    try:
        described = topologies.get_topology_desc(str(topology), "tpu", **how)
    except jax.errors.JaxRuntimeError as error:
        if "INVALID_ARGUMENT" not in str(error):
            raise
        raise InputError(
            f"The TPU compiler does not know the slice {topology}: {error} Give a "
            "slice such as 2x2, 4x4 or 8x16, or 2x2x1, 4x4x4 or 8x8x16 in three "
            "dimensions."
        ) from error
    devices = np.array(described.devices).reshape(-1)
    if devices.size != topology.chips:
        raise InputError(
            f"{topology} has {topology.chips} chips, but the TPU compiler sees "
            f"{devices.size} devices; this version of libtpu is not supported."
        )
    return jax.sharding.Mesh(devices, (parallel.AXIS,))


def compile_game(
    gan: jaxgan.GAN,
    data: DataSet,
    mesh: jax.sharding.Mesh,
    *,
    batch_size: int,
    d_steps: int = 1,
    schedule: Schedule | None = None,
    microbatches: int = 1,
) -> Compiled:
    """Compiles the train step for the mesh; nothing is allocated, nothing runs.

    Args:
        gan: the game.
        data: a set, for the shape of its examples.
        mesh: from `make_mesh`.
        batch_size: examples of one update, over all chips.
        d_steps: discriminator updates for each generator update.
        schedule: the game's own rounds, instead of Algorithm 1 with ``d_steps``.
        microbatches: parts of a chip's batch, played one after another. Arithmetic and
            bytes of the optimizers are then counted for each: a little too many.

    Raises:
        OutOfMemory: if the step does not fit.
    """
    how: dict[str, Any] = {"axis_name": parallel.AXIS, "microbatches": microbatches}
    compiled = partial(_compile, gan, data, mesh, batch_size)
    rounds = algorithm_1(d_steps) if schedule is None else schedule
    step = jaxgan.make_train_step(gan, schedule=rounds, **how)
    train = compiled(step, (fresh_batches(rounds),))
    if d_steps == 1:
        parts = [(1, train)]
    else:  # XLA counts the body of the loop over the discriminator's steps once.
        d_step = compiled(jaxgan.make_d_step(gan, **how), ())
        parts = [(d_steps, d_step), (1, compiled(jaxgan.make_g_step(gan, **how), ()))]
    sent = [
        alike.times(count)
        for count, part in parts
        for alike in collectives.all_reduces(part.text, trips=microbatches)
    ]
    loops = sum(collectives.loops(part.text) for _, part in parts)
    if microbatches > 1:
        loops = max(0, loops - 2)  # one of each player
    return Compiled(
        memory=_memory(train.executable),
        cost=_cost(parts, sent, microbatches),
        all_reduces=sent,
        chain=sum(count * part.chain for count, part in parts),
        loops=loops,
    )


@dataclasses.dataclass(frozen=True)
class _Program:
    executable: Any
    chain: int

    @property
    def text(self) -> str:
        return self.executable.as_text()


def _compile(
    gan, data: DataSet, mesh, batch_size: int, step, leading: tuple[int, ...]
) -> _Program:
    """Compiles the step for batches ``[*leading b ...]``, its state donated."""
    one = data.train.batch(np.arange(1))
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(lambda key: jaxgan.init(gan, key, one), key)
    shares = jax.P(*[None] * len(leading), parallel.AXIS)
    batch = {
        name: _placed(
            mesh, shares, (*leading, batch_size, *column.shape[1:]), column.dtype
        )
        for name, column in one.items()
    }
    whole = lambda leaf: _placed(mesh, jax.P(), leaf.shape, leaf.dtype)
    sharded = parallel.shard(step, mesh, batch_axis=len(leading))
    program = jax.jit(sharded, donate_argnums=0)
    traced = program.trace(jax.tree.map(whole, state), batch, whole(key))
    try:
        return _Program(traced.lower().compile(), longest_chain(traced.jaxpr))
    except jax.errors.JaxRuntimeError as error:
        sizes = parse_out_of_memory(str(error))
        if sizes is None:
            raise
        raise OutOfMemory(*sizes) from error


def _placed(mesh, spec, shape, dtype) -> jax.ShapeDtypeStruct:
    sharding = jax.NamedSharding(mesh, spec)
    return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)


def parse_out_of_memory(message: str) -> tuple[float, float] | None:
    """Returns (needed, available) bytes from the TPU compiler's error; None for others.

    Example:
        >>> parse_out_of_memory("Used 20.5G of 16.00G hbm. Exceeded by 4.5G.")
        (22011707392.0, 17179869184.0)
    """
    for pattern in _OVER:
        if match := pattern.search(message):
            needed, its_unit, available, unit = match.groups()
            return float(needed) * _UNITS[its_unit], float(available) * _UNITS[unit]
    return None


def _memory(compiled) -> Memory:
    stats = compiled.memory_analysis()
    return Memory(
        arguments=stats.argument_size_in_bytes,
        outputs=stats.output_size_in_bytes - stats.alias_size_in_bytes,
        temporaries=stats.temp_size_in_bytes,
        program=stats.generated_code_size_in_bytes,
    )


def _cost(
    parts: list[tuple[int, _Program]], sent: list[AllReduces], microbatches: int
) -> Cost:
    analyses = [(count, part.executable.cost_analysis()) for count, part in parts]
    work = lambda name: sum(count * found[name] for count, found in analyses)
    return Cost(
        flops=microbatches * work("flops"),
        bytes_moved=microbatches * work("bytes accessed"),
        all_reduces=sum(alike.calls for alike in sent),
        all_reduce_bytes=sum(alike.payload for alike in sent),
    )
