"""Samples judged by a network's features: FID and others, in a run and after it."""

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan import keys
from jaxgan.data import epoch_order
from jaxgan.data.pictures import Block, Pictures, as_rgb
from jaxgan.evaluation.inputs import draw, entry, output_of, trained_on
from jaxgan.evaluation.quality import Pair, check, judge, wanted
from jaxgan.evaluation.seen import MOMENTS, Seen, look, remembered
from jaxgan.metrics.features.extractor import Extractor
from jaxgan.metrics.result import Result
from jaxgan.sampling import Sampler
from jaxgan.typing import Key

_TOGETHER = 256  # samples per call
_SEED = 0  # for choosing the examples


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ByFeatures:
    """Evaluator: metrics of samples against the training set, by a network's features.

    Attributes:
        extractor: the network, see `jaxgan.metrics.features.load`.
        metrics: names from `jaxgan.evaluation.quality.METRICS`.
        samples: number of generated samples.
        examples: number of training examples, chosen at random, the same for every run;
            None for all.
        store: folder in which the moments of the training set are kept; None to compute
            them at each evaluation.
    """

    extractor: Extractor
    metrics: tuple[str, ...] = ("fid",)
    samples: int = 10_000
    examples: int | None = None
    store: Path | None = None

    def __post_init__(self):
        check(self.metrics)

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> dict[str, Result]:
        of_real, of_fake = wanted(self.metrics)
        at = keys.stream(key, "eval", 0)
        fake = look(self.extractor, sampled(sampler, data, at, self.samples), of_fake)
        real = self._seen(training_pictures(sampler, data, self.examples), of_real)
        return judge(self.metrics, Pair(self.extractor, real, fake, key))

    def _seen(self, pictures: Pictures, of_real: frozenset[str]) -> Seen:
        see = partial(look, self.extractor, pictures, of_real)
        if self.store is None or of_real != {MOMENTS}:
            return see()
        return remembered(self.store, self.extractor, pictures, see)


def training_pictures(
    sampler: Sampler, data: Any, examples: int | None = None
) -> Pictures:
    """Returns the training images that a game's samples imitate.

    Args:
        sampler: sampler of the game.
        data: the data that the game trains on.
        examples: number of images, chosen at random, the same for every run; None for
            all.

    Raises:
        InputError: if the examples are not images.
    """
    name, _ = output_of(sampler.game, data)
    table = trained_on(data)
    rows, title = np.arange(len(table)), f"{getattr(data, 'name', 'data')} train"
    if examples is not None and examples < len(rows):
        rows = np.sort(epoch_order(_SEED, 0, len(rows))[:examples])
        title = f"{examples:,} of {title}"

    def blocks(size: int) -> Iterator[Block]:
        for start in range(0, len(rows), size):
            yield as_rgb(entry(table.batch(rows[start : start + size]), name), title)

    fingerprint, classes = getattr(data, "fingerprint", ""), class_names(table)
    return Pictures(
        name=title,
        count=len(rows),
        blocks=blocks,
        identity=f"{fingerprint} {title} {name}" if fingerprint else None,
        classes=None if classes is None else classes[rows],
    )


def class_names(table: Any) -> np.ndarray | None:
    """Returns the name of each example's class, ``[n]``; None without labels."""
    names = np.asarray(getattr(table, "classes", ()))
    columns = getattr(table, "columns", None)
    held = columns if isinstance(columns, dict) else {}
    labels = getattr(table, "labels", held.get("label"))
    return names[labels] if len(names) and labels is not None else None


def sampled(sampler: Sampler, data: Any, key: Key, count: int) -> Pictures:
    """Returns ``count`` samples as pictures, drawn when they are read."""

    def blocks(size: int) -> Iterator[Block]:
        step = max(size, _TOGETHER // size * size)
        for start in range(0, count, step):
            some = min(step, count - start)
            images, _ = draw(sampler, data, key, some, first=start)
            images = as_rgb(images, "the samples")
            yield from (images[i : i + size] for i in range(0, some, size))

    names = np.asarray(getattr(trained_on(data), "classes", ()))
    asked = sampler.game.condition == "label" and len(names) > 0
    return Pictures(
        name="samples, rounded to uint8",
        count=count,
        blocks=blocks,
        classes=names[np.arange(count) % len(names)] if asked else None,
    )
