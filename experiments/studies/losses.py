"""Every adversarial loss, with and without gradient penalties, on ring-8 and grid-25.

The games differ only in the loss and the penalty: they have the same networks,
optimizer, steps and seeds, and penalty weights tuned for none. The f-GANs are those
of Nowozin et al. 2016 (arXiv:1606.00709), in their zero-sum form. R1 and R2 are those
of Mescheder et al. 2018 (arXiv:1801.04406), the third penalty that of WGAN-GP
(Gulrajani et al. 2017, arXiv:1704.00028). Each cell is judged over seeds by the modes
it covers and by the share of its samples that lie near one.

Expected: no loss covers fewer modes with R1 and R2 together, which Huang et al. 2024
(R3GAN) add to relativistic pairing, and that combination covers nearly all. About 35
minutes on two cores; each penalty and target is kept once it is done::

    python -m experiments.studies.losses
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import lax
from matplotlib.figure import Figure

from experiments.studies import points, study
from experiments.studies.points import Recipe, Target
from experiments.studies.study import Claim, Outcome, Parts, StudyConfig, Table, spread
from jaxgan import GAN, divergences, losses, penalties
from jaxgan.losses import AdversarialLoss

# Left out of the f-GANs: `divergences.gan`, whose game is the minimax one, and those
# that are multiples of another (Jensen-Shannon, the three orders of alpha).
_DIVERGENCES = {
    "KL": divergences.kl,
    "reverse KL": divergences.reverse_kl,
    "Pearson": divergences.pearson,
    "Neyman": divergences.neyman,
    "Hellinger": divergences.squared_hellinger,
    "total variation": divergences.total_variation,
    "Jeffreys": divergences.jeffreys,
}
LOSSES = {
    "minimax": losses.minimax,
    "non-saturating": losses.non_saturating,
    "least squares": losses.least_squares,
    "Wasserstein": losses.wasserstein,
    "hinge": losses.hinge,
    "relativistic": losses.relativistic,
    **{f"f-GAN: {name}": losses.f_gan(f) for name, f in _DIVERGENCES.items()},
}
Scores = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(StudyConfig):
    """Losses and penalties."""

    study: ClassVar[str] = "losses"

    # Seeds of each loss, penalty and target.
    seeds: int = 32
    # Generator updates.
    steps: int = 2_000
    # Examples of one update.
    batch_size: int = 64
    # Units of both networks' hidden layers.
    width: int = 32
    # Adam's learning rate, for both players; it decays to zero.
    learning_rate: float = 2e-3
    # Weight of R1 and of R2.
    r_weight: float = 0.02
    # Weight of WGAN-GP's penalty.
    gp_weight: float = 1.0


def regularisers(config: Config) -> dict[str, tuple[Any, ...]]:
    """Returns the penalties compared, by name."""
    r1, r2 = (config.r_weight, penalties.r1), (config.r_weight, penalties.r2)
    return {
        "none": (),
        "R1": (r1,),
        "R1 and R2": (r1, r2),
        "WGAN-GP": ((config.gp_weight, penalties.wgan_gp()),),
    }


def one_of(choices: Sequence[AdversarialLoss], which: Any) -> AdversarialLoss:
    """Returns the loss chosen by a number that may be traced, so members may differ."""
    which = jnp.asarray(which, jnp.int32)
    discriminators = [loss.discriminator for loss in choices]
    generators = [loss.generator for loss in choices]
    # A switch's gradient is switched too: losses that are not chosen may be infinite.
    return AdversarialLoss(
        discriminator=lambda r, f: lax.switch(which, discriminators, r, f),
        generator=lambda r, f: lax.switch(which, generators, r, f),
        uses_real=any(loss.uses_real for loss in choices),
    )


def play(
    config: Config, names: Sequence[str], regulariser: str, target: Target
) -> dict[str, dict[str, list[Any]]]:
    """Plays all seeds of each loss under one penalty, and scores them.

    All losses are members of one population: they share one compilation, and for each
    seed its initial weights and its data.
    """
    recipe = Recipe(
        penalties=regularisers(config)[regulariser],
        width=config.width,
        steps=config.steps,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
    )
    choices = [LOSSES[name] for name in names]

    def make(recipe: Recipe, *, loss: Any) -> GAN:
        chosen = one_of(choices, loss)
        return points.make_gan(dataclasses.replace(recipe, loss=chosen))

    keys = jnp.tile(study.seeds(config, config.seeds), len(names))
    which = np.repeat(np.arange(len(names)), config.seeds)
    clouds = points.clouds(recipe, target, keys, make=make, hypers={"loss": which})
    return {
        name: points.scores(cloud, target)
        for name, cloud in zip(names, np.split(clouds, len(names)), strict=True)
    }


def run(config: Config, parts: Parts) -> Outcome:
    """Trains every cell on both targets."""
    names, terms = list(LOSSES), list(regularisers(config))
    targets = [points.ring(), points.grid()]
    if config.quick:
        config = dataclasses.replace(config, seeds=2, steps=20, width=8)
        names, terms, targets = ["minimax", "relativistic"], ["R1 and R2"], targets[:1]
    found: dict[tuple[str, str, str], Scores] = {}
    for target in targets:
        for term in terms:
            make = lambda r=term, t=target: play(config, names, r, t)
            scores = parts.get(f"{target.name}-{term}".replace(" ", "_"), make)
            for name in names:
                columns = {k: np.array(v) for k, v in scores[name].items()}
                found[target.name, name, term] = columns
    return Outcome(
        protocol=(
            f"{config.seeds} seeds of each cell: perceptrons of two hidden layers of "
            f"{config.width}, latent N(0, I) in 2-D, batch {config.batch_size}, "
            f"{config.steps:,} steps of Adam (betas 0, 0.99) from "
            f"{config.learning_rate:g} to 0 by a cosine, averaged generator. R1 and R2 "
            f"have weight {config.r_weight:g}, WGAN-GP's penalty {config.gp_weight:g}, "
            "whatever the loss. The f-GANs are zero-sum; that of Jensen-Shannon is the "
            f"minimax loss. A game that diverges scores 0. Judged by {points.JUDGE}."
        ),
        tables=[_table(target, found, names, terms) for target in targets],
        claims=_claims(targets, found, names),
        figure=_picture(targets, found, names, terms),
    )


def _table(target: Target, found: Any, names: list[str], terms: list[str]) -> Table:
    header = [f"{target.name}: modes; % high quality", *terms]
    rows = [
        [name, *[_entry(found[target.name, name, term]) for term in terms]]
        for name in names
    ]
    return Table(header, rows)


def _entry(scores: Scores) -> str:
    modes, quality = spread(scores["modes"]), spread(100 * scores["quality"])
    return f"{study.cell(modes)}; {study.cell(quality)}"


def _claims(targets: list[Target], found: Any, names: list[str]) -> list[Claim]:
    claims = []
    for target in targets:
        median = lambda *cell, at=target.name: np.median(found[at, *cell]["modes"])
        share = float(median("relativistic", "R1 and R2")) / target.modes
        text = f"{target.name}, relativistic with R1 and R2: median share of modes "
        claims.append(Claim(text + "covered, at least 0.95", share, share >= 0.95))
        if (target.name, names[0], "none") in found:
            helped = [median(n, "R1 and R2") >= median(n, "none") for n in names]
            text = f"{target.name}: losses that cover as many modes with R1 and R2 as "
            text += f"without any penalty, or more: all {len(names)}"
            claims.append(Claim(text, float(sum(helped)), all(helped)))
    return claims


def _picture(
    targets: list[Target], found: Any, names: list[str], terms: list[str]
) -> Figure:
    size = (5.2 * len(targets) + 1, 0.62 * len(names) + 1.6)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(targets), squeeze=False, sharey=True)[0]
    for axis, target in zip(axes, targets, strict=True):
        cells = [[found[target.name, n, r] for r in terms] for n in names]
        share = [[np.median(c["modes"]) / target.modes for c in row] for row in cells]
        image = axis.imshow(share, vmin=0, vmax=1, cmap="viridis", aspect="auto")
        for i, row in enumerate(cells):
            for j, scores in enumerate(row):
                _write(axis, i, j, scores, dark=share[i][j] < 0.6)
        axis.set_xticks(range(len(terms)), terms)
        axis.set_yticks(range(len(names)), names)
        axis.set_title(f"{target.name}: modes covered, of {target.modes}")
        axis.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes, shrink=0.9)
    bar.set_label("median share of modes")
    return figure


def _write(axis: Any, i: int, j: int, scores: Scores, *, dark: bool) -> None:
    modes, quality = spread(scores["modes"]), spread(100 * scores["quality"])
    text = (
        f"{modes['median']:.3g} [{modes['low']:.0f}, {modes['high']:.0f}]\n"
        f"{quality['median']:.0f} % sharp"
    )
    color = "white" if dark else "black"
    axis.text(j, i, text, ha="center", va="center", color=color, fontsize=8)


if __name__ == "__main__":
    study.main(Config, run)
