"""One player's update: gradient, mean over microbatches and devices, optimizer."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from jaxgan import keys
from jaxgan.checks import InputError
from jaxgan.gan import NetworkState
from jaxgan.typing import Array, Batch, Metrics


def in_float32(logits: Array) -> Array:
    """Losses, logits and metrics are float32, whatever the networks compute in."""
    return logits.astype(jnp.float32)


def update(
    network: NetworkState,
    objective,
    player: str,
    batch: Batch,
    axis_name: str | None,
    microbatches: int,
) -> tuple[NetworkState, Metrics]:
    """One optimizer step; gradients, collections and metrics are means over devices.

    Args:
        network: the player to move.
        objective: ``(params, collections, batch, index) -> (loss, (collections,
            metrics per example))``, a mean over the examples of global ``index``.
        player: "d" or "g", for the names of the loss and the gradient's norm.
        batch: this device's share.
        axis_name: the mapped axis over which the batch is spread, or None.
        microbatches: how many parts of the share are played one after another.
    """

    def measure(collections, batch, index):
        grad = jax.grad(objective, has_aux=True)
        grads, (new, per_example) = grad(network.params, collections, batch, index)
        return grads, new, {k: in_float32(v).mean() for k, v in per_example.items()}

    examples = (batch, keys.example_indices(batch["image"].shape[0], axis_name))
    if microbatches == 1:
        found = measure(network.collections, *examples)
    else:
        parts = cut(examples, microbatches)
        grads, collections, metrics = accumulate(
            measure, network.params, network.collections, parts
        )
        mean = lambda metric: metric.mean(axis=0)
        found = grads, collections, jax.tree.map(mean, metrics)
    grads, collections, metrics = mean_over_devices(found, axis_name)
    metrics[f"{player}_grad_norm"] = optax.tree.norm(grads)
    moved = network.apply_gradients(
        grads=grads, value=metrics[f"{player}_loss"], collections=collections
    )
    return moved, metrics


def mean_over_devices(found: Any, axis_name: str | None) -> Any:
    """Means over the axis of what each device found; counts stay as they are.

    A count, alike on all devices, is no mean of them: that would be a float.
    """
    if axis_name is None:
        return found
    # XLA sends the leaves in one all-reduce, with what else is ready by then. To join
    # them here in one long vector would only add two copies.
    with jax.named_scope("mean_over_devices"):
        means = lax.pmean(found, axis_name)
    unless_a_count = lambda mean, own: (
        mean if jnp.issubdtype(own.dtype, jnp.inexact) else own
    )
    return jax.tree.map(unless_a_count, means, found)


def accumulate(measure, params: Any, collections: Any, parts: Any):
    """Plays microbatches one after another, so that only one lives at a time.

    Args:
        measure: ``(collections, *part) -> (gradients, collections, outputs)``.
        params: what the gradients are by, for their shapes.
        collections: before the first part.
        parts: a tuple of trees ``[m ...]``.

    Returns:
        The mean of the gradients, the last collections, and all outputs, ``[m ...]``.
    """

    def play(carry, part):
        total, collections = carry
        grads, collections, outputs = measure(collections, *part)
        return (jax.tree.map(jnp.add, total, grads), collections), outputs

    start = jax.tree.map(jnp.zeros_like, params), collections
    (total, collections), outputs = lax.scan(play, start, parts)
    return jax.tree.map(lambda g: g / len(parts[-1]), total), collections, outputs


def cut(examples: Any, microbatches: int) -> Any:
    """Every leaf cut into equal parts, in order: ``[b ...]`` to ``[m b/m ...]``."""

    def part(leaf):
        size = leaf.shape[0]
        if size % microbatches:
            raise InputError(
                f"The {size} examples of one device cannot be cut into {microbatches} "
                "equal microbatches. Choose a number that divides them."
            )
        return leaf.reshape(microbatches, size // microbatches, *leaf.shape[1:])

    return jax.tree.map(part, examples)
