"""The accelerator's race, its profile, its targets and its tables."""

import json

import jax
import jax.numpy as jnp
import pytest

from experiments.benchmarks import flops, ours, traffic, works
from experiments.benchmarks.accelerator import (
    plan,
    profile,
    rivals,
    table,
    targets,
    timing,
)
from experiments.benchmarks.race import NO_TIME, Record
from tests.benchmarks.records import FACTS, check, full_record, make


def test_race_without_torch_names_it_as_absent(monkeypatch):
    field = rivals.entrants(make("gpu", quick=False), "dcgan", works.WORKS["dcgan"])
    assert list(field) == ["jaxgan", "jaxgan_bf16", "flax"]
    monkeypatch.setattr(rivals, "raced", lambda plan, check, name: iter(()))
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


@pytest.fixture
def staged(monkeypatch):
    """Plays the stages of a race that are given, without processes."""

    def play(stages, plan, **how):
        def segments(entries, **limits):
            assert limits["ready_by"] < limits["until"]
            for stage in stages:
                yield {name: stage.get(name, Record(1.0)) for name in entries}

        monkeypatch.setattr(rivals, "segments", segments)
        monkeypatch.setattr(rivals.profile, "of_entry", lambda entry: {"busy": 1.0})
        return [figures for _, figures in rivals.raced(plan, "race", "ring")]

    return play


def test_figures_are_told_after_every_segment(staged):
    stages = [
        {},
        {"jaxgan": Record(1.0, [10.0])},
        {"jaxgan": Record(1.0, [10.0]), "torch": Record(1.0, [5.0])},
        {"jaxgan": Record(1.0, [10.0, 30.0]), "torch": Record(1.0, [5.0])},
    ]
    gpu = make("gpu", quick=False, torch=True)
    none, alone, one, more, profiled = staged(stages, gpu)
    assert none["contestants"]["jaxgan"] == {"failure": NO_TIME}
    assert "against_torch" not in alone
    # Those that had no time are to be raced again.
    assert plan.lacks(one)
    assert one["against_torch"]["median"] == 2.0
    assert more["against_torch"] == one["against_torch"]
    assert more["contestants"]["jaxgan"]["steps_per_second"]["rounds"] == 2
    assert profiled == {**more, "profile": {"busy": 1.0}}


def test_rounds_before_a_late_one_count(staged):
    late = Record(1.0, [5.0], failure="no answer within 9 seconds")
    (found,) = staged([{"jaxgan": Record(1.0, [10.0, 10.0]), "torch": late}], make())
    assert found["contestants"]["jaxgan"]["rates"] == [10.0, 10.0]
    records = {"jaxgan": Record(1.0, [10.0, 10.0]), "torch": rivals._so_far(late)}
    assert rivals._against(records, "torch")["against_torch"]["rounds"] == 1


def test_fewer_rounds_do_not_take_the_place_of_more(staged):
    stages = [{"jaxgan": Record(1.0, [1.0] * rounds)} for rounds in (1, 2, 3)]
    first = staged(stages, make())[1]
    again = staged(stages, make(earlier={"race": {"ring": first}}))
    assert [len(each["contestants"]["jaxgan"]["rates"]) for each in again] == [2, 3]


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


def test_traffic_of_residual_networks_by_hand():
    sngan, r3gan = works.WORKS["sngan"], works.WORKS["r3gan"]
    up = sum(2 * 32 * side**2 + 32 * (side // 2) ** 2 for side in (8, 16, 32))
    down = 16 * (2 * 32**2 + 16**2 + 2 * 16**2 + 8**2 + 4 * 8**2)
    assert traffic.outputs(sngan) == (16 * 32 + up + 32**2, down + 1)
    blocks = 5 * (96 * 4**2 + 48 * 8**2 + 16 * 16**2 + 8 * 32**2)
    up = 48 * 4**2 + 16 * 8**2 + 8 * 16**2
    down = 96 * 4**2 + 48 * 8**2 + 16 * 16**2
    g, d = 96 + blocks + up + 32**2, 8 * 32**2 + blocks + down + 1
    assert traffic.outputs(r3gan) == (g, d)
    numbers = 32 * ((2 * g + 10 * d + 16 * d) + (5 * g + 5 * d + 2 * d))
    weights = 8 * sum(traffic.parameters(r3gan))
    assert traffic.of_unit(r3gan) == 4 * (numbers + weights)


@pytest.mark.parametrize("name", ["sngan", "r3gan"])
def test_parameters_in_closed_form_are_the_kernels(name):
    work = works.WORKS[name]
    gan = ours.make_gan(work)

    def kernels(module, *shape):
        init = lambda key: module.init(key, jnp.zeros((1, *shape)), train=False)
        leaves = jax.tree_util.tree_leaves_with_path(
            jax.eval_shape(init, jax.random.key(0))["params"]
        )
        return sum(leaf.size for path, leaf in leaves if path[-1].key == "kernel")

    found = (
        kernels(gan.generator, work.latent_dim),
        kernels(gan.discriminator, *work.image_shape),
    )
    assert traffic.parameters(work) == found


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
    record = full_record()
    lines = table.screen(record).splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    forms = record["checks"]["loop"]["parts"]["ring"]["forms"]
    # Nothing is cut away.
    assert all(" ".join(text.split()).count(f"{form} ") >= 3 for form in forms)
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
    assert "revision" not in lines[2]
    scan = record["checks"]["loop"]["parts"]["ring"]["forms"]["static scan"]
    scan["ratio_to_traced"] = {"median": 1.01, "low": 0.99, "high": 1.02}
    (tmp_path / "accelerator-b.json").write_text(json.dumps(record))
    assert "`ring` no clear difference" in table.readme(tmp_path)
    record["checks"]["race"]["parts"]["ring"] = {"revision": "abcdefghij+"}
    (tmp_path / "accelerator-b.json").write_text(json.dumps(record))
    assert "revisions unknown, abcdefg+ |" in table.readme(tmp_path)
