"""The log and the progress: what is written, when, and what a reader finds."""

import io
import json
import sys

import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan
from jaxgan import hooks
from jaxgan.hooks.base import Run
from tests.fitting import KEY, points, ring

SIZE = {"batch_size": 8}


def fit(steps: int, *given: hooks.Hook):
    game, data = ring(), points()
    state = jaxgan.init(game, KEY, data)
    return jaxgan.fit(game, state, data, KEY, steps=steps, **SIZE, hooks=given)


class Kept(hooks.Hook):
    """Every step's metrics."""

    def __init__(self):
        self.losses: list[float] = []

    def advance(self, run, metrics):
        self.losses += metrics["d_loss"].tolist()


def test_line_holds_the_means_since_the_line_before(tmp_path):
    kept = Kept()
    fit(8, kept, hooks.Log(tmp_path, every=3))
    rows = hooks.read_metrics(tmp_path)
    assert [row["step"] for row in rows] == [3, 6, 8]
    assert [row["images"] for row in rows] == [24, 48, 64]
    for row, part in zip(rows, np.split(kept.losses, [3, 6]), strict=True):
        np.testing.assert_allclose(row["d_loss"], part.mean(), rtol=1e-6)
    seconds = [row["seconds"] for row in rows]
    assert seconds == sorted(seconds)


def test_another_cadence_is_a_line_of_its_own(tmp_path):
    class Two(hooks.Hook):
        every = 2

        def measure(self, run):
            return {"two": 2.0}

    fit(6, hooks.Log(tmp_path, every=3), Two())
    rows = {row["step"]: set(row) for row in hooks.read_metrics(tmp_path)}
    assert rows[2] == {"step", "two"}
    assert "two" not in rows[3]
    assert {"two", "d_loss"} <= rows[6]


class Measures(hooks.Hook):
    every = 2

    def __init__(self, measured):
        self.measured = measured

    def measure(self, run):
        return self.measured


def test_numbers_of_numpy_and_jax_are_logged(tmp_path):
    measured = {
        "float": np.float32(1.5),
        "count": np.int64(2),
        "array": np.array(2.5),
        "jax": jnp.mean(jnp.array([1.0, 2.0])),
        "half": jnp.bfloat16(0.5),
    }
    fit(2, hooks.Log(tmp_path), Measures(measured))
    (row,) = hooks.read_metrics(tmp_path)
    expected = {"float": 1.5, "count": 2, "array": 2.5, "jax": 1.5, "half": 0.5}
    assert {name: row[name] for name in measured} == expected


@pytest.mark.parametrize("value", [np.ones(3), "many", None])
def test_what_is_no_number_is_refused_and_the_state_saved(tmp_path, value):
    checkpoint = hooks.Checkpoint(tmp_path / "checkpoints", every=100)
    with pytest.raises(jaxgan.InputError, match=r"Measures.*'mine'") as caught:
        fit(4, hooks.Log(tmp_path), Measures({"mine": value}), checkpoint)
    assert any("step 2 is saved" in note for note in caught.value.__notes__)


def test_a_line_that_cannot_be_written_loses_no_steps(tmp_path):
    class Full(hooks.Hook):
        def line(self, run, row):
            raise OSError("no space")

    checkpoint = hooks.Checkpoint(tmp_path / "checkpoints", every=100)
    with pytest.raises(OSError, match="space") as caught:
        fit(4, Measures({"mine": 1.0}), Full(), checkpoint)
    assert any("step 2 is saved" in note for note in caught.value.__notes__)


def test_cut_off_line_is_left_out(tmp_path):
    rows = [{"step": 1}, {"step": 2}]
    text = "".join(json.dumps(row) + "\n" for row in rows) + '{"step": 3, "d_l'
    (tmp_path / "metrics.jsonl").write_text(text)
    assert hooks.read_metrics(tmp_path) == rows
    assert hooks.read_metrics(tmp_path / "nothing") == []


@pytest.mark.parametrize("how", ["removed", "emptied"])
def test_lost_lines_are_told_once(tmp_path, how):
    def played(steps):
        log = hooks.Log(tmp_path, every=2)
        fit(steps, log, hooks.Checkpoint(tmp_path / "checkpoints", every=3))

    path = tmp_path / "metrics.jsonl"
    played(3)
    path.unlink() if how == "removed" else path.write_text("")
    with pytest.warns(UserWarning, match=r"metrics\.jsonl has lost .*step 3"):
        played(4)
    played(6)  # without a warning
    assert [row["step"] for row in hooks.read_metrics(tmp_path)] == [4, 6]


def test_no_lines_are_lost_where_none_was_due(tmp_path):
    checkpoint = lambda: hooks.Checkpoint(tmp_path / "checkpoints", every=2)
    with pytest.raises(KeyboardInterrupt):
        fit(9, hooks.Log(tmp_path, every=5), checkpoint(), StopAt(4))
    assert hooks.read_metrics(tmp_path) == []
    fit(9, hooks.Log(tmp_path, every=5), checkpoint())
    assert [row["step"] for row in hooks.read_metrics(tmp_path)] == [5, 9]


class StopAt(hooks.Hook):
    """Stops as Ctrl-C pressed twice would."""

    def __init__(self, step: int):
        self.every = step

    def act(self, run):
        raise KeyboardInterrupt


def test_without_stderr_nothing_is_shown(monkeypatch, capsys):
    class Speaks(hooks.Hook):
        def end(self, run):
            run.say("warning: x")

    monkeypatch.setattr(sys, "stderr", None)
    fit(3, hooks.Progress(seconds=0.0), Speaks())
    assert capsys.readouterr().out == ""


def test_progress_is_plain_lines_where_there_is_no_terminal():
    out = io.StringIO()
    fit(30, hooks.Progress(seconds=0.0, out=out))
    lines = out.getvalue().splitlines()
    assert "\r" not in out.getvalue()
    assert lines[-1].startswith("step 30 of 30 (100%)")
    assert any("left" in line for line in lines[:-1])


def test_progress_is_quiet_between_and_a_bar_on_a_terminal():
    out = io.StringIO()
    fit(30, hooks.Progress(seconds=3600.0, out=out))
    assert len(out.getvalue().splitlines()) == 1

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    fit(30, hooks.Progress(out=out))
    assert "training:" in out.getvalue()
    assert "30/30" in out.getvalue()


def test_finished_run_says_nothing():
    out, game, data = io.StringIO(), ring(), points()
    state = jaxgan.fit(game, jaxgan.init(game, KEY, data), data, KEY, steps=2, **SIZE)
    progress = hooks.Progress(out=out)
    jaxgan.fit(game, state, data, KEY, steps=2, **SIZE, hooks=(progress,))
    assert out.getvalue() == ""


def test_run_tells_its_hooks_where_it_stands():
    game, data = ring(), points()
    state = jaxgan.init(game, KEY, data)
    run = Run(game, state, KEY, steps=9, data=data)
    assert (run.step, run.steps, run.sampler(KEY, 3).shape) == (0, 9, (3, 2))
