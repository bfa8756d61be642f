"""Two sides without pairs: folders, repeats of the shorter side, letters."""

import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.data import folder, glyphs, images, load_pairs, load_unpaired
from jaxgan.data.source import DataWarning

B = 100  # what the pixels of b are above those of a


@pytest.fixture
def root(tmp_path):
    (tmp_path / "set").mkdir()
    return tmp_path / "set"


def opened(root, **options):
    return load_unpaired(f"unpaired:{root}", data_dir=root.parent / "data", **options)


def fill(root, counts, names=("trainA", "trainB", "testA", "testB")):
    """So many images a folder; their values count on, from `B` in those of b."""
    values = {"a": 0, "b": B}
    for name, count in zip(names, counts, strict=True):
        (root / name).mkdir(parents=True)
        side = name[-1].lower()
        for i in range(count):
            Image.new("L", (4, 4), values[side]).save(root / name / f"{i:02}.png")
            values[side] += 1


def column(split, name):
    return split.columns[name][:, 0, 0, 0].tolist()


@pytest.mark.parametrize(
    "names",
    [("trainA", "trainB", "testA", "testB"), ("train_a", "Train-B", "TEST a", "test_B"),
     ("trainA", "trainB", "valA", "valB"), ("train/A", "train/B", "test/A", "test/B")],
)  # fmt: skip
def test_splits_that_are_given_are_taken(root, names):
    fill(root, (7, 7, 3, 3), names)
    data = opened(root)
    assert column(data.train, "a") == list(range(7))
    assert column(data.train, "b") == list(range(B, B + 7))
    assert column(data.test, "a") == [7, 8, 9]
    assert column(data.test, "b") == [B + 7, B + 8, B + 9]
    assert "7 of A and 7 of B to train on, 3 of A and 3 of B held out" in data.note


@pytest.mark.parametrize("counts", [(4, 11), (11, 4), (1, 5), (10, 11)])
def test_the_shorter_side_is_repeated_in_orders_of_its_own(root, counts):
    fill(root, (*counts, *counts))
    data = opened(root)
    few, many = sorted(counts)
    short, long = ("a", "b") if counts[0] < counts[1] else ("b", "a")
    split = data.train
    assert len(split) == many
    whole, repeated = column(split, long), column(split, short)
    assert whole == sorted(set(whole))
    times = np.unique(repeated, return_counts=True)[1]
    assert len(times) == few
    assert times.max() - times.min() <= 1
    for start in range(0, many - few + 1, few):
        assert len(set(repeated[start : start + few])) == few
    again = opened(root)
    assert column(again.train, short) == column(data.train, short)
    assert again.fingerprint == data.fingerprint


@pytest.mark.parametrize("counts", [(60, 40), (2, 3)])
def test_without_splits_a_tenth_of_each_side_is_held_out(root, counts):
    fill(root, counts, ("A", "b"))
    data = opened(root)
    left_out = []
    for name, count, first in zip("ab", counts, (0, B), strict=True):
        train, test = set(column(data.train, name)), set(column(data.test, name))
        assert not train & test
        assert train | test <= set(range(first, first + count))
        assert 1 <= len(test) <= max(1, count // 4)
        left_out.append(count - len(train | test))
    assert min(left_out) == 0  # only the longer side has more to hold out


@pytest.mark.parametrize(
    ("counts", "names", "message"),
    [
        ((3, 3), ("trainA", "testA"), "no image of the side B"),
        ((3, 3, 3), ("trainA", "trainB", "testB"), "side A in its split test"),
        ((3, 3), ("testA", "testB"), "only images to hold out"),
        ((3, 1), ("A", "B"), "one image of B"),
        ((3, 3, 3), ("A", "B", "trainA"), "mixes layouts"),
        ((3, 3), ("horsea", "zebrab"), "neither side's folder.*trainA"),
    ],
)
def test_what_could_mean_two_things_is_refused(root, counts, names, message):
    fill(root, counts, names)
    with pytest.raises(InputError, match=message):
        opened(root)


def test_a_folder_of_one_set_names_unpaired(root):
    fill(root, (2, 2, 2, 2))
    with pytest.raises(InputError, match=rf"unpaired:{root}.*folder:"):
        folder.look(root)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cycle_gan/horse2zebra", "archive.*trainA, trainB.*unpaired:PATH"),
        ("pairs:x", "'pairs:x'.*unpaired:PATH"),
        ("mnist", "'mnist'.*glyphs:SOURCE:TARGET"),
    ],
)
def test_other_names_are_refused(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        load_unpaired(name, data_dir=tmp_path)


def test_damaged_images_are_refused_or_skipped(root):
    fill(root, (6, 6, 2, 2))
    path = root / "trainB" / "03.png"
    path.write_bytes(path.read_bytes()[:45])
    with pytest.raises(InputError, match=r"trainB/03\.png cannot be read"):
        opened(root)
    with pytest.warns(DataWarning, match=r"1 damaged.*trainB/03\.png"):
        data = opened(root, skip_damaged=True)
    assert column(data.train, "a") == list(range(6))
    assert set(column(data.train, "b")) == {B + i for i in range(6) if i != 3}
    for path in (root / "testB").iterdir():
        path.write_bytes(path.read_bytes()[:45])
    with pytest.warns(DataWarning), pytest.raises(InputError, match="0 of B"):
        opened(root, skip_damaged=True)


def test_a_second_start_decodes_nothing(root, monkeypatch):
    fill(root, (6, 6, 2, 2))
    first = opened(root)

    def fail(*args, **options):
        raise AssertionError("decoded again")

    monkeypatch.setattr(images, "read", fail)
    again = opened(root)
    assert column(again.train, "b") == column(first.train, "b")
    with pytest.raises(AssertionError, match="decoded again"):
        opened(root, channels=3)


def test_fingerprints_follow_contents_and_sides(root):
    fill(root, (6, 6, 2, 2))
    seen = {opened(root).fingerprint, opened(root).fingerprint}
    Image.new("L", (4, 4), 77).save(root / "trainA" / "03.png")
    seen.add(opened(root).fingerprint)
    (root / "trainB" / "05.png").rename(root / "trainA" / "06.png")
    seen.add(opened(root).fingerprint)
    paired = root.parent / "paired"
    fill(paired, (4, 4), ("A", "B"))
    one = load_unpaired(f"unpaired:{paired}", data_dir=root.parent / "data")
    other = load_pairs(f"pairs:{paired}", data_dir=root.parent / "data")
    seen |= {one.fingerprint, other.fingerprint}
    assert len(seen) == 5


def test_letters_hide_their_pairs_but_for_those_held_out(tmp_path):
    data = load_unpaired("glyphs:sans:serif", data_dir=tmp_path)
    pairs = glyphs.pairs("sans", "serif")
    as_bytes = lambda column: [each.tobytes() for each in column]
    together = dict.fromkeys(
        zip(
            as_bytes(pairs.train.columns["input"]),
            as_bytes(pairs.train.columns["target"]),
            strict=True,
        )
    )
    a, b = (as_bytes(data.train.columns[name]) for name in "ab")
    assert sorted(a) == sorted(key for key, _ in together)
    assert sorted(b) == sorted(key for _, key in together)
    # Two independent orders meet at one row on average.
    assert sum(row in together for row in zip(a, b, strict=True)) < 10
    assert a != as_bytes(pairs.train.columns["input"])
    for name, true in (("a", "input"), ("b", "target")):
        np.testing.assert_array_equal(data.test.columns[name], pairs.test.columns[true])
    again = load_unpaired("glyphs:sans:serif", data_dir=tmp_path)
    other = load_unpaired("glyphs:serif:sans", data_dir=tmp_path)
    assert again.fingerprint == data.fingerprint
    assert len({data.fingerprint, pairs.fingerprint, other.fingerprint}) == 3
    assert data.credit == pairs.credit


@pytest.mark.parametrize("counts", [(4, 11), (11, 4)])
def test_held_out_images_are_never_repeated(root, counts):
    """Copies would be each other's nearest neighbours in the two-sample test."""
    fill(root, (5, 5, *counts))
    test = opened(root).test
    for name, first in (("a", 5), ("b", B + 5)):
        assert column(test, name) == list(range(first, first + min(counts)))
