"""Where the original files lie, if anywhere; and no way to the network."""

import gzip
import os
import pathlib
import urllib.error
import urllib.request

import numpy as np
import pytest


@pytest.fixture
def original():
    """Gives the folder of a set's original files, or skips the test."""
    beside = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "data"
    root = pathlib.Path(os.environ.get("JAXGAN_TEST_DATA", beside))

    def folder(name):
        if not (root / name).is_dir():
            pytest.skip(f"no {name}/ in JAXGAN_TEST_DATA")
        return root / name

    return folder


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Tests must not depend on a network, nor wait for one."""

    def refuse(request, timeout):
        raise urllib.error.URLError("the tests are offline")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.fixture
def small_mnist(tmp_path, monkeypatch):
    """Four idx files with 70 and 20 random images, and their arrays."""
    # Not above: the jaxtyping hook must be in place before jaxgan is imported.
    from jaxgan.data.idx import Mnist
    from tests.data.originals import MNIST_FILES, idx_bytes, register

    folder = tmp_path / "originals"
    folder.mkdir()
    rng = np.random.default_rng(0)
    arrays = {}
    for count, (images, labels) in zip(
        (70, 20), (MNIST_FILES[:2], MNIST_FILES[2:]), strict=True
    ):
        arrays[images] = rng.integers(0, 256, (count, 28, 28), np.uint8)
        arrays[labels] = rng.integers(0, 10, count, np.uint8)
    for name, array in arrays.items():
        (folder / name).write_bytes(gzip.compress(idx_bytes(array)))
    register(monkeypatch, Mnist, folder)
    return folder, arrays
