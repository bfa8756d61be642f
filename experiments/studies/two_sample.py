"""Three two-sample tests: how often they reject, under the null and otherwise.

Claim (after Lopez-Paz & Oquab 2017, arXiv:1610.06545). The classifier test, the 1-NN
test and MMD reject a true null in at most one of twenty tests, on points and on images.
The alternatives are simulated in R^2 and R^10; two are real: the digits of other
writers, and the samples of a GAN that was trained briefly. Each should be detected by
one of the three with a power of 0.8 at 320 examples; the curves of power over the
number of examples tell which one. Ten minutes on one core; each part is saved once it
is done::

    python -m experiments.studies.two_sample

The tests are those of `jaxgan.metrics`, called as any user would.
"""

import dataclasses
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy import stats

import jaxgan.data
from experiments.studies import pairs
from experiments.studies.pairs import Comparison
from experiments.studies.plots import two_sample as plots
from experiments.studies.study import (
    Claim,
    Outcome,
    Parts,
    StudyConfig,
    Table,
    main,
    seeds,
)
from jaxgan import GAN, keys, nets, penalties, population, sample
from jaxgan.images import as_float
from jaxgan.metrics import c2st, leave_one_out, mmd
from jaxgan.metrics.result import Result

LEVEL = 0.05
DOUBT = 0.01  # the level at which a false-positive rate is taken to exceed `LEVEL`
POWER = 0.8  # the power that trials are planned for


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(StudyConfig):
    """The tests, and how often they are run."""

    study: ClassVar[str] = "two_sample"

    # Examples of each of the two sets; 40 when quick.
    sizes: tuple[int, ...] = (20, 40, 80, 160, 320)
    # Tests of each kind at each size; 12 when quick.
    repetitions: int = 200
    # Random relabellings of one test, for 1-NN and MMD.
    permutations: int = 199
    # Hidden ReLU units of the classifier, as many as in the paper.
    hidden: int = 20
    # Adam steps of the classifier.
    classifier_steps: int = 300
    # GANs whose samples are judged in turn.
    members: int = 4
    # Their generator updates; 40 when quick.
    gan_steps: int = 1_500
    # Where prepared data sets are kept.
    data_dir: Path = Path("~/.cache/jaxgan")


def make_samples(config: Config, train: np.ndarray) -> np.ndarray:
    """Trains small GANs on the training digits; draws samples ``[members 1000 64]``."""
    images = jnp.asarray(train, jnp.float32)
    adam = optax.adam(1e-3, b1=0.5)
    gan = GAN(
        generator=nets.mlp.Generator(images.shape[1:], width=128),
        discriminator=nets.mlp.Discriminator(width=128),
        penalties=((0.01, penalties.r1),),
        g_optimizer=adam,
        d_optimizer=adam,
    )

    def draw(key, step):
        key = keys.stream(key, "data", step)
        return {"image": images[jax.random.randint(key, (1, 64), 0, len(images))]}

    trained = population.train(
        lambda: gan,
        seeds(config, config.members),
        {},
        draw,
        steps=config.gan_steps,
        measure=lambda gan, state, key: sample(gan, state, key, 1_000, batch_size=1000),
    )
    return np.asarray(trained.measures[:, -1])


def make_tests(config: Config) -> dict[str, Callable[..., Result]]:
    """Returns the tests, by name, with their settings."""
    classifier = c2st.MLP(
        width=config.hidden,
        steps=config.classifier_steps,
        batch_size=64,
        learning_rate=3e-3,
    )
    count = config.permutations
    return {
        "C2ST": partial(c2st.two_sample, classifier=classifier),
        "1-NN": partial(leave_one_out.two_sample, permutations=count),
        # Its interval is not used, so it need not be accurate.
        "MMD": partial(mmd.two_sample, permutations=count, resamples=2),
    }


def rejections(config: Config, comparison: Comparison) -> dict[str, list[int]]:
    """Counts how many of the repetitions each test rejects, at each size."""
    tests = make_tests(config)
    counts = {name: [0] * len(config.sizes) for name in tests}
    mark = zlib.crc32(f"{comparison.title}, {comparison.space}".encode())
    for i, size in enumerate(config.sizes):
        random = np.random.default_rng([config.seed, mark, size])
        for _ in range(config.repetitions):
            x, y = comparison.draw(random, size)
            key = jax.random.key(random.integers(2**32, dtype=np.uint32))
            for name, test in tests.items():
                p_value = test(x, y, key=key).p_value
                assert p_value is not None
                counts[name][i] += p_value <= LEVEL
    return counts


def run(config: Config, parts: Parts) -> Outcome:
    """Runs all tests."""
    if config.quick:
        small = {"repetitions": 12, "gan_steps": 40, "members": 2}
        config = dataclasses.replace(config, sizes=(40,), **small)
    digits = jaxgan.data.load("digits", data_dir=config.data_dir)
    flat = lambda part: np.asarray(as_float(part.images)).reshape(len(part), -1)
    train, test = flat(digits.train), flat(digits.test)
    made = parts.get("gan", lambda: make_samples(config, train).round(4).tolist())
    comparisons = [
        *pairs.simulated((2,) if config.quick else (2, 10)),
        *pairs.real(train, test, np.array(made)),
    ]
    curves = []
    for number, comparison in enumerate(comparisons):
        make = lambda comparison=comparison: rejections(config, comparison)
        counts = parts.get(f"{number:02}", make)
        curves.append(plots.Curve(comparison.title, comparison.space, counts))
    return Outcome(
        protocol=_protocol(config),
        tables=[_table(config, curves)],
        claims=_claims(config, comparisons, curves),
        figure=plots.figure(curves, config.sizes, config.repetitions, LEVEL),
        details={
            f"{curve.title}, {curve.space}": {"rejected": curve.counts}
            for curve in curves
        },
    )


def _protocol(config: Config) -> str:
    return (
        f"{config.repetitions} tests of each kind for every pair and size, rejected at "
        f"p <= {LEVEL:g}; intervals are Clopper-Pearson at 95 %. C2ST: "
        f"{config.hidden} hidden rectifiers, {config.classifier_steps} steps of Adam, "
        "half of each set trains, binomial p-value; 1-NN and MMD (Gaussian kernel of "
        f"the median distance): {config.permutations} permutations. Points are drawn "
        "anew for every test; images from the 1,797 digits of scikit-learn, 8x8, "
        "without replacement within a test, so their rates hold for these digits. "
        f"GANs: {config.members} perceptrons of two hidden layers of 128, R1 0.01, "
        f"{config.gan_steps:,} steps of batch 64, judged in turn. n is the size of "
        "each set."
    )


def _table(config: Config, curves: list[plots.Curve]) -> Table:
    shown = sorted({len(config.sizes) // 2, len(config.sizes) - 1})
    names = list(curves[0].counts)
    columns = [f"{name}, n = {config.sizes[i]}" for i in shown for name in names]
    rows = [
        [
            curve.title,
            curve.space,
            *[
                _entry(curve.counts[n][i], config.repetitions)
                for i in shown
                for n in names
            ],
        ]
        for curve in curves
    ]
    return Table(["share rejected", "in", *columns], rows)


def _entry(count: int, of: int) -> str:
    low, high = plots.interval(count, of)
    return f"{count / of:.2g} [{low:.2f}, {high:.2f}]"


def _claims(
    config: Config, comparisons: list[Comparison], curves: list[plots.Curve]
) -> list[Claim]:
    found = list(zip(comparisons, curves, strict=True))
    claims = []
    for where, of_images in (("points", False), ("images", True)):
        group = [pair for pair in found if (pair[0].space == "pixels") == of_images]
        nulls = [curve for comparison, curve in group if comparison.null]
        others = [curve for comparison, curve in group if not comparison.null]
        claims += [_calibrated(config, where, name, nulls) for name in nulls[0].counts]
        claims.append(_powerful(config, where, others))
    return claims


def _calibrated(
    config: Config, where: str, name: str, nulls: list[plots.Curve]
) -> Claim:
    """Returns the claim on a test's false positives, over all sizes."""
    hits = sum(sum(curve.counts[name]) for curve in nulls)
    of = len(nulls) * len(config.sizes) * config.repetitions
    doubt = stats.binomtest(hits, of, LEVEL, alternative="greater").pvalue
    text = (
        f"{where}, {name}: the share of {of:,} tests rejected under the null is "
        f"consistent with at most {LEVEL:g} (binomial test at {DOUBT:g})"
    )
    return Claim(text, hits / of, bool(doubt > DOUBT))


def _powerful(config: Config, where: str, others: list[plots.Curve]) -> Claim:
    """Returns the claim on power for the hardest pair: the best test, most examples."""
    best = [max(counts[-1] for counts in c.counts.values()) for c in others]
    least = min(best) / config.repetitions
    text = (
        f"{where}: every alternative is found by some test with a power of at least "
        f"{POWER:g} at n = {config.sizes[-1]}"
    )
    return Claim(text, least, least >= POWER)


if __name__ == "__main__":
    main(Config, run)
