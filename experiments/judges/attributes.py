"""A judge of whether pictures show what their captions say.

A reader of every factor, `experiments.judges.attribute_reader`, is trained on real
pictures by the training set's writers, with all pairs of shape and colour, including
those that the game never sees. It reads samples of held-out captions and, to show how
far it can be trusted, the real pictures of the same captions: by unseen writers or,
where none writes, with factors whose combination it has not seen.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Int, Int32, UInt8

from experiments.judges import attribute_reader
from experiments.judges.attribute_reader import Reader
from jaxgan import keys
from jaxgan.checks import InputError
from jaxgan.data.captioned import CaptionedSet
from jaxgan.data.captions import DRAWN
from jaxgan.evaluation.inputs import entry, output_of
from jaxgan.images import as_uint8
from jaxgan.metrics import means
from jaxgan.metrics.inputs import generator
from jaxgan.metrics.result import Result
from jaxgan.sampling import Sampler
from jaxgan.typing import Key

CAPTIONS = "captions"
"""The data's entry that a game draws from: [n k L] in the data, [n L] in a game."""

EMBEDDINGS = "embeddings"
"""Another such entry: [n k d] in the data, [n d] in a game."""

_SEED = (2_024, 9)  # of the reader's pictures; no set with an ordinary seed has them

Pixels = UInt8[np.ndarray, "n h w c"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attributes:
    """Evaluator of pictures from captions, for sets whose factors are known.

    Returns "attributes", the share of samples that show all that a caption says, for
    pairs in the training set, and "attributes_held_out", for the others. Their details
    have the share of each factor and the mean of these, "by attribute"; the "ceiling",
    for real pictures of the same captions; and the "floor", for the samples judged by
    the captions of others. "diversity" is the mean distance between two samples of one
    held-out caption; its details have that between two held-out pictures of equal
    factors, and the ratio. Returns nothing for other sets.

    Attributes:
        samples: captions of each kind; fewer, where fewer are held out.
        prompts: captions that are drawn several times, for the diversity.
        each: how many times each of these is drawn.
        pictures: how many the reader learns from, if the set can be drawn.
        steps: updates of the reader.
    """

    samples: int = 1_000
    prompts: int = 64
    each: int = 8
    pictures: int = 40_000
    steps: int = 4_000

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> dict[str, Result]:
        if not isinstance(data, CaptionedSet) or not data.factors:
            return {}
        reader = reader_of(data, self.pictures, self.steps)
        held_out = data.is_held_out(data.test.columns["factors"])
        results = {}
        for number, (name, which) in enumerate(
            (("attributes", ~held_out), ("attributes_held_out", held_out))
        ):
            rows = np.flatnonzero(which)[: self.samples]
            if len(rows):
                at = keys.stream(key, "eval", number)
                judged = _judged(sampler, data, reader, rows, at)
                results[name] = judged.result(name, data, key)
        same = alike(data.test.columns["factors"], self.prompts, self.each)
        if same:
            at = keys.stream(key, "eval", 2)
            results["diversity"] = self._diversity(sampler, data, same, at)
        return results

    def _diversity(
        self, sampler: Sampler, data: CaptionedSet, same: list[np.ndarray], key: Key
    ) -> Result:
        """Measures the spread of samples for one caption of each group of ``same``."""
        rows = np.array([group[0] for group in same]).repeat(self.each)
        # One wording for all samples of a caption.
        words = _wordings(data.test, rows[:: self.each], key).repeat(self.each, axis=0)
        made = draw(sampler, data, data.test, rows, key, words)
        groups = made.reshape(len(same), self.each, *made.shape[1:])
        values = np.array([spread(group) for group in groups])
        images = data.test.columns["image"]
        real = float(np.mean([spread(images[group]) for group in same]))
        ratio = {"ratio": float(values.mean()) / real} if real else {}
        return means.result(
            "distance of two samples of one caption",
            values,
            described=f"RMS of pixels in [0, 1], {len(same)} captions, {self.each} "
            "samples each",
            key=key,
            details={"real": real, **ratio},
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """Whether each factor of each picture was read right: of samples, and both bounds.

    Attributes:
        right: of the samples.
        real: of real pictures of the same captions, the ceiling.
        shuffled: of the samples by the captions of others, the floor.
    """

    right: Bool[np.ndarray, "n f"]
    real: Bool[np.ndarray, "n f"]
    shuffled: Bool[np.ndarray, "n f"]

    def result(self, name: str, data: CaptionedSet, key: Key) -> Result:
        """Returns the share of pictures with all factors right, and its details."""
        names = [factor.name for factor in data.factors]
        shares = lambda right: zip(names, right.mean(axis=0).tolist(), strict=True)
        details = {"by attribute": float(self.right.mean()), **dict(shares(self.right))}
        for bound, right in (("ceiling", self.real), ("floor", self.shuffled)):
            details[bound] = float(right.all(axis=1).mean())
            details |= {f"{bound} {each}": share for each, share in shares(right)}
        kind = "held-out" if name.endswith("held_out") else "seen"
        return means.result(
            "all attributes right",
            self.right.all(axis=1).astype(float),
            described=f"{len(self.right):,} captions of {kind} pairs, a reader of "
            f"{len(names)} attributes",
            key=key,
            details=details,
            higher_is_better=True,
        )


def _judged(
    sampler: Sampler, data: CaptionedSet, reader: Reader, rows: np.ndarray, key: Key
) -> Judged:
    """Reads samples of held-out captions, and the real pictures that they belong to."""
    factors = data.test.columns["factors"][rows]
    words = _wordings(data.test, rows, key)
    read = reader.read(draw(sampler, data, data.test, rows, key, words))
    real = reader.read(data.test.columns["image"][rows])
    # Rows are independent: each is judged by the caption of another.
    shuffled = read == np.roll(factors, 1, axis=0)
    return Judged(read == factors, real == factors, shuffled)


def draw(
    sampler: Sampler,
    data: CaptionedSet,
    table: Any,
    rows: Int[np.ndarray, " n"],
    key: Key,
    words: Int32[np.ndarray, "n L"] | None = None,
) -> Pixels:
    """Returns samples for captions, as pixels.

    Args:
        sampler: that of a game with captions, and perhaps others, as its condition.
        data: the set.
        table: the split that the rows belong to.
        rows: the examples whose conditions the game gets.
        key: the key of the samples.
        words: the wording of each, for a game that is conditional on "captions"; by
            default the first one of each.

    Raises:
        InputError: the game is not conditional on captions.
    """
    condition = sampler.game.condition
    names = condition if isinstance(condition, tuple) else (condition,)
    if CAPTIONS not in names and (words is not None or EMBEDDINGS not in names):
        raise InputError(
            "Attributes are judged only for games that draw from captions; this one is "
            f"conditional on {condition!r}; give Game(condition={CAPTIONS!r})."
        )
    batch = table.batch(rows)
    # A game that is given several wordings takes the first.
    given = {name: entry(batch, str(name)) for name in names}
    if words is not None:
        given[CAPTIONS] = words
    if not isinstance(condition, tuple):
        given = given[condition]
    samples = sampler(key, len(rows), condition=given)
    name, _ = output_of(sampler.game, data)
    samples = samples[name] if isinstance(samples, Mapping) else samples
    return np.asarray(as_uint8(samples))


def _wordings(table: Any, rows: np.ndarray, key: Key) -> Int32[np.ndarray, "n L"]:
    """Draws one of each row's captions."""
    captions = table.columns[CAPTIONS][rows]
    chosen = generator(key).integers(captions.shape[1], size=len(rows))
    return captions[np.arange(len(rows)), chosen]


@functools.lru_cache(maxsize=2)
def reader_of(data: CaptionedSet, pictures: int, steps: int) -> Reader:
    """Trains a reader of a set's factors on real pictures.

    Args:
        data: the set.
        pictures: how many to learn from, drawn anew in the training set's handwriting;
            sets that cannot be drawn use their own.
        steps: updates of the reader.
    """
    sizes = [len(factor.phrases) for factor in data.factors]
    images, factors = _real(data, pictures)
    # Without handwriting, held-out pictures look like those trained on.
    by_hand = data.name.startswith("scenes")
    bend = attribute_reader.BEND if by_hand else attribute_reader.SLIGHT
    return attribute_reader.train(
        jax.random.key(0), images, factors, sizes, steps=steps, bend=bend
    )


def _real(data: CaptionedSet, pictures: int) -> tuple[Pixels, Int32[np.ndarray, "n f"]]:
    if data.name not in DRAWN:
        return data.train.columns["image"], data.train.columns["factors"]
    if data.name == "pictographs":
        return _pictographs(data, pictures)
    if data.name == "scenes":
        from jaxgan.data.scenes import draw as drawn
    else:
        from jaxgan.data.two_scenes import draw as drawn
    return drawn(pictures, seed=_SEED, size=data.image_shape[0], pairs="all")


def _pictographs(
    data: CaptionedSet, pictures: int
) -> tuple[Pixels, Int32[np.ndarray, "n f"]]:
    """Draws pictographs, without the held-out ones.

    Equal factors are equal pictures, which the reader would know by heart.
    """
    from jaxgan.data.pictographs import draw as drawn

    images, factors = drawn(pictures, seed=_SEED, size=data.image_shape[0], pairs="all")
    held_out = set(map(tuple, data.test.columns["factors"].tolist()))
    new = np.array([tuple(row) not in held_out for row in factors.tolist()])
    return images[new], factors[new]


def alike(
    factors: Int32[np.ndarray, "n f"], most: int, each: int
) -> list[Int[np.ndarray, " m"]]:
    """Returns at most ``most`` groups of 2 to ``each`` rows of equal factors.

    Example:
        >>> [group.tolist() for group in alike(np.int32([[1], [2], [1]]), 5, 5)]
        [[0, 2]]
    """
    _, group, counts = np.unique(
        factors, axis=0, return_inverse=True, return_counts=True
    )
    order = np.argsort(group.ravel(), kind="stable")
    found = np.split(order, np.cumsum(counts)[:-1])
    several = sorted(
        (rows for rows in found if len(rows) > 1), key=lambda rows: rows[0]
    )
    return [rows[:each] for rows in several[:most]]


def spread(images: Pixels) -> float:
    """Returns the mean distance of two images: RMS differences of pixels in [0, 1].

    Example:
        >>> round(spread(np.uint8([0, 51, 0]).reshape(3, 1, 1, 1)), 4)
        0.1333
    """
    flat = images.reshape(len(images), -1) / 255
    gaps = [
        np.sqrt(((flat[i] - flat[j]) ** 2).mean())
        for i in range(len(flat))
        for j in range(i)
    ]
    return float(np.mean(gaps))
