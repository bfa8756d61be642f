"""Peak signal-to-noise ratio of pairs of images, in dB."""

import numpy as np

from jaxgan.checks import InputError
from jaxgan.metrics import means, paired
from jaxgan.metrics.means import Values
from jaxgan.metrics.paired import DATA_RANGE, RGB, Images, Protocol
from jaxgan.metrics.result import Result
from jaxgan.typing import Key


def of_pair(real: np.ndarray, fake: np.ndarray, protocol: Protocol = RGB) -> float:
    """Returns 10 log10(255² / MSE) in dB, infinity for equal images.

    MSE is the mean squared difference over all pixels and channels that the protocol
    compares.

    Args:
        real: a uint8 image ``[h w 3]``.
        fake: a uint8 image of the same size.
        protocol: channels and crop.

    Raises:
        InputError: if they are not such images, differ in size, or the crop leaves no
            pixels.

    Example:
        >>> black = np.zeros((8, 8, 3), np.uint8)
        >>> round(of_pair(black, black + np.uint8(1)), 4)
        48.1308
    """
    paired.check_pair(real, fake, "a pair")
    error = np.mean((protocol.planes(real) - protocol.planes(fake)) ** 2)
    return float(10 * np.log10(DATA_RANGE**2 / error)) if error else float("inf")


def measure(
    real: Images,
    fake: Images,
    *,
    protocol: Protocol = RGB,
    key: Key | None = None,
    resamples: int = 1000,
) -> Result:
    """Returns the mean PSNR over pairs of images; see `mean`.

    This is the mean of the pairs' PSNR in dB, as papers report it, not the PSNR of the
    mean error.

    Args:
        real: uint8 images ``[n h w 3]``, or a list of images that differ in size.
        fake: the images to compare with, in the same order.
        protocol: channels and crop.
        key: for the bootstrap; None means ``jax.random.key(0)``.
        resamples: number of bootstrap resamples over pairs; 0 for no interval.

    Raises:
        InputError: if the images cannot be paired, or all pairs are equal.

    Example:
        >>> black = np.zeros((2, 8, 8, 3), np.uint8)
        >>> print(measure(black, black + np.uint8(1), resamples=0))
        PSNR 48.1308 ± 0 (RGB, no crop, data range 255, mean over 2 pairs, key 0:0)
    """
    values = [of_pair(a, b, protocol) for a, b in paired.pairs(real, fake)]
    return mean(values, protocol=protocol, key=key, resamples=resamples)


def mean(
    values: Values,
    *,
    protocol: Protocol,
    key: Key | None = None,
    resamples: int = 1000,
) -> Result:
    """Returns the mean of the PSNR of each pair, in dB.

    The PSNR of equal images is infinite. Such pairs are left out of the mean; the
    protocol and ``details["equal"]`` say how many there were.

    Args:
        values: values of `of_pair`, all under the same protocol.
        protocol: channels and crop.
        key: for the bootstrap; None means ``jax.random.key(0)``.
        resamples: number of bootstrap resamples over pairs; 0 for no interval.

    Raises:
        InputError: if all pairs are equal.
    """
    values = np.asarray(values, np.float64)
    equal = int(np.isposinf(values).sum())
    if equal == len(values):
        raise all_equal(equal)
    left_out = f", {equal} equal ones left out" if equal else ""
    return means.result(
        "PSNR",
        values[~np.isposinf(values)],
        described=f"{protocol}, mean over {len(values)} pairs{left_out}",
        key=key,
        resamples=resamples,
        details={"equal": equal},
        higher_is_better=True,
    )


def all_equal(count: int) -> InputError:
    """Returns the error for pairs that are all equal."""
    return InputError(
        f"All {count} pairs are equal, so their PSNR is infinite; are both sides the "
        "same images? SSIM is 1 for them."
    )
