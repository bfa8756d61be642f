"""Pictures of samples during training."""

from pathlib import Path
from typing import Any

from jaxgan import keys, processes
from jaxgan.files import write_atomically
from jaxgan.hooks.base import Hook, Run


class Samples(Hook):
    """Saves pictures of the same draws over time, made as `jaxgan.show` describes.

    Args:
        folder: folder of ``samples/STEP.png`` and, for the last one, ``samples.png``.
        data: source of the conditions and of what samples are shown beside; by default
            the run's data.
        every: steps between pictures; the initial and the last state also have one.
    """

    def __init__(
        self, folder: str | Path, data: Any = None, *, every: int | None = 1_000
    ):
        self.folder, self._given, self.every = Path(folder), data, every

    def begin(self, run: Run) -> None:
        if run.step == 0:
            self.act(run)

    def act(self, run: Run) -> None:
        from jaxgan import show  # needs Pillow, which a loop without pictures does not

        data = run.data if self._given is None else self._given
        make = run.game.show or show.suggested(run.game, data)
        picture = make(run.sampler, data, keys.stream(run.key, "grid", 0))
        if processes.is_first():
            content = show.png(picture)
            (self.folder / "samples").mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / "samples" / f"{run.step:08d}.png", content)
            write_atomically(self.folder / "samples.png", content)
