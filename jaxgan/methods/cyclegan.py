"""CycleGAN, Zhu et al. 2017 (arXiv:1703.10593): translation between unpaired sets.

Two generators, G: A -> B and F: B -> A, and a discriminator for each set. With the
least squares of section 4, D_B minimises

    E_b[(D_B(b) - 1)^2] / 2 + E_a[D_B(G(a))^2] / 2,

D_A the same with the sets exchanged, and G and F together

    E_a[(D_B(G(a)) - 1)^2] + E_b[(D_A(F(b)) - 1)^2]
    + 10 (E_a|F(G(a)) - a| + E_b|G(F(b)) - b|)    the cycle, eq. 2
    +  5 (E_b|G(b) - b| + E_a|F(a) - a|)          the identity, section 5.2

with the mean over pixels for |.|, as in the authors' code. The discriminators see fakes
from a pool of 50 old ones (Shrivastava et al. 2017, arXiv:1612.07828).
"""

import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import struct

from jaxgan.checks import InputError
from jaxgan.draws import Draws
from jaxgan.examples import check_fits, logits_of
from jaxgan.game import Game, Memory, Objective
from jaxgan.means import in_float32
from jaxgan.player import EMA, Player, at
from jaxgan.turn import Nets, Turn, as_floats
from jaxgan.typing import Array, Batch, Key, Metrics, Scalar, Schedule

ADAM = optax.adam(2e-4, b1=0.5)
"""The paper's optimizer, for its first 100 epochs."""


def cyclegan(
    *,
    generator_ab: nn.Module,
    generator_ba: nn.Module,
    discriminator_a: nn.Module,
    discriminator_b: nn.Module,
    shape_a: tuple[int, ...],
    shape_b: tuple[int, ...] | None = None,
    g_optimizer: optax.GradientTransformation = ADAM,
    d_optimizer: optax.GradientTransformation = ADAM,
    cycle: Scalar | Schedule = 10.0,
    identity: Scalar | Schedule | None = 5.0,
    pool: int = 50,
    ema: EMA | None = None,
) -> Game:
    """Makes the game of "g_ab", "g_ba", "d_a" and "d_b", for Algorithm 1.

    (The authors' code moves the generators first in a round, and shows the
    discriminators the fakes from before that move.)

    A batch is ``{"a": images, "b": images}``, which need not be paired. `jaxgan.sample`
    takes such a condition, of one set or of both, and returns the translations "fake_b"
    and "fake_a", and those translated back, "cycle_a" and "cycle_b".

    Args:
        generator_ab: G, images ``[b *shape_a]`` to ``[b *shape_b]``.
        generator_ba: F, the reverse.
        discriminator_a: images ``[b *shape_a]`` to logits ``[b ...]``, one per example
            or per patch; or a dict with them under "logits".
        discriminator_b: the same for the set B.
        shape_a: the shape of one image of A.
        shape_b: the shape of one image of B; by default the same.
        g_optimizer: the optimizer of both generators.
        d_optimizer: the optimizer of both discriminators.
        cycle: the weight of the cycle loss, or a schedule of the images seen.
        identity: the weight of the identity loss; None: no such loss. It needs sets of
            the same shape.
        pool: number of old fakes kept for each set; 0: none, and the discriminators
            see the current fakes.
        ema: the generators' average; None, as in the paper: no average.

    Raises:
        InputError: if there is an identity term between sets of different shapes.

    Example:
        >>> import flax.linen as nn, jaxgan
        >>> translate = lambda: nn.Conv(1, (3, 3))
        >>> patches = lambda: nn.Conv(1, (4, 4), strides=2)
        >>> game = cyclegan(
        ...     generator_ab=translate(),
        ...     generator_ba=translate(),
        ...     discriminator_a=patches(),
        ...     discriminator_b=patches(),
        ...     shape_a=(8, 8, 1),
        ... )
        >>> images = {"a": jnp.zeros((2, 8, 8, 1)), "b": jnp.ones((2, 8, 8, 1))}
        >>> state = jaxgan.init(game, jax.random.key(0), images)
        >>> made = jaxgan.sample(game, state, jax.random.key(1), 2, condition=images)
        >>> print(made["fake_b"].shape)
        (2, 8, 8, 1)
    """
    shapes = {"a": shape_a, "b": shape_a if shape_b is None else shape_b}
    if identity is not None and shapes["a"] != shapes["b"]:
        raise InputError(
            f"The identity term needs sets of the same shape, got {shapes['a']} "
            f"and {shapes['b']}. Use identity=None."
        )
    generator = functools.partial(Player, optimizer=g_optimizer, ema=ema)
    discriminator = functools.partial(Player, optimizer=d_optimizer)
    g = functools.partial(generators_loss, cycle=cycle, identity=identity)
    return Game(
        players={
            "g_ab": generator(module=generator_ab),
            "g_ba": generator(module=generator_ba),
            "d_a": discriminator(module=discriminator_a),
            "d_b": discriminator(module=discriminator_b),
        },
        objectives={
            "d": Objective(players=("d_a", "d_b"), loss=discriminators_loss),
            "g": Objective(players=("g_ab", "g_ba"), loss=g),
        },
        clock="g",
        memory={f"pool_{s}": _memory(s, shapes[s], pool) for s in shapes if pool},
        sample=translate,
        condition=("a", "b"),
        output=None,
    )


def discriminators_loss(nets: Nets, batch: Batch, turn: Turn):
    """Computes ``((D(real) - 1)^2 + D(fake)^2) / 2``, summed over both sets, ``[b]``.

    The fakes come from the pools; the new ones are outputs, for the pools to store.
    """
    fakes = {"a": nets("g_ba", batch["b"]), "b": nets("g_ab", batch["a"])}
    losses, outputs = {}, {}
    for side, fake in fakes.items():
        check_fits(fake, batch[side])
        shown = fake
        if f"pool_{side}" in turn.memory:
            pool = turn.memory[f"pool_{side}"]
            shown = pool.shown(fake, *places(pool, turn.draws, side))
            outputs[f"fake_{side}"] = fake
        real_loss = off_target(nets, f"d_{side}", batch[side], 1)
        losses[side] = (real_loss + off_target(nets, f"d_{side}", shown, 0)) / 2
        outputs[f"loss_{side}"] = losses[side]
    return losses["a"] + losses["b"], outputs


def generators_loss(nets: Nets, batch: Batch, turn: Turn, *, cycle: Any, identity: Any):
    """Computes ``(D(fake) - 1)^2``, cycle and identity losses, both ways, ``[b]``."""
    a, b = batch["a"], batch["b"]
    fake_b, fake_a = nets("g_ab", a), nets("g_ba", b)

    fools = off_target(nets, "d_b", fake_b, 1) + off_target(nets, "d_a", fake_a, 1)
    back = distance(nets("g_ba", fake_b), a) + distance(nets("g_ab", fake_a), b)
    outputs: Metrics = {"adversarial": fools, "cycle": back}
    loss = fools + at(cycle, turn.images) * back

    if identity is not None:
        same = distance(nets("g_ab", b), b) + distance(nets("g_ba", a), a)
        outputs["identity"] = same
        loss = loss + at(identity, turn.images) * same
    return loss, outputs


def off_target(nets: Nets, name: str, x: Array, target: int) -> Array:
    """Computes the mean of ``(D(x) - target)^2`` over an example's patches, ``[b]``."""
    logits = in_float32(logits_of(nets(name, x), x))
    return jnp.square(logits - target).reshape(len(x), -1).mean(axis=1)


def distance(x: Array, y: Array) -> Array:
    """Computes the mean absolute difference of each example's pixels, ``[b]``."""
    return in_float32(jnp.abs(x - y)).reshape(len(x), -1).mean(axis=1)


def translate(nets: Nets, keys: Key, condition: Any) -> dict[str, Array]:
    """Translates images ``{"a": ..., "b": ...}``, or one of the two."""
    if not isinstance(condition, Mapping) or not set(condition) & {"a", "b"}:
        raise InputError(
            'CycleGAN translates: give sample(condition={"a": images, "b": images}), '
            "or one of the two."
        )
    images, made = as_floats(condition), {}
    if "a" in images:
        made["fake_b"] = nets("g_ab", images["a"])
        made["cycle_a"] = nets("g_ba", made["fake_b"])
    if "b" in images:
        made["fake_a"] = nets("g_ba", images["b"])
        made["cycle_b"] = nets("g_ab", made["fake_a"])
    return made


class Pool(struct.PyTreeNode):
    """The pool of old fakes of one set.

    With batches of one it is the paper's pool: while there is room, a fake is stored
    and shown; after that, with probability 1/2, it replaces a random old one, which is
    shown instead, and otherwise it is shown and not kept. The fakes of a larger batch
    all use the pool as it was before: they are stored in the order of their indices, or
    exchanged, each with a different old one. A fake without a slot is only shown. So no
    old fake is shown twice in a batch, and no fake is dropped without being shown.

    Attributes:
        images: ``[p ...]``.
        size: number of images stored so far.
    """

    images: Any
    size: Any

    def shown(self, fakes: Array, slots: Array, stays: Array) -> Array:
        """Returns the fakes that the discriminator sees, ``[b ...]``."""
        traded = stays & (self.size == len(self.images))
        traded = traded.reshape(-1, *[1] * (fakes.ndim - 1))
        return jnp.where(traded, self.images[slots], fakes)

    def stored(self, fakes: Array, slots: Array, stays: Array) -> "Pool":
        """Returns the pool with the new fakes that stay, in their slots."""
        capacity = len(self.images)
        slots = jnp.where(stays, slots, capacity)  # writes out of range are dropped
        images = self.images.at[slots].set(fakes, mode="drop")
        size = jnp.minimum(self.size + len(fakes), capacity)
        return Pool(images=images, size=size)


def places(pool: Pool, draws: Draws, side: str) -> tuple[Array, Array]:
    """Returns the new fakes' slots in the pool, ``[b]``, and whether each is stored.

    Args:
        pool: the pool before the update.
        draws: the update's draws: the same for the same example on every device.
        side: the name of the pool's set, for the streams.
    """
    capacity, index = len(pool.images), draws.index
    order = jax.random.permutation(draws.stream(f"pool_{side}/order"), capacity)
    coins = jax.vmap(jax.random.bernoulli)(draws(f"pool_{side}/coin"))
    return places_by(pool.size, index, coins, order)


def places_by(
    size: Array, index: Array, coins: Array, order: Array
) -> tuple[Array, Array]:
    """Computes `places` from given random numbers.

    Args:
        size: number of images in the pool.
        index: the fakes' global indices, ``[b]``.
        coins: whether each is exchanged, if the pool is full, ``[b]``.
        order: a permutation of the pool's slots, ``[p]``.
    """
    capacity = len(order)
    full = size == capacity
    slots = jnp.where(full, order[index % capacity], size + index)
    stays = jnp.where(full, coins & (index < capacity), slots < capacity)
    return slots, stays


def _memory(side: str, shape: tuple[int, ...], capacity: int) -> Memory:
    def update(pool: Pool, outputs: Any, turn: Turn) -> Pool:
        fakes = outputs[f"fake_{side}"].astype(pool.images.dtype)
        return pool.stored(fakes, *places(pool, turn.draws, side))

    def empty() -> Pool:
        return Pool(images=jnp.zeros((capacity, *shape)), size=jnp.int32(0))

    return Memory(init=empty, update=update, after=("d",), whole=(f"fake_{side}",))
