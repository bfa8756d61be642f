"""The windows of SSIM: the weights of neighbouring pixels, and the type of covariance.

References:
    Wang et al. 2004, Image Quality Assessment: From Error Visibility to Structural
    Similarity, section III-C.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.ndimage import correlate1d

from jaxgan.checks import InputError


class Window(NamedTuple):
    """A square window whose weights are w_i w_j.

    Attributes:
        name: its name in protocols.
        weights: w, an odd number of symmetric weights that sum to 1.
        sample_covariance: whether variances are multiplied by n / (n - 1), n being the
            number of pixels in the window.
    """

    name: str
    weights: tuple[float, ...]
    sample_covariance: bool

    @property
    def size(self) -> int:
        """The height and width in pixels."""
        return len(self.weights)

    @property
    def correction(self) -> float:
        """The factor that multiplies variances and covariances."""
        pixels = self.size**2
        return pixels / (pixels - 1) if self.sample_covariance else 1.0

    def mean(self, plane: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "u v"]:
        """Returns the weighted mean in each window that lies inside the plane.

        Example:
            >>> uniform(3).mean(np.arange(15.0).reshape(3, 5)).round(9).tolist()
            [[6.0, 7.0, 8.0]]
        """
        edge = self.size // 2
        inside = slice(edge, -edge or None)
        rows = correlate1d(plane, self.weights, axis=0)[inside]
        return correlate1d(rows, self.weights, axis=1)[:, inside]


def gaussian(size: int = 11, sigma: float = 1.5) -> Window:
    """Returns a Gaussian window, with population covariances.

    Args:
        size: the window's height and width in pixels, odd.
        sigma: the Gaussian's standard deviation in pixels.

    Raises:
        InputError: if the size is even or below 3, or sigma is not positive.
    """
    _check(size)
    if not sigma > 0:
        raise InputError(f"A Gaussian window needs sigma > 0, got sigma={sigma}.")
    away = np.arange(size) - size // 2
    bell = np.exp(-(away**2) / (2 * sigma**2))
    weights = tuple((bell / bell.sum()).tolist())
    name = f"Gaussian window {size} x {size} of sigma {sigma:g}, population covariance"
    return Window(name, weights, sample_covariance=False)


def uniform(size: int = 7) -> Window:
    """Returns a uniform window, with sample covariances.

    Args:
        size: the window's height and width in pixels, odd.

    Raises:
        InputError: if the size is even or below 3.
    """
    _check(size)
    name = f"uniform window {size} x {size}, sample covariance"
    return Window(name, (1 / size,) * size, sample_covariance=True)


def _check(size: int) -> None:
    if size < 3 or size % 2 == 0:
        raise InputError(f"A window needs an odd size of 3 or more, got size={size}.")


GAUSSIAN = gaussian()
"""The window of Wang et al. and of most papers."""

UNIFORM = uniform()
"""The default of scikit-image."""
