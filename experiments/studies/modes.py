"""All modes of ring-8 and grid-25, in nearly every one of a hundred seeds.

Two mixtures of narrow Gaussians on which GANs are known to lose modes, with the
published tables of VEEGAN (Srivastava et al. 2017, arXiv:1705.07761) and PacGAN (Lin et
al. 2018, arXiv:1712.04086) beside ours. The recipe is relativistic pairing with R1 and
R2 (Huang et al. 2024, R3GAN), the learning rate falling to zero, an averaged generator;
a discriminator whose first layer is of sines, long waves that locate the modes and
short ones that resolve a mode's width; and a latent of two Gaussians and a random code:
the modes are separate, so the latents should be as well. The baselines have neither
sines nor codes, as in the papers: pairing with R1 and R2, and the plain non-saturating
GAN; sizes, steps and optimizer are the same.

A heap of points in the middle of each mode would all be of high quality, so a recipe
counts only if its samples have at least 80 % of the modes' true standard deviation, in
the median over seeds. A few heaps in each mode, one for each code, would have that too,
so the samples of the first seed must also lie at least half as far from their nearest
neighbours as samples of the target do.

Expected: all 8 and all 25 modes in 95 % of 100 seeds, with at least 95 % of the samples
of high quality, and of the true width. Found: the recipe maps each code to a heap of
points, so it does not count; nor do the baselines, which bridge the gaps between the
modes. About an hour on one CPU core, in blocks of seeds that are kept, so that the same
command continues after a stop::

    python -m experiments.studies.modes
"""

import dataclasses
from typing import Any, ClassVar

import jax
import numpy as np
from scipy.spatial import KDTree

from experiments.studies import points, study
from experiments.studies.plots import modes as plots
from experiments.studies.points import Recipe, Target
from experiments.studies.study import Claim, Outcome, Parts, StudyConfig, Table, spread
from jaxgan import losses, penalties

SOURCE = "from memory of the papers, not checked against them"
# (method, ring: modes, % of high quality, grid: the same); means over their trials.
PUBLISHED = (
    ("VEEGAN paper: GAN", 1.0, 99.3, 3.3, 0.5),
    ("VEEGAN paper: ALI", 2.8, 0.13, 15.8, 1.6),
    ("VEEGAN paper: unrolled GAN", 7.6, 35.6, 23.6, 16.0),
    ("VEEGAN paper: VEEGAN", 8.0, 52.9, 24.6, 40.0),
    ("PacGAN paper: GAN", 6.3, 98.2, 17.3, 94.8),
    ("PacGAN paper: ALI", 6.6, 97.6, 24.1, 95.7),
    ("PacGAN paper: minibatch discrimination", 4.3, 36.6, 23.8, 79.9),
    ("PacGAN paper: PacGAN2", 7.9, 95.6, 23.8, 91.3),
    ("PacGAN paper: PacGAN3", 7.8, 97.7, 24.6, 94.2),
    ("PacGAN paper: PacGAN4", 7.8, 95.9, 24.8, 93.6),
)
BEST = "relativistic, R1 and R2, sines, codes"
CONNECTED = "relativistic, R1 and R2"
PLAIN = "non-saturating"
_FILES = {BEST: "best", CONNECTED: "connected", PLAIN: "plain"}
SHARP = 0.95  # the share of high quality asked for
WIDE = 0.8  # the share of the modes' true standard deviation asked for
APART = 0.5  # the share of the true distance between nearest neighbours asked for
_SHOWN = 1_000  # samples in the picture


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(StudyConfig):
    """Mode coverage over many seeds."""

    study: ClassVar[str] = "modes"

    # Seeds of the recipe on each target.
    seeds: int = 100
    # Seeds trained and kept at once, as a block; also the seeds of each baseline.
    block: int = 50
    # Generator updates on the ring, and on the grid.
    ring_steps: int = 6_000
    grid_steps: int = 10_000
    # Weight of R1 and of R2 on the ring, and on the grid.
    ring_penalty: float = 0.1
    grid_penalty: float = 0.3
    # The lowest and the highest frequency of D's first layer in the recipe.
    ring_waves: tuple[float, float] = (1.0, 20.0)
    grid_waves: tuple[float, float] = (1.0, 8.0)
    # Adam's learning rate, for both players.
    learning_rate: float = 2e-3
    # Examples of one update.
    batch_size: int = 64
    # Units of both networks' hidden layers.
    width: int = 64
    # Hidden layers of the generator.
    g_depth: int = 2
    # Hidden layers of the discriminator.
    d_depth: int = 3
    # Codes in the recipe's latent, beside two Gaussians.
    codes: int = 128


def recipes(config: Config, target: Target) -> dict[str, Recipe]:
    """Returns the recipe, and the baselines beside it, by name."""
    is_ring = target.modes == 8
    weight = config.ring_penalty if is_ring else config.grid_penalty
    plain = Recipe(
        width=config.width,
        g_depth=config.g_depth,
        d_depth=config.d_depth,
        steps=config.ring_steps if is_ring else config.grid_steps,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
    )
    regularised = dataclasses.replace(
        plain,
        loss=losses.relativistic,
        penalties=((weight, penalties.r1), (weight, penalties.r2)),
    )
    best = dataclasses.replace(
        regularised,
        waves=config.ring_waves if is_ring else config.grid_waves,
        latent_dim=2 + config.codes,
        prior=points.coded_prior,
    )
    return {BEST: best, CONNECTED: regularised, PLAIN: plain}


def block(config: Config, recipe: Recipe, target: Target, first: int) -> dict[str, Any]:
    """Returns the scores of a block of seeds, and samples of the first seed of all."""
    size = min(config.block, config.seeds - first)
    keys = study.seeds(config, config.seeds)[first : first + size]
    clouds = points.clouds(recipe, target, keys)
    shown = clouds[0, :_SHOWN] if first == 0 else np.zeros((0, 2))
    finite = shown[np.isfinite(shown).all(axis=1)].reshape(-1, 2)
    return {
        **points.scores(clouds, target),
        "shown": finite.astype(float).round(4).tolist(),
    }


def measure(
    config: Config, parts: Parts, name: str, recipe: Recipe, target: Target
) -> dict[str, np.ndarray]:
    """Returns all seeds' scores, block by block; one block for a baseline."""
    mark = f"{target.name}-{_FILES[name]}"
    seeds = config.seeds if name == BEST else config.block
    blocks = [
        parts.get(
            f"{mark}-{first}",
            lambda first=first: block(config, recipe, target, first),
        )
        for first in range(0, seeds, config.block)
    ]
    columns = blocks[0].keys() - {"shown"}
    found = {k: np.concatenate([b[k] for b in blocks]) for k in columns}
    shown = np.array(blocks[0]["shown"]).reshape(-1, 2)
    return {**found, "shown": shown, "spacing": np.array([spacing(shown, target)])}


def run(config: Config, parts: Parts) -> Outcome:
    """Trains all recipes on both targets."""
    targets = [points.ring(), points.grid()]
    if config.quick:
        small = {"seeds": 2, "block": 2, "width": 8}
        config = dataclasses.replace(config, ring_steps=20, **small)
        targets = targets[:1]
    found = {
        target.name: {
            name: measure(config, parts, name, recipe, target)
            for name, recipe in recipes(config, target).items()
        }
        for target in targets
    }
    return Outcome(
        protocol=_protocol(config),
        tables=[_ours(found), _published()],
        claims=[claim for target in targets for claim in _claims(target, found)],
        figure=plots.picture(targets, found),
    )


def _protocol(config: Config) -> str:
    return (
        f"{config.seeds} seeds of the first recipe on each target, {config.block} of "
        "the others. Ring: 8 modes, radius 2, std "
        "0.02; grid: 25 modes, spacing 2, std 0.05. Both players are perceptrons, of "
        f"{config.g_depth} (generator) and {config.d_depth} hidden layers of "
        f"{config.width}; latent N(0, I) in 2-D, in the first recipe with one of "
        f"{config.codes} codes beside it, and D's first layer of sines, of "
        f"frequencies {config.ring_waves[0]:g} to {config.ring_waves[1]:g} on the ring "
        f"and {config.grid_waves[0]:g} to {config.grid_waves[1]:g} on the grid; Adam "
        f"{config.learning_rate:g} (betas 0, 0.99) falling to 0 by a cosine, batch "
        f"{config.batch_size}, {config.ring_steps:,} steps on the ring and "
        f"{config.grid_steps:,} on the grid, averaged generator; R1 and R2 of weight "
        f"{config.ring_penalty:g} and {config.grid_penalty:g}. Judged by "
        f"{points.JUDGE}; VEEGAN and PacGAN count alike. A recipe counts if 95 % of "
        f"the seeds have all modes, and in the median {SHARP:.0%} of the samples are "
        f"of high quality and have {WIDE:.0%} of the modes' standard deviation (about "
        "their own mean in each mode), and the first seed's samples, which may be "
        f"heaps, lie at least {APART:.0%} as far from their nearest neighbours "
        f"as the target's do (medians over {_SHOWN:,}). The papers' numbers are means "
        f"over their trials, {SOURCE}; ours are over seeds."
    )


def _ours(found: dict[str, dict[str, dict[str, np.ndarray]]]) -> Table:
    header = ["target", "recipe", "modes", "mean modes", "% high quality"]
    header += ["std within modes, of the truth", "KL", "seeds with all modes"]
    header += ["neighbours' distance, of the truth (first seed)"]
    rows = [
        [
            target,
            name,
            spread(scores["modes"]),
            float(scores["modes"].mean()),
            spread(100 * scores["quality"]),
            spread(scores["width"]),
            spread(scores["kl"]),
            f"{scores['complete'].mean():.0%}",
            float(scores["spacing"][0]),
            "yes" if counts(scores) else "no",
        ]
        for target, entries in found.items()
        for name, scores in entries.items()
    ]
    return Table([*header, "counts"], rows)


def spacing(samples: np.ndarray, target: Target) -> float:
    """Computes the median distance to the nearest other sample, over the target's.

    0 for heaps of points, 1 for as many of the target's own samples.
    """
    if len(samples) < 2:
        return 0.0
    truth = target.density.sample(jax.random.key(1), len(samples))
    nearest = [
        np.median(KDTree(points).query(points, k=2)[0][:, 1])
        for points in (samples, np.asarray(truth))
    ]
    return float(nearest[0] / nearest[1])


def counts(scores: dict[str, np.ndarray]) -> bool:
    """Returns whether a recipe has all modes, sharp, wide and without heaps."""
    return bool(
        scores["complete"].mean() >= 0.95
        and np.median(scores["quality"]) >= SHARP
        and np.median(scores["width"]) >= WIDE
        and scores["spacing"][0] >= APART
    )


def _published() -> Table:
    header = [f"published ({SOURCE})", "ring: modes", "ring: % high quality"]
    return Table([*header, "grid: modes", "grid: % high quality"], PUBLISHED)


def _claims(target: Target, found: dict[str, Any]) -> list[Claim]:
    scores = found[target.name][BEST]
    complete = float(scores["complete"].mean())
    sharp = float((scores["complete"] & (scores["quality"] >= SHARP)).mean())
    return [
        Claim(
            f"{target.name}: share of seeds that cover all {target.modes} modes, at "
            "least 0.95",
            complete,
            complete >= 0.95,
        ),
        Claim(
            f"{target.name}: share of seeds that do, with {SHARP:.0%} of high quality "
            "or more, at least 0.95",
            sharp,
            sharp >= 0.95,
        ),
        Claim(
            f"{target.name}: median standard deviation within a mode, over the truth, "
            f"at least {WIDE:g}",
            float(np.median(scores["width"])),
            float(np.median(scores["width"])) >= WIDE,
        ),
        Claim(
            f"{target.name}: distance to the nearest neighbour in the first seed, over "
            f"the truth, at least {APART:g}",
            float(scores["spacing"][0]),
            float(scores["spacing"][0]) >= APART,
        ),
    ]


if __name__ == "__main__":
    study.main(Config, run)
