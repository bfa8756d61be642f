"""Several processes of one run: they agree, lose each other, and go on as others."""

import functools
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import jaxgan
import jaxgan.data
from experiments import mlp
from jaxgan.checkpoint import Checkpoints, CheckpointWarning, digest
from jaxgan.hooks import read_metrics
from tests import games, launch

STEPS = 40
GAME = "--hidden 8 --latent-dim 4 --batch-size 16 --learning-rate 1e-4"
CADENCE = "--log-every 10 --sample-every 20 --checkpoint-every 10"
# What a process says when it has lost another: caught, or by its watcher when XLA has
# aborted it.
LOST = re.compile(r"stopped: (Another process|Process \d) of th(is|e) run .*ended")
SECONDS = 60
TERM, KILL = 15, 9


class Runs:
    """Runs in one folder, which share what is prepared and compiled."""

    def __init__(self, folder: Path, data_dir: Path):
        self.folder, self.data_dir = folder, data_dir
        data = jaxgan.data.load("digits", data_dir=data_dir)
        config = mlp.Config(hidden=8, latent_dim=4, learning_rate=1e-4)
        gan = mlp.make_gan(config, data)
        self.like = jaxgan.init(gan, games.KEY, data.train.batch(np.arange(1)))

    def environment(self, devices: int = 2) -> dict[str, str]:
        # As many threads in one process as in several: a checkpoint saved with others
        # is restored with a warning, which is an error here.
        env = launch.environment(devices, self.folder / "cache")
        return {**env, "PJRT_NPROC": "8"}

    def worker(self, workdir: str, strike: str = "0@0", *more: object) -> list[object]:
        places = ("--data-dir", self.data_dir, "--workdir", self.folder / workdir)
        program = ("-m", "tests.cli.worker", strike)
        return [
            *program,
            *GAME.split(),
            *CADENCE.split(),
            *("--steps", STEPS, *places, *more),
        ]

    def play(self, workdir: str, *strikes: str, devices: int = 4) -> list[launch.Ended]:
        """One process for each strike; among them they have so many devices."""
        workers = [self.worker(workdir, strike) for strike in strikes]
        env = self.environment(devices // len(workers))
        together = launch.run if len(workers) == 1 else launch.together
        return together(workers, env)

    def newest(self, workdir: str) -> int:
        names = [
            path.name for path in (self.folder / workdir / "checkpoints").iterdir()
        ]
        return max(int(name) for name in names if name.isdecimal())

    def state(self, workdir: str):
        """The last checkpoint, restored by this process alone."""
        with (
            Checkpoints(self.folder / workdir / "checkpoints") as checkpoints,
            warnings.catch_warnings(),
        ):
            # Of other devices than there are here.
            warnings.simplefilter("ignore", CheckpointWarning)
            return checkpoints.restore(self.like).state


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data_dir):
    return Runs(tmp_path_factory.mktemp("processes"), data_dir)


@pytest.fixture(scope="module")
def alone(runs):
    """The run by one process of four devices."""
    (ended,) = runs.play("alone", "0@0")
    assert ended.code == 0, ended.err
    return "alone"


def _check_ended(ended: list[launch.Ended], codes: list[int]) -> None:
    assert [process.code for process in ended] == codes, ended


def _check_lost(ended: list[launch.Ended], killed: int) -> None:
    """One was killed; the others ended within a minute, by themselves, and said why."""
    assert ended[killed].code == -KILL
    for rank, process in enumerate(ended):
        if rank != killed:
            assert process.code in (5, -6), process  # -6 is 134 in a shell
            assert process.at - ended[killed].at < SECONDS
            # XLA's own words may follow, when it aborts what is about to leave.
            assert any(map(LOST.match, process.err.splitlines())), process.err


def _check_same_game(runs: Runs, workdir: str, other: str) -> None:
    """Equal but for the order in which sums over devices are taken."""
    rows = zip(
        read_metrics(runs.folder / workdir),
        read_metrics(runs.folder / other),
        strict=True,
    )
    for row, other_row in rows:
        assert (row["step"], row["images"]) == (other_row["step"], other_row["images"])
        for name in ("d_loss", "g_loss", "d_real_logit", "g_fake_logit", "g_grad_norm"):
            np.testing.assert_allclose(row[name], other_row[name], rtol=1e-4, atol=1e-6)
    games.assert_close(runs.state(workdir), runs.state(other), rtol=1e-3, atol=2e-5)


def _check_written_once(path: Path) -> None:
    lines = (path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [10, 20, 30, 40]
    pictures = sorted(picture.name for picture in (path / "samples").iterdir())
    assert pictures == ["00000000.png", "00000020.png", "00000040.png"]
    assert len(list((path / "tensorboard").glob("events.*"))) == 1


def _returned(process: launch.Ended) -> list[str]:
    return re.findall(r"^returned (\w{64})$", process.out, re.MULTILINE)


def test_two_processes_play_the_game_of_one(runs, alone):
    ended = runs.play("two", "0@0", "0@0")
    _check_ended(ended, [0, 0])
    result = json.loads((runs.folder / "two" / "result.json").read_text())
    assert [_returned(process) for process in ended] == [[result["digest"]]] * 2
    assert digest(runs.state("two")) == result["digest"]
    _check_written_once(runs.folder / "two")
    _check_same_game(runs, "two", alone)
    assert f"digest:   {result['digest']}" in ended[0].out
    assert "digest:" not in ended[1].out
    assert f"of {STEPS} (100%)" in ended[0].err
    assert "%" not in ended[1].err


def _continued(ended: list[launch.Ended]) -> int:
    found = re.search(r"Continuing from the checkpoint of step (\d+)", ended[0].out)
    return int(found[1]) if found else 0


def test_a_run_survives_its_processes(runs, alone):
    """Two processes, of which either is killed; then one plays to the end."""
    newest = 0
    for killed, step in ((0, 25), (1, 35)):
        strikes = ["0@0", "0@0"]
        strikes[killed] = f"{KILL}@{step}"
        ended = runs.play("many", *strikes)
        _check_lost(ended, killed)
        assert _continued(ended) == newest
        newest = runs.newest("many")
        assert newest in (10, 20, 30)
    ended = runs.play("many", "0@0")
    _check_ended(ended, [0])
    assert _continued(ended) == newest
    _check_same_game(runs, "many", alone)


@pytest.mark.slow
def test_four_processes_take_over_stop_together_and_lose_one(runs, alone):
    """One is killed; of the four that go on, the third gets SIGTERM, then SIGKILL."""
    play = functools.partial(runs.play, "four", devices=8)
    (ended,) = play(f"{KILL}@25")
    assert ended.code == -KILL
    newest = runs.newest("four")
    ended = play("0@0", "0@0", f"{TERM}@{newest + 2}", "0@0")
    assert _continued(ended) == newest
    _check_ended(ended, [128 + TERM] * 4)
    (message,) = {process.err.splitlines()[-1] for process in ended}
    newest = runs.newest("four")
    assert f"SIGTERM stopped the run after step {newest}, of which" in message
    ended = play("0@0", "0@0", f"{KILL}@{newest + 2}", "0@0")
    assert _continued(ended) == newest
    _check_lost(ended, killed=2)
    ended = play(*["0@0"] * 4)
    _check_ended(ended, [0] * 4)
    result = json.loads((runs.folder / "four" / "result.json").read_text())
    assert [_returned(process) for process in ended] == [[result["digest"]]] * 4
    _check_same_game(runs, "four", alone)


def _errors(process: launch.Ended) -> list[str]:
    return [line for line in process.err.splitlines() if line.startswith("error: ")]


def test_a_batch_that_all_devices_cannot_share_is_refused(runs):
    workers = [runs.worker("refused", "0@0", "--batch-size", 10)] * 2
    ended = launch.together(workers, runs.environment())
    # The first may be gone before the other comes to see it: then that one is aborted.
    assert any("10" in line for line in _errors(ended[0]))
    assert "4 devices" in ended[0].err
    assert ended[0].code == 2
    assert ended[1].code in (2, -6)
    assert not (runs.folder / "refused").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("--dataset", "folder:/nowhere"), "/nowhere is not a folder"),
        (("--workdir", "{folder}/elsewhere"), "Not all processes find the first"),
    ],
    ids=["data missing", "workdir not shared"],
)
def test_what_one_process_cannot_use_ends_all(runs, changes, message):
    fill = lambda text: text.format(folder=runs.folder)
    workers = [
        runs.worker("one-sided"),
        runs.worker("one-sided", "0@0", *map(fill, changes)),
    ]
    ended = launch.together(workers, runs.environment())
    assert ended[1].code == 2
    assert any(message in line for line in _errors(ended[1])), ended[1].err
    assert ended[0].code != 0
    assert ended[0].at - ended[1].at < SECONDS
    assert not (runs.folder / "one-sided" / "result.json").exists()


def test_outside_of_a_cluster_the_flags_by_hand_are_named(runs):
    worker = runs.worker("nowhere", "0@0", "--distributed")
    (ended,) = launch.run([worker], runs.environment())
    assert ended.code == 2
    (error,) = _errors(ended)
    assert "could not be joined" in error
    assert "--coordinator HOST:PORT --processes N --process I" in error
