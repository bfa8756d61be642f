"""300 folders of random layouts: a set that keeps its splits apart, or a message."""

import os
import re
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.data import load
from tests.fuzz.mutate import bounded

COUNT = 300
TOPS = (
    *("train", "Training", "TEST", "val", "valid", "dev", "trainA", "trainB", "testA"),
    *(
        "cat",
        "dog",
        "1",
        "2",
        "10",
        "__MACOSX",
        "annotations",
        ".git",
        "train_augmented",
    ),
    *("m\udcfcnchen", "a b", "-x", "\u72d7", "x" * 200, "%s", "<b>"),
)
CLASSES = ("", "", "a", "b", "10", "9", "deep/er", "train")
SUFFIXES = ("png", "png", "png", "PNG", "jpg", "bmp", "txt", "heic", "avif", "", "gif")
HELD_OUT = re.compile(r"(test|val|valid|dev)", re.IGNORECASE)


def build(root, random):
    """A folder of up to four others; the second value of an image is its number."""
    tops = random.choice(TOPS, random.integers(1, 5), replace=False).tolist()
    # Half of them as people make them, or next to none would be understood.
    if random.integers(2):
        tops = [["train", "test"], ["cat", "dog", "10"], [""]][random.integers(3)]
    inner = random.choice(CLASSES, random.integers(1, 3)).tolist()
    number = 0
    for top in tops:
        for name in inner:
            for _ in range(random.integers(0, 7)):
                suffix = SUFFIXES[random.integers(3 if random.integers(3) else 11)]
                path = root / top / name / f"{number}.{suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                image = Image.new("L", (2, 2), number)
                image.save(path, "BMP") if suffix != "txt" else path.touch()
                number += 1
    if random.integers(8) == 0:
        (root / "link").symlink_to(root)
    if random.integers(8) == 0:
        os.mkfifo(root / "pipe.png")


def opened(root, data_dir):
    try:
        return load(f"folder:{root}", data_dir=data_dir), ""
    except InputError as error:
        return None, str(error)


@pytest.mark.filterwarnings("ignore::jaxgan.data.source.DataWarning")
def test_random_layouts_are_understood_or_refused(tmp_path):
    random, ends = np.random.default_rng(0), Counter()
    for number in range(COUNT):
        root = tmp_path / f"set-{number}"
        root.mkdir()
        build(root, random)
        with bounded(str(root)):
            data, message = opened(root, tmp_path / "data")
        ends["read" if data else "refused"] += 1
        if data is None:
            assert len(message) < 1500
            message.encode()  # it can be printed
        else:
            check(root, data)
    assert min(ends.values()) > COUNT // 5


def check(root, data):
    """Whatever was understood: nothing twice, nothing held out that is trained on."""
    train, test = (
        set(split.images[:, 0, 0, 0].tolist()) for split in (data.train, data.test)
    )
    assert train
    assert test
    assert not train & test
    assert len(train) == len(data.train)
    data.note.encode()
    if data.num_classes:
        trained = np.bincount(data.train.labels, minlength=data.num_classes)
        assert trained.min() >= 1
    tops = {path.name for path in root.iterdir()}
    held_out = [top for top in tops if HELD_OUT.fullmatch(top)]
    for top in held_out:
        for path in (root / top).rglob("*.png"):
            assert int(path.stem) not in train
