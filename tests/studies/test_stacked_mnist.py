"""StackedMNIST: what is stacked and counted, resuming, and the quick form."""

import json

import jax
import numpy as np
import pytest

from experiments.studies import classifier, stacked_mnist, study
from experiments.studies.stacked_mnist import FULL, MODES, QUICK, Config, Digits

CONFIG = Config(**QUICK)


class Reader:
    """Names a digit drawn as a constant image of its own value."""

    def labels(self, images):
        return np.asarray(images)[:, 0, 0, 0].astype(int)


def constant_digits():
    values = np.arange(10, dtype=np.uint8)
    images = np.broadcast_to(values[:, None, None, None], (10, 8, 8, 1))
    return Digits(images, values, images, values)


def every_stack():
    rows = np.stack(np.meshgrid(*[np.arange(10)] * 3, indexing="ij"), -1).reshape(-1, 3)
    return np.asarray(stacked_mnist.stack(constant_digits().train, rows))


def test_all_stacks_are_all_modes_evenly():
    found = stacked_mnist.judge(every_stack(), Reader())
    assert found["modes"] == MODES
    np.testing.assert_allclose(found["kl"], 0, atol=1e-12)


def test_modes_that_are_missing_are_counted_and_cost_their_logarithm():
    # A tenth of the modes, evenly: KL = log 10.
    found = stacked_mnist.judge(every_stack()[200:300], Reader())
    assert found["modes"] == 100
    np.testing.assert_allclose(found["kl"], np.log(10), rtol=1e-12)


def test_channels_of_a_batch_are_independent_digits(key):
    digits = constant_digits().train
    images = np.asarray(stacked_mnist.draw(digits, key, 3, 3_000)["image"])
    assert images.shape == (3_000, 8, 8, 3)
    seen = images[:, 0, 0].astype(float)
    np.testing.assert_array_equal(
        images, np.broadcast_to(images[:, :1, :1], images.shape)
    )
    np.testing.assert_allclose(np.corrcoef(seen.T), np.eye(3), atol=0.06)
    np.testing.assert_allclose(seen.mean(axis=0), 4.5, atol=0.2)


def test_a_name_says_what_the_game_has():
    assert stacked_mnist.name_of(True, True, True) == FULL
    gan = stacked_mnist.make_gan(CONFIG, "non-saturating, R2", 8, 10)
    assert len(gan.penalties) == 1
    assert not gan.loss.uses_real


def test_a_run_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    data, judge = constant_digits(), stacked_mnist.judge
    run = lambda at: stacked_mnist.play(CONFIG, FULL, 4, 0, data, Reader(), at)

    def stopping(images, eyes, calls=[]):  # noqa: B006
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return judge(images, eyes)

    monkeypatch.setattr(stacked_mnist, "judge", lambda images, eyes: {"kl": 0.0})
    whole = run(tmp_path / "whole")
    judge = stacked_mnist.judge
    monkeypatch.setattr(stacked_mnist, "judge", stopping)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped")
    assert run(tmp_path / "stopped") == whole
    assert [point["step"] for point in whole["curve"]] == [2, 4]


def test_the_classifier_learns_the_digits(tmp_path):
    config = Config(quick=True, data_dir=tmp_path)
    data = stacked_mnist.read(config)
    eyes = classifier.train(jax.random.key(0), data.train, data.train_labels, epochs=20)
    assert eyes.accuracy(data.test, data.test_labels) > 0.9
    np.testing.assert_array_equal(
        eyes.labels(data.test, batch=100), eyes.labels(data.test)
    )


@pytest.mark.slow  # a game to compile; the next test is all but its training
def test_quick_form_shows_every_part(tmp_path):
    record = study.conduct(
        Config(quick=True, out=tmp_path, data_dir=tmp_path), stacked_mnist.run
    )
    assert json.loads((tmp_path / "result.json").read_text()) == record
    assert (tmp_path / "stacked_mnist.png").stat().st_size > 10_000
    assert record["details"]["real"]["modes"] > 100
    assert [len(curve) for curve in record["details"]["curves"]] == [2]


def test_tables_and_claims_are_of_the_runs(tmp_path, monkeypatch):
    curve = [{"step": 4, "modes": 995.0, "kl": 0.1}]
    shown = np.zeros((4, 8, 8, 3), np.uint8).tolist()
    made = {"curve": curve, "shown": shown, "diverged": None}
    real = {"accuracy": 0.99, "modes": 1000.0, "kl": 0.01}
    for module, name, value in (
        (stacked_mnist, "play", made),
        (stacked_mnist, "reference", real),
        (classifier, "train", None),
    ):
        monkeypatch.setattr(module, name, lambda *_, value=value: value)
    config = Config(seeds=2, out=tmp_path, data_dir=tmp_path)
    monkeypatch.setattr(stacked_mnist, "read", lambda config: constant_digits())
    record = study.conduct(config, stacked_mnist.run)
    assert "test accuracy 99.00%" in record["protocol"]
    assert [claim["holds"] for claim in record["claims"]] == [True, True]
    ours, published = record["tables"]
    assert ours["rows"][1][1:] == ["995 [995, 995]", "0.1 [0.1, 0.1]"]
    assert published["rows"][0][0] == FULL
    assert (tmp_path / "stacked_mnist.png").exists()
