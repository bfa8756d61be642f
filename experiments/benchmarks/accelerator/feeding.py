"""The cost of the input: the same steps with and without it.

The MLP's steps are run with rows that are already on the device, as the ceiling; with a
resident set, whose rows are chosen on the host and transferred for every chunk; and
streamed, where NumPy picks each chunk's images on the host and all of them are
transferred. jaxgan's own stream is read ahead by grain, in parallel with the steps;
here the same work is done between them, which shows the most that it can cost.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from experiments.benchmarks import ours, random_data, summary
from experiments.benchmarks.accelerator import timing
from experiments.benchmarks.accelerator.plan import Parts, Plan, describe, work
from experiments.benchmarks.works import Work
from jaxgan import GAN, data, init
from jaxgan.chunks import make_chunk


def measure(plan: Plan) -> Parts:
    """Yields the parts "resident" and "streamed": the share of a step each takes."""
    size = work(plan, "mlp")
    length = plan.pick(100, 100, 2)
    gan = ours.make_gan(size)
    make = lambda resident: make_chunk(gan, resident=resident, d_steps=size.d_steps)
    resident, streamed = make(True), make(False)
    runs = {
        "none": _run(gan, size, resident, length, "none"),
        "resident": _run(gan, size, resident, length, "resident"),
        "streamed": _run(gan, size, streamed, length, "streamed"),
    }
    for run in runs.values():
        run(length)
    chunks = max(1, timing.enough(runs["none"], plan.pick(0.3, 0.3, 0.001)) // length)
    units = {way: chunks * length for way in runs}
    rounds = plan.pick(9, 5, 1)
    rates = timing.rates(runs, units, rounds=rounds, until=plan.until)
    for way in ("resident", "streamed"):
        # The rate over that without input is the share left for the steps.
        share = 1 - np.divide(rates[way], rates["none"])
        yield (
            way,
            {
                "work": describe(size),
                "share_of_a_step": summary.middle(share),
                "steps_per_second": summary.middle(rates[way]),
                "without_input": summary.middle(rates["none"]),
            },
        )


def _run(gan: GAN, size: Work, program: Callable, length: int, way: str) -> timing.Run:
    images, key = random_data.table(size), jax.random.key(0)
    state: Any = init(gan, key, {"image": images[:1]})
    table = jax.device_put({"image": images})
    count, place = np.int32(length), 0

    def rows() -> np.ndarray:
        return data.batch_indices(
            0,
            start=place,
            steps=length,
            d_steps=size.d_steps,
            batch_size=size.batch_size,
            n=len(images),
        )

    fixed = jax.device_put(rows())

    def run(units: int) -> None:
        nonlocal state, place
        for _ in range(0, units, length):
            if way == "none":
                inputs = table, fixed
            elif way == "resident":
                inputs = table, jax.device_put(rows())
            else:
                inputs = jax.device_put({"image": images[rows()]}), None
            state, log = program(state, *inputs, count, key)
            jax.device_get(log)
            place += length

    return run
