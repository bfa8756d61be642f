"""Samples judged by what a network sees: FID and its kin, in a run and after it."""

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan import keys
from jaxgan.data.pictures import Block, Pictures, as_rgb
from jaxgan.evaluation.inputs import draw, entry, output_of, trained_on
from jaxgan.evaluation.quality import Pair, check, judge, wanted
from jaxgan.evaluation.seen import MOMENTS, Seen, look, remembered
from jaxgan.metrics.features.extractor import Extractor
from jaxgan.metrics.result import Result
from jaxgan.sampling import Sampler
from jaxgan.typing import Key

_TOGETHER = 256  # samples of one call


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ByFeatures:
    """Evaluator: the metrics of samples against the training set, by a network.

    Attributes:
        extractor: the network, see `jaxgan.metrics.features.load`.
        metrics: of `jaxgan.evaluation.quality.METRICS`.
        samples: of the generator.
        store: a folder where the moments of the training set are kept; None: they are
            computed at each judgement.
    """

    extractor: Extractor
    metrics: tuple[str, ...] = ("fid",)
    samples: int = 10_000
    store: Path | None = None

    def __post_init__(self):
        check(self.metrics)

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> dict[str, Result]:
        of_real, of_fake = wanted(self.metrics)
        at = keys.stream(key, "eval", 0)
        fake = look(self.extractor, sampled(sampler, data, at, self.samples), of_fake)
        real = self._seen(training_pictures(sampler, data), of_real)
        return judge(self.metrics, Pair(self.extractor, real, fake, key))

    def _seen(self, pictures: Pictures, of_real: frozenset[str]) -> Seen:
        see = partial(look, self.extractor, pictures, of_real)
        if self.store is None or of_real != {MOMENTS}:
            return see()
        return remembered(self.store, self.extractor, pictures, see)


def training_pictures(sampler: Sampler, data: Any) -> Pictures:
    """Returns the training images that a game's samples imitate.

    Raises:
        InputError: they are no images.
    """
    name, _ = output_of(sampler.game, data)
    table = trained_on(data)
    title = f"{getattr(data, 'name', 'data')} train"

    def blocks(size: int) -> Iterator[Block]:
        for start in range(0, len(table), size):
            chosen = np.arange(start, min(start + size, len(table)))
            yield as_rgb(entry(table.batch(chosen), name), title)

    fingerprint = getattr(data, "fingerprint", "")
    return Pictures(
        name=title,
        count=len(table),
        blocks=blocks,
        identity=f"{fingerprint} train {name}" if fingerprint else None,
    )


def sampled(sampler: Sampler, data: Any, key: Key, count: int) -> Pictures:
    """Returns ``count`` samples as pictures, drawn when they are looked at."""

    def blocks(size: int) -> Iterator[Block]:
        step = max(size, _TOGETHER // size * size)
        for start in range(0, count, step):
            some = min(step, count - start)
            images, _ = draw(sampler, data, key, some, first=start)
            images = as_rgb(images, "the samples")
            yield from (images[i : i + size] for i in range(0, some, size))

    return Pictures(name="samples, rounded to uint8", count=count, blocks=blocks)
