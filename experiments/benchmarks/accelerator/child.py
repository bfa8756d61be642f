"""One check in a separate process: a line of JSON for each part, as it comes.

``python -m experiments.benchmarks.accelerator.child NAME PLAN``
"""

import importlib
import json
import os
import signal
import sys
import traceback
from types import FrameType

from experiments.benchmarks.accelerator.plan import OutOfTime, Plan
from experiments.benchmarks.child import reason

MODULES = {"race": "rivals", "input": "feeding"}
"""The modules of the checks that are named otherwise."""


def main() -> None:
    """Runs the check; what it prints itself goes to standard error."""
    parts = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def tell(**line: object) -> None:
        print(json.dumps(line), file=parts, flush=True)

    # When its parent ends it, it must end its own processes: see `race`.
    signal.signal(signal.SIGTERM, _leave)
    name, plan = sys.argv[1], Plan(**json.loads(sys.argv[2]))
    here = __package__ or ""
    try:
        check = importlib.import_module(f"{here}.{MODULES.get(name, name)}")
        for part, figures in check.measure(plan):
            tell(part=part, figures=figures)
        tell(status="done")
    except OutOfTime:
        tell(status="cut off")
    except Exception as error:
        traceback.print_exc()
        tell(failure=reason(error))
        raise SystemExit(1) from error


def _leave(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)


if __name__ == "__main__":
    main()
