"""A text encoder, fitted to the captions and images of a set before the game."""

import functools
import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import numpy as np
import optax

from jaxgan import Game, GameState, init, make_train_step, nets, scan
from jaxgan.data.captioned import CaptionedSet
from jaxgan.methods.matching import matching
from jaxgan.metrics.inputs import generator
from jaxgan.typing import Key, Variables

_CHUNK = 50  # updates in one compiled call, at most
_BYTES = 256 << 20  # of images in one, at most


def text_encoder(data: Any, dim: int) -> nets.text.TextEncoder:
    """Returns the encoder of a set's captions, ``[b L] -> [b dim]``."""
    return nets.text.TextEncoder(data.vocabulary.size, dim)


def fitted(
    data: CaptionedSet,
    key: Key,
    *,
    dim: int,
    steps: int,
    batch_size: int = 128,
    report: Callable[[int], None] | None = None,
) -> dict[str, Variables]:
    """Fits a text and an image encoder to each other; returns the variables of both.

    A caption's embedding also has to tell the words of another wording of it. Trains on
    one device with the rest of the batch as negatives, by Adam with a learning rate
    that decays from 1e-3 to 0 along a cosine. The same key gives the same encoders.

    Args:
        data: the set; only its training examples are used.
        key: for the initial weights, the batches and the wordings.
        dim: the size of an embedding.
        steps: updates.
        batch_size: pairs per update; fewer if the set has fewer.
        report: is called with the number of updates made, about ten times.
    """
    game = matching(
        text=text_encoder(data, dim),
        image=nets.text.ImageEncoder(dim),
        words=nn.Dense(data.vocabulary.size),
        optimizer=optax.adam(optax.cosine_decay_schedule(1e-3, steps)),
    )
    count, random = len(data.train), generator(key)
    state = init(game, key, _columns(data, np.arange(min(2, count))))
    size = min(batch_size, count)
    chunk = max(1, min(_CHUNK, _BYTES // (size * math.prod(data.image_shape))))
    for first in range(0, steps, chunk):
        if report is not None and first % max(steps // 10, chunk) < chunk:
            report(first)
        rows = [
            random.choice(count, size, replace=False)
            for _ in range(min(chunk, steps - first))
        ]
        shape = np.shape(rows)
        found = _columns(data, np.concatenate(rows))
        batches = {n: c.reshape(*shape, *c.shape[1:]) for n, c in found.items()}
        state = _played(game, state, batches, key)
    return {name: state.players[name].variables for name in ("text", "image")}


def _columns(data: CaptionedSet, rows: np.ndarray) -> dict[str, np.ndarray]:
    batch = data.train.batch(rows)
    return {name: np.asarray(batch[name]) for name in ("image", "captions")}


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def _played(game: Game, state: GameState, batches: Any, key: Key) -> GameState:
    """Returns the state after an update on each of the batches, ``[n b ...]``."""
    step = make_train_step(game, schedule=("match",))
    # A round's batches have an axis of their own, here of size 1.
    draw = lambda i: jax.tree.map(lambda leaf: leaf[i][None], batches)
    steps = len(batches["image"])
    return scan.play(step, state, draw, key, steps=steps)[0]
