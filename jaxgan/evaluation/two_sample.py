"""The 1-NN two-sample test of samples against held-out examples, on raw numbers."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import keys
from jaxgan.data import epoch_order
from jaxgan.evaluation.inputs import draw, entry, held_out, output_of, trained_on
from jaxgan.metrics import neighbours
from jaxgan.metrics.result import Result
from jaxgan.sampling import Sampler
from jaxgan.typing import Key

_DRAWS = 4
_SEED = 0  # for choosing the examples; the same for every run


@dataclasses.dataclass(frozen=True, kw_only=True)
class TwoSample:
    """Evaluator: can the nearest neighbour tell samples from held-out examples?

    Returns the leave-one-out 1-NN accuracy (Lopez-Paz & Oquab 2017, arXiv:1610.06545),
    the mean over four draws, about 1/2 for a perfect generator. The details add the
    accuracy for training examples against held-out ones: once for random draws of both,
    as from a perfect generator; and once for the first of each in the set's own order,
    which is higher if the order has a meaning (the digits are sorted by writer).

    Distances between pixels are exact. An example with several nearest neighbours at
    the same distance (copies, blank images) counts by the share of them that belong to
    its own set.

    Attributes:
        samples: maximum number of generated samples.
        examples: maximum number of examples of each set in one draw.
    """

    samples: int = 4_000
    examples: int = 1_000

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> dict[str, Result]:
        at = keys.stream(key, "eval", 0)
        most = min(self.samples, _DRAWS * _count(data, self.examples))
        fake, _ = draw(sampler, data, at, most)
        return {"two_sample": judge(fake, data, sampler, self.examples)}


def judge(fake: np.ndarray, data: Any, sampler: Sampler, examples: int) -> Result:
    """Returns the accuracy for samples ``[n ...]`` in the data's format."""
    train, test = trained_on(data), held_out(data)
    name, _ = output_of(sampler.game, data)
    take = lambda table, chosen: _numbers(entry(table.batch(chosen), name))
    count = min(_count(data, examples), len(fake) // _DRAWS)
    train_rows = _shuffled(len(train))[: _DRAWS * count].reshape(_DRAWS, count)
    tests = [take(test, _shuffled(len(test), i)[:count]) for i in range(_DRAWS)]
    fakes = [_numbers(part) for part in np.split(fake[: _DRAWS * count], _DRAWS)]
    model = [neighbours.two_sample(*pair) for pair in zip(fakes, tests, strict=True)]
    reference = [
        neighbours.two_sample(take(train, chosen), of_test).accuracy
        for chosen, of_test in zip(train_rows, tests, strict=True)
    ]
    accuracy, on_samples, on_test = np.mean(model, axis=0)
    first = np.arange(count)
    in_order = neighbours.two_sample(take(train, first), take(test, first))
    return Result(
        name="1-NN two-sample accuracy",
        value=float(accuracy),
        protocol=(
            f"raw numbers, {count} samples against {count} "
            f"{'held-out' if test is not train else 'training'} examples, mean of "
            f"{_DRAWS} draws; training examples instead of samples: "
            f"{np.mean(reference):.3f}"
        ),
        details={
            "accuracy_on_samples": float(on_samples),
            "accuracy_on_test": float(on_test),
            "reference_train_against_test": float(np.mean(reference)),
            "reference_first_train_against_first_test": float(in_order.accuracy),
            "examples_of_each": count,
            "draws": _DRAWS,
        },
    )


def _count(data: Any, examples: int) -> int:
    """Returns the number of examples of each set in one draw, at most ``examples``."""
    return min(examples, len(held_out(data)), len(trained_on(data)) // _DRAWS)


def _numbers(examples: np.ndarray) -> jax.Array:
    """Returns pixels as uint8, whose equal distances compare equal; else floats."""
    pixels = examples.dtype == np.uint8
    return jnp.asarray(examples if pixels else examples.astype(np.float32))


def _shuffled(count: int, draw: int = 0) -> np.ndarray:
    """Returns a set's rows in random order: it may be sorted by class or by writer."""
    return epoch_order(_SEED, draw, count)
