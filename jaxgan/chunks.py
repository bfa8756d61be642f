"""Chunks of train steps: one compiled call, one program for any number of steps."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan import parallel
from jaxgan.game import Game
from jaxgan.rounds import Schedule, make_train_step

_KEPT = 4
_kept: dict[Any, tuple[Game, Callable]] = {}
_IN_COMMAND_BUFFERS = "FUSION,CUBLAS,CUBLASLT,CUDNN,CUSTOM_CALL,CONDITIONAL,WHILE"


def make_chunk(
    game: Game,
    *,
    resident: bool,
    schedule: Schedule | None = None,
    d_steps: int | None = None,
    microbatches: int = 1,
    shards: int | None = None,
) -> Callable:
    """Makes a function that runs up to ``m`` train steps in one call, on all devices.

    Args:
        game: the game.
        resident: whether the whole set is kept on the device.
        schedule: as for `jaxgan.make_train_step`.
        d_steps: as for `jaxgan.make_train_step`.
        microbatches: as for `jaxgan.make_update`.
        shards: as for `jaxgan.make_update`.

    Returns:
        ``chunk(state, table, rows, count, key) -> (state, log)`` runs ``count`` steps.
        If resident, step i uses the rows ``rows[i]`` (of ``[m k b]``) of the table's
        columns ``[n ...]``; if streamed, rows is None and the columns are
        ``[m k b ...]``. ``log`` holds each metric of every step, ``[m]``; its first
        ``count`` values are valid. The count is traced, so that one program serves any.
    """
    # Exact shards are mapped on a single device too: the compiler rounds a program
    # that is not mapped differently.
    mapped = jax.device_count() > 1 or shards is not None
    axis_name = parallel.AXIS if mapped else None
    # Jitted, so that finding the metrics' shapes and running the loop share one trace.
    train_step = jax.jit(
        make_train_step(
            game,
            schedule=schedule,
            d_steps=d_steps,
            axis_name=axis_name,
            microbatches=microbatches,
            shards=shards,
        )
    )

    def chunk(state, table, rows, count, key):
        def batch(i):
            pick = (lambda column: column[rows[i]]) if resident else (lambda c: c[i])
            return jax.tree.map(pick, table)

        length = len(rows) if resident else len(jax.tree.leaves(table)[0])
        _, shapes = jax.eval_shape(train_step, state, batch(0), key)
        log = {name: jnp.zeros(length, shape.dtype) for name, shape in shapes.items()}

        def body(i, carry):
            state, log = carry
            state, metrics = train_step(state, batch(i), key)
            return state, {name: log[name].at[i].set(metrics[name]) for name in log}

        # On a CPU a scan of static length is no faster, and would need a program for
        # every length: experiments/benchmarks/results/accelerator-cpu.json.
        return lax.fori_loop(0, count, body, (state, log))

    if axis_name is None:
        return jax.jit(chunk, donate_argnums=0, compiler_options=_compiler_options())
    spread = parallel.spread_chunk(chunk, shared_table=resident)
    return spread if jax.device_count() > 1 else _on_one_device(spread, resident)


def kept_chunk(game: Game, *, schedule: Schedule, **how: Any) -> Callable:
    """Returns `make_chunk`'s function, for the same game the one compiled before.

    The last few are kept. Games are compared by identity: their networks and losses may
    be anything that Python can call.

    Args:
        game: the game.
        schedule: as for `make_chunk`.
        how: the other arguments of `make_chunk`.
    """
    called = (id(game), tuple(schedule), *sorted(how.items()))
    # The game is kept too: while it exists, no other can have its id.
    kept = _kept.pop(called, None)
    _kept[called] = kept or (game, make_chunk(game, schedule=schedule, **how))
    while len(_kept) > _KEPT:
        del _kept[next(iter(_kept))]
    return _kept[called][1]


def _on_one_device(spread: Callable, resident: bool) -> Callable:
    """Returns a mapped chunk whose arguments need no axis of devices.

    `jaxgan.feed` leaves that axis out where there is only one device.
    """
    lead = functools.partial(jax.tree.map, lambda leaf: jnp.expand_dims(leaf, 0))

    def chunk(state, table, rows, count, key):
        table = table if resident else lead(table)
        return spread(state, table, lead(rows), count, key)

    return chunk


def _compiler_options() -> dict[str, str] | None:
    """Returns options that put the loop in a command buffer (a CUDA graph) on CUDA.

    By default XLA leaves loops out, and after each step the host has to learn whether
    another one follows. For the gain see "loop" in
    experiments/benchmarks/results/accelerator-nvidia-h200.json.
    """
    if "cuda" not in jax.local_devices()[0].client.platform_version:
        return None
    return {"xla_gpu_enable_command_buffer": _IN_COMMAND_BUFFERS}
