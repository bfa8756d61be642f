"""The one PRNG policy: randomness belongs to the example, not to the device.

The run's key never changes. A draw comes from (run key, stream name, update counter,
global index of the example). So one device or eight draw the same noise for the same
example, a resumed run needs no saved key, and no draw is used twice as long as the
streams' names differ.
"""

import zlib

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Int

from jaxgan.checks import InputError
from jaxgan.typing import Key

_IMPLEMENTATION = "threefry2x32"


def stream(key: Key, name: str, step) -> Key:
    """Returns the key of one named stream at one update.

    Args:
        key: the run's key.
        name: the stream, such as "d/latent"; hashed by CRC-32, which never changes.
        step: the update counter, which may be traced.

    Raises:
        InputError: for a key whose implementation is not threefry2x32.

    Example:
        >>> key = jax.random.key(0)
        >>> bool(stream(key, "a", 0) == stream(key, "b", 0))
        False
    """
    check_implementation(key)
    return jax.random.fold_in(jax.random.fold_in(key, zlib.crc32(name.encode())), step)


def check_implementation(key: Key) -> None:
    """Raises InputError unless an example's draws depend on its own key alone.

    Under ``vmap`` the implementations "rbg" and "unsafe_rbg" draw for the whole batch
    at once: the number of examples on a device would change each one's draws.
    """
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        name = str(jax.random.key_impl(key))
    else:  # an old-style key shows its implementation only by its length
        name = _IMPLEMENTATION if key.shape[-1:] == (2,) else "rbg"
    if name != _IMPLEMENTATION:
        raise InputError(
            f"The run's key has the implementation {name!r}, whose draws depend on "
            f"the whole batch. Make it with jax.random.key(seed, "
            f"impl={_IMPLEMENTATION!r}), or unset JAX_DEFAULT_PRNG_IMPL."
        )


def axis_size(axis_name: str | None) -> int:
    """Returns the number of devices along ``axis_name``; 1 for None."""
    return 1 if axis_name is None else lax.axis_size(axis_name)


def example_indices(batch_size: int, axis_name: str | None = None) -> Int[Array, " b"]:
    """Returns the global indices of this device's examples in the update's whole batch.

    Device i of the axis holds examples ``[i b, (i + 1) b)``; over several processes
    the axis, and so the index, runs over all of them.
    """
    index = jnp.arange(batch_size, dtype=jnp.int32)
    return (
        index if axis_name is None else index + batch_size * lax.axis_index(axis_name)
    )


def per_example(key: Key, index: Int[Array, " b"]) -> Key:
    """Derives one key per example, ``[b]``, from its global index."""
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(index)
