"""The loop: data -> chunks of steps -> metrics, pictures, checkpoints."""

import time
from contextlib import ExitStack
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import parallel, processes
from jaxgan.checkpoint import Checkpoints
from jaxgan.chunks import make_chunk
from jaxgan.data import DataSet
from jaxgan.game import GameState
from jaxgan.gan import GAN
from jaxgan.training import alarm, feed, signals
from jaxgan.training.best import Best
from jaxgan.training.config import TrainConfig
from jaxgan.training.recorder import Recorder
from jaxgan.training.signals import Stopped
from jaxgan.training.window import Window
from jaxgan.typing import Key

# How long a chunk of steps takes, at most and about.
_CHUNK_SECONDS = 2.0
_ADVICE = "Lower the learning rates or add a penalty, and use another --workdir."
# A streamed chunk's examples lie in memory twice: as read, and as put on the device.
_STREAMED_CHUNK_BYTES = 128 * 2**20


class NonFiniteError(RuntimeError):
    """A metric became infinite or NaN; the run stopped before saving that state."""


def train(
    gan: GAN,
    config: TrainConfig,
    data: DataSet,
    state: GameState,
    key: Key,
    checkpoints: Checkpoints,
    *,
    notes: dict[str, Any] | None = None,
    best: Best | None = None,
) -> GameState:
    """Trains from where ``state`` is to ``config.steps``.

    Args:
        gan: the game.
        config: a resolved config.
        data: what to train on.
        state: where to begin.
        key: the run's key.
        checkpoints: where the state is kept.
        notes: what was saved beside ``state``; None for a new run.
        best: keeps the best of the states judged on the way; None: none are.

    Raises:
        NonFiniteError: naming the metric and the step.
        Stopped: on SIGTERM or SIGINT, when what was in flight is done and saved.
        PeerLostError: if another process of the run has ended.
        CheckpointError: if a checkpoint could not be written.
    """
    step = int(state.step)
    resident = feed.fits(data.train, config)
    longest = _longest_chunk(config, data, resident=resident)
    chunk = make_chunk(
        gan,
        resident=resident,
        d_steps=config.d_steps,
        microbatches=config.microbatches,
    )
    take = (feed.resident if resident else feed.streamed)(
        data.train, config, step, longest
    )
    # Where the chunk will return it, so that the second call is no other program.
    state, run_key = parallel.put_shared((state, key))
    # The first picture waits for the first steps; they donate the state it is of.
    first = jax.tree.map(jnp.copy, state) if step == 0 else None

    window = Window(notes or {})
    pace = 1
    with ExitStack() as stack:
        signal = stack.enter_context(signals.noted())
        recorder = stack.enter_context(Recorder(config, step))
        while step < config.steps:
            length = min(until_event(config, step), pace)
            begin = time.monotonic()
            state, metrics = _play(chunk, state, take(length), length, run_key)
            _check_finite(metrics, step, checkpoints)
            window.add(metrics)
            step += length
            recorder.progress(length)
            if first is not None:
                recorder.samples(gan, first, data, key)
                first = None
            judged = {}
            if best is not None and due(step, config.evaluate_every, config):
                judged = best.judge(gan, state, data, key)
            if due(step, config.log_every, config):
                signs = alarm.look(gan, state, data, key)
                recorder.line(gan, {**window.line(step, config), **signs, **judged})
            if due(step, config.sample_every, config):
                recorder.samples(gan, state, data, key)
            if due(step, config.checkpoint_every, config):
                _save(checkpoints, state, window)
            pace, stop = _agree(longest, length, time.monotonic() - begin, signal())
            if stop and step < config.steps:
                _save(checkpoints, state, window)
                checkpoints.wait()
                raise Stopped(stop, step)
    return state


def _play(chunk, state: GameState, taken: tuple, length: int, run_key: Key):
    """The state after a chunk of so many steps, and their metrics on the host."""
    count = parallel.put_shared(np.int32(length))
    with processes.losing_peers():
        with _guard():
            state, metrics = chunk(state, *taken, count, run_key)
        metrics = jax.device_get(metrics)
    return state, {name: values[:length] for name, values in metrics.items()}


def _guard():
    """Nothing goes to the devices in a chunk, since all that it needs is there.

    With ``JAX_DISABLE_JIT`` there are no chunks: each operation brings its numbers.
    """
    config: Any = jax.config
    return jax.transfer_guard("allow" if config.jax_disable_jit else "disallow")


def due(step: int, every: int | None, config: TrainConfig) -> bool:
    """Whether something that happens every so many steps, and at the end, does now."""
    return step == config.steps or (every is not None and step % every == 0)


def until_event(config: TrainConfig, step: int) -> int:
    """How many steps there are until something is due (log, samples, checkpoint, end).

    Example:
        >>> config = TrainConfig(steps=250, log_every=100, sample_every=150)
        >>> [until_event(config, step) for step in (0, 100, 150, 200)]
        [100, 50, 50, 50]
    """
    cadences = (
        config.log_every,
        config.sample_every,
        config.checkpoint_every,
        config.evaluate_every or config.steps,
    )
    event = min(step - step % cadence + cadence for cadence in cadences)
    return min(event, config.steps) - step


def _longest_chunk(config: TrainConfig, data: DataSet, *, resident: bool) -> int:
    longest = min(
        config.log_every, config.sample_every, config.checkpoint_every, config.steps
    )
    if resident:
        return longest
    one_step = config.d_steps * config.batch_size * data.train.images[0].nbytes
    return max(1, min(longest, _STREAMED_CHUNK_BYTES // one_step))


def _agree(longest: int, length: int, seconds: float, signal: int) -> tuple[int, int]:
    """The next chunk's longest length, and the signal to stop, for all processes.

    A chunk takes a second or two, so that a signal, and the progress bar, need not wait
    for long. How the steps are cut into chunks changes no result.
    """
    pace = min(max(int(length * _CHUNK_SECONDS / seconds), 1), longest)
    told = processes.gather(np.array([pace, signal], np.int32))
    return int(told[:, 0].min()), int(told[:, 1].max())


def _save(checkpoints: Checkpoints, state: GameState, window: Window) -> None:
    """Saves, unless the last update, which no metric has seen, went wrong."""
    try:
        with processes.losing_peers():
            checkpoints.save(state, window.notes())
    except FloatingPointError as error:
        raise NonFiniteError(f"{error} {_kept(checkpoints)}. {_ADVICE}") from error


def _kept(checkpoints: Checkpoints) -> str:
    checkpoints.wait()
    if checkpoints.latest is None:
        return "There is no checkpoint yet"
    return (
        f"The last good checkpoint, of step {checkpoints.latest}, is kept in "
        f"{checkpoints.directory}"
    )


def _check_finite(metrics, before: int, checkpoints: Checkpoints) -> None:
    bad = {name: ~np.isfinite(values) for name, values in metrics.items()}
    if not any(where.any() for where in bad.values()):
        return
    name = min((n for n in bad if bad[n].any()), key=lambda n: bad[n].argmax())
    index = int(bad[name].argmax())
    raise NonFiniteError(
        f"{name} became {metrics[name][index]} at step {before + index + 1}. "
        f"{_kept(checkpoints)}. {_ADVICE}"
    )
