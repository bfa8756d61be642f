"""Kills runs at random moments until they are done, and compares how they ended.

A run is started, killed by SIGKILL while it starts up, trains or writes a checkpoint,
and started again by the same command; after the last kill it is left to finish. Its
digest, its evaluation and its metrics must be those of a run that nobody disturbed::

    python -m tests.kill --experiment all --kills 51

The exit code is 0 if they are, else 1. Moments are drawn from the seed, but what a run
has reached by then depends on the machine.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.hooks import read_metrics
from tests import launch

# Small games of about a quarter of a minute, and a checkpoint each second or so. Logs
# and checkpoints do not fall together: windows of metrics are cut by kills.
_CADENCES = {
    "mlp": {"steps": 9_000, "log": 70, "checkpoint": 700},
    "dcgan": {"steps": 1_200, "log": 30, "checkpoint": 100},
    "conditional": {"steps": 9_000, "log": 70, "checkpoint": 700},
}
_GAMES = {
    "mlp": "--hidden 32 --latent-dim 16 --batch-size 32",
    "dcgan": "--dataset digits --resolution 16 --width 8 --latent-dim 16 "
    "--batch-size 16 --batch-norm True",
    "conditional": "--hidden 32 --latent-dim 16 --batch-size 32",
}
_MOMENTS = ("start-up", "training", "training", "saving")
_TIMES = ("seconds", "images_per_second")
_PATIENCE = 600.0  # seconds, for what takes a minute on a busy machine


class Run(NamedTuple):
    """One command, which may be given again and again."""

    experiment: str
    workdir: Path
    data_dir: Path
    cache: Path
    cadences: dict[str, int]

    @property
    def steps(self) -> int:
        return self.cadences["steps"]

    @property
    def metrics(self) -> Path:
        return self.workdir / "metrics.jsonl"

    def command(self) -> list[object]:
        cadences = self.cadences
        return [
            *("-m", f"experiments.{self.experiment}"),
            *_GAMES[self.experiment].split(),
            *("--steps", self.steps, "--log-every", cadences["log"]),
            *("--sample-every", self.steps),
            *("--checkpoint-every", cadences["checkpoint"]),
            *("--workdir", self.workdir, "--data-dir", self.data_dir),
        ]

    def start(self, log) -> subprocess.Popen:
        env = launch.environment(cache=self.cache)
        return launch.start(self.command(), env, stdout=log, stderr=log)

    def outcome(self) -> dict[str, Any]:
        """All that it left behind but how long it took."""
        result = json.loads((self.workdir / "result.json").read_text())
        rows = read_metrics(self.workdir)
        return {
            "digest": result["digest"],
            "evaluation": result["evaluation"],
            "metrics": [
                {k: v for k, v in row.items() if k not in _TIMES} for row in rows
            ],
        }


class Pace(NamedTuple):
    """How long a start and the way to a checkpoint take, about, in seconds."""

    startup: float
    checkpoint: float


def undisturbed(run: Run) -> Pace:
    """Runs it to its end."""
    with _log(run) as log:
        process = run.start(log)
        try:
            begin = time.monotonic()
            _wait(process, run.metrics.exists)
            trains = time.monotonic()
            _check_ended(run, process.wait(_PATIENCE))
        finally:
            launch.end(process)
    # Without the first line, whose steps were being compiled.
    rows = read_metrics(run.workdir)
    seconds = rows[-1]["seconds"] - rows[0]["seconds"]
    # The next start finds most programs compiled, and takes about half as long.
    return Pace((trains - begin) / 2, seconds * run.cadences["checkpoint"] / run.steps)


def disturbed(run: Run, pace: Pace, random: np.random.Generator) -> str | None:
    """Starts the run and kills it; None if it was done before.

    Returns:
        What happened, in words.
    """
    moment = _MOMENTS[random.integers(len(_MOMENTS))]
    share = random.random()
    newest = _newest(run.workdir)
    with _log(run) as log:
        before = _identity(run.metrics)
        saving = _unfinished(run.workdir)
        process = run.start(log)
        begin = time.monotonic()
        try:
            if moment == "start-up":
                _wait(process, lambda: False, share * pace.startup)
            else:
                # A run that has started up writes the metrics' file anew.
                _wait(process, lambda: _identity(run.metrics) != before)
            if moment == "training":
                _wait(process, lambda: False, share * 6 * pace.checkpoint)
            if moment == "saving":
                _wait(process, lambda: _unfinished(run.workdir) - saving)
                _wait(process, lambda: False, share * 0.1)
            done = process.poll()
        finally:
            launch.end(process)
    if done is not None:
        _check_ended(run, done)
        return None
    return (
        f"{moment}, {time.monotonic() - begin:.1f} s after its start; {_began(run)} "
        f"(on disk was {newest}, now is {_newest(run.workdir)})"
    )


def _finish(run: Run) -> None:
    with _log(run) as log:
        process = run.start(log)
        try:
            _check_ended(run, process.wait(_PATIENCE))
        finally:
            launch.end(process)


def _check_ended(run: Run, code: int) -> None:
    if code:
        text = _log_path(run).read_text()
        raise RuntimeError(f"{run.workdir} ended with {code}. Its log:\n{text[-4000:]}")


def _wait(process: subprocess.Popen, event, seconds: float = _PATIENCE) -> None:
    """Until the event, the process's end, or so many seconds later."""
    until = time.monotonic() + seconds
    while process.poll() is None and not event() and time.monotonic() < until:
        time.sleep(0.002)


def _identity(path: Path) -> int | None:
    return path.stat().st_ino if path.exists() else None


def _unfinished(workdir: Path) -> set[str]:
    """Checkpoints that are being written: Orbax renames them in the end."""
    names = {path.name for path in (workdir / "checkpoints").glob("*")}
    return {name for name in names if not name.isdecimal()}


def _newest(workdir: Path) -> str:
    names = [path.name for path in (workdir / "checkpoints").glob("*")]
    steps = [int(name) for name in names if name.isdecimal()]
    return f"step {max(steps)}" if steps else "nothing"


def _began(run: Run) -> str:
    """From where the process started last continued, by its own words."""
    text = _log_path(run).read_text()
    damaged = "; passed over a damaged checkpoint" if " are damaged" in text else ""
    found = re.search(r"Continuing from the checkpoint of step (\d+)", text)
    return (
        f"continued from step {found[1]}" if found else "restored nothing"
    ) + damaged


def _log_path(run: Run) -> Path:
    return run.workdir.with_name(run.workdir.name + ".log")


def _log(run: Run):
    run.workdir.parent.mkdir(parents=True, exist_ok=True)
    return _log_path(run).open("w")


def check(run: Run, kills: int, random: np.random.Generator) -> bool:
    """Whether a run that was killed so often ends as one that was not.

    A run that finishes before all kills are used is compared, and another one begins.
    """
    whole = run._replace(workdir=run.workdir / "undisturbed")
    pace = undisturbed(whole)
    expected = whole.outcome()
    print(
        f"{run.experiment}: undisturbed, {pace.startup:.1f} s to start up, a "
        f"checkpoint every {pace.checkpoint:.1f} s, digest {expected['digest']}"
    )
    used, number, same = 0, 0, True
    while used < kills:
        number += 1
        this = run._replace(workdir=run.workdir / f"killed-{number}")
        while used < kills:
            told = disturbed(this, pace, random)
            if told is None:
                break
            used += 1
            print(f"{run.experiment}: kill {used} of run {number}: {told}", flush=True)
        else:
            _finish(this)
        same &= _compare(this, expected)
    return same


def _compare(run: Run, expected: dict[str, Any]) -> bool:
    found = run.outcome()
    different = [name for name in expected if found[name] != expected[name]]
    verdict = f"DIFFERS in {', '.join(different)}" if different else "all equal"
    print(
        f"{run.experiment}: {run.workdir.name} done, digest {found['digest']}; digest, "
        f"evaluation and {len(found['metrics'])} lines of metrics: {verdict}",
        flush=True,
    )
    return not different


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", choices=[*_GAMES, "all"], default="all")
    parser.add_argument("--kills", type=int, default=50, help="of all experiments")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workdir", type=Path, help="a new folder; not removed")
    parser.add_argument("--data-dir", type=Path, help="where digits are prepared")
    parser.add_argument("--scale", type=float, default=1.0, help="of the runs' length")
    given = parser.parse_args(arguments)
    names = list(_GAMES) if given.experiment == "all" else [given.experiment]
    with tempfile.TemporaryDirectory() as folder:
        root = given.workdir or Path(folder)
        same = True
        for i, name in enumerate(names):
            steps = max(1, round(given.scale * _CADENCES[name]["steps"]))
            run = Run(
                name,
                root / name,
                given.data_dir or root / "data",
                root / "cache",
                {**_CADENCES[name], "steps": steps},
            )
            kills = given.kills // len(names) + (i < given.kills % len(names))
            same &= check(run, kills, np.random.default_rng([given.seed, i]))
    if not same:
        print("A killed run ended otherwise than an undisturbed one.", file=sys.stderr)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
