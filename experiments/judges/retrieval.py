"""R-precision: how often an image finds its own caption among a hundred.

Xu et al. 2018 (AttnGAN, arXiv:1711.10485, section 4.1) rank captions by the cosine
similarity of their embeddings to the image's. A generator that is trained with the
encoder that judges it can learn to please it, so the judge is fitted here, from a seed
that no generator's encoder has.
"""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from experiments.captions import encoder
from experiments.judges.attributes import draw
from jaxgan import keys, nets
from jaxgan.data.captioned import CaptionedSet
from jaxgan.images import as_float
from jaxgan.metrics import means
from jaxgan.metrics.inputs import generator
from jaxgan.metrics.result import Result
from jaxgan.sampling import Sampler
from jaxgan.typing import Key

_SEED = 2_024_09
_DIM = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Retrieval:
    """Evaluator of images from captions: "r_precision", with that of real images.

    It is the share of samples whose own caption is nearer than all others: held-out
    captions drawn at random, no two with the same factors or, where these are not
    known, the same wording, and none that is another wording of the image's own. With m
    of them, chance is 1 / (m + 1). "real" in the details is the share for the held-out
    images. Returns nothing if there are no other captions.

    Attributes:
        samples: held-out captions that are drawn.
        among: captions that each image is compared with; fewer, if the set has fewer
            that differ.
        steps: updates of the encoder.
    """

    samples: int = 1_000
    among: int = 100
    steps: int = 3_000

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> dict[str, Result]:
        if not isinstance(data, CaptionedSet):
            return {}
        table = data.test
        rows = np.arange(min(self.samples, len(table)))
        captions = table.columns["captions"][:, 0]
        at = keys.stream(key, "retrieval", 0)
        others = _others(data, rows, self.among - 1, at)
        if others.shape[1] == 0:
            return {}
        made = draw(sampler, data, table, rows, at)
        texts, images = judge(data, self.steps)
        vectors = texts(captions)
        first = lambda shown: _first(images(shown), vectors, rows, others)
        found, real = first(made), first(table.columns["image"][rows])
        result = means.result(
            "R-precision",
            found,
            described=(
                f"{len(rows):,} held-out captions, 1 of {others.shape[1] + 1}, "
                "an encoder of its own"
            ),
            key=key,
            details={"real": float(real.mean())},
            higher_is_better=True,
        )
        return {"r_precision": result}


@functools.lru_cache(maxsize=2)
def judge(data: CaptionedSet, steps: int) -> tuple[Any, Any]:
    """Returns the functions from captions and from images to embeddings ``[n d]``."""
    fitted = encoder.fitted(data, jax.random.key(_SEED), dim=_DIM, steps=steps)
    text = encoder.text_encoder(data, _DIM)
    image = nets.text.ImageEncoder(_DIM)
    texts = jax.jit(lambda captions: text.apply(fitted["text"], captions))
    images = jax.jit(lambda x: image.apply(fitted["image"], as_float(x)))
    return _in_parts(texts), _in_parts(images)


def _in_parts(function: Any, size: int = 250) -> Any:
    def whole(rows: np.ndarray) -> np.ndarray:
        starts = range(0, len(rows), size)
        return np.concatenate(
            [np.asarray(function(rows[i : i + size])) for i in starts]
        )

    return whole


def _others(data: CaptionedSet, rows: np.ndarray, count: int, key: Key) -> np.ndarray:
    """Draws rows of other captions for each row, ``[n m]``, m at most ``count``.

    No two of them are of one kind, since captions that say the same would be one
    rival, and chance better than it seems; nor is one of the row's own kind or, where
    factors are not known, one of its own wordings.
    """
    random, columns = generator(key), data.test.columns
    captions = columns["captions"]
    values = columns["factors"] if data.factors else captions[:, 0]
    _, kinds, sizes = np.unique(values, axis=0, return_inverse=True, return_counts=True)
    kinds = kinds.ravel()
    order = np.argsort(kinds, kind="stable")
    starts = np.cumsum(sizes) - sizes
    kind_of = dict(zip((value.tobytes() for value in values), kinds, strict=True))

    def rivals(row: int) -> np.ndarray:
        own = {kinds[row]}
        if not data.factors:
            own |= {kind_of.get(each.tobytes(), kinds[row]) for each in captions[row]}
        return np.setdiff1d(np.arange(len(sizes)), list(own))

    allowed = [rivals(row) for row in rows]
    count = min(count, *map(len, allowed))

    def pick(among: np.ndarray) -> np.ndarray:
        others = among[random.choice(len(among), count, replace=False)]
        return order[starts[others] + random.integers(sizes[others])]

    return np.stack([pick(among) for among in allowed])


def _first(
    images: np.ndarray, texts: np.ndarray, rows: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """Returns whether each image is nearest to its own caption, ``[n]``."""
    own = (images * texts[rows]).sum(axis=1)
    rivals = np.einsum("nd,nmd->nm", images, texts[others])
    return (own > rivals.max(axis=1)).astype(float)
