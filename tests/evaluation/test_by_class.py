"""Metrics within each class: what the metrics of a class alone say, and their mean."""

import jax
import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.data import pictures
from jaxgan.evaluation import by_class, quality, seen
from tests.evaluation.seen_sets import network

METRICS = ("fid", "kid")
KEY = jax.random.key(0)
NETWORK = network()


def _images(low, count):
    random = np.random.default_rng(low)
    return random.integers(low, 256, (count, 8, 8, 3), np.uint8)


def _pair(real, fake):
    wanted = {seen.FEATURES}
    looked = [seen.look(NETWORK, each, wanted) for each in (real, fake)]
    return quality.Pair(NETWORK, *looked, KEY)


DARK, BRIGHT = _images(0, 60), _images(150, 60)
BOTH = np.concatenate([DARK, BRIGHT])
NAMES = np.repeat(["dark", "bright"], 60)


def test_each_class_is_judged_as_if_it_were_alone():
    fake = np.concatenate([_images(1, 60), _images(151, 60)])
    pair = _pair(
        pictures.of_array(BOTH, "real", NAMES), pictures.of_array(fake, "fake", NAMES)
    )
    found = by_class.judge_by_class(METRICS, pair)
    for metric in METRICS:
        values = found[f"{metric}_by_class"].details["classes"]
        for name, rows in (("dark", slice(60)), ("bright", slice(60, 120))):
            alone = _pair(
                pictures.of_array(BOTH[rows], "real"),
                pictures.of_array(fake[rows], "fake"),
            )
            alone = alone._replace(
                real=by_class.of_class(_labelled(alone.real), "one"),
                fake=by_class.of_class(_labelled(alone.fake), "one"),
            )
            expected = quality.judge([metric], alone)[metric].value
            assert values[name] == pytest.approx(expected, rel=1e-4, abs=1e-9)
        mean = found[f"{metric}_by_class"].value
        assert mean == pytest.approx(np.mean(list(values.values())))


def _labelled(known):
    return seen.Seen(
        name=known.name,
        features=known.features,
        classes=np.repeat("one", len(known.features)),
    )


def test_classes_that_are_mixed_up_show_only_within_them():
    real = pictures.of_array(BOTH, "real", NAMES)
    mixed = pictures.of_array(BOTH[::-1], "fake", NAMES)
    pair = _pair(real, mixed)
    whole = by_class.judge_by_class(["kid"], _pair(real, real))["kid_by_class"].value
    within = by_class.judge_by_class(["kid"], pair)["kid_by_class"].value
    assert quality.judge(["kid"], pair)["kid"].value == pytest.approx(whole, abs=1e-2)
    assert within > 20 * abs(whole)


@pytest.mark.parametrize(
    ("names", "word"),
    [
        (None, "labels"),
        (np.repeat(["dark", "light"], 60), "light"),
        (np.array(["dark"] * 119 + ["bright"]), "fewer"),
    ],
)
def test_classes_that_cannot_be_compared_are_named(names, word):
    real = pictures.of_array(BOTH, "real", NAMES)
    fake = pictures.of_array(BOTH, "fake", names)
    for pair in ((real, fake), (fake, real)):
        with pytest.raises(InputError, match=word):
            by_class.shared_classes(*pair)


def test_labels_of_a_file_and_of_sub_folders(tmp_path):
    from PIL import Image

    np.savez(tmp_path / "set.npz", images=BOTH[::40], labels=NAMES[::40])
    found = pictures.of_npz(tmp_path / "set.npz")
    assert found.classes.tolist() == ["dark", "dark", "bright"]
    for name in ("a", "b"):
        (tmp_path / "folder" / name).mkdir(parents=True)
        Image.fromarray(DARK[0]).save(tmp_path / "folder" / name / "1.png")
    folder = pictures.of_folder(tmp_path / "folder", tmp_path / "hashes")
    assert folder.classes.tolist() == ["a", "b"]
    Image.fromarray(DARK[0]).save(tmp_path / "folder" / "top.png")
    mixed = pictures.of_folder(tmp_path / "folder", tmp_path / "hashes")
    assert mixed.classes is None
    with pytest.raises(InputError, match="labels"):
        pictures.of_array(BOTH, "real", NAMES[:5])
