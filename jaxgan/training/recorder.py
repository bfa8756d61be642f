"""What a run leaves behind on the way, written by the first process alone."""

from typing import Any

import numpy as np
from tqdm import tqdm

from jaxgan import keys, processes
from jaxgan.data import DataSet
from jaxgan.files import write_atomically
from jaxgan.game import GameState
from jaxgan.gan import GAN
from jaxgan.report import pictures
from jaxgan.sampling import sample
from jaxgan.training import alarm
from jaxgan.training.config import TrainConfig
from jaxgan.training.workdir import MetricsLog, read_metrics
from jaxgan.typing import Key

_GRID_ROWS = 8
_GRID_COLUMNS = 10


class Recorder:
    """The progress bar, the lines of metrics and the grids of samples.

    Args:
        config: a resolved config.
        step: the step that training starts from.
    """

    def __init__(self, config: TrainConfig, step: int):
        assert config.workdir is not None, "resolve(config) first"
        self._workdir = config.workdir
        self._bar = tqdm(
            total=config.steps,
            initial=step,
            unit="step",
            desc="training",
            disable=not processes.is_first(),
        )
        self._log = MetricsLog(config.workdir, step) if processes.is_first() else None
        self._seconds = 0.0 if self._log is None else self._log.seconds
        self._rows = read_metrics(config.workdir)[-1:]
        self._steps = config.steps
        self._warned: set[str] = set()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._bar.close()
        if self._log is not None:
            self._log.close()

    def progress(self, steps: int) -> None:
        """So many steps more are done."""
        self._bar.update(steps)

    def line(self, gan: GAN, row: dict[str, Any]) -> None:
        """A line of metrics, with the seconds that all steps so far have taken.

        What its signs of collapse and those of the line before give reason to warn of,
        it warns of when it begins.
        """
        self._rows = [*self._rows[-1:], row]
        warnings = alarm.lasting(gan, self._rows, self._steps)
        if processes.is_first():
            for line in warnings:
                if alarm.kind_of(line) not in self._warned:
                    self._bar.write(f"warning: after step {row['step']}: {line}")
        self._warned = {alarm.kind_of(line) for line in warnings}
        self._bar.set_postfix(
            d_loss=f"{row['d_loss']:.3f}", g_loss=f"{row['g_loss']:.3f}"
        )
        if self._log is not None:
            self._seconds += row["seconds"]
            self._log.write({**row, "seconds": round(self._seconds, 2)})

    def samples(self, gan: GAN, state: GameState, data: DataSet, key: Key) -> None:
        """A grid of the same latents each time; with labels, a class in each row."""
        rows = _GRID_ROWS
        labels = None
        if gan.condition is not None:
            rows = len(data.train.classes)
            labels = np.arange(rows, dtype=np.int32).repeat(_GRID_COLUMNS)
        grid_key = keys.stream(key, "grid", 0)
        images = sample(gan, state, grid_key, rows * _GRID_COLUMNS, condition=labels)
        picture = pictures.png(pictures.grid(np.asarray(images), _GRID_COLUMNS))
        if self._log is not None:
            folder = self._workdir / "samples"
            folder.mkdir(exist_ok=True)
            write_atomically(folder / f"{int(state.step):08d}.png", picture)
            write_atomically(self._workdir / "samples.png", picture)
