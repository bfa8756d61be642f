"""Orbax's V1 API, the only one from its 1.0 on, reads what `Checkpoints` wrote."""

import importlib

import orbax.checkpoint

from tests import games
from tests.checkpoint.runs import at


def _v1():
    if hasattr(orbax.checkpoint, "load_checkpointables"):
        return orbax.checkpoint
    return importlib.import_module("orbax.checkpoint.experimental.v1")


def test_v1_reads_equal_arrays_and_the_record(saved, like):
    for step in (1, 2):
        path = saved / "checkpoints" / str(step)
        found = _v1().load_checkpointables(path, {"state": like, "record": None})
        games.assert_equal(found["state"], at(step, like))
        assert found["record"]["record"]["notes"] == {"step": step}
