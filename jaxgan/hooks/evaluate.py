"""Evaluation during and after training, and the best checkpoint by one result."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jaxgan.checkpoint import Checkpoints
from jaxgan.checks import InputError
from jaxgan.evaluation import Evaluator, evaluate
from jaxgan.hooks.base import Hook, Run
from jaxgan.metrics.result import Result


class Evaluate(Hook):
    """Evaluates the samples; each result's value is a number of the log.

    Args:
        evaluators: see `jaxgan.evaluation`.
        data: the data to evaluate against; by default the run's data.
        every: steps between evaluations; None for the end only.
        folder: folder of the best state; None to keep none.
        keep_best: name of the result by which the best state is chosen (the earlier of
            equal ones); by default the first result.
        highest: whether the highest value is the best, instead of the lowest; by
            default, as the result says (`jaxgan.metrics.Result.higher_is_better`).

    Attributes:
        results: the results of the last evaluation, by name.
        best: the best state's step and value; None before the first evaluation.
    """

    def __init__(
        self,
        evaluators: Iterable[Evaluator],
        data: Any = None,
        *,
        every: int | None = None,
        keep_best: str | None = None,
        highest: bool | None = None,
        folder: str | Path | None = None,
    ):
        if keep_best is not None and folder is None:
            raise InputError(
                f"Evaluate(keep_best={keep_best!r}) needs folder=... to keep it in."
            )
        self._evaluators, self._given = tuple(evaluators), data
        self.every, self._keep_best, self._highest = every, keep_best, highest
        self._folder = None if folder is None else Path(folder)
        self._checkpoints: Checkpoints | None = None
        self.results: dict[str, Result] = {}
        self.best: dict[str, Any] | None = None

    def begin(self, run: Run) -> None:
        self._data = run.data_for(self, self._given)
        self._judged, self.results, self.best = None, {}, None
        if self._folder is not None:
            how = {"keep": 1, "shards": run.shards}
            self._checkpoints = Checkpoints(self._folder, **how).__enter__()
            if self._checkpoints.latest is not None:
                self.best = self._checkpoints.restore(run.state).notes

    def measure(self, run: Run) -> dict[str, float]:
        self.results = evaluate(self._evaluators, run.sampler, self._data, run.key)
        self._judged = run.step
        if self._checkpoints is not None:
            self._keep(run, self._checkpoints)
        return {name: result.value for name, result in self.results.items()}

    def end(self, run: Run) -> None:
        # A run killed after its last checkpoint has no step left to evaluate at.
        if self._judged != run.step:
            self.measure(run)

    def close(self, error: BaseException | None) -> None:
        if self._checkpoints is not None:
            kind = None if error is None else type(error)
            self._checkpoints.__exit__(kind, error, None)

    def _keep(self, run: Run, checkpoints: Checkpoints) -> None:
        """Saves the state if it is the best so far.

        A run that was killed and evaluates the same state again gets the same value,
        which is no better, and so keeps the saved state.
        """
        if not self.results:
            raise InputError(
                "No evaluator has a result for this data, so no best state can be "
                "kept: it may have too few held-out examples. Evaluate without keeping "
                "the best, on the command line without --evaluate-every."
            )
        if self._keep_best is None:
            self._keep_best = next(iter(self.results))
        if self._keep_best not in self.results:
            raise InputError(
                f"Evaluate(keep_best={self._keep_best!r}) names none of the results: "
                f"{sorted(self.results)}."
            )
        result = self.results[self._keep_best]
        highest = result.higher_is_better if self._highest is None else self._highest
        value, sign = result.value, -1 if highest else 1
        # An earlier session of the run may have used another result.
        before = None if self.best is None else self.best.get(self._keep_best)
        if before is None or sign * value < sign * before:
            self.best = {"step": run.step, self._keep_best: value}
            checkpoints.save(run.state, self.best, step=run.step)
            # Must be on disk before any later checkpoint of the run: else a killed run
            # would continue after the best state and never reach it again.
            checkpoints.wait()
