"""Races whose time is short, as those of the accelerator's are."""

import threading
from types import SimpleNamespace

import pytest

from experiments.benchmarks import child, race
from experiments.benchmarks.race import Contestant, Entry, Record


def test_time_to_start_counts_from_the_start(monkeypatch):
    """Of several that start at once, the last is asked long after."""
    waits, timer = [], threading.Timer

    def recorded(seconds, *how):
        waits.append(seconds)
        return timer(seconds, *how)

    monkeypatch.setattr(threading, "Timer", recorded)
    contestant = Contestant(Entry("ceiling_jax", {"size": 2}), longest=1e3, wait=False)
    contestant._begin -= 900
    contestant.ready()
    contestant.close()
    assert contestant.record.failure is None
    assert waits[0] <= 100


@pytest.mark.parametrize(
    ("lengths", "done"),
    [([9.0, 4.0, 4.0], 3), ([4.0, 9.0], 2), ([9.0] + [0.01] * 20, 10), ([21.0], 1)],
    ids=["long when compiled", "longer", "short when compiled", "no more time"],
)
def test_warm_up_is_short_where_units_are_long(monkeypatch, lengths, done):
    now, left = 0.0, list(lengths)

    def run(units):
        nonlocal now
        now += left.pop(0)

    monkeypatch.setattr(child, "time", SimpleNamespace(perf_counter=lambda: now))
    child.warm_up(run)
    assert len(lengths) - len(left) == done


class Slow:
    """A contestant whose segments take ten seconds of a clock of its own."""

    now, ended = 0.0, 0

    def __init__(self, entry, longest, wait):
        self.record = Record(1.0)

    def ready(self):
        pass

    def work(self, seconds):
        Slow.now += 10.0
        self.record.rates.append(1.0)

    def end(self):
        Slow.ended += 1

    def close(self):
        pass


@pytest.fixture
def slow(monkeypatch):
    monkeypatch.setattr(race, "Contestant", Slow)
    monkeypatch.setattr(Slow, "now", 0.0)
    monkeypatch.setattr(Slow, "ended", 0)
    monkeypatch.setattr(race, "time", SimpleNamespace(monotonic=lambda: Slow.now))
    return {name: Entry(name, {}) for name in "ab"}


@pytest.mark.parametrize(("until", "rounds"), [(15.0, 1), (35.0, 1), (45.0, 2)])
def test_no_round_begins_that_would_end_too_late(slow, until, rounds):
    found = race.race(slow, rounds=5, seconds=1.0, until=until, say=lambda line: None)
    assert [len(record.rates) for record in found.values()] == [rounds, rounds]


def test_records_are_told_after_every_segment(slow):
    told = race.segments(slow, rounds=5, seconds=1.0, say=lambda line: None)
    rates = lambda records: [len(record.rates) for record in records.values()]
    assert [rates(next(told)) for _ in range(4)] == [[0, 0], [1, 0], [1, 1], [1, 2]]
    told.close()
    assert Slow.ended == 2
