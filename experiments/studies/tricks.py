"""The practical tips, one at a time, and which of them help a small GAN.

The tips are those of "How to train a GAN?" (Chintala et al. 2016, the list known as
ganhacks), a talk without measurements: normalised inputs, spherical latents, real and
fake in separate batches, soft and noisy labels, Adam for G and SGD for D, noise on the
inputs, dropout in G, replay of old fakes. Each is tried with and without, on the same
seeds, and judged by the interval of the paired difference. Only one result is expected:
a control, which changes nothing but the seeds, must show no difference. About a quarter
of an hour on one core; each cell is kept once it is done::

    python -m experiments.studies.tricks
"""

import dataclasses
from pathlib import Path
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import optax

from experiments.studies import points, problems, tips
from experiments.studies.plots import tricks as plots
from experiments.studies.problems import Problem, Scores
from experiments.studies.study import (
    Claim,
    Outcome,
    Parts,
    StudyConfig,
    Table,
    cell,
    main,
    seeds,
    spread,
)
from jaxgan import GAN, Game, keys, losses, nets, population

BASE, OTHER = "base", "base, other seeds"
CONTROL = "control: other seeds, nothing else"
_MEASURES = {**problems.DIGITS, **problems.RING}
# (with, without): names of recipes.
TRICKS = {
    "inputs in [-1, 1], tanh; not [0, 255]": (BASE, "pixels 0 to 255"),
    "inputs in [-1, 1], tanh; not [0, 1]": (BASE, "pixels 0 to 1"),
    "Gaussian latents; not uniform": (BASE, "uniform latents"),
    "separate batches for batch norm in D": ("batch norm", "batch norm, mixed"),
    "soft labels": ("soft labels", BASE),
    "noisy labels": ("noisy labels", BASE),
    "SGD for D, Adam for G": ("SGD for D", BASE),
    "noise on D's inputs, fading": ("input noise", BASE),
    "dropout in G": ("dropout in G", BASE),
    "replay of old fakes": ("replay", BASE),
    CONTROL: (OTHER, BASE),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(StudyConfig):
    """The base recipe, and the strength of each tip."""

    study: ClassVar[str] = "tricks"

    # Seeds of every recipe; 6 when quick.
    seeds: int = 24
    # Generator updates on the digits, and on the ring; when quick 0 and 30.
    digit_steps: int = 3_000
    ring_steps: int = 1_500
    # Units of the two hidden layers, on the digits and on the ring.
    digit_width: int = 64
    ring_width: int = 32
    # Examples of one update.
    batch_size: int = 64
    # Adam's learning rate and beta1, for both players.
    learning_rate: float = 1e-3
    beta1: float = 0.5
    # SGD's learning rate, for D.
    sgd_rate: float = 0.1
    # Soft labels: that of a real image is 1 - soft.
    soft: float = 0.1
    # Noisy labels: the share of labels that is wrong.
    flipped: float = 0.05
    # Initial standard deviation of the noise, which decays to 0 at the end.
    noise: float = 0.2
    # Where prepared data sets are kept.
    data_dir: Path = Path("~/.cache/jaxgan")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A game, and the values of black and white pixels in it."""

    game: Game
    pixels: tuple[float, float] = (-1.0, 1.0)


def base(config: Config, problem: Problem) -> GAN:
    """Returns the game in which one thing at a time is changed."""
    adam = optax.adam(config.learning_rate, b1=config.beta1)
    return GAN(
        generator=nets.mlp.Generator(
            (problem.size,), width=problem.width, bounded=problem.bounded
        ),
        discriminator=nets.mlp.Discriminator(width=problem.width),
        loss=losses.non_saturating,
        g_optimizer=adam,
        d_optimizer=adam,
        latent_dim=problem.latent_dim,
        ema_half_life=0,
    )


def recipes(config: Config, problem: Problem) -> dict[str, Recipe]:
    """Returns all recipes of a problem, by name."""
    gan, size, width = base(config, problem), problem.size, problem.width
    last = problem.steps * config.batch_size
    fading = lambda images: config.noise * (1 - jnp.minimum(images / last, 1))
    soft = losses.smooth_labels(gan.loss, amount=config.soft)
    noisy = losses.flip_labels(gan.loss, probability=config.flipped)
    games = {
        BASE: gan,
        OTHER: gan,
        "uniform latents": dataclasses.replace(gan, prior=tips.uniform_prior),
        "batch norm": dataclasses.replace(gan, discriminator=tips.Normalised(width)),
        "soft labels": dataclasses.replace(gan, loss=soft),
        "noisy labels": dataclasses.replace(gan, loss=noisy),
        "SGD for D": dataclasses.replace(gan, d_optimizer=optax.sgd(config.sgd_rate)),
        "input noise": dataclasses.replace(gan, instance_noise=fading),
        "dropout in G": dataclasses.replace(
            gan, generator=tips.Dropped(size, width, problem.bounded)
        ),
    }
    found = {name: Recipe(game) for name, game in games.items()}
    found["batch norm, mixed"] = Recipe(tips.mixed(games["batch norm"]))
    found["replay"] = Recipe(tips.replaying(gan, size))
    if problem.bounded:
        unbounded = nets.mlp.Generator((size,), width=width, bounded=False)
        raw = dataclasses.replace(gan, generator=unbounded)
        found["pixels 0 to 255"] = Recipe(raw, pixels=(0.0, 255.0))
        found["pixels 0 to 1"] = Recipe(raw, pixels=(0.0, 1.0))
    return found


def play(config: Config, problem: Problem, name: str) -> Scores:
    """Plays all seeds of one recipe; returns their scores."""
    recipe = recipes(config, problem)[name]
    black, white = recipe.pixels
    first = config.seed + (config.seeds if name == OTHER else 0)
    members = seeds(dataclasses.replace(config, seed=first), config.seeds)

    def draw(key, step):
        x = problem.sample(keys.stream(key, "data", step), config.batch_size)
        return {"image": (black + (x + 1) / 2 * (white - black))[None]}

    trained = population.train(
        lambda: recipe.game,
        members,
        {},
        draw,
        steps=problem.steps,
        measure=tips.samples,
    )
    made = np.asarray(trained.measures[:, -1])
    return problem.judge((made - black) / (white - black) * 2 - 1)


def run(config: Config, parts: Parts) -> Outcome:
    """Plays all recipes on both problems."""
    tricks = TRICKS
    if config.quick:
        config = dataclasses.replace(config, seeds=6, ring_steps=30)
        tricks = {"replay of old fakes": TRICKS["replay of old fakes"]}
    tried = [problems.ring(config.ring_steps, config.ring_width)]
    if not config.quick:
        shape = (config.digit_steps, config.digit_width)
        tried.insert(0, problems.digits(config.data_dir, *shape))
    found: dict[str, Scores] = {}
    for problem in tried:
        for name in recipes(config, problem):
            if any(name in pair for pair in tricks.values()):
                mark = f"{problem.name}-{name}".replace(" ", "_").replace(",", "")
                make = lambda p=problem, n=name: play(config, p, n)
                found.setdefault(name, {}).update(parts.get(mark, make))
    gains = compare(tricks, found)
    return Outcome(
        protocol=_protocol(config),
        tables=[_differences(gains), _levels(found)],
        claims=_claims(found, gains),
        figure=plots.figure(gains),
        details={"scores": found},
    )


def compare(
    tricks: dict[str, tuple[str, str]], found: dict[str, Scores]
) -> dict[str, dict[str, plots.Gain]]:
    """Returns each trick's gain, by measure; positive is better."""
    gains: dict[str, dict[str, plots.Gain]] = {}
    for trick, (with_it, without) in tricks.items():
        for measure, more_is_better in _MEASURES.items():
            if not all(measure in found[name] for name in (with_it, without)):
                continue
            pair = np.array([found[with_it][measure], found[without][measure]])
            # Adding 0 makes -0 a 0.
            gain = (pair[0] - pair[1]) * (1 if more_is_better else -1) + 0.0
            low, high = tips.median_interval(gain)
            entry = plots.Gain(float(np.median(gain)), low, high)
            gains.setdefault(measure, {})[trick] = entry
    return gains


def _protocol(config: Config) -> str:
    return (
        f"{config.seeds} seeds of each recipe. Base: perceptrons of two hidden layers "
        f"({config.digit_width} units on the digits, {config.ring_width} on the ring), "
        f"non-saturating loss, Adam {config.learning_rate:g} (beta1 {config.beta1:g}) "
        f"for both, batch {config.batch_size}, N(0, I) latents of 16 and 2 dimensions, "
        f"pixels in [-1, 1] and tanh, {config.digit_steps:,} steps on the 1,415 "
        f"training digits (8x8), {config.ring_steps:,} on the ring; no average, no "
        f"penalty, nothing tuned for a tip. Soft: a real's label is {1 - config.soft:g}"
        f"; noisy: {config.flipped:.0%} of labels wrong, in expectation; SGD "
        f"{config.sgd_rate:g}; noise from {config.noise:g} to 0; dropout 0.5, in "
        f"sampling too; replay: half of a batch from {tips.MEMORY:,} old fakes. "
        "Digits: 382 samples against 382 digits of other writers, by pixels (kernel "
        "distance, leave-one-out 1-NN accuracy, coverage with k = 5); ring: "
        f"{points.JUDGE}. A gain is the median paired difference, signed so that "
        "positive is better, with the interval of that median by order statistics, at "
        "95 % or more; several tips are compared, and the intervals are not widened "
        "for it."
    )


def _differences(gains: dict[str, dict[str, plots.Gain]]) -> Table:
    tricks = list(dict.fromkeys(name for column in gains.values() for name in column))
    show = lambda gain: f"{gain} {gain.verdict}" if gain else "-"
    rows = [[t, *[show(column.get(t)) for column in gains.values()]] for t in tricks]
    return Table(["gain by", *gains], rows)


def _levels(found: dict[str, Scores]) -> Table:
    names = [m for m in _MEASURES if m in found[BASE]]
    show = lambda scores, m: cell(spread(scores[m])) if m in scores else "-"
    rows = [[n, *[show(scores, m) for m in names]] for n, scores in found.items()]
    return Table(["recipe", *names], rows)


def _claims(
    found: dict[str, Scores], gains: dict[str, dict[str, plots.Gain]]
) -> list[Claim]:
    sharp = float(np.median(found[BASE]["ring-8: % high quality"]))
    text = "ring-8: the base struggles, less than 90 % of high quality"
    claims = [Claim(text, sharp, sharp < 90)]
    if "digits: 1-NN accuracy" in found[BASE]:
        near = float(np.median(found[BASE]["digits: 1-NN accuracy"]))
        text = "digits: the base struggles, 1-NN accuracy of at least 0.6"
        claims.append(Claim(text, near, near >= 0.6))
    controls = [column[CONTROL] for column in gains.values() if CONTROL in column]
    if controls:
        differ = sum(gain.verdict != plots.NONE for gain in controls)
        text = f"the control differs in none of the {len(controls)} measures"
        claims.append(Claim(text, float(differ), differ == 0))
    return claims


if __name__ == "__main__":
    main(Config, run)
