"""FID and its kin of whole sets: on any devices, from memory, in a run."""

import json

import jax
import numpy as np
import pytest

import jaxgan
from jaxgan.checks import InputError
from jaxgan.data import pictures
from jaxgan.evaluation import ByFeatures, quality, seen
from tests import games, launch
from tests.evaluation.seen_sets import network
from tests.evaluation.test_evaluators import Known

PROGRAM = ("-m", "tests.evaluation.seen_sets")
KEY = jax.random.key(0)


def _noise(low, count=200):
    random = np.random.default_rng(low)
    return random.integers(low, 256, (count, 8, 8, 3), np.uint8)


def _printed(ended):
    assert ended.code == 0, ended.err
    return json.loads(ended.out.splitlines()[-1])


@pytest.fixture(scope="module")
def on_one_device():
    (ended,) = launch.run([PROGRAM], launch.environment(1))
    return _printed(ended)


def test_moments_in_blocks_are_those_of_all_features(on_one_device):
    np.testing.assert_allclose(
        on_one_device["merged"], on_one_device["direct"], rtol=1e-10
    )


@pytest.mark.parametrize("devices", [2, 8])
def test_devices_do_not_change_the_distance(on_one_device, devices):
    (ended,) = launch.run([PROGRAM], launch.environment(devices))
    found = _printed(ended)
    np.testing.assert_allclose(found["fid"], on_one_device["fid"], rtol=1e-9)


def test_processes_do_not_change_the_distance(on_one_device):
    place = launch.free_address()
    commands = [(*PROGRAM, place, 2, index) for index in range(2)]
    for ended in launch.run(commands, launch.environment(1)):
        found = _printed(ended)
        np.testing.assert_allclose(found["fid"], on_one_device["fid"], rtol=1e-9)
        np.testing.assert_allclose(found["direct"], on_one_device["direct"], rtol=1e-9)


def _pair(real, fake, metrics):
    extractor = network()
    sets = (pictures.of_array(real, "real"), pictures.of_array(fake, "fake"))
    seen_sets = [
        seen.look(extractor, each, wanted)
        for each, wanted in zip(sets, quality.wanted(metrics), strict=True)
    ]
    return quality.Pair(extractor, *seen_sets, KEY)


def test_a_set_is_at_no_distance_from_itself():
    metrics = ["fid", "kid", "precision_recall"]
    found = quality.judge(metrics, _pair(_noise(0), _noise(0), metrics))
    assert found["fid"].value == pytest.approx(0, abs=1e-9)
    assert found["precision"].value == found["recall"].value == 1
    assert set(found) == {*metrics[:2], "precision", "recall", "density", "coverage"}


def test_results_name_network_sets_and_weights():
    metrics = ["fid", "kid"]
    for result in quality.judge(
        metrics, _pair(_noise(0), _noise(90), metrics)
    ).values():
        assert "random" in result.protocol
        assert "real" in result.protocol
        assert result.details["weights_sha256"] == "0" * 64


def test_an_unknown_metric_is_refused():
    with pytest.raises(InputError, match="fids"):
        quality.check(["fid", "fids"])


def test_a_network_without_classes_gives_no_inception_score():
    with pytest.raises(InputError, match="class logits"):
        _pair(_noise(0), _noise(0), ["inception_score"])


def test_moments_are_read_again_and_damage_is_mended(tmp_path):
    extractor, set_ = network(), pictures.of_array(_noise(0), "real")
    looks = []

    def see():
        looks.append(1)
        return seen.look(extractor, set_, {seen.MOMENTS})

    first = seen.remembered(tmp_path, extractor, set_, see)
    second = seen.remembered(tmp_path, extractor, set_, see)
    assert len(looks) == 1
    np.testing.assert_array_equal(first.moments.scatter, second.moments.scatter)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    seen.remembered(tmp_path, extractor, set_, see)
    assert len(looks) == 2
    other = pictures.of_array(_noise(1), "real")
    assert other.identity != set_.identity


@pytest.fixture(scope="module")
def data():
    table = {"image": _noise(0, 600), "label": np.zeros(600, np.int32)}
    test = {name: column[:100] for name, column in table.items()}
    return jaxgan.data.from_arrays(table, test, classes=("all",))


def test_perfect_sampler_is_near_and_a_poor_one_far(data, tmp_path):
    judge = ByFeatures(extractor=network(), samples=600, store=tmp_path)
    near = judge(Known(_noise(0, 600)), data, KEY)["fid"]
    far = judge(Known(_noise(120, 600)), data, KEY)["fid"]
    assert near.value < 1e-6
    assert far.value > 100 * near.value
    assert "600 real vs 600 fake" in near.protocol


def test_samples_do_not_depend_on_how_many_are_drawn_at_once():
    game = games.mlp()
    state = jaxgan.init(game, KEY, {"image": np.zeros((1, *games.SHAPE), np.uint8)})
    whole = jaxgan.sample(game, state, KEY, 20)
    parts = [jaxgan.sample(game, state, KEY, 7, first=i) for i in (0, 7, 14)]
    np.testing.assert_array_equal(np.concatenate(parts)[:20], whole)
