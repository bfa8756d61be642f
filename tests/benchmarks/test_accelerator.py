"""The accelerator's checks on a CPU: they find what is planted, and never stop."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks import flops, traffic, works
from experiments.benchmarks.accelerator import (
    __main__ as command,
)
from experiments.benchmarks.accelerator import (
    checks,
    exact,
    games,
    plan,
    profile,
    right,
    rivals,
    table,
    targets,
    timing,
)
from experiments.benchmarks.accelerator.checks import SHARES, Outcome
from experiments.benchmarks.race import NO_TIME, Record
from tests.benchmarks import faults

FACTS = {
    "platform": "gpu",
    "card": "NVIDIA Test 9",
    "driver": "1.2",
    "versions": {"jax": "0.11"},
    "torch": None,
}


def make(platform="cpu", *, quick=True, seconds=120.0, torch=False, **how):
    how = {"cores": 2, "cache": "/nowhere", "earlier": {}, **how}
    return plan.Plan(
        platform=platform, quick=quick, seconds=seconds, torch=torch, **how
    )


def test_quick_form_gives_every_check_a_figure(tmp_path):
    """As a user calls it, in a process that holds no XLA flags of the suite."""
    flags = ["--quick", "--budget", "400", "--out", str(tmp_path)]
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


@pytest.mark.parametrize("flags", [["--only", "rihgt"], ["--budget", "0"]])
def test_bad_flags_are_refused(flags):
    with pytest.raises(SystemExit) as refusal:
        command.main(flags)
    assert refusal.value.code == 2


# The race, the population, and what is said of them.


def test_race_without_torch_names_it_as_absent(monkeypatch):
    field = rivals.entrants(make("gpu", quick=False), "dcgan", works.WORKS["dcgan"])
    assert list(field) == ["jaxgan", "jaxgan_bf16", "flax"]
    monkeypatch.setattr(rivals, "raced", lambda plan, name: {})
    parts = dict(rivals.measure(make()))
    assert parts["PyTorch"] == {"present": False}
    lines = table.of_check("race", check(parts))
    assert "PyTorch is not installed" in "\n".join(lines)


def test_torch_takes_part_at_its_best():
    gpu = make("gpu", quick=False, torch=True)
    field = rivals.entrants(gpu, "mlp", works.WORKS["mlp"])
    half = [name for name, (_, size) in field.items() if size.bfloat16]
    assert half == ["jaxgan_bf16", "torch_bf16", "torch_compile_bf16"]
    assert field["torch"][0].name == "torch_channels_last"
    assert field["torch"][0].spec["device"] == "cuda"
    later = rivals.entrants(gpu, "wgan_gp", works.WORKS["wgan_gp"])
    assert "torch_compile" not in later


def test_sizes_are_those_of_the_machine():
    large = plan.work(make("gpu", quick=False), "dcgan")
    assert (large.image_shape, large.batch_size) == ((64, 64, 3), 512)
    assert plan.work(make("gpu", quick=False), "sampling").samples == 50_000
    assert plan.work(make("cpu", quick=False), "dcgan") == works.WORKS["dcgan"]
    assert plan.work(make("gpu", quick=True), "mlp").batch_size == 8


def test_ratio_is_of_the_best_of_each():
    records = {
        "jaxgan": Record(1.0, [10.0, 20.0]),
        "jaxgan_bf16": Record(1.0, [30.0, 30.0]),
        "torch": Record(1.0, [15.0, 10.0]),
        "torch_compile": Record(failure="no compiler"),
    }
    found = rivals._against(records, "torch")
    assert (found["best"], found["best_torch"]) == ("jaxgan_bf16", "torch")
    assert found["against_torch"]["median"] == 2.5


def test_roofline_is_that_of_the_slower_part():
    ring = works.WORKS["ring"]
    moved, done = traffic.of_unit(ring), flops.of_unit(ring)
    least = traffic.roofline_seconds(ring, flops_rate=done, bytes_rate=moved / 2)
    assert least == 2
    earlier = {"ceilings": {"default": {"high": done / 1e12}}}
    assert rivals.share_of_roofline(make(earlier=earlier), 0.5, ring) is None
    earlier["ceilings"]["copy"] = {"high": moved / 1e12}
    assert rivals.share_of_roofline(make(earlier=earlier), 0.5, ring) == 0.5


def test_traffic_by_hand():
    mlp = works.WORKS["mlp"]
    g, d = 256 + 256 + 784, 256 + 256 + 1
    weights = 64 * 256 + 256 * 256 + 256 * 784, 784 * 256 + 256 * 256 + 256
    numbers = 100 * (2 * g + 10 * d + 5 * g + 5 * d) + 8 * sum(weights)
    assert traffic.of_unit(mlp) == 4 * numbers
    dcgan = works.WORKS["dcgan"]
    maps = 16 * 16 * 64 + 8 * 8 * 128 + 4 * 4 * 256
    assert traffic.outputs(dcgan) == (maps + 32 * 32 * 3, maps + 1)
    kernels = 16 * (3 * 64 + 64 * 128 + 128 * 256)
    assert traffic.parameters(dcgan) == (100 * 4096 + kernels, kernels + 4096)


def test_rates_rotate_and_one_round_is_always_finished():
    order = []
    runs = {name: lambda units, name=name: order.append((name, units)) for name in "ab"}
    found = timing.rates(runs, {"a": 2, "b": 3}, rounds=2, until=float("inf"))
    assert order == [("a", 2), ("b", 3), ("b", 3), ("a", 2)]
    assert [len(rates) for rates in found.values()] == [2, 2]
    found = timing.rates(runs, {"a": 2, "b": 3}, rounds=2, until=0.0)
    assert [len(rates) for rates in found.values()] == [1, 1]


def test_profile_names_the_operations():
    a = jnp.ones((300, 300))
    product = jax.jit(lambda x: jnp.tanh(x @ x))

    def run(units):
        for _ in range(units):
            product(a).block_until_ready()

    run(1)
    found = profile.of_run(run, 20)
    assert 0 < found["busy"] <= 1
    assert any("tanh" in kernel["name"] for kernel in found["kernels"])


def check(parts, holds=None):
    return {
        "status": "done",
        "why": None,
        "seconds": 1.0,
        "holds": holds,
        "parts": parts,
    }


def full_record():
    """What a GPU's record may look like."""
    middle = lambda value: {"median": value, "low": value / 2, "high": value * 2}
    line = {"steps_per_second": middle(100.0), "of_roofline": 0.4, "peak_mib": 10.0}
    line["first_step_seconds"] = 9.0
    raced = {
        "work": "64x64x3",
        "best": "jaxgan_bf16",
        "best_torch": "torch_compile_bf16",
        "against_torch": middle(1.6),
        "contestants": {"jaxgan_bf16": line},
    }
    digest = {"repeats": False, "continues": False, "holds": False, "steps": 300}
    good = {"error": 1e-6, "bound": 1e-4, "worst": "x", "holds": True}
    forms = {
        form + suffix: {"steps_per_second": middle(1e3)}
        for form in ("traced length", "static scan")
        for suffix in ("", ", no command buffers")
    }
    forms["static scan"] = {"steps_per_second": middle(2e3)}
    populations = {f"ring x {n}": {"cost_of_a_member": middle(0.1)} for n in (1, 1024)}
    parts = {
        "right": {"losses": good, "mlp, highest": good, "mlp, default": good},
        "exact": {"default": {**digest, "work": "32x32x3"}},
        "ceilings": {"default": {**middle(300.0), "unit": "TFLOP/s"}},
        "loop": {name: {"forms": forms} for name in ("ring", "mlp", "dcgan")},
        "race": {"PyTorch": {"present": True}, **dict.fromkeys(plan.RACED, raced)},
        "population": {**populations, "population_64": raced},
        "input": {"resident": {"share_of_a_step": middle(0.01)}},
    }
    found = {name: check(each) for name, each in parts.items()}
    found["right"]["holds"], found["exact"]["holds"] = True, False
    return {
        "machine": FACTS,
        "quick": False,
        "checks": found,
        "targets": targets.judge(parts),
    }


def test_all_fits_one_screen():
    lines = table.screen(full_record()).splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    assert "repeat NO" in text
    assert "target met: dcgan: times as fast as PyTorch's best >= 1.5" in text
    assert "target MISSED: ring" in text


def test_targets_are_of_what_is_raced():
    assert set(targets.RATIO) <= {*plan.RACED, "population_64"}
    missed = [t for t in targets.judge({}) if t["holds"] or t["value"] is not None]
    assert missed == []


def test_readmes_table_is_of_accelerators_alone(tmp_path):
    record = full_record()
    slow = {**record, "machine": {**FACTS, "platform": "cpu"}}
    (tmp_path / "accelerator-cpu.json").write_text(json.dumps(slow))
    (tmp_path / "accelerator-a.json").write_text(json.dumps({**record, "quick": True}))
    assert table.readme(tmp_path) == table.NOTHING
    (tmp_path / "accelerator-b.json").write_text(json.dumps(record))
    lines = table.readme(tmp_path).splitlines()
    assert len(lines) == 3
    assert "`ring` static scan" in lines[2]
    assert "`dcgan` 1.60 [0.80, 3.20]" in lines[2]
    assert "`default` no" in lines[2]
