"""The collapse monitor: signs in every line of the log, a warning if they last."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxgan import keys, losses
from jaxgan.data import epoch_order
from jaxgan.evaluation.inputs import distinct, draw, output_of, rows, trained_on
from jaxgan.game import Game
from jaxgan.gan import GAN
from jaxgan.hooks.base import Hook, Run
from jaxgan.metrics import collapse

_EXAMPLES = 256
_FEWEST = 8
_SEED = 0  # for choosing the training examples to compare with
# A sign must have been in every line of this share of the run, and in at least three.
_LASTING = 0.25
_LINES = 3
# The first samples of any run lie close together.
_GRACE = 0.1
# Losses whose logits are log odds, so that a large gap means a sure discriminator.
_LOG_ODDS = (losses.minimax, losses.non_saturating, losses.relativistic)
_SIGNS = ("distance_ratio", "duplicates")
_LOGITS = {"d_real_logit", "d_fake_logit"}

Row = Mapping[str, Any]


class CollapseMonitor(Hook):
    """Measures signs of mode collapse, and warns of those that persist.

    The numbers are "distance_ratio" and "duplicates" of `jaxgan.metrics.collapse`;
    with the discriminator's mean logits of the same line they are the signs. A
    warning is printed once a sign has been in every line of a quarter of the run, and
    in at least three, not counting the run's first tenth.

    Nothing is measured with fewer than 8 examples, or held-out conditions.

    Args:
        data: the data to compare the samples with; by default the run's data.
        every: steps between measurements; best the same as for `Log`.
    """

    name = "collapse"

    def __init__(self, data: Any = None, *, every: int = 100):
        self._given, self.every = data, every

    def begin(self, run: Run) -> None:
        self._data = run.data_for(self, self._given)
        saved = run.notes.get(self.name, {})
        self._recent = Recent(run.game, run.steps)
        for row in saved.get("rows", []):
            self._recent.add(row)
        self._warned = set(saved.get("warned", []))
        table = trained_on(self._data)
        output, _ = output_of(run.game, self._data)
        # Repeated conditions would make samples that count as duplicates.
        most = distinct(run.game, self._data)
        most = _EXAMPLES if most is None else most
        count = min(_EXAMPLES, len(table), most)
        chosen = epoch_order(_SEED, 0, len(table))[:count]
        self._count, self._real = count, rows(table.batch(chosen), output)

    def measure(self, run: Run) -> dict[str, float]:
        if self._count < _FEWEST:
            return {}
        at = keys.stream(run.key, "alarm", 0)
        fake, _ = draw(run.sampler, self._data, at, self._count)
        nothing = jnp.zeros(1)
        signs = collapse.signs(rows(fake), self._real, nothing, nothing)
        return {name: float(getattr(signs, name)) for name in _SIGNS}

    def line(self, run: Run, row: Row) -> None:
        if _SIGNS[0] not in row:
            return
        names = ("step", "d_real_logit", "d_fake_logit", *_SIGNS)
        warnings = self._recent.add({name: row[name] for name in names if name in row})
        for kind, text in warnings.items():
            if kind not in self._warned:
                run.say(f"warning: after step {run.step}: {text}")
        self._warned = set(warnings)

    def notes(self) -> dict[str, Any]:
        return {"rows": list(self._recent.lines), "warned": sorted(self._warned)}


class Recent:
    """The last lines of the log with both signs: those that cover the required share.

    Args:
        game: the game; its loss says whether a gap between the logits means anything.
        steps: the run's length.

    Attributes:
        lines: the lines, in order.
    """

    def __init__(self, game: Game, steps: int):
        self._game, self._steps = game, steps
        self.lines: deque[Row] = deque()
        self._counts: dict[str, int] = {}  # of consecutive lines with the sign, by kind

    def add(self, line: Row) -> dict[str, str]:
        """Adds the next line; returns the warnings after it: the signs that persist."""
        found = _alarms(self._game, line)
        self._counts = {kind: self._counts.get(kind, 0) + 1 for kind in found}
        self.lines.append(line)
        first = line["step"] - _LASTING * self._steps
        # One line may be older: the whole share must have passed.
        while len(self.lines) > _LINES and self.lines[1]["step"] <= first:
            self.lines.popleft()
        begin, count = self.lines[0]["step"], len(self.lines)
        if count < _LINES or begin > first or begin < _GRACE * self._steps:
            return {}
        return {k: text for k, text in found.items() if self._counts[k] >= count}


def history(game: Game, lines: Sequence[Row], steps: int) -> dict[str, dict[str, Any]]:
    """Returns the problems of a whole run that persisted, by kind.

    Each has its first and last step, its last warning, and whether the run recovered.
    Lines without both signs do not count.
    """
    lines = [line for line in lines if line.keys() >= set(_SIGNS)]
    found: dict[str, dict[str, Any]] = {}
    recent = Recent(game, steps)
    for line in lines:
        step = line["step"]
        for kind, text in recent.add(line).items():
            entry = found.setdefault(kind, {"from_step": step})
            entry |= {"to_step": step, "warning": text}
    for entry in found.values():
        entry["recovered"] = entry["to_step"] != lines[-1]["step"]
    return found


def _alarms(game: Game, row: Row) -> dict[str, str]:
    """Returns the warnings of one line, by their text before the colon."""
    gap, limit = 0.0, None
    if isinstance(game, GAN) and game.loss in _LOG_ODDS and row.keys() >= _LOGITS:
        gap = row["d_real_logit"] - row["d_fake_logit"]
        limit = collapse.Thresholds().gap
    # NumPy scalars, so that nothing is compiled in the middle of a run.
    numbers: Any = map(np.float32, (row["distance_ratio"], row["duplicates"], gap))
    told = collapse.alarms(collapse.Signs(*numbers), collapse.Thresholds(gap=limit))
    return {text.partition(":")[0]: text for text in told}
