"""f-divergences that cover two modes with one Gaussian, and those that seek one.

Nowozin et al. 2016 (arXiv:1606.00709) fit a Gaussian to a mixture of Gaussians by the
f-GANs of several divergences, and compare its mean and standard deviation with those
of the exact minimiser. Here the data is 0.6 N(-1.5, 0.5^2) + 0.4 N(1.5, 0.5^2), and
every divergence of `jaxgan.divergences` trains two generators: x = mean + std z, which
cannot be bimodal, and the same with a multi-layer perceptron added, which can. The
truth is from quadrature: D_f(p || q) minimised over mean and standard deviation.

Expected: the affine generator ends at a minimiser of its divergence, and so spreads
over both modes (covers) or sits on one (seeks) as that does; the flexible one covers
both under every divergence. About an hour on two cores::

    python -m experiments.studies.f_gan
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import flax.linen as nn
import jax
import numpy as np
import optax

from experiments.studies import bimodal, study
from experiments.studies.bimodal import COVERS, target
from experiments.studies.bimodal_generators import NARROW, WIDE, affine, flexible
from experiments.studies.plots import f_gan as plots
from experiments.studies.study import Claim, Outcome, Parts, StudyConfig, Table, spread
from jaxgan import GAN, divergences, losses, nets, penalties, population, sample
from jaxgan import keys as streams
from jaxgan.divergences import Divergence


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(StudyConfig):
    """Covering and seeking."""

    study: ClassVar[str] = "f_gan"

    # Seeds of each divergence and generator.
    seeds: int = 32
    # Generator updates.
    steps: int = 3_000
    # Discriminator updates for each generator update.
    d_steps: int = 5
    # Examples of one update.
    batch_size: int = 128
    # Units of the discriminator's, and the flexible generator's, two hidden layers.
    width: int = 32
    # Adam's learning rates, which decay along a cosine: a generator's to zero, after a
    # warm-up over a sixth of the steps, so that D is trained before G moves; D's to a
    # tenth. The flexible generator must be slow: it can run to where exp(D) overflows.
    d_rate: float = 3e-3
    affine_rate: float = 2e-3
    flexible_rate: float = 5e-4
    # Weight of R1 and of R2: small enough not to move the minimisers, large enough to
    # give total variation's best critic, a step function, a slope.
    penalty: float = 1e-3


def make_gan(f: Divergence, generator: nn.Module, g_rate: float, config: Config) -> GAN:
    """Returns the zero-sum game of a divergence.

    Adam's beta2 is small, as exp may explode: a step is bounded by about 1.6 times the
    rate, where 0.999 would allow 16.
    """
    g_rates = optax.warmup_cosine_decay_schedule(
        0.0, g_rate, config.steps // 6, config.steps
    )
    updates = config.steps * config.d_steps
    d_rates = optax.cosine_decay_schedule(config.d_rate, updates, alpha=0.1)
    weight = config.penalty
    return GAN(
        generator=generator,
        discriminator=nets.mlp.Discriminator(width=config.width),
        loss=losses.f_gan(f),
        penalties=((weight, penalties.r1), (weight, penalties.r2)),
        g_optimizer=optax.adam(g_rates, b1=0.5, b2=0.9),
        d_optimizer=optax.adam(d_rates, b1=0.5, b2=0.9),
        latent_dim=1,
        ema_half_life=config.batch_size * 50,
    )


def play(config: Config, gan: GAN, measure: Any) -> Any:
    """Trains all seeds of one game; returns what they measure at the end."""

    def draw(key, step):
        n = config.d_steps * config.batch_size
        x = target().sample(streams.stream(key, "data", step), n)
        return {"image": x.reshape(config.d_steps, config.batch_size, 1)}

    trained = population.train(
        lambda: gan,
        study.seeds(config, config.seeds),
        {},
        draw,
        steps=config.steps,
        d_steps=config.d_steps,
        measure=measure,
    )
    return jax.tree.map(lambda x: np.asarray(x[:, -1], np.float64), trained.measures)


def train_affine(config: Config, f: Divergence) -> dict[str, list[float]]:
    """Trains the affine generators of one divergence; returns where they end."""

    def measure(gan, state, key):
        return state.averages["generator"]["params"]

    ends = play(config, make_gan(f, affine(f), config.affine_rate, config), measure)
    return {"mean": ends["mean"].tolist(), "std": np.abs(ends["std"]).tolist()}


def train_flexible(config: Config, f: Divergence) -> dict[str, list[float]]:
    """Trains a divergence's flexible generators; returns masses and EMD.

    Each mass is that on the side of 0 with less of it.
    """
    generator = flexible(f, config.width)

    def measure(gan, state, key):
        return sample(gan, state, key, 4096, batch_size=4096)[:, 0]

    clouds = play(config, make_gan(f, generator, config.flexible_rate, config), measure)
    right = (clouds > 0).mean(axis=1)
    emd = [bimodal.earth_mover(cloud) for cloud in clouds]
    return {"lesser": np.minimum(right, 1 - right).tolist(), "emd": emd}


@dataclasses.dataclass(frozen=True)
class Finding:
    """A divergence's result: theory's minimisers, and where its seeds ended."""

    name: str
    exact: np.ndarray
    affine: np.ndarray
    lesser: np.ndarray
    emd: np.ndarray

    @property
    def kinds(self) -> tuple[np.ndarray, np.ndarray]:
        """The kind of each minimiser, and of each seed."""
        return kinds(self.exact[:, :2]), kinds(self.affine)

    @property
    def agreement(self) -> float:
        """The share of seeds of the same kind as a minimiser."""
        theory, seeds = self.kinds
        return float(np.isin(seeds, theory).mean())

    @property
    def distances(self) -> np.ndarray:
        """Each seed's distance in (mean, std) to the nearest minimiser, shape [n]."""
        apart = self.affine[:, None] - self.exact[None, :, :2]
        nearest = np.linalg.norm(apart, axis=-1).min(axis=1)
        return np.where(np.isnan(nearest), np.inf, nearest)

    @property
    def covering(self) -> float:
        """The share of flexible generators that cover both modes."""
        return float((self.lesser >= COVERS).mean())


def kinds(ends: np.ndarray) -> np.ndarray:
    """Returns whether each (mean, std) of ``[n 2]`` covers, seeks or diverges."""
    covers = bimodal.lesser_side(*ends.T) >= COVERS
    known = np.where(covers, "covers", "seeks")
    return np.where(np.isfinite(ends).all(axis=1), known, "diverges")


def find(config: Config, parts: Parts, f: Divergence) -> Finding:
    """Returns one divergence's truth and its two populations."""
    mark = f.name.replace("(", "_").replace(")", "")
    truth = parts.get(f"{mark}-exact", lambda: bimodal.minimisers(f).tolist())
    one = parts.get(f"{mark}-affine", lambda: train_affine(config, f))
    both = parts.get(f"{mark}-flexible", lambda: train_flexible(config, f))
    return Finding(
        name=f.name,
        exact=np.array(truth),
        affine=np.stack([one["mean"], one["std"]], axis=1),
        lesser=np.array(both["lesser"]),
        emd=np.array(both["emd"]),
    )


def run(config: Config, parts: Parts) -> Outcome:
    """Trains every divergence twice, and compares with the quadrature."""
    chosen: Sequence[Divergence] = divergences.ALL
    if config.quick:
        config = dataclasses.replace(config, seeds=2, steps=20, width=8)
        chosen = (divergences.jensen_shannon,)
    findings = [find(config, parts, f) for f in chosen]
    return Outcome(
        protocol=(
            f"{bimodal.DESCRIPTION} learned by the saturating f-GAN of "
            f"each divergence: {config.seeds} seeds, {config.steps} steps of "
            f"{config.d_steps} discriminator updates, batch {config.batch_size}, the "
            f"averaged generator judged, R1 and R2 of weight {config.penalty:g}. The "
            f"affine generator starts at N(0, 0.5²) with std {WIDE:g}, the flexible "
            "one, which adds a perceptron, with std 1.5; where that is infinitely far "
            "from the data, the first starts N(0, 0.3²) off a random mode with std "
            f"{NARROW:g}, the second with two modes of equal weight. "
            "Exact: D_f minimised over (mean, std) by quadrature, best minimiser first."
            " A Gaussian covers if it has at least "
            f"{COVERS:.0%} of its mass on the lesser side of 0, else it seeks. The "
            "flexible one's EMD to the data is exact, from 4,096 samples."
        ),
        tables=[_table(findings)],
        claims=_claims(findings),
        figure=plots.figure([_ends(found) for found in findings], _density),
    )


def _table(findings: Sequence[Finding]) -> Table:
    header = ["divergence", "exact: mean, std", "it", "affine: mean", "affine: std"]
    header += ["seeds that cover, seek, diverge", "distance to a minimiser"]
    header += ["flexible: seeds that cover", "flexible: EMD"]
    rows = []
    for found in findings:
        theory, seeds = found.kinds
        ends = [f"({mean:.2f}, {std:.2f})" for mean, std, _ in found.exact]
        ended = found.affine[seeds != "diverges"]
        shares = [f"{(seeds == k).mean():.0%}" for k in ("covers", "seeks", "diverges")]
        rows.append(
            [
                found.name,
                "; ".join(ends),
                "; ".join(theory),
                *(spread(column) if len(column) else "none" for column in ended.T),
                ", ".join(shares),
                spread(found.distances),
                f"{found.covering:.0%}",
                spread(found.emd),
            ]
        )
    return Table(header, rows)


def _ends(found: Finding) -> plots.Ends:
    ended = found.kinds[1] != "diverges"
    return plots.Ends(
        name=found.name,
        exact=found.exact[:, :2],
        trained=found.affine[ended],
        diverged=int((~ended).sum()),
    )


def _density(x: np.ndarray) -> np.ndarray:
    return np.exp(np.asarray(target().log_density(x)))


def _claims(findings: Sequence[Finding]) -> list[Claim]:
    tests = {
        "affine generator: divergences of which 95 % of the seeds or more cover or "
        "seek as one of its minimisers does": [f.agreement >= 0.95 for f in findings],
        "affine generator: divergences whose median distance of (mean, std) to the "
        "nearest minimiser is at most 0.2": [
            np.median(f.distances) <= 0.2 for f in findings
        ],
        "flexible generator: divergences of which 95 % of the seeds or more cover both "
        "modes": [f.covering >= 0.95 for f in findings],
    }
    return [
        Claim(f"{text}: all {len(findings)}", float(sum(passed)), all(passed))
        for text, passed in tests.items()
    ]


if __name__ == "__main__":
    study.main(Config, run)
