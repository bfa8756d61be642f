"""Evaluators: functions that judge a game's samples against data.

An evaluator is any function ``(sampler, data, key) -> {name: Result}`` of a
`jaxgan.sampling.Sampler`, a `jaxgan.data.DataSet` and the run's key. A run, its report
and its best checkpoint use whatever it returns, so a new metric is one function::

    def brightness(sampler, data, key):
        samples = np.asarray(sampler(keys.stream(key, "brightness", 0), 100))
        return {"brightness": Result(name="mean pixel", value=float(samples.mean()),
                                     protocol="100 samples")}
"""

from jaxgan.evaluation.by_features import ByFeatures
from jaxgan.evaluation.classes import Classes
from jaxgan.evaluation.evaluator import Evaluator, evaluate
from jaxgan.evaluation.inputs import conditions, draw
from jaxgan.evaluation.two_sample import TwoSample

__all__ = [
    "ByFeatures",
    "Classes",
    "Evaluator",
    "TwoSample",
    "conditions",
    "draw",
    "evaluate",
]
