"""Super-resolution as a user has it: two stages by one command, stopped, continued."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from PIL import Image

from experiments import srgan
from jaxgan import init
from jaxgan.checks import InputError
from jaxgan.cli import dry_run, load_run, run
from tests import games
from tests.cli.interrupt import interrupted

SMALL = {
    "scale": 2,
    "resolution": 16,
    "part": 16,
    "batch_size": 8,
    "width": 4,
    "blocks": 1,
    "d_width": 2,
    "first_steps": 4,
    "steps": 6,
    "log_every": 1,
    "sample_every": 2,
    "checkpoint_every": 2,
}


ONE = np.float32(1)
PAIRS = {
    "input": np.zeros((1, 8, 8, 3), np.uint8),
    "target": np.zeros((1, 16, 16, 3), np.uint8),
}


def unjudged(config):
    return srgan.play(config, evaluators=())


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number in range(3):
        blocks = np.random.default_rng(number).integers(0, 256, (10, 12, 3), np.uint8)
        photo = Image.fromarray(blocks).resize((48, 40), Image.Resampling.BICUBIC)
        photo.save(folder / f"{number}.png")
    return folder


def config_of(photos, folder, **changes):
    places = {"dataset": f"folder:{photos}", "workdir": folder, "data_dir": folder}
    return srgan.Config(**{**SMALL, **places, **changes})


@pytest.fixture(scope="module")
def played(photos, tmp_path_factory):
    config = config_of(photos, tmp_path_factory.mktemp("run") / "run")
    return config, unjudged(config)


def test_each_stage_is_an_ordinary_finished_run(played, photos):
    config, result = played
    steps = {"srresnet": 4, "srgan": 6}
    for stage, count in steps.items():
        folder = config.workdir / stage
        assert json.loads((folder / "result.json").read_text())["steps"] == count
        assert (folder / "report.html").exists()
        assert (folder / "samples" / f"{count:08d}.png").exists()
        loaded = load_run(folder)
        assert loaded.step == count
        assert loaded.data.scale == 2
        held_out = loaded.data.photos[0].image
        made = loaded.sample(1, condition=held_out[None, :9, :13])
        assert made.shape == (1, 18, 26, 3)
    first = json.loads((config.workdir / "srresnet" / "result.json").read_text())
    record = json.loads((config.workdir / "srgan" / "config.json").read_text())
    assert record["config"]["begins_with"] == first["digest"]
    assert load_run(config.workdir / "srgan").result["digest"] == result["digest"]


def test_stopped_in_either_stage_it_ends_the_same(played, tmp_path):
    config, result = played
    again = dataclasses.replace(config, workdir=tmp_path / "again")
    interrupted(unjudged, again, at=3)
    assert not (tmp_path / "again" / "srgan").exists()
    interrupted(unjudged, again, at=5)
    assert not (tmp_path / "again" / "srgan" / "result.json").exists()
    assert unjudged(again)["digest"] == result["digest"]


def test_what_is_finished_is_not_repeated(played, capsys):
    config, result = played
    kept = [p for p in config.workdir.rglob("checkpoints/*") if p.name.isdecimal()]
    before = {path: path.stat().st_mtime_ns for path in kept}
    assert len(before) >= 2
    assert unjudged(config)["digest"] == result["digest"]
    assert capsys.readouterr().out.count("nothing was done again") == 2
    assert {path: path.stat().st_mtime_ns for path in kept} == before


def test_stage_two_begins_with_the_average_of_stage_one(played, monkeypatch):
    config, _ = played
    calls = []

    def noted(config, make, **how):
        calls.append((config, make, how))
        return {"digest": "of stage one"}

    monkeypatch.setattr(srgan, "run", noted)
    unjudged(config)
    (first, _, _), (second, make, how) = calls
    assert second.begins_with == "of stage one"
    found = load_run(first.workdir).state
    average = found.averages["generator"]["params"]
    assert games.differ(average, found.players["generator"].params)
    begun = how["begin"](init(make(second, None), jax.random.key(3), PAIRS))
    games.assert_equal(begun.players["generator"].params, average)
    games.assert_equal(begun.averages["generator"]["params"], average)


def test_another_stage_one_does_not_continue_stage_two(played):
    config, _ = played
    _, second = srgan.stages(config)
    other = dataclasses.replace(second, begins_with="another")
    with pytest.raises(InputError, match="begins_with"):
        run(other, srgan.make_game, evaluators=())


def test_a_dry_run_shows_both_stages_and_writes_nothing(
    photos, tmp_path, capsys, monkeypatch
):
    """The cost of a step, which takes a while to compile, is left out."""
    monkeypatch.setattr(dry_run, "text", lambda game, *others: f"{len(game.players)}")
    config = config_of(photos, tmp_path / "dry", dry_run=True)
    assert unjudged(config) is None
    told = capsys.readouterr().out
    assert told.index('"experiment": "srresnet"') < told.index('"experiment": "srgan"')
    assert [line for line in told.splitlines() if line in "12"] == ["1", "2"]
    assert not (tmp_path / "dry").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"from_run": "some"}, "--from"),
        ({"evaluate_with": "efficientnet"}, "--evaluate-with"),
        ({"content": "lpips:file"}, "--content"),
        ({"content": "vgg:"}, "--content"),
        ({"discriminator": "none"}, "--discriminator"),
        ({"loss": "hinge"}, "--loss"),
        ({"part": 15}, "multiple of the scale"),
        ({"part": 32}, "no larger"),
        ({"resolution": 17}, "multiple of --scale"),
        ({"scale": 6, "resolution": 24, "part": 12}, "scale must be"),
    ],
)
def test_settings_that_cannot_be_are_refused(photos, tmp_path, changes, message):
    config = config_of(photos, tmp_path / "run", dry_run=True, **changes)
    made = lambda: srgan.make_game(config, None)
    action = made if {"content", "discriminator", "loss"} & set(changes) else None
    with pytest.raises(InputError, match=message):
        action() if action else unjudged(config)
    assert not (tmp_path / "run").exists()


def test_the_folder_of_one_stage_is_no_folder_for_both(played):
    config, _ = played
    inner = dataclasses.replace(config, workdir=config.workdir / "srgan")
    with pytest.raises(InputError, match="one stage"):
        unjudged(inner)


@pytest.mark.parametrize("content", ["random", "none", "discriminator"])
@pytest.mark.parametrize("discriminator", ["srgan", "patchgan"])
def test_games_of_all_kinds_play_but_a_patchgan_without_features(
    photos, tmp_path, content, discriminator
):
    how = {"content": content, "discriminator": discriminator}
    config = config_of(photos, tmp_path, **how)
    if (content, discriminator) == ("discriminator", "patchgan"):
        with pytest.raises(InputError, match="--content"):
            srgan.make_game(config, None)
        return
    game = srgan.make_game(config, None)
    state = jax.eval_shape(lambda: init(game, jax.random.key(0), PAIRS))
    assert set(state.players) == {"generator", "discriminator"}


@pytest.mark.parametrize("name", ["small", "paper"])
def test_presets_are_settings_that_can_be(name):
    config = srgan.PRESETS[name]
    assert config.preset == name
    first, second = srgan.stages(config)
    assert (first.steps, first.learning_rate) == (
        config.first_steps,
        config.first_learning_rate,
    )
    assert second.workdir.parent == first.workdir.parent
    srgan.make_first(first, None)
    srgan.make_game(second, None)


def test_learning_rates_are_those_of_the_settings(photos, tmp_path):
    """Cosines to 0, one after another; then halved at the steps that are named."""
    config = config_of(photos, tmp_path, first_steps=8, restarts=2, halve_at=(2, 4))
    first, second = srgan.stages(dataclasses.replace(config, learning_rate=0.4))
    rates = {}
    for name, game in (
        ("first", srgan.make_first(first, None)),
        ("second", srgan.make_game(second, None)),
    ):
        optimizer = game.players["generator"].optimizer
        state = optimizer.init(ONE)
        # Adam's first step has the length of the learning rate.
        step = lambda images, o=optimizer, s=state: o.update(ONE, s, images=images)
        rates[name] = [-float(step(8.0 * n)[0]) for n in range(8)]
    cosine = [0.5e-3 * (1 + np.cos(np.pi * n / 4)) for n in range(4)]
    np.testing.assert_allclose(rates["first"], 2 * cosine, rtol=1e-4, atol=1e-8)
    halved = [0.4, 0.4, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1]
    np.testing.assert_allclose(rates["second"], halved, rtol=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "hinge"}, "--loss"),
        ({"content": "vgg:no/such/file.pth"}, "no file of weights"),
        ({"discriminator": "patchgan"}, "--content"),
        ({"part": 8}, "16 or more pixels"),
    ],
)
def test_settings_of_stage_two_are_checked_before_stage_one(
    photos, tmp_path, changes, message
):
    """Stage one may take days."""
    config = config_of(photos, tmp_path / "run", **changes)
    with pytest.raises(InputError, match=message):
        unjudged(config)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "changes", [{"first_steps": 6}, {"first_learning_rate": 2e-3}], ids=str
)
def test_stage_one_is_not_trained_further_once_stage_two_has_begun(played, changes):
    config, result = played
    with pytest.raises(InputError, match=f"--{min(changes).replace('_', '-')}"):
        unjudged(dataclasses.replace(config, **changes))
    assert unjudged(config)["digest"] == result["digest"]


def test_the_learning_rate_ends_at_0_after_any_number_of_restarts(photos, tmp_path):
    config = srgan.First(steps=1_000, batch_size=1, restarts=3, learning_rate=1.0)
    rates = []

    def noted(config, rate):
        rates.append(rate)
        return srgan.optax.sgd(0.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(srgan, "_adam", noted)
        srgan.make_first(config, None)
    (rate,) = rates
    assert float(rate(np.float32(999))) < 1e-4
    assert float(rate(np.float32(334))) > 0.99
