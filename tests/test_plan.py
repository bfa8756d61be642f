"""The planner: its arithmetic by hand, its messages, and the TPU compiler's answer."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from experiments import mlp, plan, r3gan
from experiments.planning import ahead, fit, model, report, stand_ins
from experiments.planning.chips import CHIPS, Topology, parse_topology, torus
from jaxgan import InputError

needs_libtpu = pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None, reason="needs the extra tpu-plan"
)
COST = model.Cost(
    flops=197e9, bytes_moved=819e3, all_reduces=3, all_reduce_bytes=256_000
)


def test_step_time_in_a_slice_is_the_roofline_by_hand():
    time = model.step_time(COST, parse_topology("v5e:16x16"))
    np.testing.assert_allclose(time.compute, 1e-3)
    np.testing.assert_allclose(time.memory, 1e-6)
    np.testing.assert_allclose(time.ici, 2 * 255 / 256 * 256_000 / 200e9)
    np.testing.assert_allclose(time.latency, 3 * 32 * model.HOP_SECONDS)
    assert time.dcn == 0
    np.testing.assert_allclose(time.total, 1e-3 + 2.55e-6 + 96e-6)
    assert time.bound == "compute"


def test_step_time_between_slices_sends_each_chips_part():
    time = model.step_time(COST, Topology(CHIPS["v5e"], (16, 16), slices=4))
    # 1,000 bytes a chip, 3 of 4 slices away, there and back, at 25 Gbit/s.
    np.testing.assert_allclose(time.dcn, 2 * 3 / 4 * 1000 / 3.125e9)
    waiting = 3 * (32 * model.HOP_SECONDS + model.DCN_SECONDS)
    np.testing.assert_allclose(time.latency, waiting)


def test_a_chip_whose_network_is_unknown_is_not_guessed():
    with pytest.raises(ValueError, match="v4"):
        model.step_time(COST, Topology(CHIPS["v4"], (16, 16, 16), slices=2))


@pytest.mark.parametrize("name", CHIPS)
def test_weak_scaling_only_adds_network(name):
    rows = model.weak_scaling(COST, CHIPS[name])
    assert [topology.chips for topology, _ in rows] == list(model.SCALE)
    totals = [time.total for _, time in rows]
    alone = rows[0][1]
    assert alone.total == max(alone.compute, alone.memory)
    assert totals == sorted(totals)


def test_datasheets_agree_with_the_pods_all_reduce_bandwidth():
    """The pages also give 51.2 and 102.4 TB/s for the pods of 256 chips."""
    np.testing.assert_allclose(256 * CHIPS["v5e"].ici_bandwidth, 51.2e12)
    np.testing.assert_allclose(256 * CHIPS["v6e"].ici_bandwidth, 102.4e12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("v5e", ("CHIP:SIDES", "v5e")),
        ("v5e:4x", ("CHIP:SIDES", "4x")),
        ("v5e:0x4", ("CHIP:SIDES", "0x4")),
        ("v6:4x4", ("unknown chip", "v6e")),
        ("v5e:4x4x4", ("2 sides", "v5e:4x4")),
        ("v5p:16x16", ("3 sides", "v5p:4x4x4")),
        ("v5e:32x32", ("256", "1,024")),
    ],
)
def test_bad_topologies_are_refused(text, words):
    with pytest.raises(InputError) as error:
        parse_topology(text)
    for word in words:
        assert word in str(error.value)


def test_torus_is_compact_and_spills_into_slices():
    assert torus(CHIPS["v5e"], 1).sides == (1, 1)
    assert torus(CHIPS["v5e"], 4).sides == (2, 2)
    assert torus(CHIPS["v5p"], 256).sides == (4, 8, 8)
    assert (torus(CHIPS["v6e"], 4096).sides, torus(CHIPS["v6e"], 4096).slices) == (
        (16, 16),
        16,
    )


@pytest.mark.parametrize(
    ("message", "sizes"),
    [
        (
            "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required "
            "for HLO temporaries (21.88G) exceeds available HBM (15.75G).",
            (21.88 * 2**30, 15.75 * 2**30),
        ),
        ("Used 900.5M of 800M hbm.", (900.5 * 2**20, 800 * 2**20)),
        ("INTERNAL: something else", None),
    ],
    ids=["temporaries", "all", "another error"],
)
def test_out_of_memory_is_read_from_the_compilers_words(message, sizes):
    assert ahead.parse_out_of_memory(message) == sizes


@pytest.mark.parametrize(
    ("limit", "found"), [(70, 64), (1, 1), (0, 0)], ids=["some", "one", "none"]
)
def test_the_batch_that_fits_is_found_from_the_refusals(limit, found):
    tried = []

    def compiles(count):
        tried.append(count)
        if count > limit:
            raise ahead.OutOfMemory(100 + 10 * count, 100 + 10 * limit)
        return f"compiled {count}"

    count, compiled, error = fit.compile_what_fits(compiles, 1000)
    assert (count, compiled) == (found, f"compiled {found}" if found else None)
    assert error.needed == 10_100
    assert len(tried) < 12


def test_stand_ins_have_the_sets_shapes():
    for name, shape in (("digits", (8, 8, 1)), ("cifar10", (32, 32, 3))):
        data = stand_ins.data_set(mlp.Config(dataset=name))
        assert (data.image_shape, data.num_classes) == (shape, 10)
    resized = mlp.Config(dataset="cifar10", resolution=64, channels=1)
    assert stand_ins.data_set(resized).image_shape == (64, 64, 1)
    faces = stand_ins.data_set(mlp.Config(dataset="folder:ffhq256"))
    assert (faces.image_shape, faces.num_classes) == ((256, 256, 3), 0)
    assert (
        stand_ins.data_set(mlp.Config(dataset="folder:imagenet32")).num_classes == 1_000
    )
    wide = mlp.Config(dataset="mnist", resolution="16x32", crop=True)
    assert stand_ins.data_set(wide).image_shape == (16, 32, 1)


def test_without_a_batch_size_each_chip_gets_the_experiments_own():
    topology = parse_topology("v5e:4x4")
    config = plan.configure(mlp.Config(dataset="mnist"), topology, batch_given=False)
    assert config.batch_size == 16 * 100


@pytest.mark.parametrize("preset", sorted(r3gan.PRESETS))
def test_the_papers_presets_need_no_files(preset):
    raw, topology = r3gan.PRESETS[preset], parse_topology("v5e:4x4")
    config = plan.configure(raw, topology, batch_given=False)
    assert stand_ins.known_shape(config.dataset) is not None
    assert stand_ins.data_set(config).image_shape == stand_ins.data_set(raw).image_shape


def test_a_folder_that_exists_is_no_stand_in(tmp_path):
    (tmp_path / "ffhq64").mkdir()
    assert stand_ins.known_shape(f"folder:{tmp_path}/ffhq64") is None
    assert stand_ins.known_shape(f"folder:{tmp_path}/elsewhere") is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("name comes first", "mlp")),
        (("mpl", "--topology", "v5e:4x4"), ("mpl", "Did you mean mlp?")),
        (("mlp", "--topology", "v5e"), ("CHIP:SIDES",)),
        (("mlp", "--topology", "v5e:4x4", "--batch-size", "99"), ("96 or 112",)),
        (("mlp", "--topology", "v5e:4x4", "--microbatches", "5"), ("96", "got 5")),
        (("mlp", "--topology", "v5e:4x4", "--json", "no/where"), ("no/where",)),
        (("mlp", "--topology", "v5e:4x4", "--channels", "2"), ("--channels", "2")),
        (("mlp", "--topology", "v5e:4x4", "--resolution", "8x4"), ("8x4", "--crop")),
    ],
    ids=[
        *("nothing", "name", "topology", "batch", "microbatches", "json", "channels"),
        "resolution",
    ],
)
def test_bad_input_is_refused_before_anything_is_compiled(arguments, words, capsys):
    with pytest.raises(SystemExit) as stop:
        plan.main(arguments)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    for word in words:
        assert word in error


def test_help_lists_the_experiments_and_then_the_flags_of_one(capsys):
    plan.main(["--help"])
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("dcgan", "--topology"))
    with pytest.raises(SystemExit) as stop:
        plan.main(["mlp", "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert all(flag in shown for flag in ("--topology", "--batch-size", "--hidden"))


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install -e '\.\[tpu-plan\]'"):
        ahead.make_mesh(parse_topology("v5e:2x2"))


def test_the_refusal_says_by_how_much_and_what_fits():
    topology = parse_topology("v5e:2x2")
    error = ahead.OutOfMemory(20 * 2**30, 15.75 * 2**30)
    config = mlp.Config(batch_size=4000).with_defaults()
    compiled = ahead.Compiled(
        memory=ahead.Memory(arguments=1, outputs=0, temporaries=2, program=3),
        cost=COST,
        all_reduces=[],
        chain=0,
        loops=0,
    )
    data = stand_ins.data_set(config).train
    fitting = mlp.Config(batch_size=2048).with_defaults()
    found = report.Plan("mlp", fitting, topology, compiled, data)
    said = plan.refusal(config, found, topology, error)
    for words in ("4,000 (1,000 a chip)", "4.25 GiB more", "2,048 (512 a chip)"):
        assert words in said
    assert "smaller network" in plan.refusal(config, None, topology, error)


def _mlp_flops(batch: int, latent: int, hidden: int, pixels: int) -> float:
    """Products of one D-step and one G-step, 2 FLOPs for each weight and example.

    Forward, to the weights and to the input cost the same; nothing goes to the input
    of the player that is updated.
    """
    generator = (latent * hidden, hidden * hidden, hidden * pixels)
    discriminator = (pixels * hidden, hidden * hidden, hidden)
    g, d = sum(generator), sum(discriminator)
    d_step = g + 2 * (3 * d - discriminator[0])
    g_step = (3 * g - generator[0]) + 2 * d
    return 2 * batch * (d_step + g_step)


@needs_libtpu
def test_the_tpu_compiler_agrees_with_the_closed_form(tmp_path):
    """From the command line: the suite's own settings would reach the compiler."""
    path = tmp_path / "plan.json"
    done = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-m", "experiments.plan", "mlp"),
            *("--topology", "v5e:2x2", "--dataset", "mnist"),
            *("--batch-size", "2048", "--json", str(path)),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "XLA_FLAGS": ""},
    )
    assert done.returncode == 0, done.stderr
    assert "model" in done.stdout
    numbers = json.loads(path.read_text())
    flops = _mlp_flops(512, 64, 256, 784)
    # The compiler also counts activations, losses and Adam: a few percent.
    np.testing.assert_allclose(numbers["cost_per_chip"]["flops"], flops, rtol=0.04)
    weights = 64 * 256 + 256 * 256 + 256 * 784 + 784 * 256 + 256 * 256 + 256
    biases = 256 + 256 + 784 + 256 + 256 + 1
    reduced = numbers["cost_per_chip"]["all_reduce_bytes"]
    # All gradients, and a few metrics.
    np.testing.assert_allclose(reduced, 4 * (weights + biases), atol=64)
    assert numbers["cost_per_chip"]["all_reduces"] == 2
    assert numbers["all_reduces_in_a_row"] == 2
    reasons = {reason for sent in numbers["all_reduces"] for reason in sent["reasons"]}
    means = "gradients, running statistics, metrics"
    assert reasons == {f"D-update: {means}", f"G-update: {means}"}
    assert means in done.stdout
    state = 4 * (weights + biases) * 3 + 4 * (64 * 256 + 256**2 + 256 * 784)
    assert numbers["memory_per_chip"]["arguments"] > state + 512 * 784
