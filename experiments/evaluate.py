r"""Compares two sets of images: FID, KID and the like, on one network's features.

::

    python -m experiments.evaluate REAL FAKE --features inception:WEIGHTS
    python -m experiments.evaluate cifar10 runs/dcgan-cifar10-0 \
        --features efficientnet --metrics fid kid precision_recall --json result.json
    python -m experiments.evaluate originals restored --metrics psnr ssim \
        --protocol y-crop-4

REAL and FAKE are each a folder of images, a NumPy file (``.npz``, ``.npy``) of uint8
images ``[n h w 3]``, a data set by name (``cifar10`` is its training part,
``cifar10:test`` what is held out), or a run's folder, whose averaged generator is
sampled. Transparent pixels become white, and grey images RGB; a line says so.

Every value depends on the network, on its weights, and on how an image becomes its
input; the protocol printed beside it names all three. Values under different protocols
cannot be compared. The statistics of REAL's features are cached.

PSNR, SSIM and LPIPS judge images in pairs, the first of REAL with the first of FAKE and
so on; files of two folders are paired by name. Diversity is the mean LPIPS of random
pairs of FAKE alone.
"""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import jax
import tyro

from jaxgan import compiled
from jaxgan.checks import InputError
from jaxgan.cli import command
from jaxgan.cli.config import check_numbers, with_paths
from jaxgan.cli.sets import Where, find
from jaxgan.data.pictures import Pictures
from jaxgan.environment import describe_environment, repeatable_on_gpus
from jaxgan.evaluation import diversity, pairs, quality, seen
from jaxgan.evaluation.beside import beside_nearest
from jaxgan.evaluation.by_class import check_classes, judge_by_class
from jaxgan.files import expand, writable, write_atomically, write_json
from jaxgan.metrics import bootstrap, features, paired, perceptual
from jaxgan.metrics.features.extractor import Extractor
from jaxgan.metrics.result import Result
from jaxgan.show import png

DIVERSITY = "diversity"
_SHOWN, _NEAREST = 12, 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The two sets, the network, and the metrics."""

    # The data: a folder, a NumPy file, a data set or a run.
    real: Annotated[str, tyro.conf.Positional]
    # The images to judge, in the same forms.
    fake: Annotated[str, tyro.conf.Positional]
    # The network: NAME, or NAME:PATH with its weights.
    features: str = "efficientnet"
    # Fetch the weights of Inception-v3 (96 MB) if they are not there.
    download: bool = False
    # For sets: fid, fid_infinity, kid, inception_score, precision_recall, authenticity;
    # for pairs: psnr, ssim, lpips; for FAKE alone: diversity.
    metrics: tuple[str, ...] = ("fid", "kid")
    # How psnr and ssim compare pixels: rgb (the default), rgb-crop-4, scikit-image,
    # y-crop-2, y-crop-3 or y-crop-4.
    protocol: str | None = None
    # The weights of VGG-16, and of LPIPS v0.1's heads on it: two files.
    lpips: tuple[str, ...] = ()
    # Samples drawn from a run.
    samples: int = 50_000
    # Also judge within each class, and average over the classes, if both sets have
    # labels: data sets, folders of sub-folders, conditional runs.
    by_class: bool = False
    # Seed of subsets, samples and the bootstrap.
    seed: int = 0
    # Bootstrap resamples, for intervals; 0 for none. For FID each takes seconds.
    resamples: int = 0
    # Where the results go as JSON, besides being printed.
    json: Path | None = None
    # Where a picture goes: samples, each beside the images of REAL nearest to it in
    # feature space.
    picture: Path | None = None
    # Where data sets, compiled programs and statistics of REAL are kept.
    data_dir: Path = Path("~/.cache/jaxgan")
    # Folder of files downloaded by hand, for sets that need a download.
    manual_dir: Path | None = None


def run(
    config: Config, tell: Callable[[Result], object] = lambda result: None
) -> dict[str, Result]:
    """Judges, and returns the results by name.

    Args:
        config: the settings.
        tell: called with each result as it is found, so that an error in the last
            metric does not take the others with it.

    Raises:
        InputError: if a set, the network or the metrics cannot be used.
    """
    chosen = Chosen.of(config)
    config = _checked(config)
    results: dict[str, Result] = {}
    for found in _judged(config, chosen):
        results |= found
        for result in found.values():
            tell(result)
    if config.json is not None:
        write_json(config.json, _record(config, results))
    return results


def _checked(config: Config) -> Config:
    """Checks, before minutes of work, the numbers and the places of files."""
    check_numbers(config)
    bootstrap.check(config.resamples)
    for flag in ("json", "picture"):
        path = getattr(config, flag)
        if path is not None:
            writable(path, f"--{flag}")
    return with_paths(config, Path.absolute)


def _judged(config: Config, chosen: "Chosen") -> Iterator[dict[str, Result]]:
    """Yields the results as they are found."""
    by_features = chosen.of_sets or config.picture is not None
    load = partial(features.load, config.features, download=config.download)
    extractor = load() if by_features else None
    distance = perceptual.load_lpips(*config.lpips) if chosen.lpips else None
    real, fake = _sets(config, by_pairs=bool(chosen.of_pairs))
    _check_sets(config, chosen, real, fake)
    if extractor is not None:
        yield from _of_sets(config, extractor, chosen.of_sets, real, fake)
    if chosen.of_pairs:
        yield _of_pairs(config, chosen.of_pairs, real, fake, distance)
    if chosen.diversity and distance is not None:
        how = {"key": jax.random.key(config.seed), "resamples": config.resamples}
        yield {DIVERSITY: diversity.of_pictures(fake, distance, **how)}


def _check_sets(
    config: Config, chosen: "Chosen", real: Pictures, fake: Pictures
) -> None:
    """Checks, before minutes of work, that the metrics can judge the sets."""
    quality.check_counts(chosen.of_sets, real.count, fake.count)
    if config.by_class:
        check_classes(chosen.of_sets, real, fake)
    if chosen.of_pairs:
        pairs.check_sides(chosen.of_pairs, real, fake)


class Chosen(NamedTuple):
    """The metrics that are asked for, by what they judge."""

    of_sets: tuple[str, ...]
    of_pairs: tuple[str, ...]
    diversity: bool

    @property
    def lpips(self) -> bool:
        """True if LPIPS is needed."""
        return "lpips" in self.of_pairs or self.diversity

    @classmethod
    def of(cls, config: Config) -> "Chosen":
        """Returns the metrics of the command line.

        Raises:
            InputError: one is unknown, or lacks its weights, or an option would be
                ignored.
        """
        names = tuple(dict.fromkeys(config.metrics))
        known = (*quality.METRICS, *pairs.METRICS, DIVERSITY)
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise InputError(
                f"--metrics takes {', '.join(known)}; got "
                f"{', '.join(unknown) or 'none'}."
            )
        chosen = cls(
            tuple(name for name in names if name in quality.METRICS),
            tuple(name for name in names if name in pairs.METRICS),
            DIVERSITY in names,
        )
        if len(config.lpips) != (2 if chosen.lpips else 0):
            raise InputError(
                "The metrics lpips and diversity, and they alone, take --lpips VGG "
                "HEADS: the files of VGG-16's weights (torchvision's "
                "vgg16-397923af.pth) and of LPIPS v0.1's (vgg.pth of the package "
                f"lpips); got {len(config.lpips)} files for {', '.join(names)}."
            )
        if config.by_class and not chosen.of_sets:
            raise InputError(
                "--by-class is for metrics of sets, such as fid or kid; got --metrics "
                f"{' '.join(names)}."
            )
        by_pixels = {"psnr", "ssim"} & set(chosen.of_pairs)
        if config.protocol is not None and not by_pixels:
            raise InputError(
                "--protocol applies to psnr and ssim; name one of them in --metrics."
            )
        if config.protocol not in (None, *paired.PROTOCOLS):
            raise InputError(
                f"--protocol must be one of {', '.join(paired.PROTOCOLS)}; got "
                f"{config.protocol}."
            )
        return chosen


def _sets(config: Config, *, by_pairs: bool) -> tuple[Pictures, Pictures]:
    """Returns the two sets; those of two folders paired by name, if asked for."""
    where = Where(
        store=config.data_dir,
        manual_dir=config.manual_dir,
        samples=config.samples,
        seed=config.seed,
    )
    paths = [expand(config.real, "REAL"), expand(config.fake, "FAKE")]
    folders = all(p.is_dir() and not (p / "config.json").is_file() for p in paths)
    if by_pairs and folders:
        real, fake = pairs.of_folders(paths[0], paths[1], where.store / "hashes")
    else:
        real, fake = (find(name, where) for name in (config.real, config.fake))
    for each in (real, fake):
        if each.note:
            print(each.note)
    return real, fake


def _of_sets(
    config: Config,
    extractor: Extractor,
    names: tuple[str, ...],
    real: Pictures,
    fake: Pictures,
) -> Iterator[dict[str, Result]]:
    """Yields the metrics of two sets, and writes the picture of nearest images."""
    of_real, of_fake = quality.wanted(names)
    intervals = config.resamples > 0 and "fid" in names
    if config.picture is not None or config.by_class or intervals:
        of_real, of_fake = of_real | {seen.FEATURES}, of_fake | {seen.FEATURES}
    # First, since a network may turn out to lack the logits of the samples.
    of_samples = _look(extractor, fake, of_fake)
    see = partial(_look, extractor, real, of_real)
    if of_real == {seen.MOMENTS}:
        of_data = seen.remembered(config.data_dir / "moments", extractor, real, see)
    else:
        of_data = see() if of_real else seen.Seen(name=real.name)
    key = jax.random.key(config.seed)
    pair = quality.Pair(extractor, of_data, of_samples, key, config.resamples)
    for name in names:
        yield quality.judge([name], pair)
    if config.by_class:
        yield judge_by_class(names, pair._replace(resamples=0))
    if config.picture is not None:
        image = beside_nearest(real, fake, of_data, of_samples)
        write_atomically(config.picture, png(image))


def _of_pairs(
    config: Config,
    names: tuple[str, ...],
    real: Pictures,
    fake: Pictures,
    distance: Any,
) -> dict[str, Result]:
    protocol = None if config.protocol is None else paired.PROTOCOLS[config.protocol]
    with _bar(real) as tell:
        return pairs.judge(
            names,
            real,
            fake,
            protocol=protocol,
            lpips=distance if "lpips" in names else None,
            key=jax.random.key(config.seed),
            resamples=config.resamples,
            tell=tell,
        )


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
    run(config, tell=lambda result: print(result, flush=True))


if __name__ == "__main__":
    main()
