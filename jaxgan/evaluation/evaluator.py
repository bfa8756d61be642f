"""The type of an evaluator, and a function that calls several of them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jaxgan.checks import InputError
from jaxgan.metrics.result import Result
from jaxgan.sampling import Sampler
from jaxgan.typing import Key

Evaluator = Callable[[Sampler, Any, Key], Mapping[str, Result]]
"""``(sampler, data, key) -> {name: Result}``."""


def evaluate(
    evaluators: Iterable[Evaluator], sampler: Sampler, data: Any, key: Key
) -> dict[str, Result]:
    """Returns the results of all evaluators.

    Args:
        evaluators: any number of evaluators.
        sampler: sampler of the game to judge.
        data: the data to judge it against.
        key: the run's key.

    Raises:
        InputError: if two results have the same name, or one is not a `Result`.
    """
    found: dict[str, Result] = {}
    for evaluator in evaluators:
        for name, result in evaluator(sampler, data, key).items():
            if name in found:
                raise InputError(f"Two evaluators return a result called {name!r}.")
            if not isinstance(result, Result):
                raise InputError(
                    f"An evaluator returned {result!r} as {name!r}; expected a "
                    "jaxgan.metrics.Result."
                )
            found[name] = result
    return found
