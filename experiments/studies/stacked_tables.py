"""The tables and the claims of `stacked_mnist` and `stacked_ablation`."""

from typing import Any

import numpy as np

from experiments.studies.study import Claim, Table, spread

MODES = 1_000
FULL = "relativistic, R1, R2"
# (recipe, modes, KL) from the tables of Huang et al. 2024; None: training failed.
PUBLISHED = (
    ("relativistic, R1, R2", 1000, 0.078),
    ("non-saturating, R1, R2", 693, 0.927),
    ("relativistic, R1", None, None),
    ("non-saturating, R1", None, None),
    ("final R3GAN", 1000, 0.029),
    ("PacGAN", 992, 0.28),
    ("StyleGAN2", 940, 0.42),
    ("WGAN-GP", 959, 0.73),
)


def last(run: dict[str, Any]) -> dict[str, float]:
    """Returns a run's last scores; one that diverged covers nothing."""
    if run["diverged"] is not None or not run["curve"]:
        return {"modes": 0.0, "kl": float(np.log(MODES))}
    return run["curve"][-1]


def summary(runs: list[dict[str, Any]], of: str) -> dict[str, float]:
    """Returns median and interval over seeds of ``modes`` or ``kl`` at the end."""
    return spread([last(run)[of] for run in runs])


def of_full(steps: int, full: list[Any], real: dict[str, float]) -> Table:
    """Tabulates where the full recipe ended, beside real digits."""
    rows = [
        ["real test digits", int(real["modes"]), real["kl"]],
        [
            f"{FULL}, {steps:,} updates",
            summary(full, "modes"),
            summary(full, "kl"),
        ],
    ]
    return Table([f"of {MODES:,}", "modes", "KL"], rows)


def of_ablation(ablation: dict[str, list[Any]]) -> Table:
    """Tabulates where each combination ended."""
    rows = [
        [
            name,
            summary(runs, "modes"),
            summary(runs, "kl"),
            sum(run["diverged"] is not None for run in runs),
        ]
        for name, runs in ablation.items()
    ]
    return Table(["recipe", "modes", "KL", "diverged"], rows)


def of_published() -> Table:
    """Tabulates the paper's numbers."""
    rows = [
        [name, *("failed" if value is None else value for value in values)]
        for name, *values in PUBLISHED
    ]
    return Table(["published (arXiv:2501.05441)", "modes", "KL"], rows)


def claims(full: list[Any]) -> list[Claim]:
    """Returns what must hold for the full recipe."""
    modes, kl = summary(full, "modes")["median"], summary(full, "kl")["median"]
    return [
        Claim("full recipe: median modes, at least 990", modes, modes >= 990),
        Claim("full recipe: median KL, at most 0.3", kl, kl <= 0.3),
    ]


def claims_of_ablation(ablation: dict[str, list[Any]]) -> list[Claim]:
    """Returns claims of the published order by median KL: full, unpaired, no R2."""
    kl = {name: summary(runs, "kl")["median"] for name, runs in ablation.items()}
    rank = sorted(kl, key=lambda name: kl[name]).index(FULL) + 1
    unpaired = kl["non-saturating, R1, R2"] / kl[FULL]
    without = min(value for name, value in kl.items() if "R2" not in name) / kl[FULL]
    return [
        Claim(
            f"the full recipe's rank by median KL among the {len(kl)} is 1",
            float(rank),
            rank == 1,
        ),
        Claim(
            "the non-saturating loss with R1 and R2: its median KL over the full "
            "recipe's, above 1",
            unpaired,
            unpaired > 1,
        ),
        Claim(
            "recipes without R2, which failed in the paper: the smallest of their "
            "median KLs over the full recipe's, above 1",
            without,
            without > 1,
        ),
    ]
