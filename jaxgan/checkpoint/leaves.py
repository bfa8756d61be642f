"""The arrays of a state: finiteness checks, hashes, and placement on devices.

The arrays of a state are its leaves. A leaf is named by its path in the tree, such as
``.players['generator'].params['Dense_0']['kernel']``. A random key, such as some
optimizers keep in their states, is represented by its words.
"""

import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.game import GameState


def is_finite(state: GameState) -> bool:
    """Returns whether the networks and averages are finite, and nothing else is NaN.

    Optimizers and memories may begin at infinity, as the lowest loss so far does.
    """
    return bool(_is_finite(state))


@jax.jit
def _is_finite(state):
    return jnp.stack(jax.tree.leaves(_sound(state))).all()


def _sound(state: GameState) -> GameState:
    """Returns for each leaf whether it meets the condition of `is_finite`."""
    known = lambda tree: jax.tree.map(lambda leaf: ~jnp.isnan(leaf).any(), tree)
    finite = lambda tree: jax.tree.map(lambda leaf: jnp.isfinite(leaf).all(), tree)
    state = with_words(state)
    players = {
        name: known(player).replace(
            params=finite(player.params), collections=finite(player.collections)
        )
        for name, player in state.players.items()
    }
    return known(state).replace(players=players, averages=finite(state.averages))


def check_finite(state: GameState) -> None:
    """Raises FloatingPointError, naming a leaf, unless the state `is_finite`."""
    if not is_finite(state):
        bad = [path for path, sound in by_path(_sound(state)).items() if not sound]
        raise FloatingPointError(
            f"After step {int(state.step)} the state is not finite, first in {bad[0]}; "
            "it was not saved."
        )


def digest(state: GameState) -> str:
    """Computes the SHA-256 of the leaves, in tree order: equal for equal bits."""
    sha = hashlib.sha256()
    for leaf in jax.tree.leaves(with_words(state)):
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


def with_words(tree: Any) -> Any:
    """Returns a tree of arrays, or shapes, with random keys replaced by their words."""

    def words(leaf):
        if not _is_key(leaf):
            return leaf
        data = jax.random.key_data
        return data(leaf) if isinstance(leaf, jax.Array) else jax.eval_shape(data, leaf)

    return jax.tree.map(words, tree)


def _is_key(leaf: Any) -> bool:
    known = isinstance(leaf, jax.Array | jax.ShapeDtypeStruct)
    return known and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def on_host(state: GameState) -> Any:
    """Returns the state as NumPy arrays; on a CPU they may share the state's memory."""
    return jax.tree.map(np.asarray, with_words(state))


def unread(like: GameState) -> Any:
    """Returns NumPy placeholders with the shapes of ``like``, which take no memory."""
    return jax.tree.map(
        lambda leaf: np.broadcast_to(np.zeros((), leaf.dtype), leaf.shape),
        with_words(like),
    )


def put_like(state: Any, like: GameState) -> GameState:
    """Copies the arrays to the devices of the arrays of ``like``.

    Every process holds all arrays and copies its own devices' part of them.
    """

    def put(array, leaf):
        if _is_key(leaf):
            key = jnp.zeros((), leaf.dtype)
            words = put(array, with_words(leaf))
            return jax.random.wrap_key_data(words, impl=jax.random.key_impl(key))
        if not isinstance(leaf, jax.Array):
            return jnp.asarray(array)
        part = lambda index: array[index]
        return jax.make_array_from_callback(array.shape, leaf.sharding, part)

    return jax.tree.map(put, state, like)
