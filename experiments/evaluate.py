r"""Judges one set of images by another: FID, KID and their kin, through one network.

::

    python -m experiments.evaluate REAL FAKE --features inception:WEIGHTS
    python -m experiments.evaluate cifar10 runs/dcgan-cifar10-0 \
        --features efficientnet --metrics fid kid precision_recall --json result.json

REAL and FAKE are each a folder of images, a NumPy file (``.npz``, ``.npy``) of uint8
images ``[n h w 3]``, a data set by name (``cifar10`` is its training part,
``cifar10:test`` what is held out), or a run's folder, whose averaged generator is
sampled. What is transparent shows white, and grey is taken as RGB; a line says so.

Every value depends on the network, on its weights, and on how an image becomes its
input; the protocol printed beside it names all three. Values under different protocols
cannot be compared. What a network has seen of REAL is kept for the next time.
"""

import dataclasses
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import tyro
from PIL import Image

import jaxgan.data
from jaxgan import compiled
from jaxgan.checks import InputError
from jaxgan.cli import command
from jaxgan.cli.load import load_run
from jaxgan.data import pictures
from jaxgan.data.pictures import Pictures
from jaxgan.environment import describe_environment, repeatable_on_gpus
from jaxgan.evaluation import by_features, quality, seen
from jaxgan.evaluation.by_class import judge_by_class, shared_classes
from jaxgan.evaluation.seen import Seen
from jaxgan.files import expand, write_atomically, write_json
from jaxgan.metrics import features, memorised
from jaxgan.metrics.features.extractor import BLOCK, Extractor
from jaxgan.metrics.result import Result
from jaxgan.report.pictures import strips
from jaxgan.sampling import Sampler
from jaxgan.show import png

_SHOWN, _NEAREST = 12, 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The two sets, the network, and the metrics."""

    # The data: a folder, a NumPy file, a data set or a run.
    real: Annotated[str, tyro.conf.Positional]
    # What is judged: likewise.
    fake: Annotated[str, tyro.conf.Positional]
    # NAME, or NAME:PATH of the network's weights.
    features: str = "efficientnet"
    # Fetch the weights of Inception-v3 (96 MB) if they are not there.
    download: bool = False
    # fid, fid_infinity, kid, inception_score, precision_recall, authenticity.
    metrics: tuple[str, ...] = ("fid", "kid")
    # Samples of a run.
    samples: int = 50_000
    # The metrics within each class too, and their means over the classes, where both
    # sets have labels: data sets, folders of sub-folders, conditional runs.
    by_class: bool = False
    # Of subsets, samples and the bootstrap.
    seed: int = 0
    # Of the bootstrap, for intervals; 0: none. Of FID each takes seconds.
    resamples: int = 0
    # Where the results go as JSON, besides being printed.
    json: Path | None = None
    # Where a picture goes: samples, each beside the images of REAL that are nearest to
    # it in features.
    picture: Path | None = None
    # Where data sets, compiled programs and what was seen of REAL are kept.
    data_dir: Path = Path("~/.cache/jaxgan")
    # Where files lie that were downloaded by hand; for sets that need a download.
    manual_dir: Path | None = None


def run(config: Config) -> dict[str, Result]:
    """Judges, and returns the results by name.

    Raises:
        InputError: if a set, the network or the metrics cannot be used.
    """
    names = quality.check(config.metrics)
    _check_places(config)
    store = expand(config.data_dir, "--data-dir").absolute()
    real, fake = (find(config, which, store) for which in (config.real, config.fake))
    for each in (real, fake):
        if each.note:
            print(each.note)
    if config.by_class:
        shared_classes(real, fake)  # before minutes of work
    extractor = features.load(config.features, download=config.download)
    of_real, of_fake = quality.wanted(names)
    if needs_features(config):
        of_real, of_fake = of_real | {seen.FEATURES}, of_fake | {seen.FEATURES}
    see = partial(_look, extractor, real, of_real)
    if of_real == {seen.MOMENTS}:
        of_data = seen.remembered(store / "moments", extractor, real, see)
    else:
        of_data = see() if of_real else seen.Seen(name=real.name)
    of_samples = _look(extractor, fake, of_fake)
    key = jax.random.key(config.seed)
    pair = quality.Pair(extractor, of_data, of_samples, key, config.resamples)
    results = quality.judge(names, pair)
    if config.by_class:
        results |= judge_by_class(names, pair._replace(resamples=0))
    if config.json is not None:
        write_json(config.json, _record(config, results))
    if config.picture is not None:
        image = beside_nearest(real, fake, of_data, of_samples)
        write_atomically(config.picture, png(image))
    return results


def needs_features(config: Config) -> bool:
    """Returns whether the features of every picture are needed, besides moments."""
    bootstrap = config.resamples > 0 and "fid" in config.metrics
    return config.picture is not None or config.by_class or bootstrap


def _check_places(config: Config) -> None:
    """Before minutes of work, that what it leaves can be written."""
    for flag in ("json", "picture"):
        path = getattr(config, flag)
        if path is not None and not path.absolute().parent.is_dir():
            raise InputError(f"--{flag} {path}: there is no folder {path.parent}.")


def beside_nearest(
    real: Pictures, fake: Pictures, of_real: Seen, of_fake: Seen
) -> Image.Image:
    """Returns the first samples, each beside its nearest images in features."""
    count, shown = min(_NEAREST, real.count), min(_SHOWN, fake.count)
    assert of_real.features is not None
    assert of_fake.features is not None
    rows, _ = memorised.nearest(of_real.features, of_fake.features[:shown], count)
    samples = _pick(fake, range(shown))
    data = _pick(real, set(rows.ravel().tolist()))
    size = samples[0].shape[1::-1]
    fit = lambda image: np.asarray(Image.fromarray(image).resize(size))
    columns = {"sample": np.stack([fit(samples[n]) for n in range(shown)])}
    for place, near in enumerate(rows.T.tolist(), start=1):
        columns[f"nearest {place}"] = np.stack([fit(data[row]) for row in near])
    return strips(columns)


def _pick(images: Pictures, rows: Collection[int]) -> dict[int, np.ndarray]:
    """The images in some rows of a set, which is read as far as need be."""
    found, number = {}, 0
    for block in images.blocks(BLOCK):
        for image in block:
            if number in rows:
                found[number] = image
            number += 1
        if len(found) == len(rows):
            break
    return found


def find(config: Config, name: str, store: Path) -> Pictures:
    """Returns the set of that name.

    Raises:
        InputError: there is none.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return pictures.of_npz(path)
    if (path / "config.json").is_file():
        return _of_run(config, path)
    if path.is_dir():
        return pictures.of_folder(path, store / "hashes")
    set_name, _, part = name.rpartition(":")
    if part not in ("train", "test"):
        set_name, part = name, "train"
    try:
        data = jaxgan.data.load(set_name, data_dir=store, manual_dir=config.manual_dir)
    except InputError as error:
        raise InputError(
            f"{name} is no folder, no file and no run here. {error}"
        ) from error
    table = getattr(data, part)
    classes = by_features.class_names(table)
    return pictures.of_array(table.images, f"{set_name} {part}", classes)


def _of_run(config: Config, folder: Path) -> Pictures:
    if config.samples < 2:
        raise InputError(f"--samples must be at least 2, got {config.samples}.")
    run = load_run(folder)
    sampler = Sampler(run.game, run.state)
    key = jax.random.key(config.seed)
    made = by_features.sampled(sampler, run.data, key, config.samples)
    name = f"{folder.name} at step {run.step:,}, {made.name}"
    return dataclasses.replace(made, name=name)


def _look(extractor: Extractor, images: Pictures, wanted: frozenset[str]):
    with _bar(images) as tell:
        return seen.look(extractor, images, wanted, tell=tell)


@contextmanager
def _bar(images: Pictures) -> Iterator[Any]:
    from tqdm import tqdm

    with tqdm(total=images.count, unit="image", desc=images.name[:40]) as bar:
        yield bar.update


def _record(config: Config, results: dict[str, Result]) -> dict[str, Any]:
    fields = dataclasses.asdict(config).items()
    return {
        "config": {k: v for k, v in fields if not isinstance(v, Path)},
        "results": {name: result.as_json() for name, result in results.items()},
        **describe_environment(),
    }


def main() -> None:
    """Runs the command; see `jaxgan.cli.command.main`."""
    prog = "python -m experiments.evaluate"
    command.main(Config, _run_and_tell, prog=prog, description=__doc__)


def _run_and_tell(config: Config) -> None:
    repeatable_on_gpus()
    compiled.keep(expand(config.data_dir, "--data-dir").absolute() / "compiled")
    for result in run(config).values():
        print(result)


if __name__ == "__main__":
    main()
