"""The idx and CIFAR parsers, on small files of the true layout."""

import gzip

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.data import cifar, digits, idx, records
from tests.data.originals import cifar_archive, cifar_images, cifar_record, idx_bytes


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (0, 28, 28)], ids=str)
def test_parse_idx_returns_the_array(shape):
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    got = idx.parse_idx(idx_bytes(array), "x", ndim=len(shape))
    np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begin with 00 00 08 01, got nothing"),
        (b"\x00\x00\x0d\x01" + bytes(8), "got 00 00 0d 01"),
        (b"\x00\x00\x08\x03" + bytes(16), "got 00 00 08 03"),
        (b"\x00\x00\x08\x01\x00", "ends within its header"),
        (
            idx_bytes(np.zeros(9, np.uint8))[:-1],
            r"shape \(9,\), so 17 bytes.* holds 16",
        ),
        (idx_bytes(np.zeros(9, np.uint8)) + b"x", r"so 17 bytes.* holds 18"),
    ],
    ids=["empty", "floats", "images", "header", "short", "long"],
)
def test_parse_idx_refuses(content, message):
    with pytest.raises(InputError, match="some-labels.*" + message):
        idx.parse_idx(content, "some-labels", ndim=1)


@pytest.mark.parametrize("cut", [slice(0, 30), slice(5, None)], ids=["tail", "head"])
def test_read_idx_names_damaged_gzip(tmp_path, cut):
    path = tmp_path / "x-ubyte.gz"
    noise = np.random.default_rng(0).integers(0, 256, 999, np.uint8)
    path.write_bytes(gzip.compress(idx_bytes(noise))[cut])
    with pytest.raises(InputError, match=r"x-ubyte\.gz cannot be decompressed"):
        idx.read_idx(path, ndim=1)


def test_parse_batch_returns_images_and_labels():
    images = cifar_images(3)
    content = b"".join(map(cifar_record, (9, 0, 4), images))
    got, labels = cifar.parse_batch(content, "x")
    np.testing.assert_array_equal(got, images)
    assert labels.tolist() == [9, 0, 4]


@pytest.mark.parametrize("size", [0, 3072, 3074], ids=str)
def test_parse_batch_refuses_size(size):
    with pytest.raises(InputError, match=f"records of 3073 bytes, got {size} bytes"):
        cifar.parse_batch(bytes(size), "x")


def test_parse_batch_refuses_label():
    with pytest.raises(InputError, match="labels from 0 to 9, got 10"):
        cifar.parse_batch(cifar_record(10, cifar_images(1)[0]), "x")


def test_read_archive_joins_files_in_order(tmp_path):
    images = cifar_images(4)
    record = [cifar_record(i, image) for i, image in enumerate(images)]
    cifar_archive(
        tmp_path / "c.tar.gz",
        {
            "b.bin": record[2] + record[3],
            "readme.html": b"<html>",
            "a.bin": record[0] + record[1],
        },
    )
    got, labels = cifar.read_archive(tmp_path / "c.tar.gz", ("a.bin", "b.bin"))
    np.testing.assert_array_equal(got, images)
    assert labels.tolist() == [0, 1, 2, 3]


def test_read_archive_names_missing_batches(tmp_path):
    cifar_archive(tmp_path / "c.tar.gz", {"data_batch_1": b"a pickle"})
    with pytest.raises(InputError, match=r"lacks test_batch\.bin; expected the binary"):
        cifar.read_archive(tmp_path / "c.tar.gz", ("test_batch.bin",))


def test_read_archive_names_truncated_archive(tmp_path):
    path = tmp_path / "c.tar.gz"
    cifar_archive(path, {"a.bin": cifar_record(1, cifar_images(1)[0])})
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(InputError, match=r"c\.tar\.gz is not a whole tar\.gz archive"):
        cifar.read_archive(path, ("a.bin",))


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        ((2, 27, 28, 1), [0, 1], r"images of shape \(28, 28, 1\), got \(27, 28, 1\)"),
        ((2, 28, 28, 1), [0], "2 images and 1 labels"),
        ((2, 28, 28, 1), [0, 10], "labels from 0 to 9, got 10"),
    ],
    ids=["shape", "count", "label"],
)
def test_check_refuses(shape, labels, message):
    with pytest.raises(InputError, match=message):
        records.check("x", np.zeros(shape, np.uint8), np.array(labels), (28, 28, 1), 10)


def test_digits_are_scaled_to_bytes():
    from sklearn.datasets import load_digits

    images, labels = digits.read()
    original = load_digits()
    np.testing.assert_allclose(images[..., 0] / 255, original.images / 16, atol=0.002)
    assert (images.min(), images.max()) == (0, 255)
    np.testing.assert_array_equal(labels, original.target)
