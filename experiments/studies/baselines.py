"""Baselines for the game: an autoencoder, a VAE and a mixture, on MNIST.

The question of every first lecture: why a game? An autoencoder's decoder is fed random
codes; a variational autoencoder (Kingma & Welling 2014, arXiv:1312.6114) and a Gaussian
mixture maximise a likelihood; two GANs play (2014's, and the relativistic one with R1
and R2 of Huang et al. 2024, arXiv:2501.05441). All networks that make images have the
same architecture, and are updated equally often on equally many images; all samples
have the same judges, on pixels and on a classifier's features. Expected: no judge takes
an autoencoder's images of random codes for digits; blur wins by Parzen windows, the
game by features. About 25 minutes on one core::

    python -m experiments.studies.baselines
"""

import dataclasses
import time
from typing import Any, ClassVar

import numpy as np

from experiments.studies import pixels, study
from experiments.studies.contestants import (
    AUTOENCODER,
    BEST,
    PLAIN,
    REAL,
    VAE,
    Contest,
    Model,
    zoo,
)
from experiments.studies.judges import JUDGES, Eyes, judge
from experiments.studies.pixels import Split, part_name
from experiments.studies.plots import baselines as plots
from experiments.studies.study import Claim, Outcome, Parts, Table, spread

_SHOWN = 40


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Contest):
    """Likelihood models and games on MNIST."""

    study: ClassVar[str] = "baselines"

    # Updates of the classifier whose features are judged.
    classifier_steps: int = 3_000


QUICK = {
    "seeds": 2,
    "steps": 30,
    "width": 32,
    "components": 5,
    "dimensions": 16,
    "samples": 400,
    "pairs": 300,
    "classifier_steps": 60,
}


def measure(
    model: Model, config: Config, data: Split, eyes: Eyes, seed: int
) -> dict[str, Any]:
    """Runs one seed of one model; returns its scores, and some of its samples."""
    begin = time.monotonic()
    made = model(seed, study.seeds(config, config.seeds)[seed])
    seconds = time.monotonic() - begin
    images = pixels.as_images(made.rows, data.shape)
    return {
        **judge(pixels.as_rows(images), eyes, data, pairs=config.pairs),
        "parameters": made.parameters,
        "nats": made.nats,
        "training_seconds": seconds,
        "shown": images[:_SHOWN].tolist(),
    }


def run(config: Config, parts: Parts) -> Outcome:
    """Trains the classifier, then every seed of every model, and judges them."""
    if config.quick:
        config = dataclasses.replace(config, **QUICK)
    data = pixels.split(config)
    eyes = Eyes(
        data,
        width=config.width,
        steps=config.classifier_steps,
        seed=config.seed,
    )
    found = {
        name: [
            parts.get(
                part_name(f"{name} {seed}"),
                lambda model=model, seed=seed: measure(model, config, data, eyes, seed),
            )
            for seed in range(config.seeds)
        ]
        for name, model in zoo(config, data).items()
    }
    accuracy = eyes.accuracy(data.test, data.test_labels)
    return Outcome(
        protocol=_protocol(config, data, accuracy),
        tables=[_judged(found), _trained(found)],
        claims=_claims(found),
        figure=plots.figure(
            {
                name: np.array(seeds[0]["shown"], np.uint8)
                for name, seeds in found.items()
            },
            {name: _column(seeds, "parzen") for name, seeds in found.items()},
            {name: _column(seeds, "kernel") for name, seeds in found.items()},
        ),
        details={name: [_numbers(s) for s in seeds] for name, seeds in found.items()},
    )


def _protocol(config: Config, data: Split, accuracy: float) -> str:
    return (
        f"{data.name}, {len(data.train):,} training images, {config.seeds} seeds, "
        f"latent N(0, I) in {config.latent_dim}-D. Every network that makes images is "
        f"the same perceptron of two hidden layers of {config.width}, updated "
        f"{config.steps:,} times on {config.batch_size} images; the encoders mirror "
        "it, the GANs' discriminators have its hidden layers, their generators are "
        f"averaged. Adam {config.learning_rate:g} falling to 0 by a cosine (2014's "
        f"game {config.plain_rate:g}, constant). The VAE has a Gaussian decoder with "
        "one learned standard deviation, its samples are means. The mixture has "
        f"{config.components} Gaussians in {config.dimensions} principal components "
        "and white noise in the others, by EM. Judged against test images as uint8 "
        f"pixels: {config.samples:,} samples by Parzen windows, {config.pairs:,} by "
        "1-NN on pixels and by all else on the last hidden layer of a classifier that "
        f"names {accuracy:.1%} of the test images. Intervals are over seeds."
    )


def _judged(found: dict[str, list[dict[str, Any]]]) -> Table:
    rows = [
        [name, *(spread(_column(seeds, judge)) for judge in JUDGES)]
        for name, seeds in found.items()
    ]
    return Table(["model", *JUDGES.values()], rows)


def _trained(found: dict[str, list[dict[str, Any]]]) -> Table:
    rows = [
        [
            name,
            seeds[0]["parameters"],
            spread(_column(seeds, "training_seconds")),
            "none" if seeds[0]["nats"] is None else spread(_column(seeds, "nats")),
        ]
        for name, seeds in found.items()
        if name != REAL
    ]
    likely = "log p(test image), nats: the VAE's a lower bound, the mixture's exact"
    return Table(["model", "parameters", "seconds with compilation", likely], rows)


def _claims(found: dict[str, list[dict[str, Any]]]) -> list[Claim]:
    kernel = {k: float(np.median(_column(v, "kernel"))) for k, v in found.items()}
    nats = {k: float(np.median(_column(v, "parzen"))) for k, v in found.items()}
    models = [name for name in found if name != REAL]
    worst_game = kernel[AUTOENCODER] / max(kernel[PLAIN], kernel[BEST])
    blurred = kernel[VAE] / kernel[BEST]
    ahead = (
        max(nats[name] for name in models)
        - nats[min(models, key=lambda name: kernel[name])]
    )
    return [
        Claim(
            "an autoencoder fed random codes is further from the data than either "
            "GAN: the ratio of kernel distances is above 1",
            worst_game,
            worst_game > 1,
        ),
        Claim(
            "the relativistic GAN is nearer to the data than the VAE: the ratio of "
            "their kernel distances is above 1",
            blurred,
            blurred > 1,
        ),
        Claim(
            "judges disagree: the model that Parzen windows like best leads the one "
            "of the smallest kernel distance by more than 0 nats",
            ahead,
            ahead > 0,
        ),
    ]


def _column(seeds: list[dict[str, Any]], name: str) -> list[float]:
    return [seed[name] for seed in seeds]


def _numbers(entry: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in entry.items() if k != "shown"}


if __name__ == "__main__":
    study.main(Config, run)
