"""The collapse monitor: what it warns of, when, and what is told of a whole run."""

import dataclasses

import flax.linen as nn
import jax
import numpy as np
import pytest

import jaxgan
from jaxgan import hooks, losses
from jaxgan.data.arrays import Examples
from jaxgan.evaluation import inputs
from jaxgan.hooks import collapse
from jaxgan.hooks.base import Run
from jaxgan.methods.pix2pix import pix2pix
from tests import games
from tests.fitting import KEY, Patches, points, ring, translation

STEPS, EVERY = 6_000, 100
GOOD = {"distance_ratio": 1.0, "duplicates": 0.01}
BAD = {"distance_ratio": 0.1, "duplicates": 0.01}
TWINS = {"distance_ratio": 1.0, "duplicates": 0.9}


def _lines(sign_at, *, every=EVERY, gap=1.0):
    """The lines of a run of 6,000 steps, whose signs are ``sign_at(step)``."""
    return [
        {"step": step, "d_real_logit": gap, "d_fake_logit": 0.0, **sign_at(step)}
        for step in range(every, STEPS + 1, every)
    ]


def _warned(lines, game=None) -> list[int]:
    """The steps after whose line there is a warning."""
    recent = collapse.Recent(games.mlp() if game is None else game, STEPS)
    return [line["step"] for line in lines if recent.add(line)]


def test_a_sign_is_a_warning_once_it_has_lasted_for_a_quarter_of_the_run():
    lines = _lines(lambda step: BAD if 2_100 <= step <= 4_500 else GOOD)
    assert _warned(lines) == list(range(3_600, 4_501, EVERY))


@pytest.mark.parametrize(
    ("every", "first"),
    [(1_000, 4_000), (400, 3_600), (50, 3_500)],
)
def test_a_sign_must_be_in_three_lines_at_least(every, first):
    """Two lines may span a quarter of the run, but are too few."""
    assert (
        _warned(_lines(lambda s: BAD if s >= 2_000 else GOOD, every=every))[0] == first
    )


def test_the_first_tenth_is_not_judged():
    assert _warned(_lines(lambda step: BAD))[0] == 600 + 1_500
    assert _warned(_lines(lambda step: BAD if step <= 2_000 else GOOD)) == []


def test_early_twins_that_go_away_are_no_warning():
    """The digits' own beginning: all samples are twins for the first 600 steps."""
    falling = {700: 0.5, 800: 0.15}
    share = lambda step: 1.0 if step <= 600 else falling.get(step, 0.02)
    lines = _lines(lambda step: {**GOOD, "duplicates": share(step)})
    assert _warned(lines) == []
    assert collapse.history(games.mlp(), lines, STEPS) == {}


def test_one_good_line_ends_it():
    lines = _lines(lambda step: GOOD if step % 600 == 0 else BAD)
    assert _warned(lines) == []


def test_two_different_signs_are_no_lasting_one():
    lines = _lines(lambda step: BAD if step % 200 else TWINS)
    assert _warned(lines) == []


@pytest.mark.parametrize(
    ("loss", "kinds"),
    [(losses.non_saturating, {"Discriminator ahead"}), (losses.wasserstein, set())],
    ids=["log odds", "scores"],
)
def test_a_gap_counts_where_logits_are_log_odds(loss, kinds):
    lines = _lines(lambda step: GOOD, gap=50.0)
    assert set(collapse.history(games.mlp(loss=loss), lines, STEPS)) == kinds


@pytest.mark.parametrize(("last", "recovered"), [(4_500, True), (STEPS, False)])
def test_the_history_tells_the_steps_and_whether_the_run_recovered(last, recovered):
    lines = _lines(lambda step: BAD if 2_100 <= step <= last else GOOD)
    found = collapse.history(games.mlp(), lines, STEPS)
    assert list(found) == ["Collapse"]
    entry = found["Collapse"]
    assert (entry["from_step"], entry["to_step"]) == (3_600, last)
    assert entry["recovered"] is recovered
    assert "Collapse" in entry["warning"]


def test_the_monitor_says_each_problem_once_and_a_new_one_again(capsys):
    """It remembers only the lines that it needs, and finds what the history finds."""
    bad = lambda step: 2_100 <= step <= 3_800 or step >= 4_200
    lines = _lines(lambda step: BAD if bad(step) else GOOD)
    data = jaxgan.data.from_arrays({"image": np.zeros((9, *games.SHAPE), np.uint8)})
    run = Run(games.mlp(), games.init(games.mlp()), KEY, steps=STEPS, data=data)
    monitor = hooks.CollapseMonitor()
    monitor.begin(run)
    for line in lines:
        run.step = line["step"]
        monitor.line(run, line)
    said = capsys.readouterr().err.splitlines()
    assert [text.split(": ")[1:3] for text in said] == [
        ["after step 3600", "Collapse"],
        ["after step 5700", "Collapse"],
    ]
    assert len(monitor.notes()["rows"]) == 16


def _by_definition(lines) -> list[int]:
    """The steps after whose line there is a warning, each from all lines before it."""
    found = []
    for end in range(3, len(lines) + 1):
        first = lines[end - 1]["step"] - STEPS / 4
        older = [line for line in lines[:end] if line["step"] <= first]
        share = [line for line in lines[:end] if line["step"] > first]
        if not older:
            continue
        needed = max(3, 1 + len(share))
        judged = lines[end - needed : end]
        bad = all(line["distance_ratio"] < 0.5 for line in judged)
        if bad and judged[0]["step"] >= STEPS / 10:
            found.append(lines[end - 1]["step"])
    return found


@pytest.mark.parametrize("seed", range(20))
def test_a_window_that_moves_with_the_lines_warns_as_the_definition_does(seed):
    random = np.random.default_rng(seed)
    count = int(random.choice([6, 30, 300]))
    steps = np.sort(random.choice(np.arange(1, STEPS + 1), count, replace=False))
    good = random.random(count) < 2 / count
    lines = [
        {"step": int(step), **(GOOD if fine else BAD)}
        for step, fine in zip(steps, good, strict=True)
    ]
    assert _warned(lines) == _by_definition(lines)


def test_the_history_looks_at_each_line_once(monkeypatch):
    """At every step a line, a run of 20,000 had taken minutes."""
    seen, look = [], collapse._alarms
    monkeypatch.setattr(
        collapse, "_alarms", lambda game, line: seen.append(1) or look(game, line)
    )
    lines = _lines(lambda step: BAD)
    assert collapse.history(games.mlp(), lines, STEPS)
    assert len(seen) == len(lines)


class Constant(nn.Module):
    """A generator that makes one point, whatever the latent."""

    @nn.compact
    def __call__(self, z, condition=None, *, train):
        return 0 * nn.Dense(2)(z)


def _fit(folder, steps, *, stop_at=None):
    class Stop(hooks.Hook):
        every = stop_at

        def act(self, run):
            if run.step == stop_at:
                raise KeyboardInterrupt

    game, data = dataclasses.replace(ring(), generator=Constant()), points()
    return jaxgan.fit(
        game,
        jaxgan.init(game, KEY, data),
        data,
        KEY,
        steps=steps,
        batch_size=8,
        hooks=(
            hooks.Log(folder, every=2),
            hooks.CollapseMonitor(every=2),
            hooks.Checkpoint(folder / "checkpoints", every=2),
            Stop(),
        ),
    )


def test_a_collapsed_run_is_warned_of_once_also_if_it_is_interrupted(tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        _fit(tmp_path, 20, stop_at=10)
    assert capsys.readouterr().err.count("Collapse") == 1
    _fit(tmp_path, 20)
    assert "Collapse" not in capsys.readouterr().err
    rows = hooks.read_metrics(tmp_path)
    assert [row["step"] for row in rows] == list(range(2, 21, 2))
    assert all(row["distance_ratio"] == 0 for row in rows)
    assert all(row["duplicates"] == 1 for row in rows)


def test_lines_without_both_signs_do_not_count_in_the_history():
    both = [{"step": i, "distance_ratio": 0.0, "duplicates": 1.0} for i in range(9)]
    half = [{"step": 9, "distance_ratio": 0.0}, {"step": 9, "duplicates": 1.0}]
    logit = {**both[-1], "step": 9, "d_real_logit": 1.0}
    game = games.points()
    expected = collapse.history(game, both, 9)
    assert "Collapse" in expected
    assert collapse.history(game, [*both, *half], 9) == expected
    assert collapse.history(game, [*both, logit], 9)["Collapse"]["to_step"] == 9


def test_a_perfect_generator_shows_no_sign(key):
    """Its samples are drawn as the data are: both signs are about those of the data."""
    gan = games.points()
    data = {"image": jax.random.normal(key, (256, 2))}
    run = Run(gan, jaxgan.init(gan, key, data), key, steps=10, data=data)
    monitor = hooks.CollapseMonitor(jaxgan.data.from_arrays(data))
    monitor.begin(run)
    signs = monitor.measure(run)
    assert 0.9 < signs["distance_ratio"] < 1.1
    assert signs["duplicates"] < 0.1


def test_several_arrays_are_refused_and_data_asked_for():
    game = games.points()
    state = jaxgan.init(game, KEY, points())
    both = {"a": np.zeros((9, 2), np.float32), "b": np.zeros((9, 3), np.float32)}
    data = Examples({"image": both})
    for monitor, given, match in (
        (hooks.CollapseMonitor(), None, r"CollapseMonitor\(data="),
        (hooks.CollapseMonitor(data), points(), "several arrays"),
    ):
        with pytest.raises(jaxgan.InputError, match=match):
            monitor.begin(Run(game, state, KEY, steps=9, data=given))


def test_repeated_conditions_are_no_duplicates():
    """Of 40 held-out inputs a generator without noise makes 40 images, no more."""
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), np.uint8)
    pairs = {"input": images, "target": 255 - images}
    data = jaxgan.data.from_arrays(pairs, {k: x[:40] for k, x in pairs.items()})
    inverted = nn.Conv(1, (1, 1), kernel_init=nn.initializers.constant(-1.0))
    game = pix2pix(generator=inverted, discriminator=Patches())
    rows = []

    class Note(hooks.Hook):
        def line(self, run, row):
            rows.append(row)

    monitor = hooks.CollapseMonitor(every=1)
    state = jaxgan.init(game, KEY, data.train.batch(np.arange(8)))
    how = {"steps": 1, "batch_size": 8, "hooks": (monitor, Note())}
    jaxgan.fit(game, state, data, KEY, **how)
    assert rows[-1]["duplicates"] <= 0.1


def test_labels_may_be_repeated():
    images = np.zeros((60, 8, 8, 1), np.uint8)
    table = Examples(
        {"image": images, "label": np.int32(np.arange(60) % 3)}, ("a", "b", "c")
    )
    conditional = games.mlp(condition="label")
    assert inputs.distinct(conditional, table) is None
    assert inputs.distinct(games.mlp(), table) is None
    assert inputs.distinct(translation(), Examples({"input": images})) == 60
    aged = Examples({**table.columns, "age": table.columns["label"]}, table.classes)
    on = lambda *names: dataclasses.replace(translation(), condition=names)
    assert inputs.distinct(games.mlp(condition="age"), aged) == 60
    assert inputs.distinct(on("label", "age"), aged) == 60
    assert inputs.distinct(on("label"), aged) is None
