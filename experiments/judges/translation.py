"""The judges of a translation: by held-out pairs, where the data have them."""

import dataclasses
from typing import Any

from experiments.judges.letters import Letters, styles_of
from jaxgan.evaluation import Evaluator, TwoSample
from jaxgan.evaluation.translations import Apart, OneWay, Translations
from jaxgan.metrics.result import Result
from jaxgan.sampling import Sampler
from jaxgan.typing import Key

PAIRED: tuple[Evaluator, ...] = (
    Translations(source="input"),
    Letters(source="input", output="target"),
)
"""L1 and SSIM; for letters, whether they can be read and which style they have."""


@dataclasses.dataclass(frozen=True)
class Hidden:
    """Evaluator that applies another one to unpaired data with held-out pairs.

    `jaxgan.data.glyphs` has such pairs; for other sets it returns nothing.

    Attributes:
        evaluator: the one that judges the pairs.
    """

    evaluator: Evaluator

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> dict[str, Result]:
        if styles_of(data.name) is None:
            return {}
        return dict(self.evaluator(sampler, data, key))


def _one_way(source: str, output: str, prefix: str) -> tuple[Evaluator, ...]:
    judges = (
        Hidden(Translations(source=source)),
        Letters(source=source, output=output),
        Apart(evaluator=TwoSample(), source=source, output=output),
    )
    how = {"source": source, "output": output, "made": f"fake_{output}"}
    return tuple(OneWay(evaluator=judge, prefix=prefix, **how) for judge in judges)


UNPAIRED: tuple[Evaluator, ...] = (
    *_one_way("a", "b", ""),
    *_one_way("b", "a", "back_"),
)
"""Judges of both ways: on held-out pairs, and by telling fakes from originals."""
