"""Captions to draw wrong ones from, for `jaxgan.methods.gan_cls`."""

import warnings
from typing import Any

import numpy as np

from jaxgan.checks import InputError
from jaxgan.data.captioned import CaptionedSet
from jaxgan.data.source import DataWarning

_COUNT = 1_024  # captions to draw wrong ones from
_TOO_MANY = 0.25  # of these, that are right by chance


def wrong_captions(data: Any, column: str, *, used: bool) -> np.ndarray:
    """Returns captions to draw wrong ones from, evenly spaced over the training set.

    For a loaded run they are blank: its state holds the real ones.

    Args:
        data: the set.
        column: its captions or embeddings.
        used: whether the game draws any.

    Raises:
        InputError: all captions are equal, so none tells what to draw.

    Warns:
        DataWarning: of those that the game draws, many would be right.
    """
    if not isinstance(data, CaptionedSet):
        blank = np.float32 if column == "embeddings" else np.int32
        return np.zeros((_COUNT, data.shape_of(column)[-1]), blank)
    captions = data.train.columns[column]
    captions = captions.reshape(-1, captions.shape[-1])
    others = captions[np.linspace(0, len(captions) - 1, _COUNT).astype(int)]
    _, counts = np.unique(others, axis=0, return_counts=True)
    share = float(np.sum((counts / counts.sum()) ** 2))
    if (captions == captions[0]).all():
        raise InputError(
            "All captions are equal, so none tells what to draw, or is wrong for "
            "another image. Give captions that tell the images apart."
        )
    if used and share > _TOO_MANY:
        warnings.warn(
            f"Of the wrong captions that the discriminator learns to refuse, "
            f"{share:.0%} are right: the set has few that differ, or a frequent one. "
            "Write captions that tell the images apart, or lower --mismatch.",
            DataWarning,
            stacklevel=2,
        )
    return others
