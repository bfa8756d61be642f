"""BiGAN and ALI: a generator and its inverse, with one discriminator of pairs.

Donahue et al. 2017 (arXiv:1605.09782) and Dumoulin et al. 2017 (arXiv:1606.00704). An
encoder E maps images to latents, and the discriminator judges an image together with a
latent. With r = D(x, E(x)) and f = D(G(z), z),

    D        minimises  E softplus(-r) + E softplus(f)
    G and E  minimise   E softplus(r) + E softplus(-f)

The second is D's loss with the pairs exchanged, whose gradient does not vanish when D
is confident. At the optimum G and E invert each other. ALI's encoder draws latents from
a Gaussian, by ``self.make_rng("noise")``.
"""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxgan import losses
from jaxgan.checks import InputError
from jaxgan.examples import check_fits, logits_of
from jaxgan.game import Game, Objective
from jaxgan.gan import Prior, pointwise
from jaxgan.player import EMA, Player
from jaxgan.turn import Nets, Turn, as_floats
from jaxgan.typing import Array, Batch, Key

ADAM = optax.adam(2e-4, b1=0.5)
"""BiGAN's optimizer for the first half of its epochs."""

Draw = Callable[[Key], Array]


def uniform_prior(key: Key, latent_dim: int) -> Array:
    """Draws a latent ``[z]`` from U(-1, 1). ALI uses `jaxgan.gan.gaussian_prior`."""
    return jax.random.uniform(key, (latent_dim,), minval=-1.0, maxval=1.0)


def bigan(
    *,
    generator: nn.Module,
    encoder: nn.Module,
    discriminator: nn.Module,
    g_optimizer: optax.GradientTransformation = ADAM,
    d_optimizer: optax.GradientTransformation = ADAM,
    loss: losses.AdversarialLoss = losses.non_saturating,
    latent_dim: int = 50,
    prior: Prior = uniform_prior,
    ema: EMA | None = None,
) -> Game:
    """Makes the game of "generator", "encoder" and "discriminator", for Algorithm 1.

    A batch is ``{"image": [b ...]}``. `jaxgan.sample` returns pairs, ``{"image": ...,
    "latent": ...}``: G(z) and z, or, with images as its condition, G(E(x)) and E(x).

    Args:
        generator: latents ``[b z]`` to images.
        encoder: images to latents ``[b z]``.
        discriminator: ``(image, latent [b z]) -> logits [b ...]``; or a dict with them
            under "logits".
        g_optimizer: the optimizer of generator and encoder.
        d_optimizer: the discriminator's optimizer.
        loss: only its discriminator's half is used: unchanged for the discriminator,
            and with the logits exchanged for generator and encoder.
        latent_dim: the latent's size ``z``.
        prior: ``(key, latent_dim) -> [z]``, the distribution of one latent.
        ema: the average of generator and encoder; None, as in the papers: no average.

    Example:
        >>> import flax.linen as nn, jaxgan
        >>> class Judge(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x, z):
        ...         both = jnp.concatenate([x, z], axis=1)
        ...         return nn.Dense(1)(nn.tanh(nn.Dense(8)(both)))
        >>> game = bigan(
        ...     generator=nn.Dense(2),
        ...     encoder=nn.Dense(3),
        ...     discriminator=Judge(),
        ...     latent_dim=3,
        ... )
        >>> points = jnp.ones((4, 2))
        >>> state = jaxgan.init(game, jax.random.key(0), {"image": points})
        >>> made = jaxgan.sample(game, state, jax.random.key(1), 4, condition=points)
        >>> print(made["image"].shape, made["latent"].shape)
        (4, 2) (4, 3)
    """
    draw = lambda key: prior(key, latent_dim)
    bind = functools.partial(functools.partial, loss=loss, draw=draw)
    inverse = functools.partial(Player, optimizer=g_optimizer, ema=ema)
    return Game(
        players={
            "generator": inverse(module=generator),
            "encoder": inverse(module=encoder),
            "discriminator": Player(module=discriminator, optimizer=d_optimizer),
        },
        objectives={
            "d": Objective(players=("discriminator",), loss=bind(discriminator_loss)),
            "g": Objective(players=("generator", "encoder"), loss=bind(inverses_loss)),
        },
        clock="g",
        sample=functools.partial(pairs, draw),
    )


def discriminator_loss(
    nets: Nets, batch: Batch, turn: Turn, *, loss: losses.AdversarialLoss, draw: Draw
):
    """Computes ``softplus(-D(x, E(x))) + softplus(D(G(z), z))``, ``[b]``."""
    encoded, generated = judged(nets, batch, turn, draw)
    outputs = {"real_logit": encoded, "fake_logit": generated}
    return pointwise(loss.discriminator, encoded, generated), outputs


def inverses_loss(
    nets: Nets, batch: Batch, turn: Turn, *, loss: losses.AdversarialLoss, draw: Draw
):
    """Computes ``softplus(D(x, E(x))) + softplus(-D(G(z), z))``, ``[b]``."""
    encoded, generated = judged(nets, batch, turn, draw)
    outputs = {"real_logit": encoded, "fake_logit": generated}
    return pointwise(loss.discriminator, generated, encoded), outputs


def judged(nets: Nets, batch: Batch, turn: Turn, draw: Draw) -> tuple[Array, Array]:
    """Returns the logits ``D(x, E(x))`` and ``D(G(z), z)``, ``[b ...]``."""
    x, z = batch["image"], jax.vmap(draw)(turn.draws("latent"))
    code, fake = nets("encoder", x), nets("generator", z)
    check_fits(fake, x)
    if jnp.shape(code) != z.shape:
        raise InputError(
            f"The encoder makes latents of shape {jnp.shape(code)}, but the prior's "
            f"are {z.shape}. Build it for latent_dim={z.shape[1]}."
        )
    encoded = logits_of(nets("discriminator", x, code), x)
    return encoded, logits_of(nets("discriminator", fake, z), x)


def pairs(draw: Draw, nets: Nets, keys: Key, condition: Any) -> dict[str, Any]:
    """Returns images and their latents, from the prior or encoded from given images."""
    if condition is None:
        z = jax.vmap(draw)(keys)
    else:
        z = nets("encoder", as_floats(condition))
    return {"image": nets("generator", z), "latent": z}
