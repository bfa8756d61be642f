"""Checks that jaxgan is correct, repeatable and fast on the device that JAX finds.

The checks run one after another, each within its share of the budget, and write their
results as they go; a check that does not fit is skipped or cut off, and one that fails
does not stop the others. The figures are for one device. Only the libraries of the core
install are needed, none of those for data, pictures and the command line; if PyTorch is
installed, jaxgan is raced against it. The whole takes about 20 minutes on an H200, most
of it spent compiling; on the same kind of card and with the same versions, the same
command continues what an earlier one did not finish::

    python -m experiments.benchmarks.accelerator --budget 1200

    right       values and gradients against the CPU, in three precisions
    exact       the same run twice, and continued: equal to the bit?
    ceilings    products of matrices, and a copy
    race        beside PyTorch and plain Flax
    population  many games in one vmap
    loop        how the steps of a run are best compiled
    input       the share of a step that resident and streamed data take

Exit code 1 if a check failed, or found that something is wrong; 2 for input that cannot
be used.
"""

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.benchmarks.accelerator import checks, machine, table, targets
from experiments.benchmarks.accelerator.checks import SHARES, Outcome
from experiments.benchmarks.accelerator.plan import lacks
from jaxgan.checks import InputError
from jaxgan.cli import command
from jaxgan.files import expand, write_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for; returns the exit code."""
    options = _parse(arguments)
    record = command.guarded(lambda: run(options))
    print("\n" + table.screen(record))
    wrong = [
        name
        for name, check in record["checks"].items()
        if check["status"] == "failed" or check["holds"] is False
    ]
    return 1 if wrong else 0


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Runs the checks and writes accelerator-CARD.json; returns its contents.

    Raises:
        InputError: if the budget is not positive, or an earlier record is of another
            card, driver, version or form.
    """
    if not options.budget > 0:
        raise InputError(
            f"--budget must be more than 0 seconds, got {options.budget:g}."
        )
    begin = time.monotonic()
    out = expand(options.out, "--out")
    out.mkdir(parents=True, exist_ok=True)
    names = [name for name in SHARES if not options.only or name in options.only]
    with tempfile.TemporaryDirectory() as cache:
        plan: dict[str, Any] = {
            "platform": "cpu",
            "quick": options.quick,
            "seconds": options.budget,
            "cores": len(os.sched_getaffinity(0)),
            "torch": importlib.util.find_spec("torch") is not None,
            "cache": cache,
            "earlier": {},
        }
        found = checks.run("machine", plan)
        if "machine" not in found.parts:
            raise RuntimeError(f"No device could be found: {found.why}")
        facts = found.parts["machine"]
        # Kept with each part, since a record may come from several calls.
        revision = facts.pop("git_revision", None)
        plan["platform"] = facts["platform"]
        file = out / f"accelerator-{machine.slug(facts['card'])}.json"
        record: dict[str, Any] = {
            "benchmark": "accelerator",
            "quick": options.quick,
            "budget_seconds": options.budget,
            "machine": facts,
            "checks": {},
            "targets": [],
        }
        if file.exists():
            record["checks"] = _continued(json.loads(file.read_text()), record)
        plan["earlier"] = {n: check["parts"] for n, check in record["checks"].items()}
        done = lambda check: check["status"] == "done" and not lacks(check["parts"])
        names = [
            name
            for name in names
            if name not in record["checks"] or not done(record["checks"][name])
        ]
        left = options.budget - (time.monotonic() - begin)
        _play(names, plan, record, file, seconds=left, revision=revision)
    print(f"written: {file}")
    return record


def _play(
    names: Sequence[str],
    plan: dict[str, Any],
    record: dict[str, Any],
    file: Path,
    *,
    seconds: float,
    revision: str | None,
) -> None:
    """Runs the checks one after another, and writes the record after each."""
    begin, due = time.monotonic(), 0.0
    whole = sum(SHARES[name] for name in names)
    for name in names:
        due += seconds * SHARES[name] / whole
        plan["seconds"] = due - (time.monotonic() - begin)
        print(f"{name}: {max(0.0, plan['seconds']):.0f} s", flush=True)
        since = time.monotonic()
        outcome = checks.run(name, plan)
        outcome.seconds = time.monotonic() - since
        new = {part: {**f, "revision": revision} for part, f in outcome.parts.items()}
        outcome.parts = {**plan["earlier"].get(name, {}), **new}
        if outcome.status == "done" and lacks(outcome.parts):
            outcome.status = "cut off"
        plan["earlier"] = {**plan["earlier"], name: outcome.parts}
        record["checks"][name] = _as_json(outcome)
        if plan["platform"] != "cpu" and not record["quick"]:
            record["targets"] = targets.judge(plan["earlier"])
        write_json(file, record)
        print("\n".join(table.of_check(name, record["checks"][name])), flush=True)


def _continued(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Returns the checks of an earlier record, which must match in machine and form."""
    same = lambda record: {
        "card": record["machine"]["card"],
        "driver": record["machine"]["driver"],
        "versions": record["machine"]["versions"],
        "PyTorch": record["machine"]["torch"],
        "quick": record["quick"],
    }
    before, now = same(old), same(new)
    apart = [name for name in now if before[name] != now[name]]
    if apart:
        told = "; ".join(f"{name}: {before[name]}, now {now[name]}" for name in apart)
        raise InputError(
            f"An earlier record there was made under other conditions: {told}. Give "
            "another --out."
        )
    return old["checks"]


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "why": outcome.why,
        "seconds": outcome.seconds,
        "holds": outcome.holds,
        "parts": outcome.parts,
    }


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.benchmarks.accelerator",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--budget", type=float, default=300.0, help="seconds for all checks (300)"
    )
    parser.add_argument(
        "--only", nargs="+", choices=SHARES, metavar="CHECK", help=", ".join(SHARES)
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/benchmarks"), help="where the JSON goes"
    )
    parser.add_argument(
        "--quick", action="store_true", help="small sizes that show that it works"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
