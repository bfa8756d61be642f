"""The arrays of a state: checks that they are finite, hashes, and places on devices.

The arrays of a state are its leaves. A leaf is named by its path in the tree, such as
``.players['generator'].params['Dense_0']['kernel']``.
"""

import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.game import GameState


def is_finite(state: GameState) -> bool:
    """Returns whether every number of the state is finite."""
    return bool(_is_finite(jax.tree.leaves(state)))


@jax.jit
def _is_finite(leaves):
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all()


def check_finite(state: GameState) -> None:
    """Raises FloatingPointError, naming a leaf, unless every number is finite."""
    if not is_finite(state):
        bad = [
            path for path, leaf in by_path(state).items() if not np.isfinite(leaf).all()
        ]
        raise FloatingPointError(
            f"After step {int(state.step)} the state is not finite, first in {bad[0]}; "
            "it was not saved."
        )


def digest(state: GameState) -> str:
    """Computes the SHA-256 of the leaves, in tree order: equal for equal bits."""
    sha = hashlib.sha256()
    for leaf in jax.tree.leaves(state):
        sha.update(_bytes(leaf))
    return sha.hexdigest()


def sha256(leaf: Any) -> str:
    """Computes the SHA-256 of one array's bytes, in row-major order."""
    return hashlib.sha256(_bytes(leaf)).hexdigest()


def _bytes(leaf: Any) -> memoryview:
    # A view, so that the bytes of a large array are not copied.
    return np.ascontiguousarray(leaf).reshape(-1).view(np.uint8).data


def by_path(tree: Any) -> dict[str, Any]:
    """Returns the leaves by their paths."""
    return {
        jax.tree_util.keystr(path): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def shape_of(leaf: Any) -> str:
    """Returns an array's dtype and shape, such as ``float32[3,4]``."""
    return f"{leaf.dtype}[{','.join(map(str, leaf.shape))}]"


def on_host(state: GameState) -> Any:
    """Returns the state as NumPy arrays; on a CPU they may share the state's memory."""
    return jax.tree.map(np.asarray, state)


def unread(like: GameState) -> Any:
    """Returns NumPy arrays of the shapes of ``like``, which take no memory."""
    return jax.tree.map(
        lambda leaf: np.broadcast_to(np.zeros((), leaf.dtype), leaf.shape), like
    )


def put_like(state: Any, like: GameState) -> GameState:
    """Copies the arrays to the devices of the arrays of ``like``.

    Every process holds all arrays and copies its own devices' part of them.
    """

    def put(array, leaf):
        if not isinstance(leaf, jax.Array):
            return jnp.asarray(array)
        part = lambda index: array[index]
        return jax.make_array_from_callback(array.shape, leaf.sharding, part)

    return jax.tree.map(put, state, like)
