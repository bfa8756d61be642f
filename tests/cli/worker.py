"""One process of a run of the MLP, which a signal may strike after a given step.

    python -m tests.cli.worker SIGNAL@STEP [the flags of experiments.mlp]

The process sends itself the signal as soon as it has played so many steps; 0@0: never.
At the end it prints the digest that `run` returned in this process.
"""

import os
import sys

from experiments import mlp
from jaxgan.cli import main
from jaxgan.hooks import Progress


def _strike(number: int, at: int) -> None:
    """In all processes, after each chunk of steps."""
    advance = Progress.advance

    def struck(self, run, metrics):
        advance(self, run, metrics)
        played = len(next(iter(metrics.values())))
        if run.step - played < at <= run.step:
            os.kill(os.getpid(), number)

    Progress.advance = struck


def _telling(run):
    def telling(*args, **kwargs):
        result = run(*args, **kwargs)
        print(f"returned {result['digest']}")
        return result

    return telling


if __name__ == "__main__":
    number, step = map(int, sys.argv.pop(1).split("@"))
    if number:
        _strike(number, step)
    module = sys.modules[main.__module__]
    module.run = _telling(module.run)  # type: ignore[attr-defined]
    main(mlp.Config, mlp.make_gan)
