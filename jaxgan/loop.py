"""The training loop: batches -> chunks of steps -> hooks."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import feed, parallel, processes, signals
from jaxgan.checks import InputError, check_count
from jaxgan.chunks import kept_chunk
from jaxgan.data.arrays import Examples
from jaxgan.feed import Table, Take
from jaxgan.game import Game, GameState
from jaxgan.hooks.base import Hook, Run
from jaxgan.rounds import Schedule, algorithm_1, fresh_batches
from jaxgan.shards import check_shards
from jaxgan.signals import Stopped
from jaxgan.typing import Key

# The approximate duration of a chunk of steps: how long a signal may have to wait.
_CHUNK_SECONDS = 2.0
# The most steps of a chunk. It does not depend on the number of steps asked for, so
# that a second call of `fit` reuses the program that the first compiled.
_MOST_STEPS = 1_000


class NonFiniteError(RuntimeError):
    """A metric, or the state, became infinite or NaN; that state was not saved."""


def fit(
    game: Game,
    state: GameState,
    batches: Any,
    key: Key,
    *,
    steps: int,
    batch_size: int | None = None,
    hooks: Sequence[Hook] = (),
    schedule: Schedule | None = None,
    d_steps: int | None = None,
    microbatches: int = 1,
    shards: int | None = None,
    device_cache_mib: int = 2_048,
) -> GameState:
    """Trains a game until ``steps`` rounds are finished.

    The steps run in chunks, each a single compiled call, on all devices; a later call
    of `fit` for the same game reuses what an earlier one compiled. A run that was
    interrupted continues from a checkpoint (`hooks.Checkpoint`) to the same bits: a
    step's examples, and every draw, follow from the key and the step.

    Args:
        game: the game.
        state: the initial state, such as `jaxgan.init`'s; its finished rounds count.
        batches: the training data: a pytree of arrays ``[n ...]`` in memory; a
            `jaxgan.data.DataSet` (its training part is used) or any object with
            ``__len__``, ``nbytes`` and ``batch(indices)``; or an iterator of batches,
            pytrees ``[b ...]``, which is read from its current position.
        key: the run's key.
        steps: the total number of rounds, including those already finished.
        batch_size: examples of one batch, over all devices; not for an iterator, whose
            batches have their own size.
        hooks: hooks to call during training, see `jaxgan.hooks`.
        schedule: as for `jaxgan.make_train_step`.
        d_steps: as for `jaxgan.make_train_step`.
        microbatches: as for `jaxgan.make_update`.
        shards: as for `jaxgan.make_update`: training that is equal to the bit on any
            number of devices and processes that divides it.
        device_cache_mib: larger tables are streamed instead of kept on the device.

    Returns:
        The state after the last step.

    Raises:
        InputError: if the arguments do not fit together.
        NonFiniteError: if a metric becomes infinite or NaN; names it and the step.
        Stopped: on SIGTERM or SIGINT, after the steps in flight are done and saved.
        PeerLostError: if another process of the run has ended.

    Example:
        >>> import numpy as np, optax, jaxgan
        >>> adam = optax.adam(1e-3)
        >>> gan = jaxgan.GAN(
        ...     generator=jaxgan.nets.mlp.Generator((2,), width=8, bounded=False),
        ...     discriminator=jaxgan.nets.mlp.Discriminator(width=8),
        ...     g_optimizer=adam, d_optimizer=adam, latent_dim=2,
        ... )
        >>> points = {"image": np.zeros((64, 2), np.float32)}
        >>> key = jax.random.key(0)
        >>> state = jaxgan.init(gan, key, points)
        >>> state = fit(gan, state, points, key, steps=3, batch_size=8)
        >>> int(state.step)
        3
    """
    if schedule is not None and d_steps is not None:
        raise InputError("Give fit a schedule or d_steps, not both.")
    if schedule is None:
        schedule = algorithm_1(1 if d_steps is None else d_steps)
    schedule = tuple(schedule)
    data, source = _source(batches, batch_size)
    if shards is not None and batch_size is not None:
        check_shards(shards, batch_size, jax.device_count())
    run = Run(game, state, key, steps=steps, data=data, hooks=hooks, shards=shards)
    _check(run)
    failure: BaseException | None = None
    try:
        for hook in run.hooks:
            hook.restore(run)
        if run.step > steps:
            raise InputError(
                f"The run is at step {run.step} already, beyond the {steps} that are "
                f"asked for. Give at least {run.step} steps."
            )
        for hook in run.hooks:
            hook.begin(run)
        if run.step < steps:
            how = {"schedule": schedule, "microbatches": microbatches, "shards": shards}
            cache = device_cache_mib * 2**20
            _train(run, source, how, batch_size=batch_size, cache_bytes=cache)
        for hook in run.hooks:
            hook.end(run)
    except BaseException as error:
        failure = error
        raise
    finally:
        with ExitStack() as stack:
            for hook in run.hooks:
                stack.callback(hook.close, failure)
    return run.state


def _train(
    run: Run,
    source: Table | Iterator[Any],
    how: dict[str, Any],
    *,
    batch_size: int | None,
    cache_bytes: int,
) -> None:
    """Plays the remaining steps."""
    cadences = [hook.every for hook in run.hooks if hook.every is not None]
    most = min([*cadences, _MOST_STEPS])
    fresh = fresh_batches(how["schedule"])
    take, resident, longest = _feed(run, source, fresh, most, batch_size, cache_bytes)
    chunk = kept_chunk(run.game, resident=resident, **how)
    # A copy, since the chunk donates it; placed where the chunk will return it, so that
    # the second call uses the same program.
    state = jax.tree.map(jnp.copy, run.state)
    run.state, run_key = parallel.put_shared((state, run.key))
    pace = 1
    with signals.noted() as signal:
        while run.step < run.steps:
            length = min(until_event(cadences, run.step, run.steps), pace)
            begin = time.monotonic()
            run.state, metrics = _play(chunk, run.state, take(length), length, run_key)
            check_finite(metrics, run.step)
            run.step += length
            _call_hooks(run, metrics)
            seconds = time.monotonic() - begin
            pace, stop = _agree(longest, length, seconds, signal())
            if stop and run.step < run.steps:
                saved = [hook.stop(run) for hook in run.hooks]
                raise Stopped(stop, run.step, run.state, saved=any(saved))


def _call_hooks(run: Run, metrics: Mapping[str, np.ndarray]) -> None:
    for hook in run.hooks:
        hook.advance(run, metrics)
    due = [hook for hook in run.hooks if is_due(hook.every, run.step, run.steps)]
    try:
        measured: dict[str, Any] = {}
        for hook in due:
            measured |= _numbers(hook, hook.measure(run))
        if measured:
            row = {"step": run.step, **measured}
            for hook in run.hooks:
                hook.line(run, row)
    except Exception as error:
        _save_in_spite_of(error, run)
        raise
    for hook in due:
        hook.act(run)


def _numbers(hook: Hook, measured: Mapping[str, Any]) -> dict[str, int | float]:
    """Returns what a hook measured as Python numbers, for JSON.

    Raises:
        InputError: if something is not a number.
    """
    found = {
        name: value.item() if np.ndim(value) == 0 and hasattr(value, "item") else value
        for name, value in measured.items()
    }
    for name, value in found.items():
        if not isinstance(value, int | float):
            raise InputError(
                f"{type(hook).__name__}.measure must return numbers by name, got "
                f"{value!r} as {name!r}."
            )
    return found


def _save_in_spite_of(error: Exception, run: Run) -> None:
    """Saves the state, which is not at fault if it cannot be evaluated or logged.

    Otherwise the steps since the last checkpoint would be lost, and lost again at every
    attempt to continue. With several processes nothing is saved: saving takes all of
    them, and the others may not have failed.
    """
    if jax.process_count() > 1:
        return
    with suppress(Exception):  # such as a state that is not finite
        if any([hook.stop(run) for hook in run.hooks]):
            error.add_note(f"The state of step {run.step} is saved.")


def _play(chunk, state: GameState, taken: tuple, length: int, run_key: Key):
    """Returns the state after ``length`` steps, and their metrics on the host."""
    count = parallel.put_shared(np.int32(length))
    with processes.losing_peers():
        with _guard():
            state, metrics = chunk(state, *taken, count, run_key)
        metrics = jax.device_get(metrics)
    return state, {name: values[:length] for name, values in metrics.items()}


def _guard():
    """Returns a context that forbids transfers: a chunk's inputs are on the devices.

    With ``JAX_DISABLE_JIT`` nothing is compiled: each operation transfers its inputs.
    """
    config: Any = jax.config
    return jax.transfer_guard("allow" if config.jax_disable_jit else "disallow")


def _source(batches: Any, batch_size: int | None) -> tuple[Any, Any]:
    """Returns the data as the hooks see it, and a table or an iterator to train on."""
    if isinstance(batches, Iterator):
        if batch_size is not None:
            raise InputError(
                f"An iterator's batches have their own size; leave out batch_size, got "
                f"{batch_size}."
            )
        return None, batches
    if hasattr(batches, "train"):
        table = batches.train
    elif hasattr(batches, "batch") and hasattr(batches, "__len__"):
        table = batches
    else:
        batches = table = Examples(batches)
    if batch_size is None:
        raise InputError("fit needs batch_size, the examples of one batch.")
    check_count("batch_size", batch_size)
    if batch_size > len(table):
        raise InputError(
            f"batch_size must be at most the {len(table)} training examples, got "
            f"{batch_size}."
        )
    parallel.check_divisible(batch_size, jax.device_count())
    return batches, table


def _feed(
    run: Run,
    source: Any,
    fresh: int,
    most: int,
    batch_size: int | None,
    cache_bytes: int,
) -> tuple[Take, bool, int]:
    """Returns the chunks' feed, whether it gives rows, and a chunk's most steps."""
    if isinstance(source, Iterator):
        left = run.steps - run.step
        take, longest = feed.from_iterator(source, fresh, min(most, left))
        return take, False, longest
    assert batch_size is not None
    order = feed.Order(
        seed=feed.order_seed(run.key),
        batch_size=batch_size,
        fresh=fresh,
        start=run.step,
        stop=run.steps,
    )
    resident = source.nbytes <= cache_bytes
    longest = feed.longest_chunk(source, order, resident=resident, most=most)
    make = feed.resident if resident else feed.streamed
    return make(source, order, longest), resident, longest


def is_due(every: int | None, step: int, steps: int) -> bool:
    """Returns whether something that happens every ``every`` steps is due.

    At the end everything is due.
    """
    return step == steps or (every is not None and step % every == 0)


def until_event(cadences: Sequence[int], step: int, steps: int) -> int:
    """Returns the number of steps until something is due, or until the end.

    Example:
        >>> [until_event([100, 150], step, 250) for step in (0, 100, 150, 200)]
        [100, 50, 50, 50]
    """
    events = [step - step % cadence + cadence for cadence in cadences]
    return min([*events, steps]) - step


def _agree(longest: int, length: int, seconds: float, signal: int) -> tuple[int, int]:
    """Returns the next chunk's greatest length and the signal, for all processes.

    How the steps are divided into chunks changes no result.
    """
    pace = min(max(int(length * _CHUNK_SECONDS / seconds), 1), longest)
    told = processes.gather(np.array([pace, signal], np.int32))
    return int(told[:, 0].min()), int(told[:, 1].max())


def check_finite(metrics: Mapping[str, np.ndarray], before: int) -> None:
    """Raises NonFiniteError if a metric of the steps after ``before`` is not finite."""
    bad = {name: ~np.isfinite(values) for name, values in metrics.items()}
    if not any(where.any() for where in bad.values()):
        return
    name = min((n for n in bad if bad[n].any()), key=lambda n: bad[n].argmax())
    index = int(bad[name].argmax())
    raise NonFiniteError(
        f"{name} became {metrics[name][index]} at step {before + index + 1}. Lower the "
        "learning rates or add a penalty, and start a new run."
    )


def _check(run: Run) -> None:
    check_count("steps", run.steps)
    for hook in run.hooks:
        if hook.every is not None:
            check_count(f"{type(hook).__name__}(every=...)", hook.every)
    names = [hook.name for hook in run.hooks if hook.name]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InputError(
            f"Two hooks are called {min(twice)!r}, the name under which a checkpoint "
            "keeps their notes; give one of them another name."
        )
