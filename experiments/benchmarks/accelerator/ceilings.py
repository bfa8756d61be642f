"""The device's ceilings: matrix products, and passes over memory."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from experiments.benchmarks import summary
from experiments.benchmarks.accelerator import timing
from experiments.benchmarks.accelerator.plan import Parts, Plan

PRECISIONS: dict[str, tuple[Any, str | None]] = {
    "float32": (jnp.float32, "highest"),
    "default": (jnp.float32, None),
    "bfloat16": (jnp.bfloat16, None),
}
"""The dtype and the matmul precision of each mode, by name.

"default" leaves float32 to the backend: TF32 on NVIDIA's cards since Ampere.
"""


def measure(plan: Plan) -> Parts:
    """Yields TFLOP/s of products by precision, and TB/s of a copy, read plus write."""
    size = plan.pick(8192, 1536, 128)
    floats = plan.pick(2**28, 2**24, 2**14)
    flops, moved = 2.0 * size**3, 2.0 * 4 * floats
    runs: dict[str, timing.Run] = {"copy": copies(floats)}
    for name, (dtype, precision) in PRECISIONS.items():
        runs[name] = products(size, dtype, precision)
    for run in runs.values():
        run(1)
    length = plan.pick(0.2, 0.2, 0.001)
    units = {name: timing.enough(run, length) for name, run in runs.items()}
    rounds = plan.pick(7, 5, 1)
    found = timing.rates(runs, units, rounds=rounds, until=plan.until)
    for name, rates in found.items():
        unit = (moved, "TB/s", floats) if name == "copy" else (flops, "TFLOP/s", size)
        figures = summary.middle(np.multiply(rates, unit[0] / 1e12))
        assert figures is not None
        yield name, {**figures, "unit": unit[1], "size": unit[2]}


def products(size: int, dtype: Any, precision: str | None) -> timing.Run:
    """Returns a run of products of two square matrices, all in one call."""
    # Scaled so that a product of many stays finite.
    matrix = jax.random.normal(jax.random.key(0), (size, size)) / np.sqrt(size)
    matrix = matrix.astype(dtype)

    def chain(a, count):
        multiply = lambda _, x: jnp.matmul(x, a, precision=precision)
        return lax.fori_loop(0, count, multiply, a)

    return _blocking(jax.jit(chain), matrix)


def copies(floats: int) -> timing.Run:
    """Returns a run of passes that read each number once and write it once."""
    turn = lambda x, count: lax.fori_loop(0, count, lambda _, y: -y, x)
    return _blocking(jax.jit(turn), jnp.ones(floats))


def _blocking(chain: Callable, array: jax.Array) -> timing.Run:
    def run(count: int) -> None:
        chain(array, np.int32(count)).block_until_ready()

    return run
