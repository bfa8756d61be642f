"""jaxgan's game of images from captions, a state of it, its draws and its weights.

There is one wording of each caption, so that the players draw the same.
"""

import dataclasses
import functools

import jax
import numpy as np

import jaxgan
from experiments.benchmarks import ours, text_to_image
from jaxgan.turn import Turn
from tests.benchmarks.twins import KEY, batch_of, filled, in_plain_descent, tiny

WORK = dataclasses.replace(tiny("text_to_image"), captions=(1, 6))

# In the order of `torch_text_to_image.players`.
PLAYERS = ("text", "generator", "discriminator")


@functools.lru_cache
def game():
    return in_plain_descent(ours.make_game(WORK))


@functools.lru_cache
def columns():
    return batch_of(WORK)


@functools.lru_cache
def state():
    """Noise for weights."""
    known = game()  # made here: its table would be a tracer, if made in a program
    start = lambda key: jaxgan.init(known, key, columns())
    made = filled(jax.eval_shape(start, KEY))
    return made.replace(memory={"others": text_to_image.others(WORK)})


def latents(objective):
    """The latents of an objective's first update."""
    draws = Turn.first(objective, KEY, {}, WORK.batch_size).draws
    return np.asarray(draws.normal("latent", (WORK.latent_dim,)))


def captions():
    """The captions, of which there is one wording."""
    return columns()["captions"][:, 0]


def to_torch(player, tree):
    """Weights in the order of a module's parameters."""
    return {"text": _text, "generator": _generator, "discriminator": _judge}[player](
        jax.tree.map(np.asarray, tree)
    )


def _dense(layer):
    return layer["kernel"].T, layer["bias"]


def _conv(layer):
    return layer["kernel"].transpose(3, 2, 0, 1), layer["bias"]


def _text(tree):
    yield tree["Embed_0"]["embedding"]
    for i in range(3):
        yield from _dense(tree[f"Dense_{i}"])


def _generator(tree):
    """The dense layer makes pixels of channels; PyTorch's makes channels of pixels."""
    yield from _dense(tree["text_dense"])
    pixels = lambda array: array.reshape(*array.shape[:-1], 4, 4, -1)
    channels = lambda array: np.moveaxis(pixels(array), -1, -3).reshape(array.shape)
    layer = tree["Dense_0"]
    yield from (channels(layer["kernel"]).T, channels(layer["bias"]))
    for i in range(sum(name.startswith("GroupNorm") for name in tree)):
        yield from (tree[f"GroupNorm_{i}"][name] for name in ("scale", "bias"))
        yield from _conv(tree[f"ConvTranspose_{i}"])


def _judge(tree):
    for i in range(sum(name.startswith("Conv") for name in tree)):
        yield from _conv(tree[f"Conv_{i}"])
    yield from _dense(tree["text_dense"])
    kernel, bias = _dense(tree["Dense_0"])
    # Our last map is flattened by pixels of channels, PyTorch's by channels of pixels.
    pixels = kernel.reshape(len(kernel), 4, 4, -1)
    yield np.moveaxis(pixels, -1, 1).reshape(kernel.shape)
    yield bias
    yield from _dense(tree["Dense_1"])
