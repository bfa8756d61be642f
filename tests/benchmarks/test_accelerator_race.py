"""The accelerator's race, its profile, its targets and its tables."""

import json

import jax
import jax.numpy as jnp

from experiments.benchmarks import flops, traffic, works
from experiments.benchmarks.accelerator import (
    plan,
    profile,
    rivals,
    table,
    targets,
    timing,
)
from experiments.benchmarks.race import Record
from tests.benchmarks.records import FACTS, check, full_record, make


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
