"""What tfds prepares: checksums, downloads that fail, and stock sets."""

import json

import numpy as np
import pytest
import requests
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import checksums

from jaxgan.checks import InputError
from jaxgan.data import fetch, idx, load, prepare, records
from tests.data.originals import MNIST_FILES, register


@pytest.mark.parametrize("builder", prepare._OWN.values(), ids=prepare._OWN.keys())
def test_every_download_has_a_checksum(builder):
    for url in builder.urls:
        info = builder.url_infos[url]
        assert info.filename == url.rsplit("/", 1)[-1]
        assert len(info.checksum) == 64


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_checksums_are_those_of_the_originals(original, name):
    for url, expected in prepare._OWN[name].url_infos.items():
        path = original(name) / expected.filename
        if url in prepare._OWN[name].urls:
            assert checksums.compute_url_info(path) == expected


def test_fashion_mnist_test_files_parse(original):
    folder = original("fashion_mnist")
    pixels = idx.read_idx(folder / "t10k-images-idx3-ubyte.gz", ndim=3)
    labels = idx.read_idx(folder / "t10k-labels-idx1-ubyte.gz", ndim=1)
    assert pixels.shape == (10000, 28, 28)
    np.testing.assert_array_equal(np.bincount(labels), np.full(10, 1000))


def test_checksum_mismatch_names_file_and_sums(tmp_path, small_mnist):
    folder, _ = small_mnist
    wanted = idx.Mnist.url_infos[idx.Mnist.urls[0]].checksum
    (folder / MNIST_FILES[0]).write_bytes(b"something else")
    got = checksums.compute_url_info(folder / MNIST_FILES[0]).checksum
    with pytest.raises(InputError) as caught:
        load("mnist", data_dir=tmp_path, manual_dir=folder)
    for part in (str(folder / MNIST_FILES[0]), wanted, got, "fetch it again"):
        assert part in str(caught.value)
    assert caught.value.__cause__ is not None


def test_offline_download_lists_files_and_flag(tmp_path):
    with pytest.raises(InputError, match="mnist cannot be downloaded") as caught:
        load("mnist", data_dir=tmp_path)
    for part in ("--manual-dir", *idx.Mnist.urls):
        assert part in str(caught.value)


def test_partial_manual_dir_lists_what_it_lacks(tmp_path, small_mnist):
    folder, _ = small_mnist
    (folder / MNIST_FILES[3]).unlink()
    with pytest.raises(InputError, match=r"originals lacks them") as caught:
        load("mnist", data_dir=tmp_path, manual_dir=folder)
    assert MNIST_FILES[3] in str(caught.value)
    assert MNIST_FILES[0] not in str(caught.value)


def test_missing_manual_dir_lists_files(tmp_path):
    with pytest.raises(InputError, match=r"nowhere is not a folder.*") as caught:
        load("cifar10", data_dir=tmp_path, manual_dir=tmp_path / "nowhere")
    assert "cifar-10-binary.tar.gz" in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [requests.ConnectionError("reset"), tfds.download.DownloadError("HTTP code: 404")],
    ids=["network", "status"],
)
def test_failed_download_says_how_to_go_on(tmp_path, monkeypatch, error):
    def fail(builder, data_dir, manual_dir):
        raise error

    monkeypatch.setattr(fetch, "check_reachable", lambda *_: None)
    monkeypatch.setattr(prepare, "_prepare", fail)
    with pytest.raises(InputError, match=r"reset|404") as caught:
        load("mnist", data_dir=tmp_path)
    assert "--manual-dir" in str(caught.value)


def test_earlier_downloads_are_not_asked_for_again(tmp_path):
    note = tmp_path / "downloads" / "jaxgan_mnist" / "file.INFO"
    note.parent.mkdir(parents=True)
    note.write_text(json.dumps({"urls": [idx.Mnist.urls[1]]}))
    missing = fetch.missing(idx.Mnist.urls, tmp_path, None)
    assert missing == [url for url in idx.Mnist.urls if url != idx.Mnist.urls[1]]


@pytest.mark.parametrize(
    ("name", "near"),
    [("mnits", "mnist"), ("fashion-mnist", "fashion_mnist"), ("svhn_crop", "svhn_cro")],
)
def test_unknown_set_suggests_the_nearest(tmp_path, name, near):
    with pytest.raises(InputError, match=f"Did you mean .*{near}") as caught:
        load(name, data_dir=tmp_path)
    for known in ("digits", "mnist", "fashion_mnist", "cifar10", "folder:PATH"):
        assert known in str(caught.value)


class StockToy(tfds.core.GeneratorBasedBuilder):
    """Stands for a stock set: registered, and here without need of TensorFlow."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return records.info(self, (4, 4, 3), ["a", "b"])

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        images = np.arange(40, dtype=np.uint8)[:, None, None, None]
        labels = np.arange(40) % 2
        yield from records.examples(np.tile(images, (1, 4, 4, 3)), labels)


class StockText(StockToy):
    """A stock set without images."""

    def _info(self):
        text = tfds.features.FeaturesDict({"text": tfds.features.Text()})
        return tfds.core.DatasetInfo(builder=self, features=text)

    def _generate_examples(self):
        yield 0, {"text": "words"}


def test_stock_set_without_tensorflow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"stock_toy .* pip install 'jaxgan\[tf\]'"):
        load("stock_toy", data_dir=tmp_path)


@pytest.fixture
def with_tensorflow(monkeypatch):
    monkeypatch.setattr(prepare, "_check_tensorflow", lambda name: None)


def test_stock_set_holds_out_a_tenth(tmp_path, with_tensorflow):
    data = load("stock_toy", data_dir=tmp_path)
    assert data.train.classes == ("a", "b")
    np.testing.assert_array_equal(data.train.images[:, 0, 0, 0], np.arange(36))
    np.testing.assert_array_equal(data.test.images[:, 0, 0, 0], np.arange(36, 40))
    np.testing.assert_array_equal(data.test.labels, [0, 1, 0, 1])


def test_stock_set_without_images_is_refused(tmp_path, with_tensorflow):
    with pytest.raises(InputError, match=r"text is not an image set: .* got text"):
        load("stock_text", data_dir=tmp_path)


def test_failing_stock_set_is_named(tmp_path, with_tensorflow, monkeypatch):
    monkeypatch.setattr(StockToy, "_split_generators", lambda *_: 1 / 0)
    with pytest.raises(InputError, match="could not prepare stock_toy: ZeroDivision"):
        load("stock_toy", data_dir=tmp_path)


class Builder:
    """A builder whose last step, the rename, fails."""

    def __init__(self, data_path, winner):
        self.data_path, self.winner = data_path, winner

    def download_and_prepare(self, download_dir, download_config, file_format):
        if self.winner:  # another process has renamed its own before
            self.data_path.mkdir()
        raise OSError("Directory not empty")


def test_faster_process_wins_the_preparation(tmp_path):
    prepare._prepare(Builder(tmp_path / "set", winner=True), tmp_path, None)


def test_failed_preparation_is_raised(tmp_path):
    with pytest.raises(OSError, match="not empty"):
        prepare._prepare(Builder(tmp_path / "set", winner=False), tmp_path, None)


def test_damaged_records_are_named(tmp_path, small_mnist):
    folder, _ = small_mnist
    load("mnist", data_dir=tmp_path, manual_dir=folder)
    (file,) = tmp_path.glob("tfds/jaxgan_mnist/*/*-train.array_record*")
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="jaxgan_mnist"):
        load("mnist", data_dir=tmp_path, resolution=8)


def test_inconsistent_originals_are_named(tmp_path, small_mnist, monkeypatch):
    folder, _ = small_mnist
    (folder / MNIST_FILES[1]).write_bytes((folder / MNIST_FILES[3]).read_bytes())
    register(monkeypatch, idx.Mnist, folder)
    with pytest.raises(InputError, match="70 images and 20 labels"):
        load("mnist", data_dir=tmp_path, manual_dir=folder)
