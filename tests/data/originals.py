"""Small files in the form of the original ones, written from their descriptions."""

import io
import struct
import tarfile

import numpy as np
from tensorflow_datasets.core.download import checksums

from jaxgan.data import idx

MNIST_FILES = [url.rsplit("/", 1)[-1] for url in idx.Mnist.urls]


def idx_bytes(array):
    header = struct.pack(">HBB", 0, 8, array.ndim)
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def cifar_record(label, image):
    """A record as the archive's readme has it: label, then 1024 R, 1024 G, 1024 B."""
    return bytes([label]) + b"".join(image[..., c].tobytes() for c in range(3))


def cifar_archive(path, batches):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in batches.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def cifar_images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), np.uint8)


def register(monkeypatch, builder, folder):
    """Makes the files in ``folder`` the published ones, as far as tfds can tell."""
    urls = {url: folder / url.rsplit("/", 1)[-1] for url in builder.urls}
    infos = {u: checksums.compute_url_info(file) for u, file in urls.items()}
    monkeypatch.setattr(builder, "url_infos", infos)
