"""The classes of samples, by a nearest-neighbour classifier."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxgan import keys
from jaxgan.data import epoch_order
from jaxgan.evaluation.inputs import draw, held_out, output_of, rows, trained_on
from jaxgan.metrics import neighbours
from jaxgan.metrics.result import Result
from jaxgan.sampling import Sampler
from jaxgan.typing import Key

_SEED = 0  # for choosing the classifier's examples; the same for every run
_NEIGHBOURS = "5-nearest neighbours on raw numbers of training examples"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Classes:
    """Evaluator: does the generator produce all classes, and the class asked for?

    Returns "smallest_class", the share of the rarest class among the samples, with
    the shares of all classes in its details; and, for a game conditional on the label,
    "class_asked_for", the share of samples that are classified as the class asked for.
    Returns nothing if the data have no labels, or if the classifier is too often wrong
    about held-out examples to be trusted on samples: the classes of photographs differ
    too little in their pixels.

    Attributes:
        samples: number of generated samples.
        examples: maximum number of training examples for the classifier.
        trusted: the accuracy on held-out examples below which nothing is returned.
    """

    samples: int = 1_000
    examples: int = 10_000
    trusted: float = 0.7

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> dict[str, Result]:
        names = getattr(trained_on(data), "classes", ())
        if not names:
            return {}
        at = keys.stream(key, "eval", 0)
        fake, condition = draw(sampler, data, at, self.samples)
        output, _ = output_of(sampler.game, data)
        predicted, accuracy = self.classify(fake, data, output)
        if accuracy < self.trusted:
            return {}
        how = f"{self.samples:,} samples, {_NEIGHBOURS}, right for {accuracy:.1%}"
        shares = np.bincount(predicted, minlength=len(names)) / len(predicted)
        found = {
            "smallest_class": Result(
                name="share of the rarest class",
                value=float(shares.min()),
                protocol=f"{how} of held-out ones; 1/{len(names)} if all are equal",
                details={
                    "shares": dict(zip(names, shares.tolist(), strict=True)),
                    "samples": len(predicted),
                    "classifier_accuracy_on_test": accuracy,
                },
                higher_is_better=True,
            )
        }
        if sampler.game.condition == "label":
            right = float((predicted == np.asarray(condition)).mean())
            found["class_asked_for"] = Result(
                name="samples in the class asked for",
                value=right,
                protocol=f"{how} of held-out ones",
                higher_is_better=True,
            )
        return found

    def classify(
        self, fake: np.ndarray, data: Any, output: str
    ) -> tuple[np.ndarray, float]:
        """Returns the samples' classes, and the accuracy on held-out examples."""
        train, held = trained_on(data), held_out(data)
        order = lambda table: epoch_order(_SEED, 0, len(table))
        seen = train.batch(order(train)[: self.examples])
        test = held.batch(order(held)[:1_000])
        label = lambda queries: np.asarray(
            neighbours.classify(
                rows(seen, output),
                jnp.asarray(seen["label"]),
                queries,
                num_classes=len(train.classes),
            )
        )
        accuracy = float((label(rows(test, output)) == test["label"]).mean())
        return label(rows(fake)), accuracy
