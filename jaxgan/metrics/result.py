"""The result of a metric: a value, its uncertainty, and its protocol."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxgan.checks import InputError


class Interval(NamedTuple):
    """A confidence interval, its level, and the method that produced it."""

    low: float
    high: float
    level: float
    method: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """A metric's value, with what is needed to report it.

    Attributes:
        name: name of the metric.
        value: its value, a Python, NumPy or JAX number; always finite.
        protocol: everything besides the data that the value depends on; report both.
        standard_error: that of the value, if it is a mean over independent examples.
        interval: a confidence interval, if there is one.
        p_value: the p-value, if the metric is a test; small if the sets differ.
        details: further measurements by name, as JSON values.
        higher_is_better: whether the best state of a run has the highest value, instead
            of the lowest; see `jaxgan.hooks.Evaluate`.

    Example:
        >>> print(Result(name="accuracy", value=0.5, protocol="100 examples"))
        accuracy 0.5 (100 examples)
    """

    name: str
    value: float
    protocol: str
    standard_error: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    higher_is_better: bool = False

    def __post_init__(self):
        # As JSON takes them, in the log and the report.
        for name in ("value", "standard_error", "p_value"):
            number = getattr(self, name)
            if number is not None:
                object.__setattr__(self, name, float(number))
        if not math.isfinite(self.value):
            raise InputError(
                f"{self.name} is {self.value}; look for NaN, infinity or overflow in "
                f"the sets ({self.protocol})."
            )

    def as_json(self) -> dict[str, Any]:
        """Returns the fields that are set, as JSON values."""
        fields = dataclasses.asdict(self)
        del fields["higher_is_better"]  # a property of the metric, not of this value
        if self.interval is not None:
            fields["interval"] = self.interval._asdict()
        return {k: v for k, v in fields.items() if v is not None and v != {}}

    def __str__(self) -> str:
        parts = [f"{self.name} {self.value:.6g}"]
        if self.standard_error is not None:
            parts.append(f"± {self.standard_error:.2g}")
        if self.interval is not None:
            low, high, level, _ = self.interval
            parts.append(f"[{low:.6g}, {high:.6g}] at {level:.0%}")
        if self.p_value is not None:
            parts.append(f"p = {self.p_value:.3g}")
        return f"{' '.join(parts)} ({self.protocol})"
