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
        grads, collections, metrics = measure(network.collections, *examples)
    else:
        grads, collections, metrics = _accumulate(
            measure, network, _parts(examples, microbatches)
        )
    if axis_name is not None:
        own = collections
        # XLA sends the leaves in one all-reduce, with what else is ready by then. To
        # join them here in one long vector would only add two copies.
        with jax.named_scope("mean_over_devices"):
            grads, collections, metrics = lax.pmean((grads, own, metrics), axis_name)
        collections = jax.tree.map(_unless_a_count, collections, own)
    metrics[f"{player}_grad_norm"] = optax.tree.norm(grads)
    moved = network.apply_gradients(
        grads=grads, value=metrics[f"{player}_loss"], collections=collections
    )
    return moved, metrics


def _unless_a_count(mean: Array, own: Array) -> Array:
    """A count, alike on all devices, is no mean of them: that would be a float."""
    return mean if jnp.issubdtype(own.dtype, jnp.inexact) else own


def _accumulate(measure, network: NetworkState, parts):
    """Means over microbatches, of which only one lives at a time."""

    def play(carry, part):
        total, collections = carry
        grads, collections, metrics = measure(collections, *part)
        return (jax.tree.map(jnp.add, total, grads), collections), metrics

    start = jax.tree.map(jnp.zeros_like, network.params), network.collections
    (total, collections), metrics = lax.scan(play, start, parts)
    mean = lambda metric: metric.mean(axis=0)
    grads = jax.tree.map(lambda g: g / len(parts[-1]), total)
    return grads, collections, jax.tree.map(mean, metrics)


def _parts(examples: Any, microbatches: int) -> Any:
    """Every leaf cut into equal parts, in order: ``[b ...]`` to ``[m b/m ...]``."""

    def cut(leaf):
        size = leaf.shape[0]
        if size % microbatches:
            raise InputError(
                f"The {size} examples of one device cannot be cut into {microbatches} "
                "equal microbatches. Choose a number that divides them."
            )
        return leaf.reshape(microbatches, size // microbatches, *leaf.shape[1:])

    return jax.tree.map(cut, examples)
