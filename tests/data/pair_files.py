"""Pairs of small images on disk, each of one value."""

import numpy as np
from PIL import Image

from jaxgan.data import load_pairs

TARGET = 100  # what a target's pixels are above its input's


def opened(root, **options):
    return load_pairs(f"pairs:{root}", data_dir=root.parent / "data", **options)


def save(path, value, size=(4, 4), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    shade = value if mode == "L" else (value, value, 0)
    Image.new(mode, size, shade).save(path, "PNG")


def save_pair(root, a, b, value):
    """Writes an input of one value and a target of another; halves if ``b`` is ""."""
    if b:
        save(root / a, value)
        save(root / b, value + TARGET)
        return
    both = np.full((4, 8), value, np.uint8)
    both[:, 4:] += TARGET
    (root / a).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(both).save(root / a, "PNG")


def fill(root, count=6):
    for i in range(count):
        save_pair(root, f"A/{i}.png", f"B/{i}.png", i)
