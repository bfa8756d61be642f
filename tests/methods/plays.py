"""What every method must do: train, resume to the bit, play alike on all devices."""

import functools

import jax
import numpy as np

import jaxgan
from jaxgan import parallel
from jaxgan.checkpoint import Checkpoints
from tests import games

KEY = games.KEY


def first(batch):
    """One batch ``[b ...]`` of a round's ``[n b ...]``."""
    return jax.tree.map(lambda leaf: leaf[0], batch)


def check(
    game,
    batch,
    tmp_path,
    *,
    schedule=None,
    rounds: int = 3,
    microbatches=None,
    still=(),
):
    """Plays a method's game in all the ways that a user's run would.

    Args:
        game: with optimizers whose steps are no signs (SGD): rounding, another on every
            number of devices, would decide those.
        batch: a round's, ``[n b ...]``, b a multiple of 8.
        tmp_path: for the checkpoint.
        schedule: the rounds'; by default Algorithm 1.
        rounds: how many.
        microbatches: a number of parts that must play the same; None: they may not.
        still: the players that must not move.

    Returns:
        The state after the rounds on one device, and the last metrics.
    """
    start = jaxgan.init(game, KEY, first(batch))
    step = jax.jit(jaxgan.make_train_step(game, schedule=schedule))
    state, metrics = played(step, start, batch, rounds)
    assert np.isfinite(list(metrics.values())).all()
    for name, player in state.players.items():
        moved = games.differ(player.params, start.players[name].params)
        assert moved == (name not in still), name
    check_resumes(game, step, start, batch, tmp_path, rounds)
    check_devices(game, start, batch, (state, metrics), schedule, rounds)
    if microbatches is not None:
        make = functools.partial(jaxgan.make_train_step, game, schedule=schedule)
        parts = jax.jit(make(microbatches=microbatches))
        close(played(parts, start, batch, rounds), (state, metrics))
    return state, metrics


def played(step, state, batch, rounds: int):
    """The state and the last metrics after some rounds on the same batch."""
    metrics = {}
    for _ in range(rounds):
        state, metrics = step(state, batch, KEY)
    return jax.device_get((state, metrics))


def check_resumes(game, step, start, batch, tmp_path, rounds: int) -> None:
    """A run that was saved after its first round goes on, to the bit."""
    once, _ = step(start, batch, KEY)
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        checkpoints.save(once)
        checkpoints.wait()
        like = jaxgan.init(game, jax.random.key(1), first(batch))
        restored = checkpoints.restore(like).state
    games.assert_equal(
        played(step, restored, batch, rounds - 1), played(step, once, batch, rounds - 1)
    )


def check_devices(game, start, batch, alone, schedule, rounds: int) -> None:
    """Eight devices draw what one draws; sums are taken in another order."""
    assert jax.device_count() == 8
    step = jaxgan.make_train_step(game, schedule=schedule, axis_name=parallel.AXIS)
    spread = parallel.spread(step, batch_axis=1)
    close(played(spread, parallel.put_shared(start), batch, rounds), alone)


def close(one, other) -> None:
    """Equal up to the order of sums."""
    games.assert_close(one, other, rtol=2e-4, atol=2e-6)
