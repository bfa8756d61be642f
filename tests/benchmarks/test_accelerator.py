"""The accelerator's checks on a CPU: they find what is planted, and never stop."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.accelerator import __main__ as command
from experiments.benchmarks.accelerator import checks, exact, games, right
from experiments.benchmarks.accelerator.checks import SHARES, Outcome
from experiments.benchmarks.race import NO_TIME, Record
from tests.benchmarks import faults
from tests.benchmarks.records import FACTS, make


def test_quick_form_gives_every_check_a_figure(tmp_path):
    """As a user calls it, in a process that holds no XLA flags of the suite."""
    flags = ["--quick", "--budget", "1200", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "experiments.benchmarks.accelerator", *flags],
        capture_output=True,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "accelerator-cpu.json").read_text())
    assert {name: c["status"] for name, c in record["checks"].items()} == dict.fromkeys(
        SHARES, "done"
    )
    parts = {name: check["parts"] for name, check in record["checks"].items()}
    assert record["checks"]["right"]["holds"]
    assert record["checks"]["exact"]["holds"]
    assert set(parts["ceilings"]) == {"copy", "float32", "default", "bfloat16"}
    forms = parts["loop"]["ring"]["forms"].values()
    assert all(form["steps_per_second"]["median"] > 0 for form in forms)
    contestants = parts["race"]["ring"]["contestants"]
    assert contestants["jaxgan"]["of_roofline"] > 0
    assert contestants["flax"]["peak_mib"] > 0
    assert parts["population"]["ring x 16"]["cost_of_a_member"]["median"] > 0
    assert parts["input"]["streamed"]["share_of_a_step"]["median"] < 1
    assert record["machine"]["precision"]["default_matmul_precision"] is None
    assert record["targets"] == []  # those of a GPU
    assert "quick: sizes that show no speed" in done.stdout


def test_nothing_heavy_is_on_its_path():
    """It runs where only the core's numerical libraries are."""
    heavy = ("tensorflow_datasets", "grain", "tyro", "tqdm", "matplotlib", "sklearn")
    heavy += ("PIL", "tensorboardX", "requests", "jinja2", "array_record")
    program = f"""
import importlib, pkgutil, sys
sys.modules.update(dict.fromkeys({heavy!r}))
from experiments.benchmarks import accelerator, child, ours, plain
from jaxgan.cli import command
for module in pkgutil.iter_modules(accelerator.__path__, accelerator.__name__ + "."):
    importlib.import_module(module.name)
"""
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root)


# right


def test_losses_agree_with_float64_and_a_coarse_one_is_found():
    good = right.verdict(right.loss_errors(right.LOSSES), right.LOSS_BOUND)
    assert good["holds"]
    assert 0 < good["error"] < 1e-6
    bad = right.verdict(right.loss_errors({"hinge": faults.loss()}), right.LOSS_BOUND)
    assert not bad["holds"]
    assert bad["worst"].startswith("hinge.discriminator")


def _holds(name, subject):
    parts = right.compare(name, subject, float64=True)
    return {part.split(", ")[1]: figures["holds"] for part, figures in parts}


def test_lost_factor_of_a_penalty_is_found():
    assert all(_holds("r1", right.of_penalty(right.PENALTIES["r1"])).values())
    assert not _holds("r1", right.of_penalty(faults.penalty))["highest"]


def test_network_in_too_low_a_precision_is_found():
    batch = games.batch("mlp")
    found = _holds("mlp", right.of_steps(faults.network, batch))
    assert found == {"highest": False, "default": True, "bfloat16": True}


def test_reference_is_of_float64():
    subject = lambda dtype: {"x": jnp.asarray(1.0, dtype) / 3}
    assert right.reference(subject, float64=True)["x"] == 1 / 3
    assert right.reference(subject, float64=False)["x"] == np.float32(1 / 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_wrong(bad):
    expected = {"metrics": {"a": np.ones(2), "b": np.ones(2)}}
    found = {"metrics": {"a": np.ones(2), "b": np.array([1.0, bad])}}
    assert not right.verdict(right.errors(found, expected), 1.0)["holds"]


def test_a_small_array_counts_by_what_it_could_do():
    expected = {"g": {"large": np.full(4, 5.0), "small": np.array([1e-6])}}
    found = {"g": {"large": np.full(4, 5.0), "small": np.array([2e-6])}}
    np.testing.assert_allclose(right.errors(found, expected)["g.small"], 1e-7)


# exact


def test_run_that_does_not_repeat_is_found(tmp_path):
    how = {"seconds": 300.0, "cache": str(tmp_path)}
    ((name, figures),) = exact.repeat(
        make(**how), {"default": ""}, "tests.benchmarks.faults.unrepeatable"
    )
    assert name == "default"
    assert not figures["repeats"]
    assert not figures["holds"]
    assert len(set(figures["digests"].values())) == 3


def test_run_that_fails_is_an_error_and_one_that_is_late_is_not(tmp_path, monkeypatch):
    def race(entries, **how):
        return {name: Record(failure=failure) for name in entries}

    monkeypatch.setattr(exact, "race", race)
    failure = "ValueError: planted"
    with pytest.raises(RuntimeError, match="planted"):
        list(exact.repeat(make(), {"default": ""}, "no.matter"))
    failure = NO_TIME
    ((_, figures),) = exact.repeat(make(), {"default": ""}, "no.matter")
    assert NO_TIME in figures["failure"]


def test_the_flag_is_tried_on_gpus_alone(monkeypatch):
    asked = []
    repeat = lambda plan, settings, game: asked.append(dict(settings)) or iter(())
    monkeypatch.setattr(exact, "repeat", repeat)
    for platform in ("cpu", "gpu"):
        list(exact.measure(make(platform)))
    assert asked == [{"default": ""}, {"default": "", "deterministic": exact.FLAG}]
    entry = exact._entry(make("gpu"), "deterministic", exact.FLAG, "first", "game")
    assert entry.environment["XLA_FLAGS"].endswith(exact.FLAG)
    # Several of these hold the card's memory at once.
    assert entry.environment["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"


# The checks' processes.


@pytest.fixture
def play(monkeypatch):
    """Runs a check whose process runs the program given."""
    start = subprocess.Popen

    def run(program, seconds=60.0):
        child = lambda command, **how: start([sys.executable, "-c", program], **how)
        with monkeypatch.context() as patch:
            patch.setattr(subprocess, "Popen", child)
            return checks.run("right", {"seconds": seconds})

    return run


PART = """
import json, sys, time
def tell(**line): print(json.dumps(line), flush=True)
tell(part="a", figures={"holds": True})
"""


def test_check_that_raises_has_failed_and_keeps_its_parts(play):
    outcome = play(PART + "tell(failure='ValueError: x'); sys.exit(1)")
    assert (outcome.status, outcome.why) == ("failed", "ValueError: x")
    assert outcome.parts == {"a": {"holds": True}}


def test_check_that_dies_has_failed(play):
    outcome = play(PART + "sys.exit('out of memory')")
    assert (outcome.status, outcome.why) == ("failed", "out of memory")


def test_check_that_takes_too_long_is_cut_off(play, monkeypatch):
    monkeypatch.setattr(checks, "_TOO_SHORT", 0.0)
    monkeypatch.setattr(checks, "_GRACE", 1.0)
    outcome = play(PART + "time.sleep(60)", seconds=0.1)
    assert outcome.status == "cut off"
    assert outcome.parts == {"a": {"holds": True}}
    assert play("import time; time.sleep(60)", seconds=0.1).status == "skipped"


def test_check_without_time_is_skipped():
    outcome = checks.run("right", {"seconds": 1.0})
    assert (outcome.status, outcome.why) == ("skipped", "no time left")


def test_failure_stops_no_other_check_and_all_is_written_as_it_comes(
    tmp_path, monkeypatch, capsys
):
    file, seen = tmp_path / "accelerator-nvidia-test-9.json", []

    def run(name, plan):
        if name == "machine":
            return Outcome("done", parts={"machine": FACTS})
        written = json.loads(file.read_text())["checks"] if file.exists() else {}
        assert list(written) == seen
        seen.append(name)
        if name == "exact":
            return Outcome("failed", why="ValueError: x")
        return Outcome("done")

    monkeypatch.setattr(checks, "run", run)
    assert command.main(["--out", str(tmp_path)]) == 1
    assert seen == list(SHARES)
    record = json.loads(file.read_text())
    assert record["checks"]["exact"]["why"] == "ValueError: x"
    assert {check["status"] for check in record["checks"].values()} == {
        "done",
        "failed",
    }
    assert not any(target["holds"] for target in record["targets"])
    assert "exact      failed" in capsys.readouterr().out


def test_what_is_left_over_goes_to_later_checks(tmp_path, monkeypatch):
    seconds = {}

    def run(name, plan):
        seconds[name] = plan["seconds"]
        return Outcome("done", parts={"machine": FACTS} if name == "machine" else {})

    monkeypatch.setattr(checks, "run", run)
    flags = ["--only", "input", "race", "--budget", "100", "--out", str(tmp_path)]
    assert command.main(flags) == 0
    assert list(seconds) == ["machine", "race", "input"]
    share = SHARES["race"] / (SHARES["race"] + SHARES["input"])
    np.testing.assert_allclose(seconds["race"], 100 * share, atol=2)
    np.testing.assert_allclose(seconds["input"], 100, atol=2)


def test_the_same_command_continues_what_was_not_finished(
    tmp_path, monkeypatch, capsys
):
    played, earlier = [], {}

    def run(name, plan):
        if name == "machine":
            return Outcome("done", parts={"machine": facts})
        played.append(name)
        earlier[name] = dict(plan["earlier"].get(name, {}))
        late = name == "race" and not earlier[name]
        part = {} if name == "input" else {"mlp" if late else "ring": {"first": late}}
        return Outcome("cut off" if late else "done", parts=part)

    monkeypatch.setattr(checks, "run", run)
    facts = FACTS
    flags = ["--only", "input", "race", "--out", str(tmp_path)]
    for _ in range(2):
        assert command.main(flags) == 0
    assert played == ["race", "input", "race"]
    assert earlier["race"] == {"mlp": {"first": True}}
    (file,) = tmp_path.iterdir()
    found = json.loads(file.read_text())["checks"]["race"]["parts"]
    assert found == {"mlp": {"first": True}, "ring": {"first": False}}
    facts = {**FACTS, "driver": "another"}
    with pytest.raises(SystemExit) as refusal:
        command.main(flags)
    assert refusal.value.code == 2
    assert "driver" in capsys.readouterr().err


def test_parts_that_are_known_are_not_measured_again():
    known = {"ring": {"forms": {}}, "mlp": {"failure": NO_TIME}}
    plan = make(earlier={"loop": known})
    assert set(plan.known("loop")) == {"ring"}
    assert plan.known("race") == {}


@pytest.mark.parametrize("flags", [["--only", "rihgt"], ["--budget", "0"]])
def test_bad_flags_are_refused(flags):
    with pytest.raises(SystemExit) as refusal:
        command.main(flags)
    assert refusal.value.code == 2
