"""Image models side by side: DCGAN, SNGAN, WGAN-GP and R3GAN, each for ten minutes.

Every model is trained as its command trains it, with the preset "small", on
Fashion-MNIST and, with ``--photos``, on photographs of 32x32 pixels, for as many rounds
as take ten minutes on two CPU cores. Samples are judged against held-out images on
EfficientNet-lite0's features: kernel distance, precision, recall, and how often a
classifier tells the two apart (C2ST, 0.5 if it cannot). None of the models was tuned
for a table; no winner was chosen beforehand, and ten minutes say nothing about ten
days.

About three hours on two cores with photographs; each run is kept once it is done, and a
run that was stopped is continued::

    python -m experiments.studies.image_models --photos PATH
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np
from matplotlib.figure import Figure

from experiments import dcgan, r3gan, sngan, wgan_gp
from experiments.studies import study
from experiments.studies.plots import samples
from experiments.studies.study import Claim, Outcome, Parts, StudyConfig, Table, spread
from jaxgan import cli
from jaxgan.cli.config import resolve
from jaxgan.cli.experiment import load_data
from jaxgan.data.pictures import of_array
from jaxgan.evaluation import by_features, seen
from jaxgan.images import as_uint8
from jaxgan.methods.r3gan import SCHEDULE
from jaxgan.metrics import c2st, features, kernel_distance, prdc
from jaxgan.sampling import Sampler

_SIDE = 8  # rows and columns of the pictures


class Model(NamedTuple):
    """A model as its command plays it, and the rounds that take ten minutes.

    Attributes:
        config: its settings.
        make_game: returns the game for a config and data.
        rounds: as many as take ten minutes.
        narrow: the settings of a network that is trained in seconds.
        schedule: the updates of a round; None for Algorithm 1.
    """

    config: Callable[..., cli.TrainConfig]
    make_game: Callable[..., Any]
    rounds: int
    narrow: dict[str, Any]
    schedule: Any = None


_NARROW = {"g_width": 8, "d_width": 8}
MODELS = {
    "DCGAN": Model(dcgan.Config, dcgan.make_gan, 4_800, {"width": 8}),
    "SNGAN": Model(sngan.Config, sngan.make_gan, 2_600, _NARROW),
    "WGAN-GP": Model(wgan_gp.Config, wgan_gp.make_gan, 2_400, _NARROW),
    "R3GAN": Model(
        r3gan.Config, r3gan.make_gan, 4_000, {"widths": "16,16,8,8"}, SCHEDULE
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(StudyConfig):
    """Models, sets and judges."""

    study: ClassVar[str] = "image_models"

    # Seeds of each model on each set.
    seeds: int = 2
    # A folder of colour photographs, besides Fashion-MNIST.
    photos: Path | None = None
    # Samples, and held-out images, that are judged.
    samples: int = 2_000
    # Where prepared data sets and their decoded caches are kept.
    data_dir: Path = Path("~/.cache/jaxgan")
    # Folder of files downloaded by hand.
    manual_dir: Path | None = None


def play(
    config: Config, name: str, dataset: str, seed: int, place: Path
) -> dict[str, Any]:
    """Plays one run, or continues it, and judges it."""
    model = MODELS[name]
    settings = model.config(
        dataset=dataset,
        resolution=32,
        seed=config.seed + seed,
        steps=20 if config.quick else model.rounds,
        workdir=place,
        data_dir=config.data_dir,
        manual_dir=config.manual_dir,
        **({"batch_size": 8, **model.narrow} if config.quick else {}),
    )
    result = cli.run(settings, model.make_game, evaluators=(), schedule=model.schedule)
    assert result is not None
    run = cli.load_run(place)
    sampler = Sampler(run.game, run.state)
    made = by_features.sampled(sampler, run.data, jax.random.key(0), config.samples)
    fake = seen.look(eyes(), made, {seen.FEATURES})
    return {
        **judge(fake, data_seen(config, dataset, train=False)),
        "seconds": result["seconds"],
        "shown": samples.packed(np.asarray(as_uint8(run.sample(_SIDE**2))), _SIDE),
    }


@functools.cache
def eyes() -> Any:
    """Loads the judges' feature extractor."""
    return features.load("efficientnet")


@functools.lru_cache
def data_seen(config: Config, dataset: str, *, train: bool) -> Any:
    """Returns the features of randomly chosen images of a set."""
    settings = dcgan.Config(
        dataset=dataset,
        resolution=32,
        data_dir=config.data_dir,
        manual_dir=config.manual_dir,
    )
    data = load_data(resolve(settings))
    images = data.train.images if train else data.test.images
    rows = np.random.default_rng(int(train)).permutation(len(images))
    some = of_array(np.asarray(images[np.sort(rows[: config.samples])]), "images")
    return seen.look(eyes(), some, {seen.FEATURES})


def judge(fake: Any, real: Any) -> dict[str, float]:
    """Compares samples with held-out images by their features."""
    sets = real.features, fake.features
    key, few = jax.random.key(0), {"features": "EfficientNet", "resamples": 0}
    size = min(1_000, *map(len, sets))
    near = prdc.measure(*sets, key=key, neighbours=3, **few)
    kernel = kernel_distance.distance(*sets, key=key, subset_size=size, **few)
    return {
        "kernel": kernel.value,
        "precision": near.precision.value,
        "recall": near.recall.value,
        "c2st": c2st.two_sample(*sets, key=key).value,
    }


def run(config: Config, parts: Parts) -> Outcome:
    """Plays every model on every set."""
    names = ("DCGAN", "SNGAN") if config.quick else tuple(MODELS)
    sets = {"Fashion-MNIST": "digits" if config.quick else "fashion_mnist"}
    if config.quick:
        config = dataclasses.replace(config, seeds=1, samples=40)
    if config.photos is not None:
        sets["photographs"] = f"folder:{config.photos}"
    found = {
        (title, name): [
            parts.get(
                mark := f"{title}-{name}-{seed}".lower(),
                lambda name=name, dataset=dataset, seed=seed, mark=mark: play(
                    config, name, dataset, seed, parts.folder / "runs" / mark
                ),
            )
            for seed in range(config.seeds)
        ]
        for title, dataset in sets.items()
        for name in names
    }
    real = {
        title: parts.get(
            f"{title}-real",
            lambda dataset=dataset: judge(
                data_seen(config, dataset, train=True),
                data_seen(config, dataset, train=False),
            ),
        )
        for title, dataset in sets.items()
    }
    return Outcome(
        protocol=_protocol(config),
        tables=[_table(sets, names, found, real)],
        claims=_claims(sets, names, found),
        figure=_picture(sets, names, found),
    )


def _protocol(config: Config) -> str:
    rounds = ", ".join(f"{name} {model.rounds:,}" for name, model in MODELS.items())
    return (
        f"{config.seeds} seeds of each model in its preset `small`, on images of 32x32 "
        f"pixels, for as many rounds as take 10 minutes of two cores ({rounds}). "
        f"Averaged generators; {config.samples:,} samples against as many held-out "
        "images, seen through EfficientNet-lite0. Kernel distance (x 1000): cubic "
        "kernel, subsets of 1,000; precision and recall: three neighbours; C2ST: "
        "held-out accuracy of a perceptron of 64 units on the features. Beside them "
        "training images, as a perfect model would be judged."
    )


_JUDGES = ("kernel", "precision", "recall", "c2st")


def _table(sets: Any, names: Any, found: Any, real: Any) -> Table:
    header = ["set", "model", "kernel distance", "precision", "recall", "C2ST"]
    rows = []
    for title in sets:
        for name in names:
            runs = found[title, name]
            scores = {k: np.array([run[k] for run in runs]) for k in _JUDGES}
            scores["kernel"] = 1_000 * scores["kernel"]
            minutes = float(np.mean([run["seconds"] for run in runs]) / 60)
            entries = [spread(scores[k]) for k in _JUDGES]
            rows.append([title, name, *entries, minutes])
        own = real[title]
        data = [1_000 * own["kernel"], *(own[k] for k in _JUDGES[1:])]
        rows.append([title, "training images", *data, ""])
    return Table([*header, "minutes, busy core"], rows)


def _claims(sets: Any, names: Any, found: Any) -> list[Claim]:
    """Claims only that all runs end finite; which model is best, the table says."""
    worst = max(run["c2st"] for runs in found.values() for run in runs)
    finite = all(
        np.isfinite([run[k] for k in _JUDGES]).all()
        for runs in found.values()
        for run in runs
    )
    text = f"all {len(found) * len(next(iter(found.values())))} runs end finite"
    return [Claim(f"{text} (measured: their highest C2ST)", worst, finite)]


def _picture(sets: Any, names: Any, found: Any) -> Figure:
    """Draws the first seed's samples: a row for each set, a column for each model."""

    def entry(title: str, name: str) -> tuple[str, str, str]:
        run = found[title, name][0]
        caption = f"kernel distance {1_000 * run['kernel']:.1f} / 1000"
        return run["shown"], f"{name}, {title}", caption

    return samples.table(list(sets), names, entry)


if __name__ == "__main__":
    study.main(Config, run)
