"""Splits of a folder of images: in any spelling, kept apart, or refused."""

import shutil

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.data import folder, load
from tests.data.folders import fill, names_of, understood


@pytest.fixture
def root(tmp_path):
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


HELD_OUT = ["test", "Val", "valid", "VALIDATION", "dev", "testing"]


@pytest.mark.parametrize(
    ("train", "held_out"),
    [*(("train", name) for name in HELD_OUT), ("Training", "VAL"), ("TRAIN", "Test")],
)
def test_splits_in_any_spelling(root, train, held_out):
    fill(root, *(f"{train}/{k}/{i}.png" for k in "ab" for i in range(20)))
    fill(root, *(f"{held_out}/{k}/{i}.png" for k in "ab" for i in range(3)))
    source = understood(root)
    assert (source.train.count, source.test.count) == (40, 6)
    assert source.classes == ("a", "b")
    assert all(held_out in e.name for e in source.test.fetch(range(6)))


def test_validation_and_test_are_both_held_out(root):
    for split, count in (("train", 9), ("val", 3), ("test", 2)):
        fill(root, *(f"{split}/a/{split}{i}.png" for i in range(count)))
    source = understood(root)
    expected = [f"a/test{i}.png" for i in range(2)] + [
        f"a/val{i}.png" for i in range(3)
    ]
    assert names_of(source.test) == expected
    assert source.train.count == 9


def test_a_train_folder_alone_holds_out_a_tenth_of_each_class(root):
    fill(root, *(f"Train/{k}/{i}.png" for k in "ab" for i in range(50)))
    source = understood(root)
    assert source.classes == ("a", "b")
    for split, least in ((source.train, 30), (source.test, 1)):
        labels = [e.label for e in split.fetch(range(split.count))]
        assert min(np.bincount(labels, minlength=2)) >= least


@pytest.mark.parametrize("extra", ["train_augmented/a/0.png", "cats/0.png", "0.png"])
def test_splits_beside_other_images_are_refused(root, extra):
    fill(root, "train/a/0.png", "train/a/1.png", "test/a/0.png", extra)
    with pytest.raises(InputError, match=rf"test, train.* {extra.split('/')[0]}"):
        folder.look(root)


def test_a_class_named_like_a_split_is_refused(root):
    fill(root, *(f"{k}/{i}.png" for k in ("car", "plane", "train") for i in range(5)))
    with pytest.raises(InputError, match=r"train.*car, plane.*rename"):
        folder.look(root)


def test_splits_without_one_to_train_on_are_refused(root):
    fill(root, "val/0.png", "test/0.png")
    with pytest.raises(InputError, match=r"test, val.*folder train"):
        folder.look(root)


@pytest.mark.parametrize(
    "tops", [("trainA", "trainB", "testA", "testB"), ("TrainA", "trainb")]
)
def test_unpaired_sets_are_refused(root, tops):
    fill(root, *(f"{top}/{i}.png" for top in tops for i in range(3)))
    with pytest.raises(InputError, match="unpaired"):
        folder.look(root)


@pytest.mark.parametrize(
    "tops",
    ["train2017 val2017", "train_images test_images", "training_set test_set",
     "train-set dev-set", "seg_train seg_test", "Train_1 VALID_1"],
)  # fmt: skip
@pytest.mark.parametrize("inner", ["", "cat/"])
def test_splits_by_other_names_are_refused(root, tops, inner):
    fill(root, *(f"{top}/{inner}{i}.png" for top in tops.split() for i in range(3)))
    with pytest.raises(InputError, match=r"seem to be splits.*Rename"):
        folder.look(root)


@pytest.mark.parametrize("tops", ["trainer tester", "train_a station", "latest best"])
def test_classes_that_only_sound_alike_are_classes(root, tops):
    fill(root, *(f"{top}/{i}.png" for top in tops.split() for i in range(5)))
    if tops == "train_a station":
        with pytest.raises(InputError, match="unpaired"):
            folder.look(root)
    else:
        assert understood(root).classes == tuple(sorted(tops.split()))


def test_equal_images_in_both_splits_are_told(root):
    fill(root, *(f"train/{i}.png" for i in range(5)), "test/0.png")
    shutil.copy(root / "train" / "3.png", root / "test" / "3.png")
    (root / "test" / "0.png").unlink()
    note = load(f"folder:{root}", data_dir=root.parent / "data").note
    assert "1 of the images held out are also trained on" in note
    assert "test/3.png is train/3.png" in note


@pytest.mark.parametrize(
    "extra",
    ["__MACOSX/train/a/._0.png", "__MACOSX/train/a/0.png", "annotations/a/0.xml",
     "annotations/deep/er/still/0.txt", "docs/README", "empty.csv", "@eaDir/0.jpg"],
)  # fmt: skip
def test_folders_without_images_do_not_count(root, extra):
    fill(root, *(f"train/{k}/{i}.png" for k in "ab" for i in range(9)))
    fill(root, *(f"test/{k}/{i}.png" for k in "ab" for i in range(2)))
    alone = understood(root)
    fill(root, extra)
    (root / "nothing").mkdir()
    source = understood(root)
    assert source.classes == alone.classes == ("a", "b")
    assert names_of(source.train) == names_of(alone.train)
    assert names_of(source.test) == names_of(alone.test)
    assert "nothing" in folder.look(root).layout.note
