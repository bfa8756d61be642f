"""Type aliases, and the legend of the dimensions used in every annotation.

=====  ==============================================
``b``  batch: the examples one step sees on one device
``n``  examples of a set, where there is no batch
``h``  height in pixels
``w``  width in pixels
``c``  channels
``k``  classes, or discriminator steps per generator step
``z``  dimensions of the latent space
=====  ==============================================
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax

Array: TypeAlias = jax.Array
"""A JAX array."""

Key: TypeAlias = jax.Array
"""A PRNG key made by ``jax.random.key`` (or the older ``jax.random.PRNGKey``)."""

Batch: TypeAlias = Mapping[str, Any]
"""Arrays with a leading dimension ``b``: "image", and whatever the game needs."""

Metrics: TypeAlias = dict[str, jax.Array]
"""Scalars by name, float32."""

Variables: TypeAlias = Mapping[str, Any]
"""A network's variables: "params" and its mutable collections."""

Schedule: TypeAlias = Callable[[Any], Any]
"""A function from the number of images seen to a value."""

Scalar: TypeAlias = float | jax.Array
"""A number, which may be traced."""
