"""A network's outputs for a set of pictures, computed block by block."""

import dataclasses
import hashlib
import io
import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import jax
import numpy as np

from jaxgan.checks import InputError
from jaxgan.data.pictures import Pictures
from jaxgan.evaluation import shared
from jaxgan.files import write_atomically
from jaxgan.metrics.features.extractor import BLOCK, Extractor
from jaxgan.metrics.moments import Moments, of_blocks

FEATURES, LOGITS, MOMENTS = "features", "logits", "moments"
_VERSION = 1  # to be increased when the moments of equal pictures change


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Seen:
    """A network's outputs for a set of pictures; those that were not wanted are None.

    Attributes:
        name: name of the set.
        moments: moments of the features.
        features: features of every picture, ``[n d]``.
        logits: logits of every picture, ``[n k]``.
        classes: the name of every picture's class, ``[n]``, if there are labels.
    """

    name: str
    moments: Moments | None = None
    features: np.ndarray | None = None
    logits: np.ndarray | None = None
    classes: np.ndarray | None = None


def look(
    extractor: Extractor,
    pictures: Pictures,
    wanted: Collection[str],
    *,
    tell: Callable[[int], object] = lambda count: None,
) -> Seen:
    """Runs a network on a set; several processes share its blocks.

    Args:
        extractor: the network.
        pictures: the set.
        wanted: "moments", "features" and "logits", or some of them. Features and logits
            grow with the set, moments do not.
        tell: called with the number of pictures of each block of this process.

    Raises:
        InputError: if logits are wanted and the network has none.
    """
    total = -(-pictures.count // BLOCK)
    kept: dict[str, list[np.ndarray]] = {
        name: [] for name in (FEATURES, LOGITS) if name in wanted
    }

    def seen() -> Iterator[np.ndarray]:
        blocks = shared.own_blocks(pictures.blocks(BLOCK), total)
        for outputs in extractor.through(blocks):
            if LOGITS in kept and LOGITS not in outputs:
                raise InputError(
                    f"{extractor.name} has no class logits, so it gives no Inception "
                    "score; take another network or another metric."
                )
            for name, parts in kept.items():
                parts.append(outputs[name])
            tell(len(outputs[FEATURES]))
            yield outputs[FEATURES]

    if MOMENTS in wanted:
        moments = shared.moments_of_all(of_blocks(seen()), total)
    else:
        moments = None
        for _ in seen():
            pass
    whole = {name: shared.rows_of_all(parts, total) for name, parts in kept.items()}
    return Seen(name=pictures.name, moments=moments, classes=pictures.classes, **whole)


def remembered(
    store: Path, extractor: Extractor, pictures: Pictures, see: Callable[[], Seen]
) -> Seen:
    """Returns the moments of a set, from the file of an earlier call if there is one.

    Args:
        store: the folder of such files, created if missing.
        extractor: the network.
        pictures: the set; one without an identity is processed each time.
        see: ``() -> Seen``, called if the moments are not known.
    """
    if pictures.identity is None:
        return see()
    # Devices of other kinds round differently.
    known_by = [extractor.protocol, pictures.identity, jax.default_backend()]
    digest = hashlib.sha256(json.dumps([_VERSION, *known_by]).encode()).hexdigest()
    file = store / f"{digest[:32]}.npz"
    moments = read_moments(file)
    if moments is not None:
        return Seen(name=pictures.name, moments=moments)
    seen = see()
    if seen.moments is not None:
        write_moments(file, seen.moments)
    return seen


def read_moments(file: Path) -> Moments | None:
    """Returns the moments in a file; None if there is none, or it is damaged."""
    try:
        with file.open("rb") as content, np.load(content, allow_pickle=False) as held:
            moments = Moments(int(held["count"]), held["mean"], held["scatter"])
    except Exception:  # damage of every kind; they are computed again
        return None
    size = moments.mean.size
    return moments if moments.scatter.shape == (size, size) else None


def write_moments(file: Path, moments: Moments) -> None:
    """Writes the moments of a set to an ``.npz`` file, atomically."""
    content = io.BytesIO()
    count, mean, scatter = moments
    np.savez(content, count=count, mean=mean, scatter=scatter)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, content.getvalue())
