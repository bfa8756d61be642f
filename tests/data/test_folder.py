"""Folders of images: layouts, splits, and what is refused."""

import shutil

import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.data import folder, load, walk


def fill(root, names, size=(4, 4), mode="RGB"):
    """Writes images whose first value is their position in ``names``."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = (number,) * len(mode) if len(mode) > 1 else number
        Image.new(mode, size, colour).save(path)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def open_folder(tmp_path, root):
    """Loads the folder with a data_dir beside it."""

    def opened(**options):
        return load(f"folder:{root}", data_dir=tmp_path / "data", **options)

    return opened


def test_flat_folder_has_no_labels(root, open_folder):
    names = [f"{i:02}.png" for i in range(30)]
    fill(root, names)
    data = open_folder()
    assert data.train.labels is None
    assert data.train.classes == ()
    assert data.num_classes == 0
    assert data.image_shape == (4, 4, 3)
    seen = np.concatenate([data.train.images, data.test.images])[:, 0, 0, 0]
    np.testing.assert_array_equal(np.sort(seen), np.arange(30))
    assert len(data.test) >= 1


def test_sub_folders_are_sorted_classes(root, open_folder):
    fill(root, [f"{kind}/{i}.png" for kind in ("dog", "ant", "cat") for i in range(9)])
    data = open_folder()
    assert data.train.classes == ("ant", "cat", "dog")
    assert data.num_classes == 3
    for images in (data.train, data.test):
        number = images.images[:, 0, 0, 0] // 9  # the order of writing
        np.testing.assert_array_equal(images.labels, np.array([2, 0, 1])[number])
        assert images.labels.dtype == np.int32


def test_given_splits_are_used(root, open_folder):
    fill(root, ["train/a/1.png", "train/b/2.png", "test/a/3.png", "test/b/4.png"])
    data = open_folder()
    assert data.train.classes == ("a", "b")
    np.testing.assert_array_equal(data.train.images[:, 0, 0, 0], [0, 1])
    np.testing.assert_array_equal(data.test.images[:, 0, 0, 0], [2, 3])
    np.testing.assert_array_equal(data.test.labels, [0, 1])


def test_given_flat_splits_have_no_labels(root, open_folder):
    fill(root, ["train/1.png", "train/2.png", "test/3.png"])
    data = open_folder()
    assert data.train.labels is None
    assert (len(data.train), len(data.test)) == (2, 1)


def test_held_out_is_about_a_tenth(root):
    fill(root, [f"{i}.png" for i in range(400)], size=(1, 1))
    source = folder.read(folder.look(root))
    assert source.train.count + source.test.count == 400
    # Binomial(400, 0.1): mean 40, standard deviation 6.
    np.testing.assert_allclose(source.test.count, 40, atol=24)


def test_added_files_move_no_others(root):
    def held(count):
        fill(root, [f"{i}.png" for i in range(count)], size=(1, 1))
        source = folder.read(folder.look(root))
        return {e.file.name for e in source.test.fetch(range(source.test.count))}

    few, many = held(60), held(120)
    assert few
    assert few == {name for name in many if int(name[:-4]) < 60}


@pytest.mark.parametrize("count", [2, 3, 5])
def test_small_folders_have_both_splits(root, count):
    fill(root, [f"{i}.png" for i in range(count)])
    source = folder.read(folder.look(root))
    assert source.train.count >= 1
    assert source.test.count >= 1
    assert source.train.count + source.test.count == count


def test_hidden_and_other_files_are_skipped(root):
    fill(root, ["a.png", "b.PNG", "c.jpg", "d.jpeg", "e.webp", ".x.png", ".git/y.png"])
    (root / "LICENSE").write_text("free")
    (root / "labels.csv").write_text("a,b")
    assert [str(p) for p in walk.find(root).images] == [
        "a.png", "b.PNG", "c.jpg", "d.jpeg", "e.webp",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("modes", "channels"),
    [(("L", "L"), 1), (("RGB", "RGB"), 3), (("L", "RGB"), 3), (("RGB", "L"), 3)],
    ids=["gray", "rgb", "mixed", "mixed-last"],
)
def test_channels_follow_the_files(root, open_folder, modes, channels):
    for number, mode in enumerate(modes):
        fill(root, [f"{number}.png"], mode=mode)
    assert open_folder().image_shape == (4, 4, channels)
    assert open_folder(channels=1).image_shape == (4, 4, 1)
    assert open_folder(channels=3).image_shape == (4, 4, 3)


def test_missing_folder_is_refused(root, open_folder):
    root.rmdir()
    with pytest.raises(InputError, match=r"pictures is not a folder; pass --dataset"):
        open_folder()


def test_empty_folder_lists_suffixes(root, open_folder):
    (root / "notes.txt").write_text("no image")
    with pytest.raises(
        InputError, match=r"No images in .*\.jpg.*\.png.*1 \.txt \(notes\.txt\)"
    ):
        open_folder()


def test_single_image_is_refused(root, open_folder):
    fill(root, ["only.png"])
    with pytest.raises(InputError, match=r"only\.png; at least two"):
        open_folder()


def test_images_beside_classes_are_refused(root, open_folder):
    fill(root, ["stray.png", "a/1.png", "b/2.png"])
    with pytest.raises(InputError, match=r"stray\.png and a/1\.png"):
        open_folder()


def test_deep_folders_are_refused(root, open_folder):
    fill(root, ["a/1.png", "b/c/2.png"])
    with pytest.raises(InputError, match=r"b/c/2\.png lies too deep"):
        open_folder()


def test_empty_given_split_is_refused(root, open_folder):
    fill(root, ["train/1.png", "train/2.png"])
    (root / "test").mkdir()
    with pytest.raises(InputError, match="no image in test"):
        open_folder()


def test_unknown_test_class_is_refused(root, open_folder):
    fill(root, ["train/cat/1.png", "train/dog/2.png", "test/cats/3.png"])
    with pytest.raises(InputError, match=r"\['cats'\] .*train/ lacks"):
        open_folder()


def test_truncated_file_is_named_and_nothing_remains(root, tmp_path, open_folder):
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    for name in ("a.png", "b.png", "broken.png"):
        Image.fromarray(noise).save(root / name)
    content = (root / "broken.png").read_bytes()
    (root / "broken.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"broken\.png cannot be read"):
        open_folder()
    assert list((tmp_path / "data" / "cache").iterdir()) == []


def test_file_that_is_no_image_is_named(root, open_folder):
    fill(root, ["a.png", "b.png"])
    (root / "c.jpg").write_text("<html>not found</html>")
    with pytest.raises(InputError, match=r"c\.jpg cannot be read as an image"):
        open_folder()


def test_dangling_link_is_named(root, open_folder):
    fill(root, ["a.png", "b.png"])
    (root / "gone.png").symlink_to(root / "nowhere.png")
    with pytest.raises(InputError, match=r"gone\.png cannot be read"):
        open_folder()


def test_differing_sizes_name_two_and_the_flag(root, open_folder):
    fill(root, ["a.png", "b.png", "c.png"])
    fill(root, ["odd.png"], size=(6, 6))
    (root / "train").mkdir()
    (root / "test").mkdir()
    for name in ("a.png", "b.png", "odd.png"):
        shutil.move(root / name, root / "train" / name)
    shutil.move(root / "c.png", root / "test" / "c.png")
    with pytest.raises(
        InputError, match=r"odd\.png is 6x6 pixels .*a\.png is 4x4; pass --resol"
    ):
        open_folder()
    assert open_folder(resolution=5).image_shape == (5, 5, 3)


def test_splits_of_differing_sizes_are_refused(root, open_folder):
    fill(root, ["train/a.png", "train/b.png"])
    fill(root, ["test/c.png"], size=(6, 6))
    with pytest.raises(InputError, match=r"c\.png is 6x6 pixels .*a\.png is 4x4"):
        open_folder()
