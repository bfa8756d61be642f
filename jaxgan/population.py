"""Many seeds and settings at once: a whole population trains in one compiled program.

The members differ in their keys and in hyper-parameters, which are traced: learning
rates, betas, weights of penalties, half-lives. Each member trains as it would alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Shaped

from jaxgan import keys as streams
from jaxgan import scan
from jaxgan.checks import InputError
from jaxgan.game import GameState, init
from jaxgan.rounds import make_train_step
from jaxgan.typing import Batch, Key, Metrics
from jaxgan.update import Step

_AXIS = "members"

MakeGame = Callable[..., Any]
Draw = Callable[[Key, Any], Batch]
Measure = Callable[[Any, GameState, Key], Any]


class Population(NamedTuple):
    """A population after its training.

    Attributes:
        leaves: the leaves of the members' states, stacked, ``[n ...]`` each; `member`
            turns them back into a state.
        metrics: the steps' metrics, means over each period, ``[n t]``.
        measures: the results of ``measure`` at the end of each period, ``[n t ...]``;
            None without it.
    """

    leaves: list[Array]
    metrics: Metrics
    measures: Any


def train(
    make_game: MakeGame,
    keys: Shaped[Array, " n"],
    hypers: Mapping[str, Any],
    draw: Draw,
    *,
    steps: int,
    d_steps: int | None = None,
    make_step: Callable[..., Step] = make_train_step,
    every: int | None = None,
    measure: Measure | None = None,
    devices: Sequence[Any] | None = None,
) -> Population:
    """Trains all members for ``steps`` rounds.

    Args:
        make_game: a function from one member's hyper-parameters, by name, to its game.
            They are traced numbers: anything that must be a Python value (a width, a
            choice of loss) is the same for all members.
        keys: the members' keys, such as ``jax.vmap(jax.random.key)(seeds)``.
        hypers: each hyper-parameter's values, ``[n]``; may be empty.
        draw: ``(key, step) -> batches``, those of one step ``[k b ...]``: a draw
            from a density, or rows of a table.
        steps: number of rounds.
        d_steps: as for `jaxgan.make_train_step`; None leaves it to ``make_step``.
        make_step: ``game -> train step``; by default Algorithm 1. For another schedule
            give ``functools.partial(jaxgan.make_train_step, schedule=...)``.
        every: the period of ``metrics`` and ``measure``, in steps; by default
            ``steps``.
        measure: ``(game, state, key) -> arrays``, called at the end of each period.
        devices: the devices that share the members equally; by default one.

    Returns:
        The trained population.

    Raises:
        InputError: if the numbers of keys and values differ, if they cannot be shared
            equally, or if ``every`` does not divide ``steps``.

    References:
        A comparison of GANs needs many runs and an interval over them: Lucic et al.
        2018, "Are GANs created equal?", arXiv:1711.10337.
    """
    every = steps if every is None else every
    devices = jax.devices()[:1] if devices is None else list(devices)
    _check(len(keys), hypers, steps, every, len(devices))

    how = {} if d_steps is None else {"d_steps": d_steps}

    def one(key, hyper):
        game = make_game(**hyper)
        train_step = make_step(game, **how)
        state = init(game, key, jax.tree.map(lambda x: x[0], draw(key, 0)))

        def period(state, number):
            state, metrics = scan.play(
                train_step,
                state,
                lambda step: draw(key, step),
                key,
                steps=every,
                first=number * every,
            )
            measured = None
            if measure is not None:
                at = streams.stream(key, "measure", (number + 1) * every)
                measured = measure(game, state, at)
            return state, (metrics, measured)

        state, (metrics, measures) = lax.scan(period, state, jnp.arange(steps // every))
        # A state holds its optimizers, which hold the traced rates: only its leaves may
        # leave the trace.
        return Population(jax.tree.leaves(state), metrics, measures)

    mesh = jax.sharding.Mesh(np.array(devices), (_AXIS,))
    members = jax.P(_AXIS)
    spread = jax.shard_map(
        jax.vmap(one),
        mesh=mesh,
        in_specs=members,
        out_specs=members,
        check_vma=False,
    )
    values = {name: jnp.asarray(value, jnp.float32) for name, value in hypers.items()}
    return jax.jit(spread)(keys, values)


def member(
    population: Population,
    index: int,
    make_game: MakeGame,
    hypers: Mapping[str, Any],
    batch: Batch,
) -> tuple[Any, GameState]:
    """Returns one member's game and its state, as if it had been trained alone.

    Args:
        population: the result of `train`.
        index: the member's index.
        make_game: as for `train`.
        hypers: as for `train`.
        batch: any batch of the data, ``[b ...]``, for its shapes.
    """
    game = make_game(**{name: float(value[index]) for name, value in hypers.items()})
    like = jax.eval_shape(lambda: init(game, jax.random.key(0), batch))
    leaves = [leaf[index] for leaf in population.leaves]
    return game, jax.tree.unflatten(jax.tree.structure(like), leaves)


def _check(n: int, hypers: Mapping[str, Any], steps: int, every: int, shares: int):
    for name, values in hypers.items():
        if np.shape(values) != (n,):
            raise InputError(
                f"hypers[{name!r}] must have one value for each of the {n} keys, got "
                f"shape {np.shape(values)}."
            )
    if every < 1 or steps < 1 or steps % every:
        raise InputError(
            f"every must divide steps, and both must be at least 1, got {every=}, "
            f"{steps=}."
        )
    if n < 1 or n % shares:
        raise InputError(
            f"{n} members cannot be shared equally by {shares} devices. Choose a "
            f"multiple of {shares}."
        )
