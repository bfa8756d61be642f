"""SRResNet and SRGAN of the race are those of their experiment."""

import numpy as np
import pytest

from experiments import srgan
from experiments.benchmarks import flops, ours, random_data, works
from jaxgan.data import load_photos
from tests.benchmarks import presets
from tests.benchmarks.twins import tiny

NAMES = ("srresnet", "srgan")


def preset(name):
    """The settings of the stage, and a function from them and data to its game."""
    first, second = srgan.stages(srgan.PRESETS["small"])
    if name == "srresnet":
        return first, srgan.make_first
    return second, srgan.make_game


@pytest.mark.parametrize("name", NAMES)
def test_game_is_the_experiments_small_preset(name):
    work, (config, make) = works.WORKS[name], preset(name)
    mine, theirs = ours.make_game(work), make(config, None)
    modules = lambda game: {n: p.module for n, p in game.players.items()}
    assert modules(mine) == modules(theirs)
    assert presets.losses(mine) == presets.losses(theirs)
    assert (work.learning_rate, work.beta2) == (config.learning_rate, config.beta2)
    assert work.batch_size == config.batch_size


@pytest.mark.parametrize("name", NAMES)
def test_optimizers_are_the_experiments_at_first(name):
    """By two updates, of which the second shows Adam's beta1, which is no setting."""
    work, (config, make) = works.WORKS[name], preset(name)
    for player, other in make(config, None).players.items():
        mine = ours.make_game(work).players[player].optimizer
        moved = []
        for optimizer, how in ((mine, {}), (other.optimizer, {"images": 0.0})):
            state = optimizer.init(np.float32(1))
            for gradient in (1.0, -0.5):
                update, state = optimizer.update(
                    np.float32(gradient), state, np.float32(1), **how
                )
            moved.append(update)
        np.testing.assert_allclose(*moved, rtol=1e-6)


def test_data_are_pairs_like_the_experiments():
    config, _ = preset("srgan")
    photos = load_photos(config.dataset, scale=config.scale, data_dir="unused")
    work = works.WORKS["srgan"]
    assert work.columns == {n: photos.shape_of(n) for n in ("input", "target")}
    assert work.examples == len(photos.train)
    tables = random_data.tables(tiny("srgan"))
    assert tables["input"].shape == (64, 8, 8, 1)
    assert tables["target"].shape == (64, 32, 32, 1)
    assert tables["input"].dtype == tables["target"].dtype == np.uint8


@pytest.mark.parametrize("name", NAMES)
def test_jaxgan_plays(name, metrics_of):
    metrics = metrics_of(tiny(name), 2)
    losses = ("g_loss",) if name == "srresnet" else ("d_loss", "g_loss")
    assert {n for n in metrics if n.endswith("_loss")} == {*losses}
    for loss in losses:
        first, second = metrics[loss][:2]
        assert np.isfinite([first, second]).all()
        assert first != second


def test_a_generator_that_plays_alone_has_one_batch():
    work = works.WORKS["srresnet"]
    assert (work.batches, work.images) == (1, 16)
    assert ours._schedule(work) == (ours.Move(objective="g"),)
    # The discriminator's batch serves both players, as in the experiment.
    assert works.WORKS["srgan"].batches == 1


def test_flops_by_hand():
    conv = lambda into, out, side: 2 * 9 * into * out * side**2
    first = conv(3, 32, 12)
    g = first + 11 * conv(32, 32, 12) + conv(32, 32, 24) + conv(32, 32, 48)
    g += conv(32, 3, 48)
    assert flops.of_unit(works.WORKS["srresnet"]) == 16 * (3 * g - first)
    seen = conv(3, 16, 48)
    d = seen + conv(16, 16, 24) + conv(16, 32, 24) + conv(32, 32, 12)
    d += conv(32, 64, 12) + conv(64, 64, 6) + conv(64, 128, 6) + conv(128, 128, 3)
    d += 2 * 128 * 256 + 2 * 256
    example = 3 * g - first + 2 * (3 * d - seen) + 2 * d + d
    assert flops.of_unit(works.WORKS["srgan"]) == 16 * example
