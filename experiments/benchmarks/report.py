"""The README's table of speeds from throughput.json; no number in it is typed by hand.

::

    python -m experiments.benchmarks.throughput --out experiments/benchmarks/results
    python -m experiments.benchmarks.report
"""

import dataclasses
from pathlib import Path
from typing import Any

from jaxgan.checks import InputError
from jaxgan.cli import command
from jaxgan.files import expand, read_object

RESULT = Path(__file__).parent / "results" / "throughput.json"
HEADER = ["work", "steps/s", "against PyTorch's best", "against plain Flax"]
HEADER += ["of the matrix ceiling", "peak MiB (PyTorch)", "first step, second start"]


def table(record: dict[str, Any]) -> str:
    """Returns the Markdown table: one row for each work of a throughput.json."""
    rows = [_row(name, work["contestants"]) for name, work in record["works"].items()]
    lines = [HEADER, ["---"] * len(HEADER), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fastest(lines: dict[str, Any]) -> str | None:
    """Returns PyTorch's fastest contestant by its median; None if none ran."""
    medians = {
        name: line["steps_per_second"]["median"]
        for name, line in lines.items()
        if name.startswith("torch") and "failure" not in line
    }
    return max(medians, key=lambda name: medians[name]) if medians else None


def _row(work: str, lines: dict[str, Any]) -> list[str]:
    ours, rival = lines["jaxgan"], fastest(lines)
    peak = f"{ours['peak_mib']:.0f}"
    if rival is not None:
        peak += f" ({lines[rival]['peak_mib']:.0f})"
    seconds = f"{ours['first_step_seconds']:.1f} s"
    if ours["second_start_seconds"] is not None:
        seconds += f", {ours['second_start_seconds']:.1f} s"
    share = ours["of_ceiling"]
    return [
        f"`{work}`",
        _rate(ours["steps_per_second"]["median"]),
        _times(lines, rival) + (f" ({_spoken(rival)})" if rival else ""),
        _times(lines, "flax"),
        "" if share is None else f"{share:.0%}",
        peak,
        seconds,
    ]


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def _times(lines: dict[str, Any], rival: str | None) -> str:
    """Returns the speed as a multiple of the rival's: median, lowest, highest round."""
    if rival not in lines or "failure" in lines[rival]:
        return "not run"
    ratio = lines[rival]["jaxgan_ratio"]
    return f"**{ratio['median']:.2f}** [{ratio['low']:.2f}, {ratio['high']:.2f}]"


def _spoken(rival: str) -> str:
    names = {"torch": "eager", "torch_compile": "compiled"}
    return names.get(rival, rival.removeprefix("torch_").replace("_", " "))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The file to read."""

    # A throughput.json.
    result: Path = RESULT


def show(config: Config) -> None:
    """Prints the table."""
    path = expand(config.result, "--result")
    advice = "Give one that experiments.benchmarks.throughput has written."
    record = read_object(path, otherwise=advice)
    if record is None:
        raise InputError(f"There is no file {path}. {advice}")
    print(table(record))


if __name__ == "__main__":
    prog = "python -m experiments.benchmarks.report"
    command.main(Config, show, prog=prog, description=__doc__)
