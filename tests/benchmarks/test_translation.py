"""The translation games of the race are those of their experiments."""

import dataclasses

import numpy as np
import pytest

from experiments import cyclegan, pix2pix
from experiments.benchmarks import (
    families,
    ours,
    plain,
    random_data,
    throughput,
    translation,
    works,
)
from experiments.benchmarks.accelerator import plan
from jaxgan import InputError
from jaxgan.data import from_arrays
from tests.benchmarks import presets
from tests.benchmarks.twins import tiny

EXPERIMENTS = {"pix2pix": pix2pix, "cyclegan": cyclegan}


def played(name):
    """The game of the experiment's preset "small", on data of the work's shape."""
    experiment, work = EXPERIMENTS[name], works.WORKS[name]
    table = np.zeros((1, *work.image_shape), np.uint8)
    data = from_arrays(dict.fromkeys(work.columns, table))
    return experiment.make_game(experiment.PRESETS["small"], data)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_game_is_the_experiments_small_preset(name):
    mine, theirs = ours.make_game(works.WORKS[name]), played(name)
    assert set(mine.players) == set(theirs.players)
    for player, other in theirs.players.items():
        # pix2pix's preset leaves it open whether images of one channel are residuals.
        module = other.module
        if getattr(module, "residual", True) is None:
            module = module.clone(residual=True)
        assert mine.players[player].module == module
    assert presets.losses(mine) == presets.losses(theirs)
    shapes = lambda game: {n: m.init().images.shape for n, m in game.memory.items()}
    assert shapes(mine) == shapes(theirs)
    work, config = works.WORKS[name], EXPERIMENTS[name].PRESETS["small"]
    assert (work.learning_rate, work.beta1) == (config.learning_rate, config.beta1)
    assert (work.batch_size, work.beta2) == (config.batch_size, 0.999)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_jaxgan_plays(name, metrics_of):
    metrics = metrics_of(tiny(name), 2)
    for loss in ("d_loss", "g_loss"):
        first, second = metrics[loss][:2]
        assert np.isfinite([first, second]).all()
        assert first != second


def test_columns_have_data_of_their_own():
    data = random_data.tables(tiny("pix2pix"))
    assert list(data) == ["input", "target"]
    assert data["input"].shape == data["target"].shape == (64, 16, 16, 1)
    assert (data["input"] != data["target"]).mean() > 0.9
    image = random_data.tables(tiny("mlp"))
    np.testing.assert_array_equal(image["image"], random_data.table(tiny("mlp")))


@pytest.mark.parametrize("name", families.NETWORKS)
def test_plain_flax_is_left_out_and_says_so(name, monkeypatch):
    monkeypatch.setattr(throughput.command, "has_torch", lambda: True)
    names = throughput.entrants(throughput.Config(), works.WORKS[name])
    assert names == ["jaxgan", "torch", "torch_channels_last", "torch_compile"]
    names = throughput.entrants(throughput.Config(), works.WORKS["sngan"])
    assert names == list(throughput.CONTESTANTS)
    with pytest.raises(InputError, match=f"'{name}'"):
        plain.start({"work": dataclasses.asdict(tiny(name))})


def test_accelerators_do_not_race_them():
    raced = {works.WORKS[name].network for name in plan.RACED}
    assert not raced & {*families.NETWORKS}


def test_flops_of_pix2pix_by_hand():
    conv = lambda into, out, side: 2 * 16 * into * out * side**2
    fine = lambda into, out: 2 * 9 * into * out * 32**2
    down = [(32, 24, 16), (24, 48, 8), (48, 96, 4), (96, 192, 2)]
    up = [(192, 96, 2), (192, 48, 4), (96, 24, 8), (48, 32, 16)]
    whole = [(1, 32), (32, 32), (64, 32), (32, 32), (32, 1)]
    g = sum(conv(*layer) for layer in down + up)
    g += sum(fine(*layer) for layer in whole)
    small = [(2, 32, 16), (32, 64, 15), (64, 1, 14)]
    large = [(2, 32, 16), (32, 64, 8), (64, 128, 7), (128, 1, 6)]
    d = sum(conv(*layer) for layer in small + large)
    first = fine(1, 32), 2 * conv(2, 32, 16)
    example = 3 * g - first[0] + 2 * (3 * d - first[1]) + 2 * d
    assert translation.flops(works.WORKS["pix2pix"]) == 16 * example
