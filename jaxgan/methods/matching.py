"""Encoders of captions and images, trained to match the pairs that belong together.

With t_i and v_j the embeddings of captions and images, of length sqrt(d), and the
logits s_ij = t_i . v_j / (d tau), the loss of the pair i is

    -1/2 log softmax_j(s_ij)[i] - 1/2 log softmax_j(s_ji)[i]

the symmetric form of InfoNCE (van den Oord et al. 2018, arXiv:1807.03748; Radford et
al. 2021, arXiv:2103.00020, figure 3). The negatives are the other pairs of the batch,
but only those on the same device and in the same microbatch: more devices or
microbatches make the task easier. Train the encoders on one device, in whole batches.

What distinguishes few pairs of a batch, such as a digit among scenes that also differ
in colour, size and place, hardly pays in that loss. With ``words``, a third network
that predicts words from a caption's embedding, the embedding has to keep them: the loss
gains the mean, over the words w of another wording of the same pair, of -log softmax of
the predicted logits at w. Wordings differ in their synonyms, so those are not kept.

`jaxgan.methods.gan_cls` draws images from captions that such an encoder has embedded,
as Reed et al. 2016 (arXiv:1605.05396) and their successors do.
"""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxgan.game import Game, Objective
from jaxgan.player import Player
from jaxgan.turn import Nets, Turn
from jaxgan.typing import Batch, Key

ADAM = optax.adam(1e-3)


def matching(
    *,
    text: nn.Module,
    image: nn.Module,
    words: nn.Module | None = None,
    optimizer: optax.GradientTransformation = ADAM,
    temperature: float = 0.1,
) -> Game:
    """Makes the game of two encoders, "text" and "image", that are trained together.

    A batch is ``{"image": [b h w c], "captions": [b k L]}``, with k wordings for each
    image, or ``[b L]``. Each update uses one wording at random.

    Args:
        text: ``captions [b L] -> [b d]``, such as `jaxgan.nets.text.TextEncoder`.
        image: ``image [b ...] -> [b d]``, such as `jaxgan.nets.text.ImageEncoder`.
        words: ``embedding [b d] -> logits [b size]``, with one for each word of the
            vocabulary, such as ``nn.Dense(size)``; None for the encoders alone. It is a
            player too, "words".
        optimizer: the optimizer of all.
        temperature: tau; embeddings of length sqrt(d) have logits within ±1/tau.

    Example:
        >>> from jaxgan import init, nets
        >>> text, image = nets.text.TextEncoder(9), nets.text.ImageEncoder(width=8)
        >>> game = matching(text=text, image=image)
        >>> batch = {"image": jnp.zeros((4, 8, 8, 3)), "captions": jnp.ones((4, 2, 5))}
        >>> batch["captions"] = batch["captions"].astype(jnp.int32)
        >>> state = init(game, jax.random.key(0), batch)
    """
    modules = {"text": text, "image": image}
    modules |= {} if words is None else {"words": words}
    loss = functools.partial(
        matching_loss, temperature=temperature, has_words=words is not None
    )
    return Game(
        players={
            name: Player(module=module, optimizer=optimizer)
            for name, module in modules.items()
        },
        objectives={"match": Objective(players=tuple(modules), loss=loss)},
        clock="match",
        output=None,
    )


def matching_loss(
    nets: Nets, batch: Batch, turn: Turn, *, temperature: float, has_words: bool = False
):
    """Computes each pair's loss ``[b]``, and whether its caption finds its image."""
    texts = nets("text", wording(batch["captions"], turn))
    images = nets("image", batch["image"])
    logits = texts @ images.T / (texts.shape[-1] * temperature)
    own = jnp.arange(len(texts))
    entropy = optax.softmax_cross_entropy_with_integer_labels
    loss = (entropy(logits, own) + entropy(logits.T, own)) / 2
    outputs = {"found": (logits.argmax(axis=1) == own).astype(jnp.float32)}
    if has_words:
        other = wording(batch["captions"], turn, "other_wording")
        outputs["words"] = words_loss(nets("words", texts), other)
        loss = loss + outputs["words"]
    return loss, outputs


def words_loss(
    logits: Float[Array, "b size"], captions: Int[Array, "b L"]
) -> Float[Array, " b"]:
    """Computes the mean of -log softmax of the logits at a caption's words.

    Args:
        logits: those of the vocabulary's words.
        captions: words' indices; 0 is not a word.

    Example:
        >>> uniform = words_loss(jnp.zeros((1, 8)), jnp.array([[3, 5, 0]]))
        >>> print(f"{uniform[0]:.4f}, log 8 = {jnp.log(8):.4f}")
        2.0794, log 8 = 2.0794
    """
    is_word = captions != 0
    each = jnp.take_along_axis(nn.log_softmax(logits), captions, axis=1)
    return -(each * is_word).sum(axis=1) / jnp.maximum(is_word.sum(axis=1), 1)


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
