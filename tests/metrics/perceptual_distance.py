"""A distance of images in closed form, in place of a learned one."""

import jax.numpy as jnp
import numpy as np

from jaxgan.metrics.perceptual import Distance

_WEIGHTS = np.array([1.0, 2.0, 4.0], np.float32)


def _apply(params, a, b):
    return jnp.mean((a - b) ** 2 * params.reshape(1, 1, 1, 3), axis=(1, 2, 3))


def toy() -> Distance:
    """Returns the mean over pixels of (1, 2, 4) · (a - b)² / 3, for a, b in [-1, 1]."""
    return Distance(
        name="toy",
        protocol="toy distance",
        weights_sha256={"toy": "0" * 64},
        apply=_apply,
        params=_WEIGHTS,
    )


def by_hand(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the same of two uint8 images ``[h w 3]``, in float64."""
    apart = (a.astype(np.float64) - b) / 127.5
    return float((apart**2 * _WEIGHTS).mean())
