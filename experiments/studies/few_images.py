"""Few images: DiffAugment, ADA and LeCam for a discriminator that overfits.

With few images a discriminator memorises them: it tells them from held-out ones, and
what it teaches the generator is no longer about the distribution. The remedies augment
what it sees, always (DiffAugment, Zhao et al. 2020, arXiv:2006.10738) or as often as it
overfits (ADA, Karras et al. 2020, arXiv:2006.06676), or keep its logits near moving
averages (LeCam, Tseng et al. 2021, arXiv:2104.03310). Each is tried on 100, 500 and
5,000 images of Fashion-MNIST, in one game: DCGAN's networks without batch norm in D,
non-saturating loss, R1.

Overfitting is measured by D's own mean logits: how far those of held-out images are on
the way from those of training images to those of samples. 0 means that D takes held-out
images for training images, 1 that it takes them for samples.

Expected: without help D overfits 100 images, and the kernel distance is larger than
with an augmentation. Found: ADA's p ends at 0 in every run. It follows the mean sign of
D's logits of training images, and rises while that is above 0.6; in so short a game it
is about 0.4 even where D has memorised 100 images. About four and a half hours on two
cores; each run is kept once it is done::

    python -m experiments.studies.few_images
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

import jaxgan.data
from experiments.studies import study
from experiments.studies.plots import samples
from experiments.studies.study import Claim, Outcome, Parts, StudyConfig, Table, spread
from jaxgan import GAN, Game, fit, init, nets, penalties, sample
from jaxgan.data.pictures import as_rgb
from jaxgan.images import as_float, as_uint8
from jaxgan.methods.ada import ada
from jaxgan.methods.diffaugment import diffaugment
from jaxgan.methods.lecam import lecam
from jaxgan.metrics import features, kernel_distance, prdc

SIZES = (100, 500, 5_000)
METHODS = ("none", "DiffAugment", "ADA", "LeCam")
_SIDE = 6  # rows and columns of the pictures


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(StudyConfig):
    """Sizes, methods and judges."""

    study: ClassVar[str] = "few_images"

    # Seeds of each method on each number of images.
    seeds: int = 3
    # Generator updates.
    steps: int = 3_000
    # Examples of one update.
    batch_size: int = 32
    # Channels of the finest hidden maps of both networks.
    width: int = 16
    # Weight of R1, gamma / 2 in its paper.
    r1: float = 0.05
    # Adam's learning rate, for both players.
    learning_rate: float = 5e-4
    # Images that D must see for ADA's p to go from 0 to 1; 500,000 in its paper, where
    # a run has 25 million.
    ada_images: int = 30_000
    # LeCam's weight.
    lecam: float = 0.3
    # Samples, and held-out images, that are judged.
    samples: int = 2_000
    # Where prepared data sets and their decoded caches are kept.
    data_dir: Path = Path("~/.cache/jaxgan")
    # Folder of files downloaded by hand.
    manual_dir: Path | None = None


def make_game(config: Config, method: str, size: int) -> Game:
    """Returns the game on grey images of ``size`` pixels with one of the methods."""
    adam = optax.adam(config.learning_rate, b1=0.5, b2=0.99)
    augment = None
    if method == "DiffAugment":
        augment = diffaugment()
    elif method == "ADA":
        augment = ada(speed_images=config.ada_images)
    gan = GAN(
        generator=nets.dcgan.Generator(size, 1, width=config.width),
        discriminator=nets.dcgan.Discriminator(width=config.width, batch_norm=False),
        penalties=((config.r1, penalties.r1),),
        g_optimizer=adam,
        d_optimizer=adam,
        augment=augment,
    )
    return lecam(gan, config.lecam) if method == "LeCam" else gan


def read(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Loads images to train on and held-out ones, uint8 ``[n h w 1]``."""
    data = jaxgan.data.load(
        "digits" if config.quick else "fashion_mnist",
        data_dir=config.data_dir,
        manual_dir=config.manual_dir,
    )
    held = np.asarray(data.test.images)
    rows = np.random.default_rng(0).permutation(len(held))[: config.samples]
    return np.asarray(data.train.images), held[np.sort(rows)]


@functools.cache
def eyes() -> Any:
    """Loads the judges' feature extractor."""
    return features.load("efficientnet")


def play(config: Config, method: str, count: int, seed: int) -> dict[str, Any]:
    """Plays one run, and judges it at its end."""
    train, held = read(config)
    random = np.random.default_rng(config.seed + seed)
    train = train[random.permutation(len(train))[:count]]
    game = make_game(config, method, train.shape[1])
    key = jax.random.key(config.seed + seed)
    state = init(game, key, {"image": train[:1]})
    state = fit(
        game,
        state,
        {"image": train},
        key,
        steps=config.steps,
        batch_size=min(config.batch_size, count),
    )
    made = as_uint8(sample(game, state, jax.random.key(1), config.samples))
    made = np.asarray(made)
    p = state.memory["augment"]["p"] if "augment" in state.memory else 0.0
    return {
        **judge(held_features(config), eyes()(as_rgb(made, "samples"))["features"]),
        **overfitting(game, state, train, held, made),
        "p": float(p),
        "shown": samples.packed(made[: _SIDE**2], _SIDE),
    }


@functools.lru_cache(maxsize=1)
def held_features(config: Config) -> np.ndarray:
    """Returns the features of the held-out images."""
    return eyes()(as_rgb(read(config)[1], "held-out images"))["features"]


def judge(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    """Computes the kernel distance and the recall of samples by their features."""
    few = {"features": "EfficientNet", "key": jax.random.key(0), "resamples": 0}
    size = min(1_000, len(real), len(fake))
    return {
        "kernel": kernel_distance.distance(real, fake, subset_size=size, **few).value,
        "recall": prdc.measure(real, fake, neighbours=3, **few).recall.value,
    }


def overfitting(
    game: Game, state: Any, train: np.ndarray, held: np.ndarray, made: np.ndarray
) -> dict[str, Any]:
    """Measures to what degree D takes held-out images for samples, by mean logits."""
    player = state.players["discriminator"]
    module = game.players["discriminator"].module
    play = jax.jit(lambda x: module.apply(player.variables, x, train=False))
    mean = lambda images: float(
        np.concatenate(
            [
                np.asarray(play(as_float(jnp.asarray(images[i : i + 250]))))
                for i in range(0, len(images), 250)
            ]
        ).mean()
    )
    seen, unseen, fake = mean(train[:2_000]), mean(held), mean(made)
    return {
        "overfit": (seen - unseen) / (seen - fake),
        "logits": [seen, unseen, fake],
    }


def run(config: Config, parts: Parts) -> Outcome:
    """Trains every method on every number of images."""
    sizes, methods = SIZES, METHODS
    if config.quick:
        few = {"seeds": 1, "steps": 4, "batch_size": 8, "width": 8, "samples": 40}
        config = dataclasses.replace(config, **few)
        sizes, methods = (100,), ("none", "ADA")
    found = {
        (count, method): [
            parts.get(
                f"{count}-{method}-{seed}",
                lambda count=count, method=method, seed=seed: play(
                    config, method, count, seed
                ),
            )
            for seed in range(config.seeds)
        ]
        for count in sizes
        for method in methods
    }
    return Outcome(
        protocol=_protocol(config),
        tables=[_table(sizes, methods, found)],
        claims=_claims(sizes, methods, found),
        figure=_picture(sizes, methods, found),
        details={
            f"{count} {method}": [
                {k: v for k, v in run.items() if k != "shown"} for run in runs
            ]
            for (count, method), runs in found.items()
        },
    )


def _of(runs: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([run[name] for run in runs])


def _protocol(config: Config) -> str:
    return (
        f"{config.seeds} seeds of each entry, each on images of its own, drawn at "
        "random. Fashion-MNIST, 28x28 pixels; DCGAN networks of width "
        f"{config.width} (no batch norm in D), non-saturating loss, R1 of weight "
        f"{config.r1:g}, Adam {config.learning_rate:g} (betas 0.5, 0.99), batch "
        f"{config.batch_size}, {config.steps:,} updates of each player, averaged "
        f"generator. ADA takes p from 0 to 1 in {config.ada_images:,} images; LeCam "
        f"has weight {config.lecam:g}. {config.samples:,} samples against as many "
        "held-out images, seen through EfficientNet-lite0: kernel distance (x 1000), "
        "recall (3 neighbours). Overfitting: (D(seen) - D(held out)) / (D(seen) - "
        "D(samples)), of mean logits without augmentation."
    )


def _table(sizes: Any, methods: Any, found: Any) -> Table:
    header = ["images", "method", "kernel distance", "recall", "overfitting"]
    rows = [
        [
            count,
            method,
            spread(1_000 * _of(found[count, method], "kernel")),
            spread(_of(found[count, method], "recall")),
            spread(_of(found[count, method], "overfit")),
            spread(_of(found[count, method], "p")) if method == "ADA" else "",
        ]
        for count in sizes
        for method in methods
    ]
    return Table([*header, "p at the end"], rows)


def _claims(sizes: Any, methods: Any, found: Any) -> list[Claim]:
    few = sizes[0]
    overfit = float(np.median(_of(found[few, "none"], "overfit")))
    plain = float(np.median(_of(found[few, "none"], "kernel")))
    claims = [
        Claim(
            f"{few} images, no help: D takes held-out images for samples, by half of "
            "the way or more",
            overfit,
            overfit >= 0.5,
        )
    ]
    for method in methods[1:]:
        if method == "ADA":
            p = float(np.median(_of(found[few, method], "p")))
            text = f"{few} images: ADA sees it, its p at the end is above 0"
            claims.append(Claim(text, p, p > 0))
            continue
        ratio = float(np.median(_of(found[few, method], "kernel"))) / plain
        text = f"{few} images: kernel distance with {method}, over that without help, "
        claims.append(Claim(f"{text}below 1", ratio, ratio < 1))
    return claims


def _picture(sizes: Any, methods: Any, found: Any) -> Figure:
    """Draws the first seed's samples: a row for each number of images."""

    def entry(count: int, method: str) -> tuple[str, str, str]:
        run = found[count, method][0]
        kernel, overfit = 1_000 * run["kernel"], run["overfit"]
        caption = f"kernel distance {kernel:.0f} / 1000, overfitting {overfit:.2f}"
        return run["shown"], f"{count:,} images, {method}", caption

    return samples.table(sizes, methods, entry)


if __name__ == "__main__":
    study.main(Config, run)
