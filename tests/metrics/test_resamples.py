"""Every judge with an interval by resamples can do without one."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

from jaxgan import InputError, metrics
from jaxgan.metrics import Result, bootstrap
from jaxgan.metrics.paired import RGB
from tests.metrics.perceptual_distance import toy

X, Y = np.random.default_rng(0).normal(size=(2, 24, 3))
ARGUMENTS = {
    "x": X,
    "y": Y,
    "real": X,
    "fake": Y,
    "samples": X,
    "centres": Y[:5],
    "standard_deviation": 1.0,
    "labels": np.arange(24) % 3,
    "num_modes": 4,
    "probabilities": np.full((24, 4), 0.25),
    "features": "test",
    "classifier": "test",
    "subset_size": 8,
    "name": "test",
    "values": X[:, 0],
    "described": "test",
}
_IMAGES = np.random.default_rng(1).integers(0, 256, (2, 5, 12, 12, 3), np.uint8)
_OF_PAIRS = {
    **dict(zip(("real", "fake"), _IMAGES, strict=True)),
    "protocol": RGB,
    "distance": toy(),
}
OF_MODULE = {
    **dict.fromkeys(("psnr", "ssim", "perceptual"), _OF_PAIRS),
    "diversity": {"distance": lambda a, b: abs(a - b).reshape(len(a), -1).sum(axis=1)},
}
"""Arguments of some modules that go before those of all."""


def _judges():
    """All public functions of the judges' modules that take resamples."""
    for module in pkgutil.iter_modules(metrics.__path__):
        if module.name == "bootstrap":
            continue
        names = vars(importlib.import_module(f"jaxgan.metrics.{module.name}"))
        for name, judge in names.items():
            if name.startswith("_") or not inspect.isfunction(judge):
                continue
            here = judge.__module__ == f"jaxgan.metrics.{module.name}"
            if here and "resamples" in inspect.signature(judge).parameters:
                yield f"{module.name}.{name}", judge


JUDGES = dict(_judges())


def _results(judge, resamples: int) -> list[Result]:
    taken = inspect.signature(judge).parameters.items()
    known = ARGUMENTS | OF_MODULE.get(judge.__module__.rpartition(".")[2], {})
    needed = {
        name: known[name]
        for name, parameter in taken
        if parameter.default is parameter.empty or name in known
    }
    found = judge(**needed, resamples=resamples)
    several = (found,) if isinstance(found, Result) else found
    return [result for result in several if result is not None]


def test_the_judges_are_found():
    known = {"prdc.measure", "frechet.distance", "mmd.two_sample", "modes.of_labels"}
    assert known < set(JUDGES)


@pytest.mark.parametrize("name", JUDGES)
def test_no_resamples_no_interval_and_the_same_value(name):
    without, with_some = (_results(JUDGES[name], count) for count in (0, 4))
    assert all(result.interval is None for result in without)
    assert any(result.interval is not None for result in with_some)
    values = [[r.value for r in results] for results in (without, with_some)]
    np.testing.assert_allclose(*values, rtol=1e-12)
    for result in without:
        assert "interval" not in result.as_json()
        assert " at 95%" not in str(result)


@pytest.mark.parametrize("resamples", [-1, 1])
@pytest.mark.parametrize("name", JUDGES)
def test_other_numbers_that_make_no_interval_are_refused(name, resamples):
    with pytest.raises(InputError, match=f"resamples={resamples};"):
        _results(JUDGES[name], resamples)


@pytest.mark.parametrize("name", JUDGES)
def test_documented(name):
    of_resamples = inspect.getdoc(JUDGES[name]).partition("resamples:")[2]
    assert "0 for no interval" in " ".join(of_resamples.split())


def test_the_bootstrap_itself(key):
    assert bootstrap.interval_of_mean(X[:, 0], key=key, resamples=0) is None
    assert bootstrap.from_replicates(np.empty(0)) is None
    with pytest.raises(InputError, match="level"):
        bootstrap.from_replicates(np.empty(0), level=2.0)
    none = bootstrap.counts(key, [3, 5], 0)
    assert [of_set.shape for of_set in none] == [(0, 3), (0, 5)]
