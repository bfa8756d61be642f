"""StackedMNIST: a thousand modes, found by a modern recipe.

Three random digits are the channels of one image, so there are 1,000 classes, which a
classifier trained here tells apart (Metz et al. 2016, arXiv:1611.02163). Huang et al.
2024 (R3GAN, arXiv:2501.05441) report 1,000 modes and a KL of 0.078 for relativistic
pairing with R1 and R2: this study trains that recipe, with small networks and a small
budget. `stacked_ablation` studies what each of its parts does.

Expected: at least 990 modes and a KL of 0.3 or less, in about an hour per seed on
two cores. Each run keeps checkpoints, and the same command continues where it was
stopped::

    python -m experiments.studies.stacked_mnist
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.studies import classifier, study
from experiments.studies import stacked_tables as tables
from experiments.studies.plots import stacked_mnist as plots
from experiments.studies.stacked_tables import FULL, MODES
from experiments.studies.study import Outcome, Parts, StudyConfig
from jaxgan import (
    GAN,
    init,
    losses,
    make_train_step,
    metrics,
    nets,
    penalties,
    sample,
    scan,
)
from jaxgan.checkpoint import Checkpoints
from jaxgan.data import load
from jaxgan.images import as_uint8
from jaxgan.rounds import Schedule, algorithm_1, fresh_batches
from jaxgan.typing import Batch, Key

ROUNDS = algorithm_1()
_SHOWN = 64  # samples in the picture


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(StudyConfig):
    """A thousand modes."""

    study: ClassVar[str] = "stacked_mnist"

    # Seeds of each recipe.
    seeds: int = 3
    # Generator updates.
    steps: int = 8_000
    # Updates between two evaluations, at each of which a checkpoint is saved.
    every: int = 1_000
    # Examples of one update.
    batch_size: int = 64
    # Channels of the finest hidden maps of both networks.
    width: int = 32
    # Dimensions of the latent space.
    latent_dim: int = 100
    # Adam's learning rate, for both players; it decays to 0 along a cosine.
    learning_rate: float = 5e-4
    # Weight of R1 and of R2, gamma / 2 in the paper.
    penalty: float = 0.5
    # Half-life of the averaged generator, in images.
    half_life: int = 10_000
    # Samples that are judged.
    samples: int = 26_000
    # Where prepared data sets and their decoded caches are kept.
    data_dir: Path = Path("~/.cache/jaxgan")
    # Folder of files downloaded by hand.
    manual_dir: Path | None = None


QUICK: dict[str, Any] = {
    "seeds": 1,
    "steps": 4,
    "every": 2,
    "batch_size": 8,
    "width": 8,
    "samples": 500,
}


class Digits(NamedTuple):
    """Digits to stack, padded with black borders to a size that can be halved often."""

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


def read(config: Config) -> Digits:
    """Loads MNIST of 32x32 pixels; in the quick form the 8x8 digits."""
    name = "digits" if config.quick else "mnist"
    data = load(name, data_dir=config.data_dir, manual_dir=config.manual_dir)
    size = data.image_shape[0]
    border = ((1 << (size - 1).bit_length()) - size) // 2
    edges = ((0, 0), (border, border), (border, border), (0, 0))
    return Digits(
        np.pad(data.train.images, edges),
        np.asarray(data.train.labels),
        np.pad(data.test.images, edges),
        np.asarray(data.test.labels),
    )


def stack(digits: Any, rows: Any) -> Any:
    """Returns images ``[b h w 3]`` of digits ``[n h w 1]`` and rows ``[b 3]``."""
    return jnp.moveaxis(digits[rows][..., 0], 1, -1)


def name_of(paired: bool, r1: bool, r2: bool) -> str:
    """Returns a recipe's name, such as "relativistic, R1, R2"."""
    parts = ["relativistic" if paired else "non-saturating"]
    return ", ".join(parts + ["R1"] * r1 + ["R2"] * r2)


def make_gan(config: Config, recipe: str, size: int, steps: int) -> GAN:
    """Returns the game on stacked digits; its rate decays to 0 over ``steps``."""
    rate = optax.cosine_decay_schedule(config.learning_rate, steps)
    adam = optax.adam(rate, b1=0.0, b2=0.99)
    terms = {"R1": penalties.r1, "R2": penalties.r2}
    paired = recipe.startswith("relativistic")
    return GAN(
        generator=nets.dcgan.Generator(size, 3, width=config.width),
        discriminator=nets.dcgan.Discriminator(width=config.width, batch_norm=False),
        loss=losses.relativistic if paired else losses.non_saturating,
        penalties=tuple((config.penalty, p) for n, p in terms.items() if n in recipe),
        g_optimizer=adam,
        d_optimizer=adam,
        latent_dim=config.latent_dim,
        ema_half_life=config.half_life,
    )


def draw(digits: Any, key: Key, step: Any, batch: int) -> Batch:
    """Draws one step's batch; each channel is any digit."""
    return {"image": stack(digits, scan.rows(key, step, (batch, 3), len(digits)))}


@partial(jax.jit, static_argnums=(0, 4, 5, 6), donate_argnums=1)
def advance(
    gan: GAN, state, digits, key: Key, steps: int, batch: int, rounds: Schedule
):
    """Returns the game ``steps`` rounds later."""
    train_step, fresh = make_train_step(gan, schedule=rounds), fresh_batches(rounds)
    apart = lambda image: image.reshape(fresh, batch, *image.shape[1:])
    more = lambda i: jax.tree.map(apart, draw(digits, key, i, fresh * batch))
    return scan.play(train_step, state, more, key, steps=steps, first=state.step)[0]


def judge(images: Any, eyes: classifier.Classifier) -> dict[str, float]:
    """Computes modes and KL of stacked images ``[n h w 3]``."""
    channels = [eyes.labels(images[..., i : i + 1]) for i in range(3)]
    labels = metrics.modes.stacked(np.stack(channels, axis=1))
    found = metrics.modes.of_labels(
        labels,
        key=jax.random.key(0),
        num_modes=MODES,
        resamples=2,  # its own interval is not used: the study's are over seeds
    )
    return {"modes": found.modes.value, "kl": found.kl.value}


def play(
    config: Config,
    recipe: str,
    steps: int,
    seed: int,
    data: Digits,
    eyes: Any,
    at: Path,
    *,
    make: Callable[..., GAN] = make_gan,
    rounds: Schedule = ROUNDS,
) -> dict[str, Any]:
    """Plays one run, judged at every period; continues from its last checkpoint.

    Args:
        config: the study's.
        recipe: a name from `name_of`.
        steps: generator updates.
        seed: the run's seed, added to the study's.
        data: the digits.
        eyes: the classifier.
        at: the folder of its checkpoints.
        make: builds the game, as `make_gan`.
        rounds: the schedule of a round.
    """
    gan = make(config, recipe, data.train.shape[1], steps)
    key, digits = jax.random.key(config.seed + seed), jnp.asarray(data.train)
    state = init(gan, key, draw(digits, key, 0, config.batch_size))
    curve: list[dict[str, float]] = []
    with Checkpoints(at, keep=1) as checkpoints:
        if checkpoints.latest is not None:
            state, notes = checkpoints.restore(state)
            curve = notes["curve"]
        while int(state.step) < steps:
            count = min(config.every, steps - int(state.step))
            size = config.batch_size
            state = advance(gan, state, digits, key, count, size, tuple(rounds))
            average = jax.tree.leaves(state.averages["generator"])
            if not all(bool(jnp.isfinite(x).all()) for x in average):
                return {"curve": curve, "shown": [], "diverged": int(state.step)}
            images = sample(gan, state, key, config.samples)
            curve.append({"step": int(state.step), **judge(images, eyes)})
            print(f"    {recipe}, seed {seed}: {curve[-1]}", flush=True)
            checkpoints.save(state, {"curve": curve})
    shown = np.asarray(as_uint8(sample(gan, state, key, _SHOWN)))
    return {"curve": curve, "shown": shown.tolist(), "diverged": None}


def reference(data: Digits, eyes: classifier.Classifier, samples: int) -> Any:
    """Returns the classifier's accuracy, and its scores of stacked real test digits."""
    rows = np.random.default_rng(0).integers(0, len(data.test), (samples, 3))
    images = np.asarray(stack(data.test, rows))
    return {
        "accuracy": eyes.accuracy(data.test, data.test_labels),
        **judge(images, eyes),
    }


def prepare(config: Config, parts: Parts) -> tuple[Digits, Any, dict[str, float]]:
    """Returns the digits, the classifier, and its scores of real ones."""
    data = read(config)
    eyes = classifier.train(jax.random.key(0), data.train, data.train_labels)
    real = parts.get("real", lambda: reference(data, eyes, config.samples))
    return data, eyes, real


def runs(
    config: Config, recipe: str, data: Digits, eyes: Any, parts: Parts, **how: Any
) -> list[dict[str, Any]]:
    """Returns a recipe's runs, one per seed; ``how`` is for `play`."""
    return [
        parts.get(
            mark := f"{recipe.replace(', ', '-')}-{seed}",
            lambda seed=seed, mark=mark: play(
                config,
                recipe,
                config.steps,
                seed,
                data,
                eyes,
                parts.folder / mark,
                **how,
            ),
        )
        for seed in range(config.seeds)
    ]


def run(config: Config, parts: Parts) -> Outcome:
    """Trains the recipe."""
    if config.quick:
        config = dataclasses.replace(config, **QUICK)
    data, eyes, real = prepare(config, parts)
    full = runs(config, FULL, data, eyes, parts)
    return Outcome(
        protocol=protocol(config, real),
        tables=[tables.of_full(config.steps, full, real), tables.of_published()],
        claims=tables.claims(full),
        figure=plots.picture(full, MODES),
        details={"real": real, "curves": [run["curve"] for run in full]},
    )


def protocol(config: Config, real: dict[str, float]) -> str:
    """Describes what is trained on what, and how it is judged."""
    return (
        "Three random MNIST digits as the channels of a 32x32 image. DCGAN networks of "
        f"width {config.width} (no batch norm in D), batch {config.batch_size}, Adam "
        f"{config.learning_rate:g} (betas 0, 0.99) falling to 0 by a cosine, R1 and R2 "
        f"of weight {config.penalty:g}, averaged generator; {config.steps:,} updates "
        f"of each recipe from {config.seeds} seeds. {config.samples:,} samples, each "
        "channel's digit named by a classifier trained here (test accuracy "
        f"{real['accuracy']:.2%}). A run that diverged counts as no modes and KL log "
        "1000."
    )


if __name__ == "__main__":
    study.main(Config, run)
