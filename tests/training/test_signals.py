"""SIGTERM and SIGINT: what is in flight is finished and saved, and nothing is lost."""

import dataclasses
import json
import re
import signal
import threading
import time

import numpy as np
import pytest

from experiments import mlp
from jaxgan.training import run, signals
from jaxgan.training.recorder import Recorder
from jaxgan.training.signals import Stopped
from jaxgan.training.window import Window
from jaxgan.training.workdir import read_metrics
from tests import launch

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


def test_stopped_says_what_where_and_how_to_go_on():
    stop = Stopped(15, 123)
    assert stop.signal is signal.SIGTERM
    assert "SIGTERM stopped the run after step 123" in str(stop)
    assert "The same command continues" in str(stop)


def _metrics(steps: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        name: random.standard_normal(steps).astype(np.float32)
        for name in ("d_loss", "g_loss")
    }


def test_a_window_saved_between_two_lines_gives_the_same_line():
    """To the bit: the means are over the same numbers in the same order."""
    config = mlp.Config(batch_size=16)
    parts = [_metrics(7, 0), _metrics(1, 1), _metrics(25, 2)]
    whole, first = Window({}), Window({})
    for part in parts:
        whole.add(part)
    first.add(parts[0])
    first.add(parts[1])
    second = Window(json.loads(json.dumps(first.notes())))
    third = Window(json.loads(json.dumps(second.notes())))
    third.add(parts[2])
    times = {"seconds": 0, "images_per_second": 0}
    expected = whole.line(33, config)
    assert {**third.line(33, config), **times} == {**expected, **times}
    by_hand = np.concatenate([part["d_loss"] for part in parts]).astype(np.float64)
    np.testing.assert_allclose(expected["d_loss"], by_hand.mean(), rtol=1e-5)


def test_a_window_saved_at_a_line_is_empty():
    window = Window({})
    window.add(_metrics(5, 0))
    window.line(5, mlp.Config(batch_size=16))
    notes = json.loads(json.dumps(window.notes()))
    assert notes["metrics"] == {}
    np.testing.assert_allclose(notes["seconds"], 0, atol=1)
    fresh = Window(notes)
    fresh.add(_metrics(3, 1))
    line = fresh.line(8, mlp.Config(batch_size=16))
    assert line["d_loss"] == float(_metrics(3, 1)["d_loss"].mean())
    assert (line["step"], line["images"]) == (8, 128)


def test_a_window_counts_the_seconds_before_it_was_saved():
    window = Window({"metrics": {}, "seconds": 100.0})
    window.add(_metrics(1, 0))
    line = window.line(1, mlp.Config(batch_size=16))
    np.testing.assert_allclose(line["seconds"], 100, atol=5)


class Stopping:
    """One run, given again and again by the same command."""

    def __init__(self, folder, data_dir):
        self.folder, self.data_dir = folder, data_dir
        self.env = launch.environment(cache=folder / "cache")

    def command(self, workdir: str, strike: str = "0@0") -> list[object]:
        return [
            *("-m", "tests.training.worker", strike),
            *("--hidden", 8, "--latent-dim", 4, "--batch-size", 16),
            *("--steps", STEPS, "--log-every", LOG, "--sample-every", STEPS),
            *("--checkpoint-every", STEPS, "--data-dir", self.data_dir),
            *("--workdir", self.folder / workdir),
        ]

    def run(self, workdir: str, strike: str = "0@0") -> launch.Ended:
        return launch.run([self.command(workdir, strike)], self.env)[0]

    def outcome(self, workdir: str):
        path = self.folder / workdir
        times = ("seconds", "images_per_second")
        rows = read_metrics(path)
        result = json.loads((path / "result.json").read_text())
        return result["digest"], [
            {name: value for name, value in row.items() if name not in times}
            for row in rows
        ]


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
    found = re.fullmatch(
        r"(SIGTERM|SIGINT) stopped the run after step (\d+), of which there is a "
        r"checkpoint\. The same command continues from there\.",
        last,
    )
    assert found, last
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
    progress = Recorder.progress

    def strike(self, steps):
        progress(self, steps)
        signal.raise_signal(signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "progress", strike)
        with pytest.raises(Stopped) as stop:
            run(config, mlp.make_gan)
    assert stop.value.step == 1
    result = run(config, mlp.make_gan)
    assert result is not None
    assert result["digest"] == finished[1]["digest"]
    drop = lambda row: {k: v for k, v in row.items() if "second" not in k}
    assert list(map(drop, read_metrics(config.workdir))) == list(
        map(drop, read_metrics(finished[0]))
    )
