"""Photos as aligned tiles: those that packages ship, one's own, and what is refused."""

import shutil

import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.data import load_photos, photo_files, photos
from jaxgan.data.source import DataWarning


def save(path, height=40, width=52, seed=0, mode="RGB"):
    """A photo of random blocks, which are not all of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (height // 4 + 1, width // 4 + 1, 3)
    blocks = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    pixels = blocks.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
    Image.fromarray(pixels).convert(mode).save(path)
    return pixels


@pytest.fixture
def root(tmp_path):
    for number in range(4):
        save(tmp_path / "set" / f"{number}.png", 40 + number, 50 + number, number)
    return tmp_path / "set"


def opened(root, **options):
    how = {"scale": 2, "resolution": 16, "data_dir": "unused", **options}
    return load_photos(f"folder:{root}", **how)


def test_tiles_are_those_of_the_whole_photo_shrunk():
    """Every 48 pixels, the last ones at the end; the photo cut to a multiple."""
    data = load_photos("photos", scale=4, data_dir="unused")
    rows = []
    for file in photo_files.locate("photos")[0]:
        with Image.open(file.path) as image:
            width, height = (side // 4 * 4 for side in image.size)
            whole = image.convert("RGB").crop((0, 0, width, height))
        small = np.asarray(whole.resize((width // 4, height // 4), Image.BICUBIC))
        whole = np.asarray(whole)
        for y in [*range(0, height - 96, 48), height - 96]:
            for x in [*range(0, width - 96, 48), width - 96]:
                part = small[y // 4 : y // 4 + 24, x // 4 : x // 4 + 24]
                rows.append((part, whole[y : y + 96, x : x + 96]))
    inputs, targets = map(np.stack, zip(*rows, strict=True))
    np.testing.assert_array_equal(data.train.columns["input"], inputs)
    np.testing.assert_array_equal(data.train.columns["target"], targets)
    assert data.scale == 4
    assert "vultilion" in data.credit
    assert "flower.jpg" in data.note


def test_held_out_photos_are_whole_and_their_tiles_apart():
    data = load_photos("photos", scale=2, data_dir="unused", resolution=128)
    (name, photo), *others = data.photos
    assert (name, others) == ("flower.jpg", [])
    file = photo_files.locate("photos")[1][0]
    with Image.open(file.path) as image:
        np.testing.assert_array_equal(photo, np.asarray(image.convert("RGB")))
    tiles = data.test.columns["target"]
    assert tiles.shape == (3 * 5, 128, 128, 3)
    rows = tiles.reshape(3, 5, 128, 128, 3).transpose(0, 2, 1, 3, 4)
    np.testing.assert_array_equal(rows.reshape(384, 640, 3), photo[:384])
    assert data.test.columns["input"].shape == (15, 64, 64, 3)


def test_nothing_held_out_is_trained_on(root):
    """Of photos of one colour each, a tile tells its photo."""
    for number in range(40):
        path = root / f"sub/{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (30, 30), (number + 1, 7, 9)).save(path)
    data = opened(root)
    colours = lambda split: {tuple(p) for p in split.columns["target"][:, 0, 0]}
    held = [photo for photo in data.photos if photo.name.startswith("sub")]
    assert 0 < len(held) < 20
    own = {tuple(photo.image[0, 0].tolist()) for photo in held}
    assert own <= colours(data.test)
    assert not own & colours(data.train)
    assert len(colours(data.train)) >= 20


def test_grey_and_turned_photos_are_rgb_and_upright(tmp_path):
    save(tmp_path / "a.png", mode="L")
    pixels = save(tmp_path / "b.png", 40, 52, 1)
    turned = Image.fromarray(np.rot90(pixels).copy())
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    turned.save(tmp_path / "b.png", exif=exif)
    data = opened(tmp_path)
    train, test = (data.train.columns["target"], data.photos[0])
    assert train.shape[1:] == (16, 16, 3)
    by_name = {test.name: test.image[:16, :16]}
    other = ({"a.png", "b.png"} - {test.name}).pop()
    by_name[other] = train[0]
    np.testing.assert_array_equal(by_name["b.png"], pixels[:16, :16])
    grey = by_name["a.png"]
    assert (grey == grey[..., :1]).all()


def test_the_fingerprint_follows_contents_scale_and_tiles(root, tmp_path):
    first = opened(root).fingerprint
    shutil.copytree(root, tmp_path / "copy")
    assert opened(tmp_path / "copy").fingerprint == first
    others = [
        opened(root, scale=4).fingerprint,
        opened(root, resolution=20).fingerprint,
    ]
    with Image.open(root / "0.png") as image:
        image.putpixel((0, 0), (1, 2, 3))
        image.save(root / "0.png")
    others.append(opened(root).fingerprint)
    assert len({first, *others}) == 4


def test_damaged_photos_are_named_or_left_out(root):
    train, _ = photo_files.locate(f"folder:{root}")
    expected = opened(root)
    counts = [len(list(_corners(file.path))) for file in train]
    train[0].path.write_bytes(b"\x89PNG no image")
    with pytest.raises(InputError, match=train[0].name):
        opened(root)
    with pytest.warns(DataWarning, match=f"1 damaged .*{train[0].name}"):
        data = opened(root, skip_damaged=True)
    for name, column in data.train.columns.items():
        whole = expected.train.columns[name]
        assert len(whole) == sum(counts)
        np.testing.assert_array_equal(column, whole[counts[0] :])
    assert data.fingerprint != expected.fingerprint


def _corners(path):
    """Those of tiles of 16 pixels, every 8 and at the ends, of a photo shrunk twice."""
    with Image.open(path) as image:
        along = [[*range(0, s // 2 * 2 - 16, 8), s // 2 * 2 - 16] for s in image.size]
    return [(y, x) for y in along[1] for x in along[0]]


def test_all_of_a_split_damaged_is_refused(root):
    _, held_out = photo_files.locate(f"folder:{root}")
    for file in held_out:
        file.path.write_bytes(b"\x89PNG no image")
    with (
        pytest.warns(DataWarning, match="left out"),
        pytest.raises(InputError, match="no photo left"),
    ):
        opened(root, skip_damaged=True)


def test_photos_that_cannot_be_used_are_named(root, tmp_path):
    save(root / "small.png", 15, 60)
    with pytest.raises(InputError, match=r"small\.png is 15x60 .*--resolution"):
        opened(root)
    (root / "small.png").unlink()
    shutil.copy(root / "1.png", root / "twice.png")
    with pytest.raises(InputError, match=r"1\.png and twice\.png|twice.* and 1"):
        opened(root)
    save(tmp_path / "one" / "alone.png")
    with pytest.raises(InputError, match="one image"):
        opened(tmp_path / "one")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("photo", {}, "photos:more"),
        ("photos", {"scale": 1}, "--scale"),
        ("photos", {"resolution": 98}, "multiple of --scale 4"),
        ("photos", {"resolution": (96, 48)}, "square"),
        ("photos", {"crop": True}, "--crop"),
        ("photos", {"channels": 1}, "--channels"),
        ("photos", {"bits": 12}, "--bits"),
    ],
)
def test_options_that_cannot_be_are_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        load_photos(name, **{"scale": 4, "data_dir": "unused", **options})


def test_folders_named_like_splits_are_splits(tmp_path):
    for split, count in (("train", 5), ("valid", 2)):
        for number in range(count):
            save(tmp_path / split / f"{number}.png", seed=10 * count + number)
    data = opened(tmp_path)
    assert [photo.name for photo in data.photos] == ["valid/0.png", "valid/1.png"]
    assert "5 photos to train on" in data.note


def test_photos_of_12_bits_in_16_are_told(tmp_path):
    for number in range(3):
        blocks = np.random.default_rng(number).integers(0, 4_096, (10, 10))
        pixels = blocks.repeat(4, axis=0).repeat(4, axis=1).astype(np.uint16)
        path = tmp_path / "set" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    with pytest.warns(DataWarning, match="--bits 12"):
        dark = opened(tmp_path / "set")
    data = opened(tmp_path / "set", bits=12)
    assert dark.train.columns["target"].max() < 17 < 200
    assert data.train.columns["target"].max() > 200


def test_tiles_do_not_overlap_where_they_would_take_too_much(root, monkeypatch):
    whole = opened(root)
    size = photos._bytes(len(whole.train) + len(whole.test), 16, 2)
    monkeypatch.setattr(photos, "_MOST_BYTES", size - 1)
    data = opened(root)
    assert len(data.train) < len(whole.train)
    assert "do not overlap" in data.note
    assert "do not overlap" not in whole.note
    assert data.fingerprint != whole.fingerprint


def test_more_tiles_than_fit_are_refused_before_they_are_read(root, monkeypatch):
    monkeypatch.setattr(photos, "_MOST_BYTES", 10_000)
    monkeypatch.setattr(photo_files, "read", None)
    with pytest.raises(InputError, match=r"\d+ tiles .* fewer photos"):
        opened(root)


def test_photos_of_a_package_that_is_missing_say_how_to_get_it(monkeypatch):
    find = photo_files.importlib.util.find_spec
    absent = lambda name: None if name == "skimage" else find(name)
    monkeypatch.setattr(photo_files.importlib.util, "find_spec", absent)
    with pytest.raises(InputError, match=r"jaxgan\[photos\]"):
        load_photos("photos:more", scale=4, data_dir="unused")


def test_more_photos_are_those_of_the_extra(tmp_path, monkeypatch):
    folder = tmp_path / "skimage" / "data"
    names = ("astronaut.png", "rocket.jpg", "chelsea.png", "coffee.png")
    for seed, name in enumerate(names):
        save(folder / name, 100, 100 + seed, seed)
    (tmp_path / "skimage" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    data = load_photos("photos:more", scale=4, data_dir="unused")
    held_out = ["flower.jpg", "chelsea.png", "coffee.png"]
    assert [photo.name for photo in data.photos] == held_out
    few = load_photos("photos", scale=4, data_dir="unused")
    assert len(data.train) == len(few.train) + 2 * 4
    assert len(data.test) == len(few.test) + 2
