"""The metrics since the last line of the log."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np


class Window:
    """The metrics of every step until a line is due, which holds their means.

    Args:
        notes: what `notes` returned when the run was saved between two lines.
        images: number of images seen when a new window begins.
    """

    def __init__(self, notes: Mapping[str, Any], images: int):
        saved = notes.get("metrics", {})
        self._parts = [{k: np.asarray(v, np.float32) for k, v in saved.items()}]
        self._begin = time.monotonic() - notes.get("seconds", 0.0)
        self._images: int = notes.get("images", images)

    def add(self, metrics: Mapping[str, np.ndarray]) -> None:
        """Adds the metrics of further steps, ``[steps]`` each."""
        self._parts.append(dict(metrics))

    def line(self, images: int) -> dict[str, float]:
        """Returns the line that ends after ``images`` images; begins a new window."""
        metrics, now = self._all(), time.monotonic()
        seconds, seen = now - self._begin, images - self._images
        self._parts, self._begin, self._images = [], now, images
        return {
            "images": images,
            "images_per_second": round(seen / seconds, 1),
            "seconds": seconds,
            **{name: float(values.mean()) for name, values in metrics.items()},
        }

    def notes(self) -> dict[str, Any]:
        """Returns the values to keep with a checkpoint, as JSON values."""
        metrics = {name: values.tolist() for name, values in self._all().items()}
        seconds = time.monotonic() - self._begin
        return {"metrics": metrics, "seconds": seconds, "images": self._images}

    def _all(self) -> dict[str, np.ndarray]:
        """Returns the values by name, of the steps that have a metric of that name.

        A run may continue, within a window, with other metrics than it was saved with.
        """
        names = dict.fromkeys(name for part in self._parts for name in part)
        return {
            name: np.concatenate([part[name] for part in self._parts if name in part])
            for name in names
        }
