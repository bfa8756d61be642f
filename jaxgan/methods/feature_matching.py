"""Feature matching, Salimans et al. 2016 (arXiv:1606.03498), section 3.1.

The generator no longer plays against the discriminator's output. It matches the batch
means of a hidden layer, f:

    || E_x f(x) - E_z f(G(z)) ||^2

while the discriminator, and with it f, is trained as before. (The authors' code divides
by the number of features; include that in `weight`.)
"""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.checks import InputError
from jaxgan.game import Game, Objective
from jaxgan.gan import GAN, condition_of, latents
from jaxgan.means import in_float32
from jaxgan.methods.derived import derived
from jaxgan.player import at
from jaxgan.turn import Nets, Turn
from jaxgan.typing import Batch, Scalar, Schedule


def feature_matching(gan: GAN, *, weight: Scalar | Schedule = 1.0) -> Game:
    """Returns the GAN with a generator that matches features.

    The GAN's `generator_terms` are added as before; only the discriminator's half of
    its loss is used.

    Args:
        gan: a GAN whose discriminator returns
            ``{"logits": [b ...], "features": [b ...]}``; the features may be a pytree,
            of several layers.
        weight: the weight of the generator's loss, or a schedule of the images seen.

    The means are taken over the batch on all devices, so that the gradient is that of
    the whole batch; microbatches are refused.

    Example:
        >>> import flax.linen as nn, jaxgan, optax
        >>> class Discriminator(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x):
        ...         features = nn.tanh(nn.Dense(8)(x))
        ...         return {"logits": nn.Dense(1)(features), "features": features}
        >>> game = feature_matching(
        ...     jaxgan.GAN(
        ...         generator=nn.Dense(2),
        ...         discriminator=Discriminator(),
        ...         g_optimizer=optax.adam(1e-3),
        ...         d_optimizer=optax.adam(1e-3),
        ...     )
        ... )
        >>> batch = {"image": jnp.ones((4, 2))}
        >>> state = jaxgan.init(game, jax.random.key(0), batch)
    """
    loss = functools.partial(matching_loss, gan, weight)
    g = Objective(players=("generator",), loss=loss)
    return derived(gan, objectives={"g": g})


def matching_loss(
    gan: GAN, weight: Scalar | Schedule, nets: Nets, batch: Batch, turn: Turn
):
    """Computes ``weight ||mean f(x) - mean f(G(z))||^2``, repeated as ``[b]``."""
    real, condition = batch["image"], condition_of(gan, batch)
    fake = nets("generator", latents(gan, turn), *condition)

    real_features = features(gan, nets, real, condition, turn, "real")
    fake_features = features(gan, nets, fake, condition, turn, "fake")
    mean = lambda tree: jax.tree.map(lambda f: turn.mean(in_float32(f)), tree)
    gaps = jax.tree.map(jnp.subtract, mean(real_features), mean(fake_features))
    gap = sum(jnp.square(each).sum() for each in jax.tree.leaves(gaps))

    outputs = {"feature_gap": jnp.full(len(turn.draws.index), gap)}
    loss = at(weight, turn.images) * outputs["feature_gap"]
    for term_weight, term in gan.generator_terms:
        loss = loss + at(term_weight, turn.images) * term(fake, batch)
    return loss, outputs


def features(
    gan: GAN, nets: Nets, x: Any, condition: tuple, turn: Turn, which: str
) -> Any:
    """Returns the discriminator's features ``[b ...]`` for its view of ``x``."""
    seen = gan.seen(x, turn.draws(f"{which}_view"), turn)
    output = nets("discriminator", seen, *condition)
    if not isinstance(output, Mapping) or "features" not in output:
        raise InputError(
            "Feature matching needs a discriminator that returns a dict with "
            f'"logits" and "features"; it returned {type(output).__name__}.'
        )
    return output["features"]
