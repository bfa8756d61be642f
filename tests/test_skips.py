"""`--expected-skips`: only what the file names may be skipped, also by two workers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = """
from tests import skips

def pytest_addoption(parser):
    skips.add_option(parser)

def pytest_configure(config):
    skips.configure(config)
"""
SOME = """
import pytest

@pytest.mark.parametrize("n", [1, 2])
def test_skipped(n):
    pytest.skip("for a reason")

@pytest.mark.xfail
def test_fails_as_expected():
    assert False

def test_runs():
    pass
"""
WHOLE = """
import pytest
pytest.importorskip("no_such_package")

def test_never():
    pass
"""
# No plugin but xdist: each of the processes would load them.
PYTEST = [sys.executable, "-m", "pytest", "-p", "xdist"]
ENVIRONMENT = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTHONPATH": str(Path(__file__).parents[1]),
}
ALL = "test_some.py::test_skipped  # both\n\n# The package is nowhere.\ntest_whole.py\n"


@pytest.fixture
def outcome(tmp_path):
    """Gives the exit code and the output of a run with such a file."""
    files = {"conftest.py": CONFTEST, "test_some.py": SOME, "test_whole.py": WHOLE}
    for name, text in {**files, "pytest.ini": "[pytest]\n"}.items():
        (tmp_path / name).write_text(text)

    def run(expected: str, *flags: str):
        (tmp_path / "expected").write_text(expected)
        done = subprocess.run(
            [*PYTEST, "--expected-skips", "expected", *flags],
            cwd=tmp_path,
            env={**os.environ, **ENVIRONMENT},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize(
    ("expected", "unexpected", "workers"),
    [
        (ALL, [], 0),
        (ALL, [], 2),
        ("test_whole.py", ["test_some.py::test_skipped[1]"], 2),
        ("test_some.py", ["test_whole.py"], 2),
        # The start of a name is not the name.
        ("test_some.py::test_skip\ntest_whole", ["test_some.py", "test_whole.py"], 0),
    ],
    ids=["all", "all, two workers", "not the tests", "not the file", "starts of names"],
)
def test_only_what_is_named_may_be_skipped(outcome, expected, unexpected, workers):
    code, out = outcome(expected, "-n", str(workers))
    assert code == (1 if unexpected else 0), out
    assert "3 skipped," in out
    assert "for a reason" in out
    assert "could not import 'no_such_package'" in out
    assert ("NOT EXPECTED" in out) == bool(unexpected)
    for node in unexpected:
        assert f"NOT EXPECTED: {node}" in out


def test_a_run_that_collects_nothing_but_a_skip_fails_too(outcome):
    code, out = outcome("", "test_whole.py")
    assert code == 1
    assert "1 skipped, 1 of them not expected" in out
