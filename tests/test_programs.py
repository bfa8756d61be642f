"""Programs that users write: each runs, and what it prints is finite."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("[!_]*.py"))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_program_runs(path, capsys):
    runpy.run_path(str(path))
    out = capsys.readouterr().out
    assert len(out.splitlines()) >= 2
    assert "nan" not in out
    numbers = [float(number) for number in re.findall(r"-?\d+\.\d+", out)]
    assert np.isfinite(numbers).all()
