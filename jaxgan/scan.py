"""The scan: many training steps in one loop, which the caller compiles.

`play` runs any step, of a game or not; `descend` trains a single network on a loss.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Int

from jaxgan import keys as streams
from jaxgan.typing import Key, Metrics

State = TypeVar("State")


def play(
    step: Callable[[State, Any, Any], tuple[State, Metrics]],
    state: State,
    draw: Callable[[Any], Any],
    key: Any,
    *,
    steps: Any,
    first: Any = 0,
) -> tuple[State, Metrics]:
    """Returns the state ``steps`` steps later, and the means of their metrics.

    A pure function, to be called within ``jit``, ``vmap`` or ``shard_map``. `draw` is
    called in every step, so that only one batch is in memory at a time.

    Args:
        step: ``(state, batch, key) -> (state, metrics)``, such as
            `jaxgan.make_train_step`'s.
        state: any pytree of arrays: a game's state, or parameters and an optimizer's.
        draw: a function from a step's number to its batch.
        key: the run's key, which every step gets.
        steps: number of steps; at least 1, or the means are nan. May be traced.
        first: the first step's number. May be traced.

    Example:
        >>> walk = lambda x, by, key: (x + by, {"place": x})
        >>> x, means = play(walk, jnp.zeros(()), jnp.float32, None, steps=2, first=3)
        >>> float(x), float(means["place"])  # places 0 and 3, and at the end 7
        (7.0, 1.5)
    """
    # Jitted, so that finding the metrics' shapes and running the loop share one trace.
    step = jax.jit(step)
    shapes = jax.eval_shape(lambda: step(state, draw(first), key)[1])
    total = jax.tree.map(jnp.zeros_like, shapes)

    def one(i, carry):
        state, total = carry
        state, metrics = step(state, draw(first + i), key)
        return state, jax.tree.map(jnp.add, total, metrics)

    # From 0, so that the loop's length is static where `steps` is.
    state, total = lax.fori_loop(0, steps, one, (state, total))
    return state, jax.tree.map(lambda metric: metric / steps, total)


def descend(
    loss: Callable[[Any, Any], Array],
    params: Any,
    optimizer: optax.GradientTransformation,
    draw: Callable[[Any], Any],
    *,
    steps: Any,
) -> Any:
    """Returns the parameters after ``steps`` updates by the gradient of a loss.

    Args:
        loss: ``(params, batch) -> scalar``; any randomness it needs is in the batch.
        params: the initial parameters.
        optimizer: the optimizer of all parameters.
        draw: as for `play`.
        steps: as for `play`.

    Example:
        >>> loss = lambda x, target: (x - target) ** 2
        >>> half = optax.sgd(0.25)
        >>> float(descend(loss, jnp.zeros(()), half, lambda i: 1.0, steps=3))
        0.875
    """

    def step(state, batch, _):
        params, memory = state
        slope = jax.grad(loss)(params, batch)
        change, memory = optimizer.update(slope, memory, params)
        return (optax.apply_updates(params, change), memory), {}

    start = (params, optimizer.init(params))
    return play(step, start, draw, None, steps=steps)[0][0]


def rows(key: Key, step: Any, shape: tuple[int, ...], n: int) -> Int[Array, "..."]:
    """Draws indices of rows of a table, with replacement.

    Args:
        key: the run's key; the stream is "data".
        step: the step's number.
        shape: the shape of the result, such as ``(1, batch_size)``.
        n: the table's length.

    Example:
        >>> rows(jax.random.key(0), 5, (1, 8), n=1)
        Array([[0, 0, 0, 0, 0, 0, 0, 0]], dtype=int32)
    """
    return jax.random.randint(streams.stream(key, "data", step), shape, 0, n)
