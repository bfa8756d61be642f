"""SIGTERM and SIGINT: what is in flight is finished and saved, and nothing is lost."""

import dataclasses
import json
import re
import signal
import threading
import time

import pytest

from experiments import mlp
from jaxgan import signals
from jaxgan.cli import run
from jaxgan.hooks import Progress, read_metrics
from jaxgan.signals import Stopped
from tests import launch
from tests.cli.interrupt import without_times

STEPS, LOG = 6_000, 500


@pytest.fixture
def usual():
    """The handlers as they were; and as they are again afterwards."""
    before = {number: signal.getsignal(number) for number in signals.SIGNALS}
    yield before
    for number, handler in before.items():
        signal.signal(number, handler)


def _handlers():
    return {number: signal.getsignal(number) for number in signals.SIGNALS}


@pytest.mark.parametrize("number", signals.SIGNALS, ids=lambda n: n.name)
def test_a_first_signal_is_noted_and_the_handlers_come_back(usual, number):
    with signals.noted() as noted:
        assert noted() == 0
        signal.raise_signal(number)
        assert noted() == number
        assert _handlers() == usual
    assert _handlers() == usual


def test_a_second_signal_acts_as_usual(usual):
    # A shell starts what runs in the background with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with signals.noted() as noted:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert noted() == signal.SIGTERM


def test_the_handlers_come_back_after_an_error(usual):
    with pytest.raises(ZeroDivisionError), signals.noted():
        _ = 1 / (_handlers() == usual)
    assert _handlers() == usual


def test_another_thread_gets_no_signals_and_leaves_the_handlers_alone(usual):
    seen = []

    def work():
        with signals.noted() as noted:
            seen.append((noted(), _handlers() == usual))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(0, True)]


@pytest.mark.parametrize("saved", [True, False])
def test_stopped_says_what_where_and_how_to_go_on(saved):
    stop = Stopped(15, 123, "the state", saved=saved)
    assert (stop.signal, stop.step, stop.state) == (signal.SIGTERM, 123, "the state")
    assert "SIGTERM stopped the run after step 123" in str(stop)
    assert ("The same command continues" in str(stop)) == saved


class Stopping:
    """One run, given again and again by the same command."""

    def __init__(self, folder, data_dir):
        self.folder, self.data_dir = folder, data_dir
        self.env = launch.environment(cache=folder / "cache")

    def command(self, workdir: str, strike: str = "0@0") -> list[object]:
        return [
            *("-m", "tests.cli.worker", strike),
            *("--hidden", 8, "--latent-dim", 4, "--batch-size", 16),
            *("--steps", STEPS, "--log-every", LOG, "--sample-every", STEPS),
            *("--checkpoint-every", STEPS, "--data-dir", self.data_dir),
            *("--workdir", self.folder / workdir),
        ]

    def run(self, workdir: str, strike: str = "0@0") -> launch.Ended:
        return launch.run([self.command(workdir, strike)], self.env)[0]

    def outcome(self, workdir: str):
        path = self.folder / workdir
        result = json.loads((path / "result.json").read_text())
        return result["digest"], without_times(read_metrics(path))


def _signalled(command, env, metrics, number) -> tuple[int, str]:
    """A program's exit code and stderr; it gets the signal at the first metrics."""
    process = launch.start(command, env, stderr=-1, stdout=-1)
    try:
        while process.poll() is None and not (
            metrics.exists() and metrics.stat().st_size
        ):
            time.sleep(0.01)
        process.send_signal(number)
        _, err = process.communicate(timeout=120)
        return process.returncode, err
    finally:
        launch.end(process)


def _saved_at(err: str, workdir) -> int:
    """The step that the message names; its checkpoint is the newest."""
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    found = re.match(r"(SIGTERM|SIGINT) stopped the run after step (\d+)", last)
    assert found, last
    assert "The same command continues" in last
    kept = (workdir / "checkpoints").iterdir()
    assert max(int(p.name) for p in kept if p.name.isdecimal()) == int(found[2])
    return int(found[2])


def test_a_run_that_was_stopped_twice_ends_as_one_that_was_not(tmp_path, data_dir):
    runs = Stopping(tmp_path, data_dir)
    whole = runs.run("whole")
    assert whole.code == 0, whole.err
    path = tmp_path / "stopped"
    code, err = _signalled(
        runs.command("stopped"), runs.env, path / "metrics.jsonl", signal.SIGTERM
    )
    assert code == 128 + signal.SIGTERM == 143
    first = _saved_at(err, path)
    assert LOG <= first < STEPS
    # A resumed run's first chunk is of one step: it stops between two lines.
    ended = runs.run("stopped", f"{signal.SIGINT:d}@{first + 1}")
    assert ended.code == 128 + signal.SIGINT == 130, ended.err
    assert f"Continuing from the checkpoint of step {first}." in ended.out
    second = _saved_at(ended.err, path)
    assert second % LOG
    assert not (path / "result.json").exists()
    ended = runs.run("stopped")
    assert ended.code == 0, ended.err
    assert f"Continuing from the checkpoint of step {second}." in ended.out
    assert runs.outcome("stopped") == runs.outcome("whole")


@pytest.mark.digest
def test_a_signal_stops_a_run_in_this_process_too(config, finished, tmp_path):
    """`run` raises `Stopped`, and the run that goes on is the undisturbed one."""
    config = dataclasses.replace(config, workdir=tmp_path / "run")
    advance = Progress.advance

    def strike(self, run, metrics):
        advance(self, run, metrics)
        signal.raise_signal(signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Progress, "advance", strike)
        with pytest.raises(Stopped) as stop:
            run(config, mlp.make_gan)
    assert stop.value.step == int(stop.value.state.step) == 1
    result = run(config, mlp.make_gan)
    assert result is not None
    assert result["digest"] == finished[1]["digest"]
    assert without_times(read_metrics(config.workdir)) == without_times(
        read_metrics(finished[0])
    )
