"""Summaries of a race's records, for the table, the JSON and the targets.

Rates are medians over the rounds, with the lowest and the highest beside them. A ratio
is taken within each round, and then its median, lowest and highest.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.benchmarks.race import Record

HEADER = ["contestant", "steps/s", "images/s", "jaxgan's ratio to it", "GFLOP/s"]
HEADER += ["of the ceiling", "peak MiB", "first step", "second start"]


def middle(values: Any) -> dict[str, Any] | None:
    """Returns median, lowest and highest of the rounds; None for no rounds.

    Example:
        >>> middle([2.0, 1.0, 4.0])
        {'median': 2.0, 'low': 1.0, 'high': 4.0, 'rounds': 3}
    """
    values = np.asarray(values, np.float64)
    if not values.size:
        return None
    return {
        "median": float(np.median(values)),
        "low": float(values.min()),
        "high": float(values.max()),
        "rounds": values.size,
    }


def ratio(ours: Record, theirs: Record) -> dict[str, Any] | None:
    """Returns how many times as fast the first is, round by round."""
    if len(ours.rates) != len(theirs.rates):
        return None
    return middle(np.divide(ours.rates, theirs.rates))


def best(records: Mapping[str, Record], prefix: str) -> str | None:
    """Returns the name with the highest median rate, among those with ``prefix``."""
    medians = {
        name: float(np.median(record.rates))
        for name, record in records.items()
        if name.startswith(prefix) and record.rates and record.failure is None
    }
    return max(medians, key=lambda name: medians[name]) if medians else None


def ceiling(records: Mapping[str, Record], flops: float) -> float:
    """Returns FLOP/s of the faster matrix product; NaN if none was measured."""
    name = best(records, "ceiling")
    return float(np.median(records[name].rates)) * flops if name else math.nan


def summarise(
    records: Mapping[str, Record],
    second: Mapping[str, float],
    *,
    flops: float,
    images: int,
    ceiling: float,
) -> dict[str, dict[str, Any]]:
    """Returns the contestants of one work as JSON values.

    Args:
        records: the race's, without the ceilings.
        second: seconds to the first step of those that were started again.
        flops: operations of one unit.
        images: images of one unit.
        ceiling: FLOP/s of a matrix product.
    """
    lines = {}
    for name, record in records.items():
        if record.failure is not None:
            lines[name] = {"failure": record.failure}
            continue
        rate = middle(record.rates)
        assert rate is not None
        speed = rate["median"] * flops
        lines[name] = {
            "steps_per_second": rate,
            "images_per_second": rate["median"] * images,
            "jaxgan_ratio": ratio(records["jaxgan"], record),
            "gflops": speed / 1e9,
            "of_ceiling": None if math.isnan(ceiling) else speed / ceiling,
            "peak_mib": record.peak_bytes / 2**20,
            "first_step_seconds": record.first_seconds,
            "second_start_seconds": second.get(name),
            "rates": record.rates,
        }
    return lines


def rows(lines: Mapping[str, dict[str, Any]]) -> list[list[str]]:
    """Returns the table's rows, one per contestant, for `HEADER`."""
    table = []
    for name, line in lines.items():
        if "failure" in line:
            table.append([name, "failed", *[""] * (len(HEADER) - 2)])
            continue
        share, again = line["of_ceiling"], line["second_start_seconds"]
        table.append(
            [
                name,
                spread(line["steps_per_second"]),
                f"{line['images_per_second']:.4g}",
                spread(line["jaxgan_ratio"]),
                f"{line['gflops']:.4g}",
                "" if share is None else f"{100 * share:.1f} %",
                f"{line['peak_mib']:.0f}",
                f"{line['first_step_seconds']:.1f} s",
                "" if again is None else f"{again:.1f} s",
            ]
        )
    return table


def spread(value: dict[str, Any] | None) -> str:
    """Returns the result of `middle` as text.

    Example:
        >>> spread(middle([2.0, 1.0, 4.0]))
        '2 [1, 4]'
    """
    if value is None:
        return ""
    return f"{value['median']:.4g} [{value['low']:.4g}, {value['high']:.4g}]"
