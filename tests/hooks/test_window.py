"""The metrics since the last line, also where a run is saved between two lines."""

import json

import numpy as np

from jaxgan.hooks.window import Window

TIMES = {"seconds": 0, "images_per_second": 0}


def _metrics(steps: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        name: random.standard_normal(steps).astype(np.float32)
        for name in ("d_loss", "g_loss")
    }


def _saved(window: Window) -> dict:
    return json.loads(json.dumps(window.notes()))


def test_a_window_saved_between_two_lines_gives_the_same_line():
    """To the bit: the means are over the same numbers in the same order."""
    parts = [_metrics(7, 0), _metrics(1, 1), _metrics(25, 2)]
    whole, first = Window({}, 0), Window({}, 0)
    for part in parts:
        whole.add(part)
    first.add(parts[0])
    first.add(parts[1])
    second = Window(_saved(first), 8 * 16)
    third = Window(_saved(second), 8 * 16)
    third.add(parts[2])
    expected = whole.line(33 * 16)
    assert {**third.line(33 * 16), **TIMES} == {**expected, **TIMES}
    by_hand = np.concatenate([part["d_loss"] for part in parts]).astype(np.float64)
    np.testing.assert_allclose(expected["d_loss"], by_hand.mean(), rtol=1e-5)


def test_a_window_saved_at_a_line_is_empty():
    window = Window({}, 0)
    window.add(_metrics(5, 0))
    window.line(80)
    notes = _saved(window)
    assert notes["metrics"] == {}
    np.testing.assert_allclose(notes["seconds"], 0, atol=1)
    fresh = Window(notes, 80)
    fresh.add(_metrics(3, 1))
    line = fresh.line(128)
    assert line["d_loss"] == float(_metrics(3, 1)["d_loss"].mean())
    assert line["images"] == 128


def test_metrics_that_come_or_go_within_a_window_are_means_where_they_were():
    """A run saved between two lines may continue with other penalties."""
    before = Window({}, 0)
    before.add({"d_loss": np.float32([1, 2]), "d_penalty": np.float32([3, 5])})
    after = Window(_saved(before), 0)
    after.add({"d_loss": np.float32([6]), "d_term": np.float32([7])})
    assert after.notes()["metrics"] == {
        "d_loss": [1, 2, 6], "d_penalty": [3, 5], "d_term": [7]
    }  # fmt: skip
    line = after.line(24)
    assert (line["d_loss"], line["d_penalty"], line["d_term"]) == (3, 4, 7)


def test_a_window_counts_the_seconds_and_images_before_it_was_saved():
    window = Window({"metrics": {}, "seconds": 100.0, "images": 1_000}, 5_000)
    window.add(_metrics(1, 0))
    line = window.line(6_000)
    np.testing.assert_allclose(line["seconds"], 100, atol=5)
    np.testing.assert_allclose(line["images_per_second"], 50, rtol=0.05)
