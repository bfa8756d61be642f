"""A result prints its protocol, and holds no number that is not finite."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.metrics.result import Interval, Result

FULL = Result(
    name="MMD^2",
    value=0.25,
    protocol="unbiased, 10 vs 10",
    standard_error=0.125,
    interval=Interval(0.125, 0.5, 0.95, "percentile bootstrap, 9 resamples"),
    p_value=0.0625,
    details={"kernel": "RBF"},
)


def test_json_holds_what_is_set():
    assert json.loads(json.dumps(FULL.as_json())) == {
        "name": "MMD^2",
        "value": 0.25,
        "protocol": "unbiased, 10 vs 10",
        "standard_error": 0.125,
        "interval": {
            "low": 0.125,
            "high": 0.5,
            "level": 0.95,
            "method": "percentile bootstrap, 9 resamples",
        },
        "p_value": 0.0625,
        "details": {"kernel": "RBF"},
    }
    bare = Result(name="a", value=0.0, protocol="b")
    assert bare.as_json() == {"name": "a", "value": 0.0, "protocol": "b"}


def test_text_is_one_line_with_its_protocol():
    assert str(FULL) == (
        "MMD^2 0.25 ± 0.12 [0.125, 0.5] at 95% p = 0.0625 (unbiased, 10 vs 10)"
    )


@pytest.mark.usefixtures("no_type_checks")
@pytest.mark.parametrize("make", [np.float32, jnp.float32, np.array])
def test_numbers_of_numpy_and_jax_become_pythons(make):
    half = {"value": make(0.5), "standard_error": make(0.25), "p_value": make(0.125)}
    found = Result(name="a", protocol="b", **half)
    plain = Result(
        name="a", protocol="b", value=0.5, standard_error=0.25, p_value=0.125
    )
    assert json.dumps(found.as_json()) == json.dumps(plain.as_json())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_must_be_finite(value):
    with pytest.raises(ValueError, match=rf"precision is {value}.*5 examples"):
        Result(name="precision", value=value, protocol="5 examples")
