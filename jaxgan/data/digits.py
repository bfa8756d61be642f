"""scikit-learn's handwritten digits: shipped with it, so nothing is downloaded."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Int, UInt8

from jaxgan.data import records
from jaxgan.data.source import OWN_SETS

_FIRST_HELD_OUT = 1_415  # of the writers' first rows, the nearest to four fifths


def read() -> tuple[UInt8[np.ndarray, "n 8 8 1"], Int[np.ndarray, " n"]]:
    """Reads all 1,797 digits in scikit-learn's order, their 17 shades as 0..255."""
    # The file that `sklearn.datasets.load_digits` reads; importing that takes a second.
    spec: Any = importlib.util.find_spec("sklearn")
    path = Path(spec.submodule_search_locations[0]) / "datasets/data/digits.csv.gz"
    rows = np.loadtxt(path, delimiter=",")
    images = np.rint(rows[:, :-1] * (255 / 16)).astype(np.uint8)
    return images.reshape(-1, 8, 8, 1), rows[:, -1].astype(np.int64)


class Digits(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Handwritten digits: 1,415 to train and 382 to test, 8x8, grayscale.

    The order of the rows follows the writers, each of whom began with 0 to 9 three
    times. The cut is where one of them begins, so the held-out digits come from other
    people than the rest: a generator cannot be judged on a writer it has seen.

    From the UCI Machine Learning Repository, by E. Alpaydin and C. Kaynak, CC BY 4.0.
    """

    name = "jaxgan_digits"
    VERSION = tfds.core.Version(OWN_SETS["digits"])
    urls = ()

    def _info(self) -> Any:
        return records.info(self, (8, 8, 1), tuple("0123456789"))

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        images, labels = read()
        train = _FIRST_HELD_OUT
        return {
            "train": self._generate_examples(images[:train], labels[:train]),
            "test": self._generate_examples(images[train:], labels[train:]),
        }

    def _generate_examples(
        self, images: np.ndarray, labels: np.ndarray
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        yield from records.examples(images, labels)
