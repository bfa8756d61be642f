"""A long run: does its memory grow, does anything compile anew?

    python -m tests.soak --steps 20000

Trains the MLP on the digits and notes the resident memory at every line of metrics.
Prints it a tenth of the way in, half-way and at the last line before the evaluation,
and how many programs were compiled until then. Exits with 1 if memory grew by more than
5 % between the first and the last, or if anything was compiled.
"""

import dataclasses
import os
import sys
import tempfile
from pathlib import Path

import jax
import tyro

from experiments import mlp
from jaxgan.cli import run
from jaxgan.hooks import Log

_COMPILATION = "/jax/core/compile/backend_compile_duration"


@dataclasses.dataclass(frozen=True)
class Args:
    """What the long run does."""

    # Generator updates.
    steps: int = 20_000
    # Where prepared data sets lie.
    data_dir: Path = Path("~/.cache/jaxgan")


def resident_mib() -> float:
    """This process's resident memory, by Linux's /proc."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main(args: Args) -> int:
    """Runs and prints; returns the exit code."""
    compiled = 0

    def count(event: str, seconds: float, **kwargs) -> None:
        nonlocal compiled
        compiled += event == _COMPILATION

    jax.monitoring.register_event_duration_secs_listener(count)
    trail: dict[int, tuple[float, int]] = {}
    write = Log.line

    def note(self, run, row):
        write(self, run, row)
        trail[row["step"]] = (resident_mib(), compiled)

    Log.line = note
    with tempfile.TemporaryDirectory() as folder:
        config = mlp.Config(
            steps=args.steps, data_dir=args.data_dir, workdir=Path(folder) / "run"
        )
        run(config, mlp.make_gan)
    # The last line comes after the evaluation, which compiles its own programs.
    steps = sorted(trail)[:-1]
    chosen = [steps[len(steps) // 10], steps[len(steps) // 2], steps[-1]]
    for step in chosen:
        memory, programs = trail[step]
        print(f"step {step:>7,}: {memory:7.1f} MiB resident, {programs} compiled")
    (first, before), (last, after) = trail[chosen[0]], trail[chosen[-1]]
    print(f"growth {last / first - 1:+.1%}, {after - before} programs compiled since")
    return int(last > 1.05 * first or after > before)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Args)))
