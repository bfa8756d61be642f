"""Samples from a game's averaged networks: images, pairs, or whatever it generates."""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax.core import Tracer
from jaxtyping import Array, Float

from jaxgan import keys
from jaxgan.checks import InputError, check_count
from jaxgan.draws import Draws
from jaxgan.game import Game, GameState
from jaxgan.gan import GAN
from jaxgan.player import Player
from jaxgan.turn import Nets, Turn, as_floats
from jaxgan.typing import Key, Variables

_MOST = 256
_PIXELS = _MOST * 64 * 64

Networks = tuple[tuple[str, nn.Module, tuple[str, ...]], ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Sampler:
    """A game's samples as a function, for an evaluator.

    Attributes:
        game: the game.
        state: its state.
    """

    game: Game
    state: GameState

    def __call__(
        self, key: Key, count: int, *, condition: Any = None, first: int = 0
    ) -> Any:
        """Returns ``count`` samples, see `sample`."""
        how = {"condition": condition, "first": first}
        return sample(self.game, self.state, key, count, **how)


def latents(gan: GAN, key: Key, count: int) -> Float[Array, "b z"]:
    """Draws ``count`` latents of the prior; the first m do not depend on ``count``."""
    example_keys = keys.per_example(keys.stream(key, "sample", 0), jnp.arange(count))
    return jax.vmap(lambda key: gan.prior(key, gan.latent_dim))(example_keys)


def generate(
    gan: GAN, variables: Variables, z: Float[Array, "b z"], condition: Any = None
) -> Any:
    """Generates images from latents with given variables, in test mode."""
    given = () if condition is None else (as_floats(condition),)
    key = keys.stream(jax.random.key(0), "generate", 0)
    nets = _nets(_networks(gan), {"generator": variables}, {}, key, jnp.arange(len(z)))
    return nets("generator", z, *given)


def sample(
    game: Game,
    state: GameState,
    key: Key,
    count: int,
    *,
    condition: Any = None,
    first: int = 0,
    batch_size: int | None = None,
) -> Any:
    """Draws ``count`` examples with the game's ``sample`` and its averaged networks.

    A network without an average is used as it is. A GAN's examples are images from the
    averaged generator, floats in [-1, 1].

    Args:
        game: the game.
        state: its state.
        key: the same key gives the same examples, whatever ``batch_size`` and
            ``first``, up to rounding: programs of other sizes may add in another order.
        count: number of examples.
        condition: for a conditional game, the conditions, with leaves ``[count ...]``,
            as in a batch: uint8 images become floats.
        first: index of the first example, to draw a large number in parts.
        batch_size: number of examples generated at a time, to bound the memory; by
            default 256, or fewer if images are larger than 64x64 pixels.

    Raises:
        InputError: if the game has no ``sample``, if a condition is missing or not
            expected, or if it has another length, or labels outside the classes.
    """
    check_count("count", count)
    if batch_size is not None:
        check_count("batch_size", batch_size)
    if game.sample is None:
        raise InputError("The game has no sample; give Game(sample=...) a function.")
    condition = _checked(game, condition, count)
    key = keys.stream(key, "sample", 0)
    variables = {n: p.variables for n, p in state.players.items()} | state.averages
    make = partial(_sample, game.sample, _networks(game))
    if batch_size is None:
        one = jax.tree.map(lambda leaf: leaf[:1], condition)
        shapes = jax.eval_shape(make, variables, state.memory, key, jnp.arange(1), one)
        batch_size = _fitting(shapes)
    parts = []
    for start in range(0, count, batch_size):
        # The last part is as long as the others, so that one program serves all.
        index = jnp.minimum(jnp.arange(start, start + batch_size), count - 1)
        index = index[: min(batch_size, count)]
        part = jax.tree.map(lambda leaf: leaf[index], condition)  # noqa: B023
        parts.append(make(variables, state.memory, key, first + index, part))
    join = lambda *leaves: jnp.concatenate(leaves)[:count]
    return jax.tree.map(join, *parts)


def _fitting(shapes: Any) -> int:
    """Returns how many examples of these shapes ``[1 ...]`` to generate at a time.

    Networks take memory in proportion to the pixels of their largest image.
    """
    sides = [leaf.shape[1:3] for leaf in jax.tree.leaves(shapes) if leaf.ndim == 4]
    pixels = max([math.prod(side) for side in sides], default=1)
    return max(1, min(_MOST, _PIXELS // max(1, pixels)))


def _checked(game: Game, condition: Any, count: int) -> Any:
    if condition is None:
        return None
    is_list = lambda leaf: isinstance(leaf, list)
    condition = as_floats(jax.tree.map(jnp.asarray, condition, is_leaf=is_list))
    leaves = jax.tree.leaves(condition)
    lengths = {leaf.shape[:1] for leaf in leaves}
    if lengths != {(count,)}:
        raise InputError(
            f"sample needs one condition for each of its {count} examples, got shapes "
            f"{[leaf.shape for leaf in leaves]}."
        )
    if not any(isinstance(leaf, Tracer) for leaf in leaves):
        game.check_condition(condition)
    return condition


def _networks(game: Game) -> Networks:
    """Returns the static parts of a game's players, which may hold traced numbers.

    Raises:
        InputError: if a module is not hashable, as a static argument must be.
    """
    for name, player in game.players.items():
        try:
            hash(player.module)
        except TypeError as error:
            raise InputError(
                f"The module of {name!r} is not hashable: {type(player.module)} has a "
                "list or a dict among its fields. Give tuples, as in "
                "nn.Sequential((...)), or write a module with @nn.compact."
            ) from error
    return tuple((n, p.module, p.streams) for n, p in game.players.items())


def _nets(networks: Networks, variables, memory, key: Key, index) -> Nets:
    players = {
        name: Player(module=module, optimizer=optax.identity(), streams=streams)
        for name, module, streams in networks
    }
    draws = Draws("sample", key, jnp.zeros((), jnp.int32), index)
    turn = Turn(draws, jnp.zeros(()), memory)
    return Nets(players, dict(variables), turn, train=False)


# The networks are static, not the game, which may hold traced numbers.
@partial(jax.jit, static_argnums=(0, 1))
def _sample(
    make: Callable, networks: Networks, variables, memory, key, index, condition
) -> Any:
    nets = _nets(networks, variables, memory, key, index)
    return make(nets, keys.per_example(key, index), condition)
