"""Writes a run's report.html again, from the files in the run's folder.

A run writes its report at its end. This command writes it again: if that failed, as on
a machine where no figure can be drawn; or before the end, for the run so far::

    python -m experiments.report runs/mlp-digits-0

Nothing else in the folders is changed. Exit codes: 0 written, 2 a folder without a run,
or with a damaged one.
"""

import dataclasses
from pathlib import Path

from tyro.conf import Positional

from jaxgan import report
from jaxgan.checks import InputError
from jaxgan.cli import command
from jaxgan.files import expand


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The runs whose reports are written."""

    # The runs' folders, as given to --workdir.
    runs: Positional[tuple[Path, ...]]


def run(config: Config) -> None:
    """Writes the reports and prints where they are.

    Raises:
        InputError: for the first folder whose report cannot be written.
    """
    if not config.runs:
        raise InputError("No run was given. Name the folder of one, its --workdir.")
    for folder in config.runs:
        print(write(expand(folder, "RUN")))


def write(folder: Path) -> Path:
    """Writes one run's report and returns its path.

    Raises:
        InputError: if it cannot be written.
    """
    try:
        return report.write(folder)
    except InputError:
        raise
    except Exception as error:  # from the files' contents, or from drawing
        raise InputError(
            f"The report of {folder} could not be written: {type(error).__name__}: "
            f"{error}"
        ) from error


def main() -> None:
    """Runs the command; see `jaxgan.cli.command.main`."""
    command.main(Config, run, prog="python -m experiments.report", description=__doc__)


if __name__ == "__main__":
    main()
