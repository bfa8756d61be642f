"""StackedMNIST: which parts of a modern recipe find a thousand modes.

The recipe of `stacked_mnist` is relativistic pairing, R1 and R2. Huang et al. 2024
(R3GAN, arXiv:2501.05441) report that with the non-saturating loss in place of the
relativistic one it finds 693 modes of 1,000, and that training fails without R2. This
study trains all eight combinations of the three parts, only until the full recipe has
found most modes, and before any has found all.

Expected: the published order. About 100 minutes on one CPU core; each run keeps
checkpoints, and the same command continues where it was stopped::

    python -m experiments.studies.stacked_ablation
"""

import dataclasses
import itertools
from typing import Any, ClassVar

from experiments.studies import stacked_mnist, study
from experiments.studies import stacked_tables as tables
from experiments.studies.plots import stacked_mnist as plots
from experiments.studies.stacked_tables import MODES
from experiments.studies.study import Outcome, Parts

NAMES = tuple(
    itertools.starmap(stacked_mnist.name_of, itertools.product((True, False), repeat=3))
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(stacked_mnist.Config):
    """The settings of the ablation."""

    study: ClassVar[str] = "stacked_ablation"

    # Generator updates.
    steps: int = 1_000
    # Updates between two evaluations, at each of which a checkpoint is saved.
    every: int = 500


QUICK: dict[str, Any] = {**stacked_mnist.QUICK, "steps": 2}


def run(config: Config, parts: Parts) -> Outcome:
    """Trains every combination."""
    if config.quick:
        config = dataclasses.replace(config, **QUICK)
    data, eyes, real = stacked_mnist.prepare(config, parts)
    names = (NAMES[0], NAMES[4], NAMES[-1]) if config.quick else NAMES
    ablation = {
        name: stacked_mnist.runs(config, name, data, eyes, parts) for name in names
    }
    return Outcome(
        protocol=stacked_mnist.protocol(config, real),
        tables=[tables.of_ablation(ablation), tables.of_published()],
        claims=tables.claims_of_ablation(ablation),
        figure=plots.of_ablation(ablation, MODES),
        details={
            "real": real,
            "curves": {
                name: [run["curve"] for run in runs] for name, runs in ablation.items()
            },
        },
    )


if __name__ == "__main__":
    study.main(Config, run)
