"""The metrics of two sets of pictures, by the features of one network."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan.checks import InputError
from jaxgan.evaluation.seen import FEATURES, LOGITS, MOMENTS, Seen
from jaxgan.metrics import frechet, inception, kernel_distance, memorised, prdc
from jaxgan.metrics.features.extractor import Extractor
from jaxgan.metrics.result import Result
from jaxgan.typing import Key

_SPLITS, _SUBSET, _NEIGHBOURS = 10, 1_000, 3


class Pair(NamedTuple):
    """Data and samples, as outputs of one network.

    Attributes:
        extractor: the network.
        real: the data.
        fake: the samples.
        key: for the subsets and the bootstrap.
        resamples: number of bootstrap resamples; 0 for no intervals.
    """

    extractor: Extractor
    real: Seen
    fake: Seen
    key: Key
    resamples: int = 0

    @property
    def described(self) -> str:
        """A description of the network and the two sets."""
        return f"{self.extractor.protocol}; {self.real.name} vs {self.fake.name}"


class Metric(NamedTuple):
    """A metric.

    Attributes:
        real: the parts that it needs of data.
        fake: the parts that it needs of samples.
        measure: its function.
        least: the minimum numbers of data and samples.
    """

    real: frozenset[str]
    fake: frozenset[str]
    measure: Callable[[Pair], Mapping[str, Result]]
    least: tuple[int, int] = (2, 2)


def fid(pair: Pair) -> dict[str, Result]:
    """Computes the Fréchet distance, with an interval if all features are known."""
    real, fake = pair.real, pair.fake
    if real.features is not None and fake.features is not None:
        found = frechet.distance(
            real.features,
            fake.features,
            features=pair.described,
            key=pair.key,
            resamples=pair.resamples,
        )
    else:
        found = frechet.of_moments(
            _known(real.moments), _known(fake.moments), features=pair.described
        )
    return {"fid": dataclasses.replace(found, name=pair.extractor.distance)}


def fid_infinity(pair: Pair) -> dict[str, Result]:
    """Computes the Fréchet distance extrapolated to infinitely many samples."""
    found = frechet.extrapolated(
        _known(pair.real.features),
        _known(pair.fake.features),
        features=pair.described,
        key=pair.key,
    )
    name = f"{pair.extractor.distance}, extrapolated"
    return {"fid_infinity": dataclasses.replace(found, name=name)}


def kid(pair: Pair) -> dict[str, Result]:
    """Computes the kernel distance, from 100 subsets of at most 1,000 examples."""
    real, fake = _known(pair.real.features), _known(pair.fake.features)
    found = kernel_distance.distance(
        real,
        fake,
        features=pair.described,
        key=pair.key,
        subset_size=min(_SUBSET, len(real), len(fake)),
        resamples=pair.resamples,
    )
    return {"kid": found}


def inception_score(pair: Pair) -> dict[str, Result]:
    """Computes the Inception score of the samples alone, in a random order."""
    logits = np.asarray(_known(pair.fake.logits), np.float64)
    logits = np.random.default_rng(0).permutation(logits)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found = inception.score(
        powers / powers.sum(axis=1, keepdims=True),
        classifier=f"{pair.extractor.protocol}; {pair.fake.name}",
        key=pair.key,
        splits=max(1, min(_SPLITS, len(logits) // 2)),
        resamples=pair.resamples,
    )
    return {"inception_score": found}


def precision_recall(pair: Pair) -> dict[str, Result]:
    """Computes precision, recall, density, coverage with the usual three neighbours."""
    found = prdc.measure(
        _known(pair.real.features),
        _known(pair.fake.features),
        features=pair.described,
        key=pair.key,
        neighbours=_NEIGHBOURS,
        resamples=pair.resamples,
    )
    return found._asdict()


def authenticity(pair: Pair) -> dict[str, Result]:
    """Computes the share of samples that are not near copies of a training image."""
    found = memorised.authenticity(
        _known(pair.real.features),
        _known(pair.fake.features),
        features=pair.described,
        key=pair.key,
        resamples=pair.resamples,
    )
    return {"authenticity": found}


_MOMENTS, _FEATURES = frozenset({MOMENTS}), frozenset({FEATURES})
METRICS: Mapping[str, Metric] = {
    "fid": Metric(_MOMENTS, _MOMENTS, fid),
    "fid_infinity": Metric(
        _FEATURES, _FEATURES, fid_infinity, (2, frechet.FEWEST_TO_EXTRAPOLATE)
    ),
    "kid": Metric(_FEATURES, _FEATURES, kid),
    "inception_score": Metric(
        frozenset(), frozenset({LOGITS}), inception_score, (0, 2)
    ),
    "precision_recall": Metric(
        _FEATURES, _FEATURES, precision_recall, (_NEIGHBOURS + 1, _NEIGHBOURS + 1)
    ),
    "authenticity": Metric(_FEATURES, _FEATURES, authenticity),
}
"""The metrics by name."""


def check(names: Iterable[str]) -> tuple[str, ...]:
    """Returns the names of metrics without duplicates.

    Raises:
        InputError: if there is none, or one is unknown.
    """
    names = tuple(dict.fromkeys(names))
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        raise InputError(
            f"The metrics are {', '.join(METRICS)}; got {', '.join(unknown) or 'none'}."
        )
    return names


def check_counts(names: Iterable[str], real: int, fake: int, of: str = "") -> None:
    """Checks, before any work, that there are enough images for every metric.

    Args:
        names: names from `METRICS`.
        real: number of images of the data.
        fake: number of samples.
        of: a description of the part of the sets that is meant, for the message.

    Raises:
        InputError: if a metric needs more.
    """
    for name in names:
        least = METRICS[name].least
        if real < least[0] or fake < least[1]:
            raise InputError(
                f"{name} needs at least {least[0]} images of the data and {least[1]} "
                f"samples, got {real} and {fake}{of}; give more, or leave the metric "
                "out."
            )


def wanted(names: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Returns the parts that the metrics need of data, and of samples."""
    metrics = [METRICS[name] for name in names]
    union = lambda parts: frozenset().union(*parts)
    return union(m.real for m in metrics), union(m.fake for m in metrics)


def judge(names: Iterable[str], pair: Pair) -> dict[str, Result]:
    """Returns the results of the metrics, by name."""
    found: dict[str, Result] = {}
    for name in names:
        found |= METRICS[name].measure(pair)
    weights = {"weights_sha256": pair.extractor.weights_sha256}
    return {
        name: dataclasses.replace(result, details={**result.details, **weights})
        for name, result in found.items()
    }


def _known(part: Any) -> Any:
    assert part is not None, "an output that a metric needs was not computed"
    return part
