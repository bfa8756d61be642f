"""In the hot loop nothing crosses to the devices, and nothing compiles anew."""

import dataclasses
import logging
import re

import jax
import pytest

from experiments import mlp
from jaxgan import feed
from jaxgan.cli import run
from jaxgan.hooks import Log


class Compiled(logging.Handler):
    """The names of the programs that JAX compiles, in order."""

    def __init__(self):
        super().__init__()
        self.names: list[str] = []

    def emit(self, record):
        found = re.match(r"Compiling (?:jit\()?([\w<>]+)", record.getMessage())
        if found:
            self.names.append(found[1])


@pytest.fixture
def compiled(monkeypatch):
    handler, logger = Compiled(), logging.getLogger("jax")
    monkeypatch.setattr(logger, "propagate", False)
    logger.addHandler(handler)
    with jax.log_compiles():
        yield handler.names
    logger.removeHandler(handler)


def _config(config, tmp_path, **changes):
    """Other sizes than other tests play, so that nothing was compiled before."""
    return dataclasses.replace(
        config, hidden=9, d_steps=1, steps=70, workdir=tmp_path / "run", **changes
    )


@pytest.mark.parametrize("mebibytes", [2048, 0], ids=["resident", "streamed"])
def test_one_program_for_all_chunks(config, tmp_path, monkeypatch, compiled, mebibytes):
    jax.clear_caches()
    seen = []
    write = Log.line

    def count(self, run, row):
        write(self, run, row)
        seen.append(len(compiled))

    monkeypatch.setattr(Log, "line", count)
    run(_config(config, tmp_path, device_cache_mib=mebibytes), mlp.make_gan)
    # jit calls the program by the function's name, pmap calls it _fun.
    chunks = [name for name in compiled if name in ("chunk", "_fun")]
    assert len(chunks) == 1, compiled
    # Steps 20 and 25 bring the first checkpoint and pictures; from 30 on all is known,
    # until the evaluation at the end.
    assert len(seen) == 7
    assert seen[2] == seen[5], compiled[seen[2] : seen[5]]


def test_an_implicit_transfer_in_the_loop_is_an_error(config, tmp_path, monkeypatch):
    """The guard that every run is under; here the rows stay on the host."""
    monkeypatch.setattr(feed, "_put", lambda steps: feed.parallel.split(
        steps, jax.device_count(), batch_axis=2
    ))  # fmt: skip
    with pytest.raises(Exception, match="Disallowed host-to-device"):
        run(_config(config, tmp_path), mlp.make_gan)
