"""Loading by name: real files where they are, small ones of the true form elsewhere."""

import gzip
import subprocess
import sys

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.data import cifar, digits, load, prepare
from jaxgan.data.source import DataWarning
from tests.data.originals import (
    MNIST_FILES,
    cifar_archive,
    cifar_images,
    cifar_record,
    register,
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """One data_dir for the sets that several tests read."""
    return tmp_path_factory.mktemp("data")


def test_digits_hold_out_the_last_fifth(data_dir):
    data = load("digits", data_dir=data_dir)
    images, labels = digits.read()
    assert (len(data.train), len(data.test)) == (1415, 382)
    assert data.train.classes == tuple("0123456789")
    np.testing.assert_array_equal(data.train.images, images[:1415])
    np.testing.assert_array_equal(data.test.images, images[1415:])
    np.testing.assert_array_equal(data.train.labels, labels[:1415])
    np.testing.assert_array_equal(data.test.labels, labels[1415:])


def test_options_make_caches_of_their_own(data_dir):
    plain = load("digits", data_dir=data_dir)
    large = load("digits", data_dir=data_dir, resolution=16, channels=3)
    assert plain.image_shape == (8, 8, 1)
    assert large.image_shape == (16, 16, 3)
    # Lanczos weights sum to one, so the mean stays, but for clipping at black.
    means = [data.train.images.mean() for data in (plain, large)]
    np.testing.assert_allclose(*means, rtol=0.05)


def test_second_load_prepares_nothing(data_dir, monkeypatch):
    load("digits", data_dir=data_dir)
    monkeypatch.setattr(prepare, "read_own", None)  # calling it would fail
    load("digits", data_dir=data_dir)


def test_damaged_cache_is_decoded_anew(tmp_path):
    data = load("digits", data_dir=tmp_path)
    (file,) = tmp_path.glob("cache/*/train_images.npy")
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.warns(DataWarning, match="damaged"):
        again = load("digits", data_dir=tmp_path)
    np.testing.assert_array_equal(again.test.images, data.test.images)
    assert again.train.images.shape == (1415, 8, 8, 1)


def test_mnist_form_keeps_values_and_order(tmp_path, small_mnist):
    folder, arrays = small_mnist
    data = load("mnist", data_dir=tmp_path, manual_dir=folder)
    for split, names in ((data.train, MNIST_FILES[:2]), (data.test, MNIST_FILES[2:])):
        np.testing.assert_array_equal(split.images[..., 0], arrays[names[0]])
        np.testing.assert_array_equal(split.labels, arrays[names[1]])


def test_prepared_set_needs_no_originals(tmp_path, small_mnist):
    folder, _ = small_mnist
    load("mnist", data_dir=tmp_path, manual_dir=folder)
    data = load("mnist", data_dir=tmp_path, resolution=14)
    assert data.image_shape == (14, 14, 1)


def test_cifar_form_keeps_values_and_order(tmp_path, monkeypatch):
    images, labels = cifar_images(12), [i % 10 for i in range(12)]
    written = list(map(cifar_record, labels, images))
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    pairs = [written[2 * i] + written[2 * i + 1] for i in range(6)]
    cifar_archive(
        tmp_path / "cifar-10-binary.tar.gz", dict(zip(names, pairs, strict=True))
    )
    register(monkeypatch, cifar.Cifar10, tmp_path)
    data = load("cifar10", data_dir=tmp_path / "data", manual_dir=tmp_path)
    assert data.train.classes[:2] == ("airplane", "automobile")
    np.testing.assert_array_equal(data.train.images, images[:10])
    np.testing.assert_array_equal(data.test.images, images[10:])
    np.testing.assert_array_equal(data.test.labels, [0, 1])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_originals_load_as_they_are(original, name, tmp_path):
    data = load(name, data_dir=tmp_path, manual_dir=original(name))
    for images, stem in ((data.train, "train"), (data.test, "t10k")):
        with gzip.open(original(name) / f"{stem}-images-idx3-ubyte.gz") as file:
            pixels = np.frombuffer(file.read()[16:], np.uint8)
        np.testing.assert_array_equal(images.images.ravel(), pixels)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [({"resolution": 0}, "at least 1 pixel, got 0"), ({"channels": 2}, "got 2")],
    ids=["resolution", "channels"],
)
def test_impossible_options_are_refused(tmp_path, knobs, message):
    with pytest.raises(InputError, match=message):
        load("digits", data_dir=tmp_path, **knobs)


def test_unusable_data_dir_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"--data-dir .*file cannot be used") as caught:
        load("digits", data_dir=tmp_path / "file")
    assert isinstance(caught.value.__cause__, OSError)


LOAD = """
import sys
from jaxgan.data import load
assert not {"tensorflow_datasets", "grain", "PIL"} & set(sys.modules)
data = load("digits", data_dir=sys.argv[1])
print(len(data.train), *sorted(
    {"tensorflow", "torch", "tensorflow_datasets"} & set(sys.modules)))
"""


def start(data_dir):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", LOAD, str(data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_first_starts_at_once_and_a_second(tmp_path):
    both = [start(tmp_path), start(tmp_path)]
    for process in both:
        out, err = process.communicate(timeout=120)
        # Nothing else on stdout or stderr, and neither TensorFlow nor torch.
        assert err == ""
        assert out in ("1415 tensorflow_datasets\n", "1415\n")
        assert process.returncode == 0
    out, err = start(tmp_path).communicate(timeout=120)
    assert (out, err) == ("1415\n", "")
