"""Fixtures of the benchmarks' tests."""

import dataclasses

import jax
import numpy as np
import pytest

from experiments.benchmarks import ours


@pytest.fixture(scope="module")
def one_thread():
    """Small sizes gain nothing by a second one, which spins where cores are few."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def metrics_of(tmp_path, monkeypatch):
    """A function that has jaxgan's contestant play steps, and returns their metrics."""

    def play(work, steps):
        fetched = []
        fetch = lambda metrics: fetched.append(jax.tree.map(np.asarray, metrics))
        monkeypatch.setattr(ours.compiled, "keep", lambda folder: None)
        monkeypatch.setattr(ours.jax, "device_get", fetch)
        ours.start({"work": dataclasses.asdict(work), "cache": str(tmp_path)})(steps)
        (metrics,) = fetched
        return metrics

    return play
