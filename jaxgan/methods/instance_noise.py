"""Instance noise, Sønderby et al. 2017 (arXiv:1610.04490).

Noise on all images that the discriminator sees makes the two densities overlap, so that
its gradient does not vanish. The noise fades during training.
"""

from typing import Any

import jax
from jax.flatten_util import ravel_pytree

from jaxgan.player import at
from jaxgan.typing import Key, Scalar, Schedule
from jaxgan.view import Augment


def instance_noise(sigma: Scalar | Schedule) -> Augment:
    """Makes a view with Gaussian noise on every image that the discriminator sees.

    Args:
        sigma: the standard deviation: a number, or a schedule of the images seen.

    Example:
        >>> fading = instance_noise(lambda images: 0.1 * 0.5 ** (images / 1e5))
    """

    def view(x: Any, keys: Key, turn: Any) -> Any:
        def one(key: Key, x: Any) -> Any:
            flat, as_tree = ravel_pytree(x)
            noise = jax.random.normal(key, flat.shape)
            return as_tree(flat + at(sigma, turn.images) * noise)

        return jax.vmap(one)(keys, x)

    return Augment(view=view)
