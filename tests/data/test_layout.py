"""What sub-folders mean: splits in any spelling, classes, what is left out."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.data import folder, load
from jaxgan.data.layout import in_natural_order
from jaxgan.data.source import DataWarning
from jaxgan.data.walk import printable


def fill(root, *names):
    """Writes an image of one value for each name; files of other formats are empty."""
    for number, name in enumerate(names):
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() in folder_suffixes():
            Image.new("L", (4, 4), number).save(path, "PNG")
        else:
            path.write_bytes(b"")


def folder_suffixes():
    from jaxgan.data.walk import READ

    return READ


def names_of(split):
    return sorted(
        f"{e.file.parent.name}/{e.file.name}" for e in split.fetch(range(split.count))
    )


@pytest.fixture
def root(tmp_path):
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


def understood(root):
    return folder.read(folder.look(root))


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


@pytest.mark.parametrize("suffix", ["", ".crdownload", ".png_"])
def test_a_class_of_images_by_other_names_is_refused(root, suffix):
    fill(root, *(f"{k}/{i}.png" for k in "ab" for i in range(5)))
    (root / "c").mkdir()
    Image.new("L", (4, 4)).save(root / "c" / f"1{suffix}", "PNG")
    with pytest.raises(InputError, match=rf"c .*lost.*c/1{suffix}"):
        folder.look(root)


def test_a_class_that_is_a_link_to_nowhere_is_refused(root):
    fill(root, *(f"{k}/{i}.png" for k in "ab" for i in range(5)))
    (root / "c").symlink_to("/mnt/not-mounted")
    with pytest.raises(InputError, match=r"pictures/c cannot be read"):
        folder.look(root)


def test_a_link_to_itself_is_named(root):
    fill(root, *(f"{i}.png" for i in range(5)))
    (root / "self").symlink_to(root / "self")
    with pytest.raises(InputError, match=r"pictures/self cannot be read"):
        load(f"folder:{root}", data_dir=root.parent / "data")


def test_images_deep_down_are_not_lost(root):
    fill(root, *(f"a/{i}.png" for i in range(5)), "b/1/2/3/4/5/6/7/x.png")
    with pytest.raises(InputError, match=r"7/x\.png lies too deep"):
        folder.look(root)


def test_equal_images_in_both_splits_are_told(root):
    fill(root, *(f"train/{i}.png" for i in range(5)), "test/0.png")
    shutil.copy(root / "train" / "3.png", root / "test" / "3.png")
    (root / "test" / "0.png").unlink()
    note = load(f"folder:{root}", data_dir=root.parent / "data").note
    assert "1 of the images held out are also trained on" in note
    assert "test/3.png is train/3.png" in note


def test_control_characters_and_bytes_are_escaped():
    names = ["m\udcfc", "m\\xfc", "a\nb", "a\x1b[2J", "\u72d7", "a b"]
    shown = [printable(name) for name in names]
    assert shown == [
        "m\\xfc", "m\\xfc", "a\\nb", "a\\x1b[2J", "\u72d7", "a b",
    ]  # fmt: skip
    assert all(name.isprintable() for name in shown)


def test_classes_are_sorted_as_numbers(root):
    fill(root, *(f"{k}/{i}.png" for k in range(12) for i in range(2)))
    assert understood(root).classes == tuple(map(str, range(12)))
    assert "(0, 1, 2, 3" in folder.look(root).layout.note


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["b10", "b9", "a"], ("a", "b9", "b10")),
        (["1.10", "1.9", "1.09"], ("1.09", "1.9", "1.10")),
        (["01", "1", "0", "00"], ("0", "00", "01", "1")),
        (["\u0662", "1", "10", "x"], ("1", "10", "x", "\u0662")),
        (["9" * 50, "8" * 50, "1"], ("1", "8" * 50, "9" * 50)),
        (["a", "", "1"], ("", "1", "a")),
    ],
)
def test_natural_order(names, expected):
    assert in_natural_order(names) == expected
    assert in_natural_order(names[::-1]) == expected


@pytest.mark.parametrize("per_class", [2, 3, 5, 10, 40])
def test_no_class_is_held_out_whole(root, per_class):
    """Within each class: a tenth, at least one of five, and never all."""
    names = [f"c{k}/{k}-{i}.png" for k in range(40) for i in range(per_class)]
    fill(root, *names)
    source = understood(root)
    train, test = (
        np.bincount([e.label for e in s.fetch(range(s.count))], minlength=40)
        for s in (source.train, source.test)
    )
    assert train.min() >= 1
    assert source.test.count >= 1
    assert (train + test == per_class).all()
    assert per_class < 5 or test.min() >= 1
    # Binomial, but for the least of one: four standard deviations and that.
    total = 40 * per_class
    assert source.test.count <= 40 + 0.1 * total + 4 * (0.09 * total) ** 0.5


def test_classes_of_one_image_each_are_refused(root):
    fill(root, *(f"{k}/0.png" for k in range(9)))
    with pytest.raises(InputError, match="one image of each class"):
        folder.look(root)


def test_unread_images_are_counted_and_named(root):
    fill(root, *(f"a/{i}.png" for i in range(9)), "a/x.avif", "a/y.AVIF", "b.heic")
    with pytest.warns(DataWarning, match=r"3 images .*2 \.avif, 1 \.heic \(a/x\.avif"):
        understood(root)


@pytest.mark.parametrize("splits", ["", "train/"])
def test_a_class_of_unread_images_is_refused(root, splits):
    fill(root, *(f"{splits}cat/{i}.png" for i in range(9)), "test/cat/1.png")
    if not splits:
        (root / "test" / "cat" / "1.png").unlink()
    fill(root, *(f"{splits}dog/{i}.heic" for i in range(9)))
    with pytest.raises(InputError, match=r"dog .*lost.*dog/0\.heic"):
        understood(root)


def test_other_files_are_told_in_the_note(root):
    fill(root, *(f"{i}.png" for i in range(9)), "LICENSE", "a.csv", "b.csv")
    note = folder.look(root).layout.note
    assert "2 .csv, 1 without suffix" in note
    assert "\n" not in note
    assert load(f"folder:{root}", data_dir=root.parent / "data").note == note


@pytest.mark.parametrize(
    "suffix", ["bmp", "dib", "tif", "tiff", "ppm", "pgm", "jfif", "gif"]
)
def test_formats_that_are_read(tmp_path, root, suffix):
    gray = np.arange(64, dtype=np.uint8).reshape(8, 8) * 2
    for i in range(3):
        Image.fromarray(gray).save(root / f"{i}.{suffix.upper()}")
    data = load(f"folder:{root}", data_dir=tmp_path / "data")
    assert len(data.train) + len(data.test) == 3
    found = data.train.images[0, :, :, 0].astype(int)
    np.testing.assert_allclose(found, gray, atol=6 if suffix == "jfif" else 0)


def test_a_gif_gives_its_first_frame(tmp_path, root):
    frames = [Image.new("L", (4, 4), shade) for shade in (10, 200)]
    for i in range(2):
        frames[0].save(root / f"{i}.gif", save_all=True, append_images=frames[1:])
    data = load(f"folder:{root}", data_dir=tmp_path / "data")
    assert {int(x) for x in data.train.images.ravel()} == {10}


@pytest.mark.parametrize("name", [b"m\xfcnchen.png", b"\xe7\x8b.png", b"\xff\xfe.png"])
@pytest.mark.parametrize("as_class", [False, True])
def test_names_that_are_not_utf_8(tmp_path, root, name, as_class):
    fill(root, *(f"{'a/' if as_class else ''}{i}.png" for i in range(9)))
    place = os.fsencode(root) + b"/" + (name[:-4] + b"/0.png" if as_class else name)
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        Image.new("L", (4, 4), 9).save(os.fsdecode(place))
    except OSError:
        pytest.skip("this file system wants names in UTF-8")
    data = load(f"folder:{root}", data_dir=tmp_path / "data")
    for text in (*data.train.classes, data.note):
        text.encode("utf-8")
    if as_class:
        assert any("\\x" in name for name in data.train.classes)


def test_links_that_go_round_end(root):
    fill(root, *(f"{k}/{i}.png" for k in "ab" for i in range(9)))
    for k in "ab":
        (root / k / "self").symlink_to(root)
        (root / k / "other").symlink_to(root / ("b" if k == "a" else "a"))
    with pytest.raises(InputError, match="too deep"):
        folder.look(root)  # a/other/0.png, but no a/other/other


def test_a_pipe_named_like_an_image_is_no_image(root):
    fill(root, *(f"{i}.png" for i in range(9)))
    os.mkfifo(root / "x.png")
    assert len(folder.look(root).layout.train) + len(folder.look(root).layout.test) == 9
