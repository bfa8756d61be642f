"""Translations of held-out inputs, compared with targets or judged in one direction."""

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from jaxgan import keys
from jaxgan.data.arrays import Examples
from jaxgan.data.dataset import DataSet
from jaxgan.data.pictures import as_rgb
from jaxgan.data.source import DataWarning
from jaxgan.evaluation.evaluator import Evaluator
from jaxgan.evaluation.inputs import draw, entry, held_out, output_of, trained_on
from jaxgan.metrics import means, ssim
from jaxgan.metrics.paired import RGB
from jaxgan.metrics.result import Result
from jaxgan.sampling import Sampler
from jaxgan.typing import Key

Pixels = UInt8[np.ndarray, "n h w c"]


class Translated(NamedTuple):
    """Held-out inputs, the game's translations of them, and the targets."""

    inputs: Pixels
    outputs: Pixels
    targets: Pixels


def translate(
    sampler: Sampler, data: Any, key: Key, *, source: str, most: int
) -> Translated:
    """Returns the translations of the first held-out examples.

    Args:
        sampler: sampler of a game that is conditional on ``source``.
        data: data whose held-out rows are an input and its target.
        key: the run's key.
        source: the data's entry to translate.
        most: maximum number of examples.
    """
    table = held_out(data)
    count = min(most, len(table))
    made, _ = draw(sampler, data, keys.stream(key, "eval", 0), count)
    batch = table.batch(np.arange(count))
    name, _ = output_of(sampler.game, data)
    return Translated(entry(batch, source), made, entry(batch, name))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Translations:
    """Evaluator: how far are translations of held-out inputs from their targets?

    Returns "l1", the mean absolute difference of pixels in [0, 1], and "ssim". If
    inputs have the shape of targets, the details of "l1" hold the difference of the
    inputs themselves, "copied", and "l1" divided by it, "ratio".

    Attributes:
        source: the data's entry that is translated.
        most: maximum number of held-out examples to judge.
    """

    source: str = "input"
    most: int = 1_000

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> dict[str, Result]:
        how = {"source": self.source, "most": self.most}
        found = translate(sampler, data, key, **how)
        values = apart(found.outputs, found.targets)
        details = {}
        if found.inputs.shape == found.targets.shape:
            copied = float(apart(found.inputs, found.targets).mean())
            details = {"copied": copied}
            if copied > 0:
                details["ratio"] = float(values.mean()) / copied
        described = f"pixels in [0, 1], {len(values):,} held-out pairs"
        results = {
            "l1": means.result(
                "L1", values, described=described, key=key, details=details
            )
        }
        if min(found.targets.shape[1:3]) >= RGB.window.size:
            sets = (as_rgb(x, "translations") for x in (found.targets, found.outputs))
            results["ssim"] = ssim.measure(*map(np.asarray, sets), key=key)
        return results


def apart(x: Pixels, y: Pixels) -> np.ndarray:
    """Returns each pair's mean absolute difference of pixels in [0, 1], ``[n]``.

    Example:
        >>> black, white = np.zeros((2, 4, 4, 1), np.uint8), np.uint8([[[[51]]]])
        >>> print(apart(black, black + white))
        [0.2 0.2]
    """
    gap = np.abs(x.astype(np.float64) - y.astype(np.float64)) / 255
    return gap.reshape(len(gap), -1).mean(axis=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Apart:
    """Evaluator: applies another to translations and to originals of other examples.

    The held-out rows may be pairs, as those of aligned sets are. A perfect translation
    then equals the original of its row, and a test by nearest neighbours would take it
    for a copy, and an untranslated input for a good one. So inputs come from every
    other held-out row, and originals from the rows between. Of the training rows, in
    which a shorter side is repeated, only the first of equal ones are passed on.

    Attributes:
        evaluator: the other one.
        source: the data's entry that is translated.
        output: the entry that the translations imitate.
        least: with fewer rows of each, there is a warning and no result.
        most: maximum number of held-out rows to use.
    """

    evaluator: Evaluator
    source: str
    output: str
    least: int = 10
    most: int = 2_000

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> dict[str, Result]:
        table = held_out(data)
        count = min(self.most, len(table)) // 2
        if count < self.least:
            warnings.warn(
                f"Translations are not compared with originals: {len(table):,} "
                f"examples are held out, and {2 * self.least} are needed. Give more "
                "images.",
                DataWarning,
                stacklevel=2,
            )
            return {}
        inputs = table.batch(np.arange(0, 2 * count, 2))[self.source]
        originals = table.batch(np.arange(1, 2 * count, 2))[self.output]
        test = Examples({self.source: inputs, self.output: originals})
        train = trained_on(data)
        rows = train.batch(np.arange(min(len(train), 4 * count)))
        train = Examples({self.output: _distinct(rows[self.output])})
        return dict(self.evaluator(sampler, DataSet("apart", train, test), key))


def _distinct(rows: np.ndarray) -> np.ndarray:
    """Returns the rows without copies of others, in order."""
    first = {row.tobytes(): place for place, row in reversed(list(enumerate(rows)))}
    return rows[sorted(first.values())]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneWay:
    """Evaluator: applies another to one direction of a game that translates in several.

    Attributes:
        evaluator: the evaluator of this direction.
        source: the data's entry that is translated.
        output: the entry that the translations imitate.
        made: name of the translations in the game's samples.
        prefix: prefix of the names of the results.
    """

    evaluator: Evaluator
    source: str
    output: str
    made: str
    prefix: str = ""

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> dict[str, Result]:
        names = {"source": self.source, "output": self.output, "made": self.made}
        found = self.evaluator(one_way(sampler, **names), data, key)
        return {f"{self.prefix}{name}": result for name, result in found.items()}


def one_way(sampler: Sampler, *, source: str, output: str, made: str) -> Sampler:
    """Returns a sampler for one direction of a game that translates in several.

    Args:
        sampler: sampler of the game.
        source: the data's entry that is translated.
        output: the entry that the translations imitate.
        made: name of the translations in the game's samples.
    """
    game = dataclasses.replace(sampler.game, condition=(source,), output=output)
    return _Renamed(game=game, state=sampler.state, whole=sampler, names={output: made})


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class _Renamed(Sampler):
    """A sampler of some of a game's outputs, under the names of the data's entries."""

    whole: Sampler
    names: Mapping[str, str]

    def __call__(self, key: Key, count: int, **how: Any) -> dict[str, Any]:
        made = self.whole(key, count, **how)
        return {name: made[of] for name, of in self.names.items()}
