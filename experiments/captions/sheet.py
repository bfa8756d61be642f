"""A sheet of images drawn from captions: a caption above each row."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from jaxgan.evaluation.inputs import entry, held_out
from jaxgan.report import pictures
from jaxgan.sampling import Sampler
from jaxgan.typing import Key

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_LEAST = 64  # pixels of an image's height, at least


@dataclasses.dataclass(frozen=True, kw_only=True)
class Captions:
    """Shows samples of the first held-out captions; see `jaxgan.show`.

    Attributes:
        rows: the number of captions.
        columns: the number of samples of each.
    """

    rows: int = 8
    columns: int = 8

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> "Picture":
        rows = np.arange(min(self.rows, len(held_out(data))))
        batch = held_out(data).batch(rows)
        texts = [data.vocabulary.decode(each) for each in batch["captions"][:, 0]]
        given = entry(batch, str(sampler.game.condition))[:, 0]
        condition = np.repeat(given, self.columns, axis=0)
        made = np.asarray(sampler(key, len(condition), condition=condition))
        return sheet(made.reshape(len(rows), self.columns, *made.shape[1:]), texts)


def sheet(images: Float[np.ndarray, "n m h w c"], texts: Sequence[str]) -> "Picture":
    """Draws rows of images in [-1, 1] with their captions above.

    Args:
        images: n rows of m images.
        texts: n captions.
    """
    # Enlarged so that a caption fits above eight of them.
    times = -(-_LEAST // images.shape[2])
    images = images.repeat(times, axis=2).repeat(times, axis=3)
    parts = [
        pictures.titled(pictures.grid(row, len(row)), text).convert("RGB")
        for row, text in zip(images, texts, strict=True)
    ]
    whole = Image.new("RGB", (parts[0].width, sum(part.height for part in parts)))
    top = 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    return whole
