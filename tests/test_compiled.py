"""Kept programs: a second process finds what the first one compiled."""

import os
import subprocess
import sys

import pytest

_PROGRAM = """
import sys
from collections import Counter
from pathlib import Path

import jax

from jaxgan import compiled

compiled.keep(Path(sys.argv[1]))
events = Counter()
jax.monitoring.register_event_listener(lambda name, **how: events.update([name]))
jax.jit(lambda x: (x @ x).sum())(jax.numpy.ones((3, 3))).block_until_ready()
hits = events["/jax/compilation_cache/cache_hits"]
misses = events["/jax/compilation_cache/cache_misses"]
print(hits, misses)
"""


def start(folder, **environment):
    program = [sys.executable, "-c", _PROGRAM, str(folder)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", **environment}
    done = subprocess.run(
        program, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    hits, misses = map(int, done.stdout.split())
    return hits, misses


def test_a_second_start_compiles_nothing(tmp_path):
    hits, misses = start(tmp_path / "compiled")
    assert hits == 0
    assert misses > 0
    assert start(tmp_path / "compiled") == (misses, 0)


@pytest.mark.parametrize(
    "name", ["JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"]
)
def test_a_choice_of_the_users_stands(tmp_path, name):
    own = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "own")}
    start(tmp_path / "compiled", **(own if name in own else {name: "false"}))
    assert not (tmp_path / "compiled").exists()
