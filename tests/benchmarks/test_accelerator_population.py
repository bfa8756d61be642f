"""The accelerator's populations: sizes that are missing, and what is compared."""

import jax
import numpy as np
import pytest

from experiments.benchmarks import ours, works
from experiments.benchmarks.accelerator import population
from experiments.benchmarks.race import NO_TIME
from tests.benchmarks.records import make


@pytest.fixture
def planted(monkeypatch):
    """Populations that are measured without playing them: the sizes, as asked for."""
    asked = []

    def measured(plan, size, members, alone, units):
        asked.append((size.name, members))
        return _cost(1 / members)

    monkeypatch.setattr(population, "_measured", measured)
    monkeypatch.setattr(population.ours, "alone", lambda work: lambda units: None)
    monkeypatch.setattr(population.timing, "enough", lambda run, seconds: 1)
    monkeypatch.setattr(population.compiled, "keep", lambda folder: None)
    return asked


def _cost(value):
    rate = {"median": 100.0}
    cost = {"median": value}
    return {"cost_of_a_member": cost, "steps_per_second": rate, "compile_seconds": 1.0}


def test_only_sizes_that_are_missing_are_measured(planted):
    known = {f"mlp x {n}": _cost(2.0) for n in population.SIZES}
    known |= {"ring x 1": _cost(1.0), "ring x 16": _cost(0.5)}
    known |= {f"ring x {n}": {"failure": NO_TIME} for n in (64, 256, 1024)}
    plan = make("gpu", quick=False, earlier={"population": known})
    parts = dict(population.measure(plan))
    assert planted == [("ring", 64), ("ring", 256), ("ring", 1024)]
    assert set(parts) == {"ring x 64", "ring x 256", "ring x 1024", "ring, vmap"}
    told = parts["ring, vmap"]
    assert told["measured"] == list(population.SIZES)
    assert (told["pays_up_to"], told["cheapest"]) == (1024, 1024)


def test_sizes_without_time_are_named_as_such(planted):
    plan = make("gpu", quick=False, seconds=10.0)
    parts = dict(population.grown(plan, "ring", until=plan.begin))
    assert planted == [("ring", 1)]
    assert parts["ring x 16"] == {"failure": NO_TIME}
    assert parts["ring, vmap"]["measured"] == [1]


def test_game_alone_plays_what_a_population_of_one_does(monkeypatch):
    """So that what differs is the vmap."""
    size, told = works.tiny(works.WORKS["ring"]), []
    monkeypatch.setattr(jax, "device_get", told.append)
    for run in (ours.alone(size), ours.population(size)):
        run(2)
        run(3)
    first, later, *members = told
    assert first.keys() == members[0].keys()
    for one, many in zip((first, later), members, strict=True):
        for name in one:
            np.testing.assert_allclose(one[name], many[name][0], rtol=1e-5)
