"""The race's images from captions are those of their experiment."""

import dataclasses

import numpy as np

from experiments import text_to_image as experiment
from experiments.benchmarks import flops, ours, random_data, works
from jaxgan.data.scenes import scenes
from tests.benchmarks.twins import tiny

WORK = works.WORKS["text_to_image"]
CONFIG = experiment.PRESETS["small"]


def settings(objective):
    """All that a loss is set to, but for the networks and optimizers of its GAN."""
    gan, terms = objective.loss.args
    names = ("loss", "penalties", "latent_dim", "prior", "augment", "instance_noise")
    known = [getattr(gan, name) for name in names]
    return objective.players, objective.loss.func, dataclasses.asdict(terms), known


def test_game_is_the_experiments_small_preset():
    mine = ours.make_game(WORK)
    theirs = experiment.make_game(CONFIG, scenes(count=40))
    modules = lambda game: {n: p.module for n, p in game.players.items()}
    assert modules(mine) == modules(theirs)
    assert set(mine.objectives) == set(theirs.objectives) == {"d", "g"}
    for name, objective in mine.objectives.items():
        assert settings(objective) == settings(theirs.objectives[name])
    others = lambda game: game.memory["others"].init()
    assert others(mine).shape == others(theirs).shape == (1024, 18)
    assert others(mine).dtype == others(theirs).dtype
    rates = {CONFIG.g_learning_rate, CONFIG.d_learning_rate}
    assert {WORK.learning_rate} == rates
    assert (WORK.beta1, WORK.beta2) == (CONFIG.beta1, CONFIG.beta2)
    assert (WORK.batch_size, WORK.d_steps) == (CONFIG.batch_size, CONFIG.d_steps)


def test_data_are_like_the_experiments():
    data = scenes(count=40)
    assert WORK.columns == {n: data.shape_of(n) for n in ("image", "captions")}
    assert WORK.words == data.vocabulary.size
    tables = random_data.tables(tiny("text_to_image"))
    assert tables["image"].shape == (64, 16, 16, 1)
    captions = tables["captions"]
    assert (captions.shape, captions.dtype) == ((64, 3, 6), np.int32)
    assert set(captions.flat) == set(range(9))


def test_jaxgan_plays(metrics_of):
    metrics = metrics_of(tiny("text_to_image"), 2)
    for loss in ("d_loss", "g_loss"):
        first, second = metrics[loss][:2]
        assert np.isfinite([first, second]).all()
        assert first != second


def test_both_players_use_one_batch():
    assert (WORK.batches, WORK.images) == (1, 64)


def test_flops_by_hand():
    dense = lambda into, out: 2 * into * out
    conv = lambda into, out, side: 2 * 16 * into * out * side**2
    encoder = 2 * 18 * dense(3 * 64, 64) + dense(128, 64)
    g = dense(64, 64) + dense(32 + 64, 4 * 4 * 128)
    g += conv(128, 64, 4) + conv(64, 32, 8) + conv(32, 3, 16)
    maps = conv(3, 32, 16) + conv(32, 64, 8) + conv(64, 128, 4)
    caption = dense(64, 256)
    head = caption + dense(16 * 128, 256) + dense(256, 1)
    d_update = g + 2 * (3 * maps - conv(3, 32, 16) + 3 * head - caption)
    d_update += 2 * 3 * (maps + head - caption)
    g_update = 3 * g - dense(64, 64) + 3 * (maps + head) - caption
    assert flops.of_unit(WORK) == 64 * (encoder + d_update + g_update)
