"""Each fuzzing test runs in a process of its own.

A mutated file that broke a library written in C would take down a worker, and with it
tests that have nothing to do with it, perhaps much later.
"""

import os
import subprocess
import sys

import pytest

from tests.checkpoint.conftest import like, saved

__all__ = ["like", "saved"]

_OWN = "JAXGAN_FUZZING"  # is set in that process


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if _OWN in os.environ:
        return None
    command = [sys.executable, "-X", "faulthandler", "-m", "pytest", "-q"]
    done = subprocess.run(
        [*command, "--override-ini", "addopts=", pyfuncitem.nodeid],
        env={**os.environ, _OWN: "1"},
        cwd=pyfuncitem.config.rootpath,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "1 passed" in done.stdout
    return True
