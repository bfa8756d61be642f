"""A sheet of images drawn from captions: a caption above each row."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

from jaxgan.data.glyphs import font_file
from jaxgan.evaluation.inputs import entry, held_out
from jaxgan.report import pictures
from jaxgan.sampling import Sampler
from jaxgan.typing import Key

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_LEAST = 64  # pixels of an image's height, at least
_POINTS, _LINE, _MARGIN = 11, 15, 2  # pixels of a caption's font, lines and margin


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
        given = entry(batch, str(sampler.game.condition))[:, :1]
        given = np.repeat(given, self.columns, axis=1)
        return sheet(drawn_from(sampler, given, key), texts)


def drawn_from(
    sampler: Sampler, captions: np.ndarray, key: Key
) -> Float[np.ndarray, "n m h w c"]:
    """Returns samples of captions or embeddings ``[n m _]``.

    The m-th has the same latent in all rows, whatever their length.
    """
    made = [np.asarray(sampler(key, len(row), condition=row)) for row in captions]
    return np.stack(made)


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
        _titled(pictures.grid(row, len(row)).convert("RGB"), text)
        for row, text in zip(images, texts, strict=True)
    ]
    whole = Image.new("RGB", (parts[0].width, sum(part.height for part in parts)))
    top = 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    return whole


def _titled(picture: "Picture", text: str) -> "Picture":
    """Returns a picture under its caption, on as many lines as it takes."""
    # DejaVu has more scripts than Pillow's own font.
    basic = ImageFont.Layout.BASIC
    font = ImageFont.truetype(font_file("sans"), _POINTS, layout_engine=basic)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        fits = font.getlength(longer) <= picture.width - 2 * _MARGIN
        lines = [*lines[:-1], longer] if fits or not lines[-1] else [*lines, word]
    height = _LINE * len(lines)
    whole = Image.new("RGB", (picture.width, picture.height + height), "white")
    whole.paste(picture, (0, height))
    at = (_MARGIN, 1)
    ImageDraw.Draw(whole).text(at, "\n".join(lines), "black", font, spacing=2)
    return whole
