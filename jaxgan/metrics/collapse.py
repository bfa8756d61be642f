"""The collapse alarm: signs of mode collapse, cheap enough for every log line.

Three signs, each of which can appear without the others:

- the samples lie closer together than the data (`Signs.distance_ratio`);
- samples repeat one another (`Signs.duplicates`);
- the discriminator has won, and the generator no longer learns (`Signs.gap`).

None of them detects good samples that miss a whole class: for that see `modes`, `prdc`
and `birthday`.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Real

from jaxgan.checks import InputError
from jaxgan.metrics.inputs import as_floats
from jaxgan.metrics.nearest import squared_distances

_QUANTILE = 0.01
# Relative to the data's mean distance; float32 cannot tell smaller ones from zero.
_RESOLUTION = 1e-3


class Signs(NamedTuple):
    """The signs of collapse, as float32 scalars.

    Attributes:
        distance_ratio: mean distance between two samples over that between two data
            examples; about 1 for a perfect generator, 0 if all samples are equal.
        duplicates: share of samples nearer to another sample than 99 % of the data
            examples are to another one; about 0.01 for a perfect generator.
        gap: mean logit of real minus mean logit of fake examples.
    """

    distance_ratio: Float[Array, ""]
    duplicates: Float[Array, ""]
    gap: Float[Array, ""]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Thresholds of the alarm.

    Attributes:
        distance_ratio: alarm below this.
        duplicates: alarm above this.
        gap: alarm above this; None for a critic whose scores are not log odds
            (Wasserstein, least squares), for which no gap is too large in itself.
    """

    distance_ratio: float = 0.5
    duplicates: float = 0.2
    gap: float | None = 10.0


@jax.jit
def signs(
    samples: Real[Array, "n ..."],
    data: Real[Array, "m ..."],
    real_logits: Float[Array, " b"],
    fake_logits: Float[Array, " b"],
) -> Signs:
    """Returns the three signs; a few hundred examples of each are enough.

    Args:
        samples: generated examples, of any shape; each is flattened to a row.
        data: as many training examples; with more, nearest neighbours would be nearer.
        real_logits: the discriminator's logits for real examples.
        fake_logits: its logits for samples.

    Raises:
        InputError: if the sets differ in shape, or hold fewer than two examples.
    """
    if samples.shape != data.shape or len(samples) < 2:
        raise InputError(
            "samples and data must have the same shape, with two examples or more, got "
            f"{samples.shape} and {data.shape}."
        )
    samples, data = as_floats(samples=samples, data=data)
    sample_mean, sample_nearest = _distances(samples)
    data_mean, data_nearest = _distances(data)
    near = jnp.maximum(jnp.quantile(data_nearest, _QUANTILE), _RESOLUTION * data_mean)
    return Signs(
        distance_ratio=sample_mean / data_mean,
        duplicates=(sample_nearest <= near).astype(jnp.float32).mean(),
        gap=(real_logits.mean() - fake_logits.mean()).astype(jnp.float32),
    )


def alarms(signs: Signs, thresholds: Thresholds = Thresholds()) -> list[str]:
    """Returns one message for each sign beyond its threshold, with suggested remedies.

    Samples of the first steps may trigger the first two; only lasting ones matter.

    Example:
        >>> for line in alarms(Signs(0.9, 0.7, 2.0)):
        ...     print(line)
        Duplicates: 70% of the samples (above 20%) have a nearer neighbour than the \
data do. Raise the batch size, add instance noise, or weight R1 higher.
    """
    lines = []
    if not signs.distance_ratio >= thresholds.distance_ratio:
        lines.append(
            f"Collapse: samples lie {float(signs.distance_ratio):.2f} times as far "
            f"apart as the data (below {thresholds.distance_ratio:.2f}). Try a "
            "relativistic loss, a zero-centred penalty (R1, R2) or a smaller "
            "generator learning rate."
        )
    if not signs.duplicates <= thresholds.duplicates:
        lines.append(
            f"Duplicates: {float(signs.duplicates):.0%} of the samples (above "
            f"{thresholds.duplicates:.0%}) have a nearer neighbour than the data do. "
            "Raise the batch size, add instance noise, or weight R1 higher."
        )
    if thresholds.gap is not None and not signs.gap <= thresholds.gap:
        lines.append(
            f"Discriminator ahead: mean real logit minus mean fake logit is "
            f"{float(signs.gap):.1f} (above {thresholds.gap:.1f}), so the generator's "
            "gradient fades. Weight R1 higher, add instance noise, or take fewer "
            "discriminator steps."
        )
    return lines


def _distances(rows):
    """Returns the mean distance of two rows, and from each row to its nearest other."""
    distances = jnp.sqrt(squared_distances(rows, rows))
    itself = jnp.eye(len(rows), dtype=bool)
    mean = jnp.where(itself, 0, distances).sum() / (len(rows) * (len(rows) - 1))
    return mean, jnp.where(itself, jnp.inf, distances).min(axis=1)
