"""`jaxgan.fit`: what it refuses, and what stops it."""

import dataclasses
import signal
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import hooks, loop
from jaxgan.checkpoint import digest
from tests.fitting import HOW, KEY, points, ring


@pytest.mark.parametrize(
    ("changes", "keyword"),
    [
        ({"batch_size": None}, "batch_size"),
        ({"batch_size": 0}, "at least 1"),
        ({"batch_size": -8}, "batch_size"),
        ({"batch_size": 65}, "64 training"),
        ({"microbatches": 0}, "microbatches"),
        ({"microbatches": -1}, "microbatches"),
        ({"shards": 0}, "shards"),
        ({"batch_size": 12}, "8 or 16"),
        ({"steps": 0}, "steps"),
        ({"schedule": ("d", "g"), "d_steps": 2}, "schedule"),
        ({"hooks": (hooks.Log("x", every=0),)}, "every"),
        ({"hooks": (hooks.Log("x"), hooks.Log("y"))}, "'log'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_does_not_fit_is_refused(changes, keyword):
    game, data = ring(), points()
    state = jaxgan.init(game, KEY, data)
    with pytest.raises(jaxgan.InputError, match=keyword):
        jaxgan.fit(game, state, data, KEY, **{**HOW, **changes})


class Halves(hooks.Hook):
    """Its steps are no whole number."""

    every: Any = 2.0


@pytest.mark.usefixtures("no_type_checks")
@pytest.mark.parametrize(
    "changes",
    [{"steps": 2.0}, {"batch_size": 8.0}, {"microbatches": 1.0}, {"hooks": [Halves()]}],
)
def test_numbers_that_are_not_whole_are_refused(changes):
    game, data = ring(), points()
    state = jaxgan.init(game, KEY, data)
    with pytest.raises(jaxgan.InputError, match="whole number"):
        jaxgan.fit(game, state, data, KEY, **{**HOW, **changes})


@pytest.mark.parametrize(
    ("batches", "keyword"),
    [
        ([points(8)] * 3, "ended after 3"),
        ([points(8), points(16)], "shapes"),
        ([{"image": points(8)["image"].astype(np.float64)}], "float64"),
    ],
    ids=["too few", "another shape", "float64"],
)
def test_iterator_that_cannot_be_played_is_refused(batches, keyword):
    game = ring()
    state = jaxgan.init(game, KEY, points())
    with pytest.raises(jaxgan.InputError, match=keyword):
        jaxgan.fit(game, state, iter(batches), KEY, steps=12)


def test_state_beyond_the_last_step_and_another_key_are_refused(tmp_path):
    game, data = ring(), points()
    first = jaxgan.init(game, KEY, data)
    kept = lambda: (hooks.Checkpoint(tmp_path, every=4),)
    state = jaxgan.fit(game, first, data, KEY, **HOW, hooks=kept())
    with pytest.raises(jaxgan.InputError, match="step 12"):
        jaxgan.fit(game, state, data, KEY, steps=5, batch_size=8)
    with pytest.raises(jaxgan.InputError, match="another key"):
        jaxgan.fit(game, first, data, jax.random.key(6), **HOW, hooks=kept())


def test_metric_that_is_not_finite_stops_and_names_the_last_checkpoint(tmp_path):
    rate = lambda count: jnp.where(count < 9, 1e-3, 1e38)
    game, data = ring(), points()
    game = dataclasses.replace(game, d_optimizer=optax.sgd(rate))
    state = jaxgan.init(game, KEY, data)
    kept = (hooks.Checkpoint(tmp_path, every=4),)
    with pytest.raises(loop.NonFiniteError, match=r"step 1[01]") as error:
        jaxgan.fit(game, state, data, KEY, **HOW, hooks=kept)
    assert "step 8" in "".join(error.value.__notes__)


def test_signal_stops_after_the_steps_in_flight_and_gives_the_state():
    game, data = ring(), points()
    state = jaxgan.init(game, KEY, data)

    class Strike(hooks.Hook):
        def advance(self, run, metrics):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(jaxgan.loop.Stopped) as stop:
        jaxgan.fit(game, state, data, KEY, **HOW, hooks=(Strike(),))
    assert stop.value.step == int(stop.value.state.step) == 1
    assert "checkpoint" in str(stop.value)
    rest = jaxgan.fit(game, stop.value.state, data, KEY, **HOW)
    assert digest(rest) == digest(jaxgan.fit(game, state, data, KEY, **HOW))
