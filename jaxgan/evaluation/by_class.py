"""The metrics within each class, and their means over the classes.

A set may have the right statistics as a whole while each class has the wrong ones: its
images are mixed up with others, or all alike. The Fréchet distance within a class is
the intra-FID of Miyato & Koyama 2018 (arXiv:1802.05637).
"""

import dataclasses
from collections.abc import Iterable

import numpy as np

from jaxgan.checks import InputError
from jaxgan.data.pictures import Pictures
from jaxgan.evaluation.quality import Pair, check_counts, judge
from jaxgan.evaluation.seen import Seen
from jaxgan.metrics.moments import of_blocks
from jaxgan.metrics.result import Result

_FEWEST = 2


def judge_by_class(names: Iterable[str], pair: Pair) -> dict[str, Result]:
    """Returns the metrics within each class: ``NAME_by_class``, the mean over classes.

    The details hold the values of all classes. A class has few images: metrics with a
    small-sample bias, such as the Fréchet distance, compare only at equal numbers.

    Args:
        names: names from `jaxgan.evaluation.quality.METRICS`.
        pair: data and samples, with their features and the classes of both.

    Raises:
        InputError: if a set has no labels, the sets differ in their classes, or a class
            has fewer than two images.
    """
    names, classes = tuple(names), shared_classes(pair.real, pair.fake)
    parts = {
        name: judge(
            names,
            pair._replace(
                real=of_class(pair.real, name), fake=of_class(pair.fake, name)
            ),
        )
        for name in classes
    }
    first = parts[classes[0]]
    return {
        f"{metric}_by_class": _mean(
            {name: part[metric] for name, part in parts.items()}, pair
        )
        for metric in first
    }


def shared_classes(real: Seen | Pictures, fake: Seen | Pictures) -> list[str]:
    """Returns the names of the classes that both sets have, sorted.

    Raises:
        InputError: as `judge_by_class`.
    """
    found = []
    for each in (real, fake):
        if each.classes is None:
            raise InputError(
                f"{each.name} has no labels, so it cannot be judged by class. Give a "
                "labelled data set, a folder with a sub-folder for each class, an npz "
                "file with 'labels', or the run of a game that is conditional on them."
            )
        names, counts = np.unique(each.classes, return_counts=True)
        few = names[counts < _FEWEST].tolist()
        if few:
            raise InputError(
                f"{each.name} has fewer than {_FEWEST} images of the class {few[0]!r}; "
                "give more images, or leave the class out of both sets."
            )
        found.append(set(names.tolist()))
    apart = sorted(found[0] ^ found[1])
    if apart:
        raise InputError(
            f"{real.name} and {fake.name} differ in their classes: only one of them "
            f"has {', '.join(map(repr, apart[:5]))}. Give equal classes equal names."
        )
    return sorted(found[0])


def check_classes(names: Iterable[str], real: Pictures, fake: Pictures) -> None:
    """Checks, before any work, that two sets can be judged by class.

    Raises:
        InputError: as `judge_by_class`, or if a metric needs more images of a class.
    """
    names, number = tuple(names), lambda each, name: int((each.classes == name).sum())
    for name in shared_classes(real, fake):
        of = f" of the class {name!r}"
        check_counts(names, number(real, name), number(fake, name), of)


def of_class(seen: Seen, name: str) -> Seen:
    """Returns the part of a set that belongs to one class."""
    assert seen.classes is not None
    chosen = seen.classes == name
    take = lambda rows: None if rows is None else rows[chosen]
    features = take(seen.features)
    return Seen(
        name=f"{seen.name}, class {name}",
        moments=None if features is None else of_blocks([features]),
        features=features,
        logits=take(seen.logits),
        classes=seen.classes[chosen],
    )


def _mean(results: dict[str, Result], pair: Pair) -> Result:
    values = {name: result.value for name, result in results.items()}
    first = next(iter(results.values()))
    counts = [
        np.unique(seen.classes, return_counts=True)[1]
        for seen in (pair.real, pair.fake)
        if seen.classes is not None
    ]
    often = " vs ".join(f"{c.min():,} to {c.max():,}" for c in counts)
    return dataclasses.replace(
        first,
        name=f"{first.name}, mean over classes",
        value=float(np.mean(list(values.values()))),
        protocol=(
            f"within each of {len(values)} classes, of {often} images; "
            f"{pair.described}; in the first: {first.protocol}"
        ),
        standard_error=None,
        interval=None,
        p_value=None,
        details={**first.details, "classes": values},
    )
