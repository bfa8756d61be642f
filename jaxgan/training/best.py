"""The best checkpoint by a judgement on the way, beside the last ones."""

from pathlib import Path
from typing import Any

from jaxgan.checkpoint import Checkpoints
from jaxgan.data import DataSet
from jaxgan.game import GameState
from jaxgan.gan import GAN
from jaxgan.training.evaluation import evaluate
from jaxgan.typing import Key

METRIC = "two_sample_accuracy"


class Best:
    """Keeps the state whose samples are hardest to tell from held-out images.

    That is, of the lowest 1-NN two-sample accuracy; at equal ones the earlier state.

    Args:
        workdir: the run's; the checkpoint lies in its ``best/``.
        like: a state of the game.
    """

    def __init__(self, workdir: Path, like: GameState):
        self._checkpoints = Checkpoints(workdir / "best", keep=1)
        self.found: dict[str, Any] | None = None
        if self._checkpoints.latest is not None:
            self.found = self._checkpoints.restore(like).notes

    def __enter__(self):
        self._checkpoints.__enter__()
        return self

    def __exit__(self, *exception):
        self._checkpoints.__exit__(*exception)

    def judge(self, gan: GAN, state: GameState, data: DataSet, key: Key) -> dict:
        """Judges a state, saves it if it is the best so far, and returns a log entry.

        A run that was killed and judges the same state again finds the same number,
        which is no better, and so keeps what it has.
        """
        judgement = evaluate(gan, state, data, key)
        value = judgement["two_sample"]["accuracy"]
        if self.found is None or value < self.found[METRIC]:
            self.found = {"step": int(state.step), METRIC: value}
            self._checkpoints.save(state, self.found)
            # On disk before a later checkpoint of the run is: else a run that was
            # killed would continue after the best state and never see it again.
            self._checkpoints.wait()
        entry = {METRIC: value}
        if "condition" in judgement:
            entry |= judgement["condition"]
        return entry
