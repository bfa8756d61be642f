"""A folder is known by its contents, wherever it lies, and read no more than needed."""

import os
import shutil
import threading

import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.data import folder, hashes, load, walk


def fingerprint(root, store):
    return folder.identify(folder.look(root), store).fingerprint


def fill(root, shades):
    for number, shade in enumerate(shades):
        path = root / ("train" if number % 2 else "test") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), shade).save(path)


@pytest.fixture
def root(tmp_path):
    fill(tmp_path / "pictures", range(6))
    return tmp_path / "pictures"


@pytest.fixture
def store(tmp_path):
    return tmp_path / "hashes"


@pytest.fixture
def reads(monkeypatch):
    """The names of the files whose contents are read, as they are."""
    names = []

    def counted(file, real=hashes.read_hash):
        names.append(file.name)
        return real(file)

    monkeypatch.setattr(hashes, "read_hash", counted)
    return names


def later(path):
    """Moves a file's time of change, as writing it again would."""
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))


def test_moves_copies_and_touches_change_nothing(root, store, tmp_path):
    known = fingerprint(root, store)
    later(root / "train" / "1.png")
    assert fingerprint(root, store) == known
    shutil.copytree(root, tmp_path / "copy", copy_function=shutil.copyfile)
    assert fingerprint(tmp_path / "copy", store) == known
    root.rename(tmp_path / "elsewhere")
    assert fingerprint(tmp_path / "elsewhere", store) == known
    assert fingerprint(tmp_path / "elsewhere", tmp_path / "other") == known


def change_a_byte(root):
    path = root / "train" / "1.png"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    later(path)


CHANGES = {
    "byte": change_a_byte,
    "name": lambda root: (root / "train/1.png").rename(root / "train/9.png"),
    "added": lambda root: shutil.copy(root / "train/1.png", root / "train/9.png"),
    "removed": lambda root: (root / "train/1.png").unlink(),
    "split": lambda root: (root / "train/1.png").rename(root / "test/1.png"),
    "layout": lambda root: (root / "test").rename(root / "training"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_changes_make_another(root, store, change):
    known = fingerprint(root, store)
    change(root)
    assert fingerprint(root, store) != known


def test_swapped_contents_make_another(root, store):
    known = fingerprint(root, store)
    one, two = root / "train" / "1.png", root / "train" / "3.png"
    contents = one.read_bytes(), two.read_bytes()
    one.write_bytes(contents[1])
    two.write_bytes(contents[0])
    later(one)
    later(two)
    assert fingerprint(root, store) != known


def test_only_changed_files_are_read_again(root, store, reads):
    fingerprint(root, store)
    assert sorted(reads) == [f"{i}.png" for i in range(6)]
    reads.clear()
    fingerprint(root, store)
    assert reads == []
    later(root / "train" / "3.png")
    shutil.copy(root / "train" / "3.png", root / "train" / "9.png")
    fingerprint(root, store)
    assert sorted(reads) == ["3.png", "9.png"]


def test_hashes_are_those_of_the_bytes(root, store):
    """Against the command that everybody has."""
    import subprocess

    paths = walk.find(root).images
    out = subprocess.run(
        ["sha256sum", *map(str, paths)], cwd=root, capture_output=True, text=True
    )
    expected = [line.split()[0] for line in out.stdout.splitlines()]
    for _ in range(2):  # computed, then remembered
        assert hashes.content_hashes(root, paths, store) == expected


DAMAGE = {
    "truncated": lambda content: content[:-5],
    "empty": lambda content: b"",
    "other": lambda content: b'{"some": "json"}',
    "flipped": lambda content: content[:-70] + b"0123" + content[-66:],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_memory_is_made_anew(root, store, reads, damage):
    known = fingerprint(root, store)
    (memory,) = store.iterdir()
    whole = memory.read_bytes()
    memory.write_bytes(damage(whole))
    reads.clear()
    assert fingerprint(root, store) == known
    assert len(reads) == 6
    assert memory.read_bytes() == whole


def test_writers_at_once_leave_a_whole_memory(root, store, reads):
    found = []
    work = lambda: found.append(fingerprint(root, store))
    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    assert len(list(store.iterdir())) == 1
    reads.clear()
    assert fingerprint(root, store) == found[0]
    assert reads == []


def test_names_need_not_be_utf_8(root, tmp_path, reads):
    for split in ("train", "test"):
        name = os.fsencode(root / split) + b"/jos\xe9.png"
        try:
            shutil.copy(root / "train" / "1.png", os.fsdecode(name))
        except OSError:
            pytest.skip("this file system wants names in UTF-8")
    for path in [*root.glob("*/?.png")]:
        path.unlink()
    data = load(f"folder:{root}", data_dir=tmp_path / "data")
    assert (data.train.images[0, 0, 0, 0], len(data.test)) == (1, 1)
    reads.clear()
    load(f"folder:{root}", data_dir=tmp_path / "data")
    assert reads == []
    shutil.move(root / "train", tmp_path / "flat")  # the choice by a hash of the name
    shutil.copy(next((tmp_path / "flat").iterdir()), tmp_path / "flat" / "a.png")
    assert folder.read(folder.look(tmp_path / "flat")).test.count == 1


def test_moved_folder_finds_its_decoded_images(root, tmp_path, monkeypatch):
    data = load(f"folder:{root}", data_dir=tmp_path / "data")
    root.rename(tmp_path / "elsewhere")
    monkeypatch.setattr(folder, "read", None)  # calling it would fail
    moved = load(f"folder:{tmp_path / 'elsewhere'}", data_dir=tmp_path / "data")
    assert moved.fingerprint == data.fingerprint
    assert moved.name == f"folder:{tmp_path / 'elsewhere'}"
    np.testing.assert_array_equal(moved.train.images, data.train.images)
    metas = (tmp_path / "data" / "cache").glob("*/meta.json")
    (meta,) = (path.read_text() for path in metas)
    assert "pictures" not in meta


def test_changed_folder_is_decoded_anew_and_back_found(root, tmp_path, monkeypatch):
    opened = lambda: load(f"folder:{root}", data_dir=tmp_path / "data")
    path = root / "train" / "1.png"
    content, data = path.read_bytes(), opened()
    Image.new("L", (4, 4), 99).save(path)
    later(path)
    changed = opened()
    assert changed.fingerprint != data.fingerprint
    assert (data.train.images[0].max(), changed.train.images[0].min()) == (1, 99)
    path.write_bytes(content)
    later(path)
    monkeypatch.setattr(folder, "read", None)  # calling it would fail
    assert opened().fingerprint == data.fingerprint


def test_folders_of_equal_names_do_not_share_a_cache(root, tmp_path):
    fill(tmp_path / "b" / "pictures", range(10, 16))
    for _ in range(2):
        for path, first in ((root, 1), (tmp_path / "b" / "pictures", 11)):
            data = load(f"folder:{path}", data_dir=tmp_path / "data")
            assert data.train.images[0, 0, 0, 0] == first


def test_unreadable_file_is_named(root, store):
    (root / "train" / "gone.png").symlink_to(root / "nowhere.png")
    with pytest.raises(InputError, match=r"gone\.png cannot be read"):
        fingerprint(root, store)


def test_folders_that_change_places_are_told_apart(tmp_path):
    """Files of an archive have one time, and files of one format one size."""
    root = tmp_path / "pictures"
    for name, shade in (("cat", 0), ("dog", 100)):
        (root / name).mkdir(parents=True)
        for i in range(5):
            path = root / name / f"{i}.bmp"
            Image.new("L", (4, 4), shade + i).save(path)
            os.utime(path, ns=(10**18, 10**18))
    of_cat = lambda data: data.train.images[data.train.labels == 0]
    opened = lambda: load(f"folder:{root}", data_dir=tmp_path / "data")
    assert of_cat(opened()).max() < 100
    (root / "cat").rename(root / "x")
    (root / "dog").rename(root / "cat")
    (root / "x").rename(root / "dog")
    assert of_cat(opened()).min() >= 100


def test_a_folder_that_changes_while_it_is_read_is_refused(root, tmp_path, monkeypatch):
    """Its cache would hold other images than its fingerprint says."""
    real = folder.read

    def slow(*args, **options):
        Image.new("L", (4, 4), 99).save(root / "train" / "1.png")
        later(root / "train" / "1.png")
        return real(*args, **options)

    monkeypatch.setattr(folder, "read", slow)
    with pytest.raises(InputError, match="changed while it was read"):
        load(f"folder:{root}", data_dir=tmp_path / "data")
    assert list((tmp_path / "data" / "cache").iterdir()) == []
