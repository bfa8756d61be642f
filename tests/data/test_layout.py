"""What sub-folders mean: classes, what is left out, what is no image."""

import os

import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.data import folder, load
from jaxgan.data.layout import in_natural_order
from jaxgan.data.source import DataWarning
from jaxgan.data.walk import printable
from tests.data.folders import fill, understood


@pytest.fixture
def root(tmp_path):
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


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
