"""Checks that a run repeats to the bit, and measures what that costs.

The same 300 steps are played twice, each time in a separate process, and once more in a
process that continues from the first one's checkpoint at step 150. Their final states
are compared by digest. On a GPU all of this is done without and with
``--xla_gpu_deterministic_ops``, which jaxgan's runs set, and the two take turns to show
what the flag costs.

The same steps are then played in exact shards (`jaxgan.shards`) on one device and on
all devices, or twice if there is only one; a CPU is split into two devices.
"""

import dataclasses
import importlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.benchmarks import ours, random_data, summary, works
from experiments.benchmarks.accelerator.checks import ONE_DEVICE
from experiments.benchmarks.accelerator.plan import Parts, Plan, describe, shared_device
from experiments.benchmarks.race import Entry, Record, race
from experiments.benchmarks.works import Work
from jaxgan import GAN, data, init, parallel
from jaxgan.checkpoint import Checkpoints, digest
from jaxgan.chunks import make_chunk

FLAG = "--xla_gpu_deterministic_ops=true"
STEPS = 300
SHARDS = 4
SHARDED = "exact shards"
"""The name of the part that plays in exact shards."""
_CHUNK = 50


def measure(plan: Plan) -> Parts:
    """Yields a part per setting of the flag (equal or not), and the flag's cost."""
    settings = {"default": "", "deterministic": FLAG}
    if plan.platform != "gpu":
        del settings["deterministic"]  # a flag of GPUs alone
    known = plan.known("exact")
    if not set(settings) <= set(known):
        yield from repeat(plan, settings, f"{__name__}.game")
    if SHARDED not in known:
        yield from shards(plan, f"{__name__}.game")


def shards(plan: Plan, game: str) -> Parts:
    """Plays the named game in exact shards on one device, and on all.

    Args:
        plan: as for `repeat`.
        game: as for `repeat`.
    """
    plan.go_on()
    there = 2 if plan.platform == "cpu" else jax.device_count()
    counts = {"one": 1, **({"all": there} if there > 1 else {"again": 1})}
    entries = {run: _sharded(plan, run, game, n) for run, n in counts.items()}
    how: dict[str, Any] = {"say": lambda line: None, "until": plan.until}
    found = _digests(plan, "shards", race(entries, rounds=0, seconds=0, **how))
    if "failure" not in found:
        equal = len(set(found["digests"].values())) == 1
        found |= {"holds": equal, "steps": STEPS, "work": describe(_work(plan))}
    yield SHARDED, {**found, "shards": SHARDS, "devices": there}


def _sharded(plan: Plan, run: str, game: str, devices: int) -> Entry:
    """Returns the entry of a run in exact shards on ``devices`` devices."""
    added = FLAG
    if plan.platform == "cpu":
        added = f"--xla_force_host_platform_device_count={devices}"
    entry = _entry(plan, "shards", added, run, game)
    hidden = ONE_DEVICE if devices > 1 else {}
    environment = {k: v for k, v in entry.environment.items() if k not in hidden}
    spec = {**entry.spec, "shards": SHARDS}
    return dataclasses.replace(entry, spec=spec, environment=environment)


def repeat(plan: Plan, settings: Mapping[str, str], game: str) -> Parts:
    """Plays the named game under each of the settings of XLA_FLAGS.

    Args:
        plan: the sizes and the time limit.
        settings: what is added to XLA_FLAGS, by name.
        game: module and function, ``work -> GAN``, built anew in every process.
    """
    entries = {
        (flags, run): _entry(plan, flags, added, run, game)
        for run in ("first", "again", "continued")
        for flags, added in settings.items()
    }
    how: dict[str, Any] = {"say": lambda line: None, "until": plan.until}
    how["together"] = plan.full
    first = {flags: entries[flags, "first"] for flags in settings}
    rounds, seconds = plan.pick(5, 2, 1), plan.pick(0.5, 0.5, 0.01)
    timed = race(first, rounds=rounds, seconds=seconds, **how)
    # A continued run reads what the first one saved.
    later = {
        f"{flags} {run}": entries[flags, run]
        for flags in settings
        for run in ("again", "continued")
    }
    others = race(later, rounds=0, seconds=0, **how)
    for flags in settings:
        runs = {"first": timed[flags]}
        runs |= {run: others[f"{flags} {run}"] for run in ("again", "continued")}
        work = describe(_work(plan))
        yield flags, {**_compare(plan, flags, runs), "steps": STEPS, "work": work}
    if "deterministic" in settings:
        cost = summary.ratio(timed["default"], timed["deterministic"])
        yield "cost of the flag", {"times_as_long": cost}


def _digests(plan: Plan, flags: str, runs: Mapping[str, Record]) -> dict[str, Any]:
    """Returns the runs' "digests", or a "failure" if one of them ran out of time."""
    for run, record in runs.items():
        if record.late:
            return {"failure": f"{run} run: {record.failure}"}
        if record.failure is not None:
            raise RuntimeError(f"{run} run: {record.failure}")
    found = {run: json.loads(_answer(plan, flags, run).read_text()) for run in runs}
    return {"digests": {run: answer["digest"] for run, answer in found.items()}}


def _compare(plan: Plan, flags: str, runs: Mapping[str, Record]) -> dict[str, Any]:
    found = _digests(plan, flags, runs)
    if "failure" in found:
        return found
    digests = found["digests"]
    equal = len(set(digests.values())) == 1
    # On a GPU jaxgan's runs set the flag: without it nothing is promised.
    promised = plan.platform != "gpu" or flags == "deterministic"
    return {
        **({"holds": equal} if promised else {}),
        "repeats": digests["first"] == digests["again"],
        "continues": digests["first"] == digests["continued"],
        "digests": digests,
        "steps_per_second": summary.middle(runs["first"].rates),
    }


def _work(plan: Plan) -> Work:
    """Returns a DCGAN for accelerators, whose kernels may add in any order."""
    known = works.WORKS
    return plan.pick(known["dcgan"], known["mlp"], works.tiny(known["mlp"]))


def _answer(plan: Plan, flags: str, run: str) -> Path:
    return Path(plan.cache) / "exact" / flags / f"{run}.json"


def _entry(plan: Plan, flags: str, added: str, run: str, game: str) -> Entry:
    spec = {
        "work": dataclasses.asdict(_work(plan)),
        "game": game,
        "run": run,
        "checkpoints": str(_answer(plan, flags, run).parent / "checkpoints"),
        "answer": str(_answer(plan, flags, run)),
    }
    given = os.environ.get("XLA_FLAGS", "")
    return Entry(
        "exact",
        spec,
        {
            "XLA_FLAGS": f"{given} {added}".strip(),
            **{name: os.environ.get(name, value) for name, value in ONE_DEVICE.items()},
            **shared_device(),
            # A program from the cache would hide that compiling it anew chooses other
            # kernels.
            "JAX_ENABLE_COMPILATION_CACHE": "false",
        },
    )


def game(work: Work) -> GAN:
    """Returns the game to play."""
    return ours.make_gan(work)


def start(spec: Mapping[str, Any]) -> Callable[[int], None]:
    """Plays one run, writes its digest, and returns a function that continues it."""
    work = works.from_json(spec["work"])
    module, function = spec["game"].rsplit(".", 1)
    gan = getattr(importlib.import_module(module), function)(work)
    images, key = random_data.table(work), jax.random.key(0)
    state = init(gan, key, {"image": images[:1]})
    how = {"d_steps": work.d_steps, "shards": spec.get("shards")}
    chunk = make_chunk(gan, resident=True, **how)
    run_key, table = parallel.put_shared((key, {"image": images}))

    def put(rows: np.ndarray) -> jax.Array:
        if jax.device_count() > 1:
            return parallel.put_split(rows, batch_axis=2)
        return parallel.put_shared(rows)

    def play(state: Any, begin: int, steps: int) -> Any:
        for start in range(begin, begin + steps, _CHUNK):
            length = min(_CHUNK, begin + steps - start)
            rows = np.zeros((_CHUNK, work.d_steps, work.batch_size), np.int32)
            rows[:length] = data.batch_indices(
                0,
                start=start,
                steps=length,
                d_steps=work.d_steps,
                batch_size=work.batch_size,
                n=len(images),
            )
            count = parallel.put_shared(np.int32(length))
            state, _ = chunk(state, table, put(rows), count, run_key)
        return jax.block_until_ready(state)

    half = STEPS // 2
    with Checkpoints(Path(spec["checkpoints"])) as checkpoints:
        if spec["run"] == "continued":
            state = checkpoints.restore(state)[0]
        else:
            state = play(parallel.put_shared(state), 0, half)
            if spec["run"] == "first":
                checkpoints.save(state)
    state = play(parallel.put_shared(state), half, STEPS - half)
    place = STEPS
    Path(spec["answer"]).write_text(json.dumps({"digest": digest(state)}))

    def run(count: int) -> None:
        nonlocal state, place
        state = play(state, place, count)
        place += count

    return run
