"""Compares the ways to compile the loop over the steps.

Three forms of the same steps: a loop whose number of steps is traced (`jaxgan.chunks`,
one program for every length), a scan of static length, and one step per call. On a GPU
the small games are also compiled without XLA's command buffers (CUDA graphs), and with
the steps but not the loop in them. `jaxgan.chunks` uses the form that is best in the
committed results; a run itself times nothing.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from experiments.benchmarks import ours, random_data, summary
from experiments.benchmarks.accelerator import timing
from experiments.benchmarks.accelerator.plan import Figures, Parts, Plan, describe, work
from experiments.benchmarks.child import reason
from experiments.benchmarks.race import NO_TIME
from experiments.benchmarks.works import Work
from jaxgan import GAN, init
from jaxgan.chunks import make_chunk
from jaxgan.rounds import make_train_step

_PLAYED = ("ring", "mlp", "dcgan")
_COMMANDS = "xla_gpu_enable_command_buffer"
_STEPS = "FUSION,CUBLAS,CUBLASLT,CUDNN,CUSTOM_CALL,CONDITIONAL"
BUFFERS: dict[str, dict[str, str | bool]] = {
    "": {},
    ", no command buffers": {_COMMANDS: ""},
    ", loop not in command buffers": {_COMMANDS: _STEPS},
}
"""Suffixes of a form's name, each with the compiler options that it adds."""


def measure(plan: Plan) -> Parts:
    """Yields a part for each work: steps per second of each form."""
    for name in plan.pick(_PLAYED, _PLAYED, _PLAYED[:1]):
        if name in plan.known("loop"):
            continue
        plan.go_on()
        size = work(plan, name)
        if name == "dcgan" and not plan.full and not plan.quick:
            # Small enough to compile three times within this check's share.
            size = dataclasses.replace(size, image_shape=(8, 8, 3), width=32)
        yield name, {"work": describe(size), "forms": _forms(plan, size)}


def _forms(plan: Plan, size: Work) -> dict[str, Figures]:
    """Returns steps/s and seconds to the end of the first call by form, or failures."""
    # Every form but "one step a call" plays this many steps in one call.
    steps = plan.pick({"mlp": 200, "dcgan": 30}, {"mlp": 100, "dcgan": 10}, {})
    length = steps.get(size.network, 2)
    runs: dict[str, timing.Run] = {}
    found: dict[str, Figures] = {}
    longest = 0.0
    for form, build in FORMS.items():
        for suffix, options in _buffers(plan, size, form).items():
            name = form + suffix
            if runs and plan.left < longest:
                found[name] = {"failure": NO_TIME}
                continue
            begin = time.perf_counter()
            try:
                run = build(size, length, options)
                run(length)
            except Exception as error:
                found[name] = {"failure": reason(error)}
                continue
            runs[name] = run
            took = time.perf_counter() - begin
            longest = max(longest, took)
            found[name] = {"first_call_seconds": took}
    units = {
        name: length * max(1, round(timing.enough(run, 0.3) / length))
        if plan.pick(True, True, False)
        else length
        for name, run in runs.items()
    }
    rounds = plan.pick(7, 5, 1)
    timed = timing.rates(runs, units, rounds=rounds, until=plan.until)
    for name, rates in timed.items():
        found[name]["steps_per_second"] = summary.middle(rates)
        if next(iter(FORMS)) in timed:
            ratio = np.divide(rates, timed[next(iter(FORMS))])
            found[name]["ratio_to_traced"] = summary.middle(ratio)
    return found


def _buffers(plan: Plan, size: Work, form: str) -> dict[str, dict[str, str | bool]]:
    """Returns the entries of `BUFFERS` to try: each costs a compilation.

    Only the default for a DCGAN, whose kernels take long compared with their launch.
    """
    if plan.platform != "gpu" or size.network == "dcgan":
        return {"": {}}
    tried = {"traced length": 3, "static scan": 2}.get(form, 1)
    return dict(list(BUFFERS.items())[:tried])


def _prepare(size: Work) -> tuple[GAN, Any, Any, Any, np.ndarray]:
    """Returns the game, its state, the key, the table, and a step's rows ``[k b]``."""
    gan, images = ours.make_gan(size), random_data.table(size)
    key = jax.random.key(0)
    state = init(gan, key, {"image": images[:1]})
    rows = np.random.default_rng(0).integers(
        0, len(images), (size.d_steps, size.batch_size), np.int32
    )
    return gan, state, key, jax.device_put({"image": images}), rows


def _traced(size: Work, length: int, options: dict[str, str | bool]) -> timing.Run:
    gan, state, key, table, rows = _prepare(size)
    rows = jax.device_put(np.broadcast_to(rows, (length, *rows.shape)))
    program = make_chunk(gan, resident=True, d_steps=size.d_steps)
    count = np.int32(length)
    compiled = program.lower(state, table, rows, count, key).compile(options)

    def run(units: int) -> None:
        nonlocal state
        log = None
        for _ in range(0, units, length):
            state, log = compiled(state, table, rows, count, key)
        jax.device_get(log)

    return run


def _scanned(size: Work, length: int, options: dict[str, str | bool]) -> timing.Run:
    gan, state, key, table, rows = _prepare(size)
    rows = jax.device_put(np.broadcast_to(rows, (length, *rows.shape)))
    step = make_train_step(gan, d_steps=size.d_steps)

    def chunk(state, table, rows, key):
        play = lambda state, picked: step(state, _pick(table, picked), key)
        return lax.scan(play, state, rows)

    program = jax.jit(chunk, donate_argnums=0)
    compiled = program.lower(state, table, rows, key).compile(options)

    def run(units: int) -> None:
        nonlocal state
        log = None
        for _ in range(0, units, length):
            state, log = compiled(state, table, rows, key)
        jax.device_get(log)

    return run


def _single(size: Work, length: int, options: dict[str, str | bool]) -> timing.Run:
    gan, state, key, table, rows = _prepare(size)
    rows = jax.device_put(rows)
    step = make_train_step(gan, d_steps=size.d_steps)
    play = lambda state, table, rows, key: step(state, _pick(table, rows), key)
    program = jax.jit(play, donate_argnums=0)
    compiled = program.lower(state, table, rows, key).compile(options)

    def run(units: int) -> None:
        nonlocal state
        log = []
        for _ in range(units):
            state, metrics = compiled(state, table, rows, key)
            log.append(metrics)
        jax.device_get(jax.tree.map(lambda *each: jnp.stack(each), *log[-length:]))

    return run


def _pick(table: Any, rows: Any) -> Any:
    return jax.tree.map(lambda column: column[rows], table)


FORMS: dict[str, Callable[[Work, int, dict[str, str | bool]], timing.Run]] = {
    "traced length": _traced,
    "static scan": _scanned,
    "one step a call": _single,
}
"""The builder of each form, by name; `jaxgan.chunks` uses the first."""
