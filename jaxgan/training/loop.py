"""The loop: data -> chunks of steps -> metrics, pictures, checkpoints."""

import time
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from jaxgan import keys, parallel
from jaxgan.checkpoint import Checkpoints
from jaxgan.data import DataSet
from jaxgan.gan import GAN, GANState
from jaxgan.report import pictures
from jaxgan.sampling import sample
from jaxgan.training import feed
from jaxgan.training.config import TrainConfig
from jaxgan.training.workdir import MetricsLog, write_atomically
from jaxgan.typing import Key

_GRID_COLUMNS = 10
_GRID_ROWS = 8
_ADVICE = "Lower the learning rates or add a penalty, and use another --workdir."
# A streamed chunk's examples lie in memory twice: as read, and as put on the device.
_STREAMED_CHUNK_BYTES = 128 * 2**20


class NonFiniteError(RuntimeError):
    """A metric became infinite or NaN; the run stopped before saving that state."""


def train(
    gan: GAN,
    config: TrainConfig,
    data: DataSet,
    state: GANState,
    key: Key,
    checkpoints: Checkpoints,
) -> GANState:
    """Trains from where ``state`` is to ``config.steps``.

    Raises:
        NonFiniteError: naming the metric and the step.
    """
    workdir = config.workdir
    assert workdir is not None, "resolve(config) first"
    step = int(state.step)
    resident = feed.fits(data.train, config)
    longest = _longest_chunk(config, data, resident=resident)
    lengths = chunk_lengths(config, step, longest)
    source = feed.resident_chunks if resident else feed.streamed_chunks
    chunk = feed.make_chunk(gan, config, resident=resident)
    # Where the chunk will return it, so that the second call is no other program.
    state = parallel.put_shared(state)
    # The first picture waits for the first steps; they donate the state it is of.
    first = jax.tree.map(jnp.copy, state) if step == 0 else None

    bar = tqdm(total=config.steps, initial=step, unit="step", desc="training")
    recent: list[dict[str, np.ndarray]] = []
    with MetricsLog(workdir, step) as log, bar:
        begin, seconds = time.monotonic(), log.seconds
        feeds = source(data.train, config, step, lengths, longest)
        for length, (table, rows) in zip(lengths, feeds, strict=True):
            state, metrics = chunk(state, table, rows, np.int32(length), key)
            metrics = {k: v[:length] for k, v in jax.device_get(metrics).items()}
            _check_finite(metrics, step, checkpoints)
            recent.append(metrics)
            step += length
            bar.update(length)
            if first is not None:
                save_samples(gan, first, data, key, workdir)
                first = None
            if step % config.log_every == 0 or step == config.steps:
                now = time.monotonic()
                seconds += now - begin
                row = _row(recent, step, config, now - begin)
                log.write({**row, "seconds": round(seconds, 2)})
                bar.set_postfix(
                    d_loss=f"{row['d_loss']:.3f}", g_loss=f"{row['g_loss']:.3f}"
                )
                recent, begin = [], now
            if step % config.sample_every == 0 or step == config.steps:
                save_samples(gan, state, data, key, workdir)
            if step % config.checkpoint_every == 0 or step == config.steps:
                _save(checkpoints, state)
    return state


def chunk_lengths(config: TrainConfig, start: int, longest: int) -> list[int]:
    """The steps between one event (log, samples, checkpoint, end) and the next.

    Example:
        >>> config = TrainConfig(steps=250, log_every=100, sample_every=150)
        >>> chunk_lengths(config, 0, 100)
        [100, 50, 50, 50]
    """
    return list(_lengths(config, start, longest))


def _lengths(config: TrainConfig, step: int, longest: int) -> Iterator[int]:
    cadences = (config.log_every, config.sample_every, config.checkpoint_every)
    while step < config.steps:
        event = min(step - step % cadence + cadence for cadence in cadences)
        stop = min(event, config.steps, step + longest)
        yield stop - step
        step = stop


def _longest_chunk(config: TrainConfig, data: DataSet, *, resident: bool) -> int:
    longest = min(
        config.log_every, config.sample_every, config.checkpoint_every, config.steps
    )
    if resident:
        return longest
    one_step = config.d_steps * config.batch_size * data.train.images[0].nbytes
    return max(1, min(longest, _STREAMED_CHUNK_BYTES // one_step))


def save_samples(
    gan: GAN, state: GANState, data: DataSet, key: Key, workdir: Path
) -> None:
    """A grid of the same latents each time; with labels, a class in each row."""
    rows = _GRID_ROWS
    labels = None
    if gan.condition is not None:
        rows = len(data.train.classes)
        labels = np.arange(rows, dtype=np.int32).repeat(_GRID_COLUMNS)
    grid_key = keys.stream(key, "grid", 0)
    images = sample(gan, state, grid_key, rows * _GRID_COLUMNS, condition=labels)
    picture = pictures.png(pictures.grid(np.asarray(images), _GRID_COLUMNS))
    folder = workdir / "samples"
    folder.mkdir(exist_ok=True)
    write_atomically(folder / f"{int(state.step):08d}.png", picture)
    write_atomically(workdir / "samples.png", picture)


def _row(recent, step: int, config: TrainConfig, seconds: float) -> dict[str, float]:
    """One line of metrics: means over the steps since the last line."""
    steps = sum(len(metrics["d_loss"]) for metrics in recent)
    means = {
        name: float(np.concatenate([metrics[name] for metrics in recent]).mean())
        for name in recent[0]
    }
    return {
        "step": step,
        "images": step * config.batch_size,
        "images_per_second": round(steps * config.batch_size / seconds, 1),
        **means,
    }


def _save(checkpoints: Checkpoints, state: GANState) -> None:
    """Saves, unless the last update, which no metric has seen, went wrong."""
    try:
        checkpoints.save(state)
    except FloatingPointError as error:
        raise NonFiniteError(f"{error} {_kept(checkpoints)}. {_ADVICE}") from error


def _kept(checkpoints: Checkpoints) -> str:
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
