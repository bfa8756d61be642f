"""Algorithm 1 with k = 1, 2, 5, 10, and discriminators too weak or too strong for it.

Goodfellow et al. 2014 (arXiv:1406.2661) let the discriminator take k steps for each of
the generator's, so that it stays near its optimum as long as the generator changes
slowly. Here a perceptron learns a bimodal density on a line, by the saturating loss of
Algorithm 1, against discriminators of 2, 16 and 64 units per layer that learn at a
tenth of the generator's rate, at the same rate, and at ten times it. The Earth Mover's
distance to the data is exact.

Expected: k repairs a discriminator that is too slow, but not one that is too small; one
that is too strong starves the saturating generator. About 15 minutes on one CPU core;
each pair of k and width is kept once it is done::

    python -m experiments.studies.k_steps
"""

import dataclasses
from typing import Any, ClassVar

import jax
import numpy as np
import optax
from matplotlib.figure import Figure

from experiments.studies import bimodal, study
from experiments.studies.study import Claim, Outcome, Parts, StudyConfig, Table, spread
from jaxgan import GAN, losses, nets, population, sample
from jaxgan import keys as streams

SAMPLES = 4096
RATIOS = {"slow": 0.1, "equal": 1.0, "fast": 10.0}
"""The discriminator's learning rate, as a multiple of the generator's."""
Found = dict[tuple[int, int, str], np.ndarray]
"""The distances of all seeds by width, k and name of the ratio."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(StudyConfig):
    """Steps and strength of the discriminator."""

    study: ClassVar[str] = "k_steps"

    # Seeds of each k, width and ratio.
    seeds: int = 32
    # Generator updates, whatever k is.
    steps: int = 1_500
    # Examples of one update.
    batch_size: int = 64
    # The paper's k.
    ks: tuple[int, ...] = (1, 2, 5, 10)
    # Units of the discriminator's two hidden layers: too weak, matched, too strong.
    widths: tuple[int, int, int] = (2, 16, 64)
    # Units of the generator's two hidden layers.
    g_width: int = 16
    # Adam's learning rate for the generator.
    g_rate: float = 1e-3


def game(config: Config, width: int) -> Any:
    """Returns the game as a function of D's rate, without an average or decays."""

    def make_gan(d_rate):
        return GAN(
            generator=nets.mlp.Generator((1,), width=config.g_width, bounded=False),
            discriminator=nets.mlp.Discriminator(width=width),
            loss=losses.minimax,
            g_optimizer=optax.adam(config.g_rate, b1=0.5),
            d_optimizer=optax.adam(d_rate, b1=0.5),
            latent_dim=1,
            ema_half_life=0,
        )

    return make_gan


def distances(config: Config, width: int, k: int) -> dict[str, list[float]]:
    """Returns each seed's final EMD to the data, for every ratio of the rates."""

    def draw(key, step):
        data_key = streams.stream(key, "data", step)
        x = bimodal.target().sample(data_key, k * config.batch_size)
        return {"image": x.reshape(k, config.batch_size, 1)}

    def measure(gan, state, key):
        return sample(gan, state, key, SAMPLES, batch_size=SAMPLES)[:, 0]

    keys = jax.numpy.tile(study.seeds(config, config.seeds), len(RATIOS))
    rates = np.repeat(list(RATIOS.values()), config.seeds) * config.g_rate
    trained = population.train(
        game(config, width),
        keys,
        {"d_rate": rates},
        draw,
        steps=config.steps,
        d_steps=k,
        measure=measure,
    )
    emd = [bimodal.earth_mover(cloud) for cloud in np.asarray(trained.measures[:, -1])]
    by_ratio = np.reshape(emd, (len(RATIOS), config.seeds)).tolist()
    return dict(zip(RATIOS, by_ratio, strict=True))


def floor(config: Config) -> float:
    """Returns the median EMD of a perfect generator's samples, over the same seeds."""
    keys = study.seeds(config, config.seeds)
    clouds = [np.asarray(bimodal.target().sample(key, SAMPLES))[:, 0] for key in keys]
    return float(np.median([bimodal.earth_mover(cloud) for cloud in clouds]))


def run(config: Config, parts: Parts) -> Outcome:
    """Trains every k, width and ratio."""
    if config.quick:
        small = {"seeds": 2, "steps": 20, "ks": (2,), "widths": (8, 8, 8)}
        config = dataclasses.replace(config, **small)
    found: Found = {}
    for width in dict.fromkeys(config.widths):
        for k in config.ks:
            make = lambda width=width, k=k: distances(config, width, k)
            emd = parts.get(f"width-{width}-k-{k}", make)
            found.update({(width, k, name): np.array(emd[name]) for name in RATIOS})
    perfect = floor(config)
    return Outcome(
        protocol=(
            f"{bimodal.DESCRIPTION} learned by a perceptron of two hidden layers of "
            f"{config.g_width} (latent N(0, 1), batch {config.batch_size}, "
            f"{config.steps:,} generator updates, Adam {config.g_rate:g}, beta1 0.5), "
            "minimax loss. The discriminator has two hidden layers of the width given, "
            "takes k steps for each and learns at 0.1 (slow), 1 (equal) or 10 (fast) "
            f"times the generator's rate; {config.seeds} seeds each. EMD is exact, "
            f"from {SAMPLES:,} samples of the generator as it is, not averaged; as "
            f"many samples of the data have {perfect:.3g}."
        ),
        tables=[_table(config, found)],
        claims=_claims(config, found),
        figure=_picture(config, found, perfect),
    )


def _table(config: Config, found: Found) -> Table:
    rows = [
        [width, name, *[spread(found[width, k, name]) for k in config.ks]]
        for width in dict.fromkeys(config.widths)
        for name in RATIOS
    ]
    return Table(["D's width", "D's rate", *[f"EMD, k = {k}" for k in config.ks]], rows)


def _claims(config: Config, found: Found) -> list[Claim]:
    weak, matched, strong = config.widths
    first, last = config.ks[0], config.ks[-1]
    median = lambda *cell: float(np.median(found[cell]))
    repaired = median(matched, last, "slow") / median(matched, first, "slow")
    small = median(weak, last, "equal") / median(matched, first, "equal")
    starved = median(strong, last, "fast") / median(matched, first, "equal")
    return [
        Claim(
            f"slow discriminator of matched width: EMD at k = {last} over that at k = "
            f"{first}, below 0.5",
            repaired,
            repaired < 0.5,
        ),
        Claim(
            f"too small a discriminator: its EMD at k = {last} over that of a matched "
            f"one at k = {first}, above 1",
            small,
            small > 1,
        ),
        Claim(
            f"too strong a discriminator (wide, fast, k = {last}): its EMD over that "
            f"of a matched one at equal rate and k = {first}, above 1",
            starved,
            starved > 1,
        ),
    ]


def _picture(config: Config, found: Found, perfect: float) -> Figure:
    figure = Figure(figsize=(10.5, 3.8), layout="constrained")
    axes = figure.subplots(1, len(config.widths), sharey=True)
    at = np.arange(len(config.ks))
    names = ("too weak", "matched", "too strong")
    for axis, width, strength in zip(axes, config.widths, names, strict=True):
        for i, name in enumerate(RATIOS):
            spreads = [spread(found[width, k, name]) for k in config.ks]
            middle, low, high = (
                np.array([s[of] for s in spreads]) for of in ("median", "low", "high")
            )
            x, bars = at + 0.12 * (i - 1), [middle - low, high - middle]
            label = f"D's rate {RATIOS[name]:g} of G's ({name})"
            axis.errorbar(x, middle, bars, fmt="o-", capsize=3, ms=4, label=label)
        axis.axhline(perfect, color="0.5", ls=":", label="samples of the data")
        axis.set_title(f"D of width {width}: {strength}")
        axis.set_xticks(at, [str(k) for k in config.ks])
        axis.set(xlabel="k, D-steps for each G-step", yscale="log")
    axes[0].set_ylabel("EMD to the data")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.suptitle("Median over seeds, and the central 95 % of them")
    return figure


if __name__ == "__main__":
    study.main(Config, run)
