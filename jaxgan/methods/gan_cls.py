"""Images from captions: GAN-CLS and DF-GAN, whose discriminators see wrong captions.

For an image x, its caption t, a wrong caption w, and an adversarial loss with the
halves f_D and f_G,

    D minimises  (1 - m) f_D(D(x, t), D(G(z, t), t)) + m f_D(D(x, t), D(x, w)) + ...
    G minimises  f_G(D(G(z, t), t)) + i f_G(D(G(z, u), u)),    u = (t + w) / 2

with penalties in place of the dots.

A discriminator that never sees a real image with a wrong caption only learns to tell
reals from fakes, and the generator may ignore the caption. Reed et al. 2016
(arXiv:1605.05396) use m = 1/2 (GAN-CLS, algorithm 1: real images count fully, both
kinds of fakes half), and i = 1 (GAN-INT, eq. 5: interpolated captions, which no image
has). Tao et al. 2022 (arXiv:2008.05865, DF-GAN) use m = 1/2, the hinge loss, no
interpolation, and the matching-aware gradient penalty

    2 E || grad_(x, t) D(x, t) ||^6

on real images and their own captions' embeddings, with respect to both: as in the
authors' code, where the paper's eq. 4 has the sum of the two gradients' norms.

Captions are embedded by a fixed network: train it beforehand with
`jaxgan.methods.matching`, and put it into the initial state with `with_text`. Wrong
captions are drawn from a table in the game's memory, separately for each example, so
that the numbers of devices and microbatches change nothing; now and then one is right
by chance.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan import losses
from jaxgan.checks import InputError
from jaxgan.game import Game, GameState, Memory, Objective
from jaxgan.gan import GAN, Weighted
from jaxgan.methods import caption_losses
from jaxgan.methods.caption_losses import Terms, embed
from jaxgan.player import Player
from jaxgan.turn import Nets
from jaxgan.typing import Key, Variables

GAN_CLS_ADAM = optax.adam(2e-4, b1=0.5)
"""The optimizer of Reed et al., who halve its learning rate every 100 epochs."""

DF_GAN_G, DF_GAN_D = optax.adam(1e-4, b1=0.0, b2=0.9), optax.adam(4e-4, b1=0.0, b2=0.9)
"""DF-GAN's optimizers, of the generator and of the discriminator."""


def gan_cls(
    *,
    generator: nn.Module,
    discriminator: nn.Module,
    text: nn.Module | None,
    others: Any,
    captions: str = "captions",
    mismatch: float = 0.5,
    interpolated: float = 1.0,
    matching_aware: float = 0.0,
    loss: losses.AdversarialLoss = losses.non_saturating,
    penalties: Sequence[Weighted] = (),
    g_optimizer: optax.GradientTransformation = GAN_CLS_ADAM,
    d_optimizer: optax.GradientTransformation = GAN_CLS_ADAM,
    latent_dim: int = 100,
    show: Any = None,
    **settings: Any,
) -> Game:
    """Makes the game of "generator" and "discriminator" on captioned images.

    A batch is ``{"image": [b h w c], "captions": int32 [b k L]}``, with k wordings for
    each image, or ``[b L]``. Each update uses one wording at random. `jaxgan.sample`
    takes captions of either shape as its condition, and uses the first wording.

    Args:
        generator: ``(z [b z], embedding [b d]) -> image [b h w c]``.
        discriminator: ``(image [b h w c], embedding [b d]) -> logits [b ...]``, one
            that judges each example by itself if there are penalties.
        text: ``captions [b L] -> embedding [b d]``, not trained; None if the batch's
            captions are embeddings already, float ``[b k d]`` or ``[b d]``.
        others: captions ``[m L]``, or embeddings ``[m d]``, to draw wrong ones from.
        captions: the batch's entry that holds the captions.
        mismatch: the weight m of wrong captions, in [0, 1].
        interpolated: the weight i of interpolated captions.
        matching_aware: the weight of DF-GAN's penalty.
        loss: the adversarial loss.
        penalties: as for `jaxgan.GAN`, given the right caption.
        g_optimizer: the generator's optimizer.
        d_optimizer: the discriminator's optimizer.
        latent_dim: the latent's size.
        show: see `jaxgan.Game`.
        settings: further settings of `jaxgan.GAN`, such as ``augment``.

    Raises:
        InputError: there is no caption to draw wrong ones from, or ``mismatch`` is not
            in [0, 1].

    Example:
        >>> from jaxgan import init, nets
        >>> game = gan_cls(
        ...     generator=nets.gan_cls.Generator(8, width=8),
        ...     discriminator=nets.gan_cls.Discriminator(width=8),
        ...     text=nets.text.TextEncoder(9),
        ...     others=jnp.ones((3, 5), jnp.int32),
        ... )
        >>> captions = jnp.ones((4, 2, 5), jnp.int32)
        >>> batch = {"image": jnp.zeros((4, 8, 8, 3)), "captions": captions}
        >>> state = init(game, jax.random.key(0), batch)
    """
    # NumPy's, so that a game made under jax.jit holds no tracer.
    others = others if isinstance(others, jax.Array) else np.asarray(others)
    if others.ndim != 2 or not len(others):
        raise InputError(
            "Wrong captions are drawn from a table [m L] of captions or [m d] of "
            f"embeddings, got one of shape {others.shape}."
        )
    if not 0 <= mismatch <= 1:
        raise InputError(f"mismatch must be in [0, 1], got {mismatch}.")
    gan = GAN(
        generator=generator,
        discriminator=discriminator,
        loss=loss,
        penalties=tuple(penalties),
        g_optimizer=g_optimizer,
        d_optimizer=d_optimizer,
        latent_dim=latent_dim,
        **settings,
    )
    terms = Terms(
        captions=captions,
        mismatch=mismatch,
        interpolated=interpolated,
        matching_aware=matching_aware,
    )
    kept = Memory(
        init=lambda: jnp.asarray(others), update=lambda value, *_: value, after=()
    )
    still = {} if text is None else {"text": _still(text)}
    d_loss = functools.partial(caption_losses.discriminator_loss, gan, terms)
    g_loss = functools.partial(caption_losses.generator_loss, gan, terms)
    return Game(
        players={**gan.players, **still},
        objectives={
            "d": Objective(players=("discriminator",), loss=d_loss),
            "g": Objective(players=("generator",), loss=g_loss),
        },
        clock="g",
        memory={**gan.memory, "others": kept},
        sample=Draw(gan.prior, latent_dim, has_text=text is not None),
        condition=captions,
        show=show,
    )


def df_gan(
    *,
    generator: nn.Module,
    discriminator: nn.Module,
    text: nn.Module | None,
    others: Any,
    matching_aware: float = 2.0,
    g_optimizer: optax.GradientTransformation = DF_GAN_G,
    d_optimizer: optax.GradientTransformation = DF_GAN_D,
    **settings: Any,
) -> Game:
    """Makes DF-GAN's game: `gan_cls` with hinge loss and matching-aware penalty.

    Args:
        generator: see `gan_cls`.
        discriminator: one that judges each example by itself.
        text: see `gan_cls`.
        others: see `gan_cls`.
        matching_aware: the penalty's weight.
        g_optimizer: the generator's optimizer.
        d_optimizer: the discriminator's optimizer.
        settings: further settings of `gan_cls`.
    """
    return gan_cls(
        generator=generator,
        discriminator=discriminator,
        text=text,
        others=others,
        matching_aware=matching_aware,
        g_optimizer=g_optimizer,
        d_optimizer=d_optimizer,
        **{"loss": losses.hinge, "interpolated": 0.0, **settings},
    )


def with_text(state: GameState, variables: Variables) -> GameState:
    """Puts a trained text encoder into an initial state.

    Args:
        state: the state of a game that has a text encoder.
        variables: the encoder's variables, such as
            ``matching_state.players["text"].variables``.

    Raises:
        InputError: they belong to another encoder.
    """
    text = state.players["text"]
    shapes = lambda tree: jax.tree.map(jnp.shape, tree)
    if shapes(variables) != shapes(text.variables):
        raise InputError(
            f"The text encoder's variables have the shapes {shapes(variables)}, but "
            f"the game's has {shapes(text.variables)}. Build both alike."
        )
    collections = {name: v for name, v in variables.items() if name != "params"}
    text = text.replace(params=variables["params"], collections=collections)
    return state.replace(players={**state.players, "text": text})


@dataclasses.dataclass(frozen=True)
class Draw:
    """The generator's images from latents of the prior and captions: `Game.sample`."""

    prior: Any
    latent_dim: int
    has_text: bool

    def __call__(self, nets: Nets, keys: Key, condition: Any) -> Any:
        if condition is None:
            raise InputError(
                "The game draws images from captions, but none were given; see "
                "sample(condition=...)."
            )
        captions = condition[:, 0] if condition.ndim == 3 else condition
        words = jnp.issubdtype(captions.dtype, jnp.integer)
        if words and not self.has_text:
            raise InputError(
                "The game draws images from embeddings, but got word indices; embed "
                "them like the training captions."
            )
        text = embed(nets, captions)
        z = jax.vmap(lambda key: self.prior(key, self.latent_dim))(keys)
        return nets("generator", z, text)


def _still(module: nn.Module) -> Player:
    """Makes a player that no objective trains."""
    return Player(module=module, optimizer=optax.set_to_zero())
