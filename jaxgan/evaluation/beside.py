"""A picture of samples, each beside its nearest images in the data."""

from collections.abc import Collection

import numpy as np
from PIL import Image

from jaxgan.data.pictures import Pictures
from jaxgan.evaluation.seen import Seen
from jaxgan.metrics import memorised
from jaxgan.metrics.features.extractor import BLOCK
from jaxgan.report.pictures import strips

_SHOWN, _NEAREST = 12, 5


def beside_nearest(
    real: Pictures, fake: Pictures, of_real: Seen, of_fake: Seen
) -> Image.Image:
    """Returns the first samples, each beside its nearest images in features."""
    count, shown = min(_NEAREST, real.count), min(_SHOWN, fake.count)
    assert of_real.features is not None
    assert of_fake.features is not None
    rows, _ = memorised.nearest(of_real.features, of_fake.features[:shown], count)
    samples = _pick(fake, range(shown))
    data = _pick(real, set(rows.ravel().tolist()))
    size = samples[0].shape[1::-1]
    fit = lambda image: np.asarray(Image.fromarray(image).resize(size))
    columns = {"sample": np.stack([fit(samples[n]) for n in range(shown)])}
    for place, near in enumerate(rows.T.tolist(), start=1):
        columns[f"nearest {place}"] = np.stack([fit(data[row]) for row in near])
    return strips(columns)


def _pick(images: Pictures, rows: Collection[int]) -> dict[int, np.ndarray]:
    """Returns the images in some rows of a set, which is read only as far as needed."""
    found, number = {}, 0
    for block in images.blocks(BLOCK):
        for image in block:
            if number in rows:
                found[number] = image
            number += 1
        if len(found) == len(rows):
            break
    return found
