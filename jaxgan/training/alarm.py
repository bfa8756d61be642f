"""A run's collapse alarm: signs in every line of the log, a warning if they last."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxgan import keys, losses
from jaxgan.data import DataSet, epoch_order
from jaxgan.game import GameState
from jaxgan.gan import GAN
from jaxgan.images import as_uint8
from jaxgan.metrics import collapse
from jaxgan.sampling import sample
from jaxgan.typing import Key

_EXAMPLES = 256
_SEED = 0  # of which training images the samples are held against
# The first samples of any run lie close together.
_GRACE = 0.1
# Those whose logits are log odds, so that a large gap means a sure discriminator.
_LOG_ODDS = (losses.minimax, losses.non_saturating, losses.relativistic)


def look(gan: GAN, state: GameState, data: DataSet, key: Key) -> dict[str, float]:
    """The signs that a line of the log holds beside the discriminator's mean logits.

    Args:
        gan: the game.
        state: where it stands; the averaged generator is looked at.
        data: what it is trained on.
        key: the run's key.
    """
    count = min(_EXAMPLES, len(data.train))
    chosen = epoch_order(_SEED, 0, len(data.train))[:count]
    real = data.train.batch(chosen)
    condition = None if gan.condition is None else real[gan.condition]
    fake = sample(gan, state, keys.stream(key, "alarm", 0), count, condition=condition)
    nothing = jnp.zeros(1)
    signs = collapse.signs(
        _rows(as_uint8(fake)), _rows(real["image"]), nothing, nothing
    )
    return {
        "distance_ratio": float(signs.distance_ratio),
        "duplicates": float(signs.duplicates),
    }


def lasting(gan: GAN, rows: Sequence[Mapping[str, Any]], steps: int) -> list[str]:
    """What to warn of after the last line: what two lines running have in common.

    Args:
        gan: the game; its loss says whether a gap between the logits means anything.
        rows: lines of the log, in order, of which the last two are looked at.
        steps: the run's length; nothing is said of its first tenth.
    """
    if len(rows) < 2 or rows[-2]["step"] < _GRACE * steps:
        return []
    gap = collapse.Thresholds().gap if gan.loss in _LOG_ODDS else None
    before, now = (
        collapse.alarms(_signs(row), collapse.Thresholds(gap=gap)) for row in rows[-2:]
    )
    kinds = {kind_of(line) for line in before}
    return [line for line in now if kind_of(line) in kinds]


def history(
    gan: GAN, rows: Sequence[Mapping[str, Any]], steps: int
) -> dict[str, dict[str, Any]]:
    """Each kind of warning in a whole run: its first and last step, its last text."""
    found: dict[str, dict[str, Any]] = {}
    for end in range(2, len(rows) + 1):
        for line in lasting(gan, rows[end - 2 : end], steps):
            step = rows[end - 1]["step"]
            entry = found.setdefault(kind_of(line), {"from_step": step})
            entry |= {"to_step": step, "warning": line}
    return found


def kind_of(line: str) -> str:
    """What a warning is of: its first words.

    Example:
        >>> kind_of("Duplicates: 70% of the samples ...")
        'Duplicates'
    """
    return line.partition(":")[0]


def _signs(row: Mapping[str, Any]) -> collapse.Signs:
    gap = row["d_real_logit"] - row["d_fake_logit"]
    values = (row["distance_ratio"], row["duplicates"], gap)
    return collapse.Signs(*map(jnp.float32, values))


def _rows(images: Any):
    images = np.asarray(images)
    return jnp.asarray(images.reshape(len(images), -1), jnp.float32) / 255
