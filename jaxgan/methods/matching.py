"""Encoders of captions and images, trained to match the pairs that belong together.

With t_i and v_j the embeddings of captions and images, of length sqrt(d), and the
logits s_ij = t_i . v_j / (d tau), the loss of the pair i is

    -1/2 log softmax_j(s_ij)[i] - 1/2 log softmax_j(s_ji)[i]

the symmetric form of InfoNCE (van den Oord et al. 2018, arXiv:1807.03748; Radford et
al. 2021, arXiv:2103.00020, figure 3). The negatives are the other pairs of the batch,
but only those on the same device and in the same microbatch: more devices or
microbatches make the task easier. Train the encoders on one device, in whole batches.

`jaxgan.methods.gan_cls` draws images from captions that such an encoder has embedded,
as Reed et al. 2016 (arXiv:1605.05396) and their successors do.
"""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxgan.game import Game, Objective
from jaxgan.player import Player
from jaxgan.turn import Nets, Turn
from jaxgan.typing import Array, Batch, Key

ADAM = optax.adam(1e-3)


def matching(
    *,
    text: nn.Module,
    image: nn.Module,
    optimizer: optax.GradientTransformation = ADAM,
    temperature: float = 0.1,
) -> Game:
    """Makes the game of two encoders, "text" and "image", that are trained together.

    A batch is ``{"image": [b h w c], "captions": [b k L]}``, with k wordings for each
    image, or ``[b L]``. Each update uses one wording at random.

    Args:
        text: ``captions [b L] -> [b d]``, such as `jaxgan.nets.text.TextEncoder`.
        image: ``image [b ...] -> [b d]``, such as `jaxgan.nets.text.ImageEncoder`.
        optimizer: the optimizer of both.
        temperature: tau; embeddings of length sqrt(d) have logits within ±1/tau.

    Example:
        >>> from jaxgan import init, nets
        >>> text, image = nets.text.TextEncoder(9), nets.text.ImageEncoder(width=8)
        >>> game = matching(text=text, image=image)
        >>> batch = {"image": jnp.zeros((4, 8, 8, 3)), "captions": jnp.ones((4, 2, 5))}
        >>> batch["captions"] = batch["captions"].astype(jnp.int32)
        >>> state = init(game, jax.random.key(0), batch)
    """
    loss = functools.partial(matching_loss, temperature=temperature)
    return Game(
        players={
            "text": Player(module=text, optimizer=optimizer),
            "image": Player(module=image, optimizer=optimizer),
        },
        objectives={"match": Objective(players=("text", "image"), loss=loss)},
        clock="match",
        output=None,
    )


def matching_loss(nets: Nets, batch: Batch, turn: Turn, *, temperature: float):
    """Computes each pair's loss ``[b]``, and whether its caption finds its image."""
    texts = nets("text", wording(batch["captions"], turn))
    images = nets("image", batch["image"])
    logits = texts @ images.T / (texts.shape[-1] * temperature)
    own = jnp.arange(len(texts))
    entropy = optax.softmax_cross_entropy_with_integer_labels
    loss = (entropy(logits, own) + entropy(logits.T, own)) / 2
    found = (logits.argmax(axis=1) == own).astype(jnp.float32)
    return loss, {"found": found}


def wording(captions: Array, turn: Turn, name: str = "wording") -> Array:
    """Draws one of each example's captions ``[b k ...]``, as ``[b ...]``.

    Captions are int32 ``[b k L]`` or embeddings ``[b k d]``; single ones, ``[b L]`` or
    ``[b d]``, are returned as they are.
    """
    if captions.ndim < 3:
        return captions
    return _picked(captions, turn.draws(name))


def _picked(captions: Array, keys: Key) -> Array:
    def one(key: Key, own: Any) -> Array:
        return own[jax.random.randint(key, (), 0, len(own))]

    return jax.vmap(one)(keys, captions)
