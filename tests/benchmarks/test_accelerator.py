"""The accelerator's checks on a CPU: they find what is planted, and never stop."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.accelerator import checks, exact, games, right
from experiments.benchmarks.accelerator.checks import SHARES
from experiments.benchmarks.race import NO_TIME, Record
from tests.benchmarks import faults
from tests.benchmarks.records import make


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


def test_exact_shards_play_alike_on_one_device_and_two(tmp_path):
    plan = make(seconds=300.0, cache=str(tmp_path))
    ((name, figures),) = exact.shards(plan, f"{exact.__name__}.game")
    assert name == "exact shards"
    assert figures["devices"] == 2
    assert list(figures["digests"]) == ["one", "all"]
    assert figures["holds"]
    ((_, figures),) = exact.shards(plan, "tests.benchmarks.faults.unrepeatable")
    assert not figures["holds"]


def test_exact_shards_see_all_gpus_or_one():
    sharded = partial(exact._sharded, make("gpu"), "one", "game")
    shown = lambda entry: set(checks.ONE_DEVICE) & set(entry.environment)
    assert shown(sharded(1)) == set(checks.ONE_DEVICE)
    assert not shown(sharded(4))


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
    monkeypatch.setattr(exact, "shards", lambda plan, game: iter(()))
    for platform in ("cpu", "gpu"):
        list(exact.measure(make(platform)))
    assert asked == [{"default": ""}, {"default": "", "deterministic": exact.FLAG}]
    entry = exact._entry(make("gpu"), "deterministic", exact.FLAG, "first", "game")
    assert entry.environment["XLA_FLAGS"].endswith(exact.FLAG)
    # Several of these hold the card's memory at once.
    assert entry.environment["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
