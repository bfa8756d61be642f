"""Judgements on the way: the best state is kept, whatever happens to the run."""

import numpy as np
import pytest

import jaxgan
from jaxgan import hooks
from jaxgan.checkpoint import Checkpoints, digest
from jaxgan.metrics import Result, means, psnr, ssim
from tests.fitting import KEY, points, ring

STEPS, SCORE = 50, "score"
# By step: the lowest comes twice, and only the first of the two is kept.
PLANNED = {10: 0.9, 20: 0.7, 30: 0.8, 40: 0.7, 50: 0.75}


class Planned:
    """An evaluator whose results are known before; it notes the states judged."""

    def __init__(self, **how):
        self.judged: dict[int, str] = {}
        self.how = how

    def __call__(self, sampler, data, key):
        step = int(sampler.state.rounds)
        self.judged[step] = digest(sampler.state)
        value = PLANNED[step]
        return {
            SCORE: Result(name="score", value=value, protocol="as planned", **self.how)
        }


class Kept(hooks.Hook):
    """The checkpoints in a folder each time that a run goes on after a judgement."""

    every = 10

    def __init__(self, folder):
        self.folder, self.names = folder, []

    def act(self, run):
        names = [path.name for path in self.folder.iterdir()]
        self.names.append([name for name in names if name.isdecimal()])


class Strike(hooks.Hook):
    """Ends the run right after the line of a step is written."""

    def __init__(self, step):
        self.step = step

    def line(self, run, row):
        if row["step"] == self.step:
            raise KeyboardInterrupt


def _evaluate(folder, planned, **how):
    how = {"every": 10, "keep_best": SCORE, "folder": folder / "best", **how}
    return hooks.Evaluate([planned], **how)


def _fit(folder, evaluate, *others):
    game, data = ring(), points()
    log = hooks.Log(folder, every=10)
    checkpoint = hooks.Checkpoint(folder / "checkpoints", every=20)
    return jaxgan.fit(
        game,
        jaxgan.init(game, KEY, data),
        data,
        KEY,
        steps=STEPS,
        batch_size=8,
        hooks=(log, evaluate, *others, checkpoint),
    )


def _best(folder):
    with Checkpoints(folder / "best") as checkpoints:
        return checkpoints.restore(jaxgan.init(ring(), KEY, points()))


def _scores(folder):
    return {row["step"]: row[SCORE] for row in hooks.read_metrics(folder)}


def test_the_best_is_the_lowest_in_the_log_and_the_first_of_equals(tmp_path):
    planned, kept = Planned(), Kept(tmp_path / "best")
    evaluate = _evaluate(tmp_path, planned)
    _fit(tmp_path, evaluate, kept)
    # On disk before the run goes on: else, after a kill, a later checkpoint could be
    # there and the best one not.
    assert kept.names == [["10"], ["20"], ["20"], ["20"], ["20"]]
    assert _scores(tmp_path) == PLANNED
    assert evaluate.best == {"step": 20, SCORE: 0.7}
    assert evaluate.results[SCORE].value == PLANNED[STEPS]
    restored = _best(tmp_path)
    assert digest(restored.state) == planned.judged[20]
    assert restored.notes == evaluate.best


def test_the_highest_may_be_the_best(tmp_path):
    evaluate = _evaluate(tmp_path, Planned(), highest=True)
    _fit(tmp_path, evaluate)
    assert evaluate.best == {"step": 10, SCORE: 0.9}
    assert int(_best(tmp_path).state.rounds) == 10


def test_without_a_cadence_it_judges_at_the_end_and_changes_nothing(tmp_path):
    planned, every = Planned(), Planned()
    evaluate = hooks.Evaluate([planned])
    state = _fit(tmp_path / "end", evaluate)
    assert list(planned.judged) == [STEPS]
    assert evaluate.best is None
    other = _fit(tmp_path / "every", _evaluate(tmp_path / "every", every))
    assert digest(state) == digest(other) == planned.judged[STEPS]


@pytest.mark.digest
@pytest.mark.parametrize(
    "stopped_at",
    # After the first judgement, the best, and the last.
    [10, 20, 50, *(pytest.param(n, marks=pytest.mark.slow) for n in (30, 40))],
)
def test_the_best_survives_a_kill(tmp_path, stopped_at):
    """Struck down right after a judgement, whose line is written."""
    with pytest.raises(KeyboardInterrupt):
        _fit(tmp_path, _evaluate(tmp_path, Planned()), Strike(stopped_at))
    planned = Planned()
    evaluate = _evaluate(tmp_path, planned)
    _fit(tmp_path, evaluate)
    assert evaluate.best == {"step": 20, SCORE: 0.7}
    assert _scores(tmp_path) == PLANNED
    restored = _best(tmp_path)
    whole = Planned()
    _fit(tmp_path / "whole", _evaluate(tmp_path / "whole", whole))
    assert digest(restored.state) == whole.judged[20]


def test_a_run_that_is_done_is_judged_again_where_its_result_was_lost(tmp_path):
    _fit(tmp_path, _evaluate(tmp_path, Planned()))
    planned = Planned()
    evaluate = _evaluate(tmp_path, planned)
    _fit(tmp_path, evaluate)
    assert list(planned.judged) == [STEPS]
    assert evaluate.results[SCORE].value == PLANNED[STEPS]
    assert evaluate.best == {"step": 20, SCORE: 0.7}


def test_a_name_without_a_folder_is_refused(tmp_path):
    with pytest.raises(jaxgan.InputError, match=r"keep_best.*folder"):
        hooks.Evaluate([], keep_best=SCORE)


def test_the_first_result_is_the_best_by_default(tmp_path):
    _fit(tmp_path / "a", _evaluate(tmp_path / "a", Planned(), keep_best=None))
    hook = _evaluate(tmp_path / "b", Planned())
    _fit(tmp_path / "b", hook)
    named = lambda folder: sorted(path.name for path in (folder / "best").iterdir())
    assert named(tmp_path / "a") == named(tmp_path / "b")


def test_a_best_that_names_no_result_is_refused(tmp_path):
    with pytest.raises(jaxgan.InputError, match=r"'fid'.*\['score'\]"):
        _fit(tmp_path, _evaluate(tmp_path, Planned(), keep_best="fid"))


def test_no_result_has_no_best(tmp_path):
    nothing = lambda sampler, data, key: {}
    with pytest.raises(jaxgan.InputError, match="No evaluator has a result"):
        _fit(tmp_path, _evaluate(tmp_path, nothing, keep_best=None))


def test_a_result_says_itself_that_higher_is_better(tmp_path):
    evaluate = _evaluate(tmp_path, Planned(higher_is_better=True))
    _fit(tmp_path, evaluate)
    assert evaluate.best == {"step": 10, SCORE: 0.9}


@pytest.mark.digest
@pytest.mark.parametrize("failing", [30, STEPS])
def test_an_error_in_an_evaluator_loses_no_steps(tmp_path, failing):
    """The state is saved before the error ends the run, which can then be continued."""

    class Failing(hooks.Hook):
        every = 10

        def measure(self, run):
            if run.step == failing:
                raise ZeroDivisionError
            return {"twice": 2.0 * run.step}

    expected = digest(
        _fit(tmp_path / "whole", _evaluate(tmp_path / "whole", Planned()))
    )
    folder = tmp_path / "run"
    with pytest.raises(ZeroDivisionError) as caught:
        _fit(folder, _evaluate(folder, Planned()), Failing())
    assert any(f"step {failing} is saved" in note for note in caught.value.__notes__)
    with Checkpoints(folder / "checkpoints") as checkpoints:
        assert checkpoints.latest == failing
    state = _fit(folder, _evaluate(folder, planned := Planned()))
    assert digest(state) == expected
    assert min(planned.judged) > failing or failing == STEPS


@pytest.mark.parametrize(
    ("judge", "expected"),
    [
        (ssim.measure, True),
        (psnr.measure, True),
        (lambda x, y: means.result("L1", [1.0, 2.0], described="two"), False),
    ],
    ids=["ssim", "psnr", "mean"],
)
def test_metrics_know_their_direction(judge, expected):
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16, 3), np.uint8)
    found = judge(*images)
    assert found.higher_is_better is expected
    assert "higher_is_better" not in found.as_json()
