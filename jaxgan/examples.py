"""Checks that networks and data fit together: shapes, labels, the range of pixels."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxgan import networks, probe
from jaxgan.checks import InputError
from jaxgan.player import Player
from jaxgan.turn import as_floats
from jaxgan.typing import Array


def check_fits(fake: Any, real: Any) -> None:
    """Raises InputError unless the generator's examples fit the batch's.

    They must have the same shapes, and the batch's images must be floats, or uint8
    pixels that `jaxgan.turn.as_floats` has converted: the intended range of any other
    integers would be a guess.
    """
    shapes = lambda tree: jax.tree.map(lambda leaf: jnp.shape(leaf)[1:], tree)
    same = jax.tree.structure(fake) == jax.tree.structure(real)
    if not same or jax.tree.leaves(shapes(fake)) != jax.tree.leaves(shapes(real)):
        raise InputError(
            f"The generator makes examples of shape {shapes(fake)}, but the data has "
            f"{shapes(real)}. Build the generator for the data's shape, or resize "
            "the data."
        )
    kinds = {leaf.dtype for leaf in jax.tree.leaves(real) if leaf.ndim > 1}
    if not all(jnp.issubdtype(kind, jnp.floating) for kind in kinds):
        raise InputError(
            f"The batch's images are {', '.join(sorted(map(str, kinds)))}. Give pixels "
            "as uint8 in [0, 255] or floats in [-1, 1], and other numbers as floats."
        )


def logits_of(output: Any, x: Any) -> Array:
    """Returns a discriminator's logits ``[b ...]``: its output, or "logits" in it.

    Raises:
        InputError: if there are none, or fewer than one per example.
    """
    logits = output.get("logits") if isinstance(output, Mapping) else output
    examples = len(jax.tree.leaves(x)[0])
    if not isinstance(logits, jax.Array) or logits.shape[:1] != (examples,):
        shapes = jax.tree.map(jnp.shape, output)
        raise InputError(
            f"The discriminator must make logits [b ...] for {examples} example(s): "
            'an array, or a dict with one under "logits". It returned '
            f"{type(output).__name__} of shape {shapes}."
        )
    return logits


def grouped(tree: Any, group: int) -> Any:
    """Cuts every leaf into groups of consecutive examples: to ``[b/g g ...]``."""
    return jax.tree.map(lambda leaf: leaf.reshape(-1, group, *leaf.shape[1:]), tree)


def check_labels(module: nn.Module, condition: Any = None) -> None:
    """Raises InputError for integer labels outside a network's ``num_classes``."""
    classes = getattr(module, "num_classes", 0)
    known = isinstance(condition, jax.Array | np.ndarray)
    if not classes or not known or isinstance(condition, Tracer):
        return
    labels = np.asarray(condition)
    if np.issubdtype(labels.dtype, np.integer) and labels.size:
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= classes:
            raise InputError(
                f"The labels go from {low} to {high}, but the network has {classes} "
                f"classes, 0 to {classes - 1}. Number the labels from 0, or build the "
                "network with more classes."
            )


def check_range(
    player: Player, draw: Callable[[int], Array], images: Any, condition: tuple
) -> None:
    """Compares the range of floating images with that of the generator.

    Warns if the images lie in [0, 1] but the generator's output in [-1, 1], which
    trains badly.

    Args:
        player: the generator.
        draw: draws a given number of latents.
        images: the batch's images, an array or a pytree.
        condition: the generator's condition in a tuple, empty if it takes none.

    Raises:
        InputError: if the images leave [-1, 1] but the generator's output cannot.
    """
    floating = [
        np.asarray(leaf)
        for leaf in jax.tree.leaves(images)
        if jnp.issubdtype(leaf.dtype, jnp.floating)
    ]
    if not floating:
        return
    low = min(float(leaf.min()) for leaf in floating)
    high = max(float(leaf.max()) for leaf in floating)
    outside = not (low >= -1 - 1e-6 and high <= 1 + 1e-6)
    half = low >= 0 and 0.5 < high <= 1
    if not (outside or half):
        return
    least, most = _range_of(player, draw, len(floating[0]), condition)
    bounded = least >= -1 and most <= 1
    if bounded and outside:
        raise InputError(
            f"The batch's images go from {low:g} to {high:g}, but the generator makes "
            "values in [-1, 1] only. Give pixels as uint8, or scale them to [-1, 1]; "
            "for unbounded data use a generator without tanh."
        )
    if bounded and half and least < -0.1:
        warnings.warn(
            f"The batch's images lie in [{low:g}, {high:g}], but the generator makes "
            "values in [-1, 1]. If they are pixels scaled to [0, 1], use 2 x - 1, or "
            "give them as uint8.",
            stacklevel=4,
        )


def _range_of(
    player: Player, draw: Callable[[int], Array], size: int, condition: tuple
) -> tuple[float, float]:
    """Returns the least and greatest output of a generator with large parameters."""
    few = min(size, 32)
    some = as_floats(jax.tree.map(lambda leaf: leaf[:few], condition))
    inputs = (draw(few), *some)
    variables = probe.random_variables(player, np.random.default_rng(0), inputs)
    # With parameters of unit size, an unbounded output may lie in [-1, 1] by chance.
    large = jax.tree.map(lambda leaf: 10 * leaf, variables["params"])
    variables = {**variables, "params": large}
    rngs = dict.fromkeys((*player.streams, "params"), jax.random.key(0))
    how = networks.mode(player.module, train=False)
    play = lambda v, x: player.module.apply(v, *x, rngs=rngs, **how)
    made = probe.compiled(play, variables, inputs)(variables, inputs)
    values = jax.tree.leaves(jax.device_get(made))
    return float(min(v.min() for v in values)), float(max(v.max() for v in values))
