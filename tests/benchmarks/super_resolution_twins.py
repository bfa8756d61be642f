"""jaxgan's super-resolution games, a state of them, and its weights in PyTorch's twins.

PyTorch's networks see images in a mirror, see `torch_super_resolution`.
"""

import dataclasses
import functools
import math

import jax
import numpy as np

import jaxgan
from experiments.benchmarks import ours, super_resolution
from jaxgan.methods.aligned_parts import parts
from jaxgan.turn import Turn
from tests.benchmarks.twins import KEY, batch_of, filled, in_plain_descent, tiny

PLAYERS = {"srresnet": ("generator",), "srgan": ("generator", "discriminator")}


def as_drawn_for_g(batch, turn, *, crop, scale, recolour=False):
    """The parts of the generator's first update, at any turn, in their own colours."""
    examples = len(batch["input"])
    turn = Turn.first("g", KEY, {}, examples)
    return parts(batch, turn, crop=crop, scale=scale)


@functools.lru_cache
def game(name):
    """The game in plain descent; both players see the parts that G draws first."""
    known = in_plain_descent(ours.make_game(tiny(name)))
    objectives = dict(known.objectives)
    for objective, move in known.objectives.items():
        settings = dict(move.loss.keywords)
        if "cut" in settings:
            cut = functools.partial(as_drawn_for_g, **settings["cut"].keywords)
            loss = functools.partial(move.loss.func, **{**settings, "cut": cut})
            objectives[objective] = dataclasses.replace(move, loss=loss)
    return dataclasses.replace(known, objectives=objectives)


@functools.lru_cache
def columns(name):
    return batch_of(tiny(name))


@functools.lru_cache
def played(name):
    """The parts of the columns that are played, uint8."""
    work = tiny(name)
    how = {"crop": super_resolution.part(work), "scale": work.scale}
    found = jax.jit(lambda batch: as_drawn_for_g(batch, None, **how))(columns(name))
    return {n: np.asarray(part) for n, part in found.items()}


@functools.lru_cache
def state(name):
    """Noise for weights, of a size that keeps that of the maps."""
    start = lambda key: jaxgan.init(game(name), key, columns(name))
    made = filled(jax.eval_shape(start, KEY))

    def sized(path, leaf):
        if path[-1].key != "kernel":
            return leaf
        return leaf / 0.3 * np.float32((2 / math.prod(leaf.shape[:-1])) ** 0.5)

    def rescaled(player):
        return player.replace(
            params=jax.tree_util.tree_map_with_path(sized, player.params)
        )

    return made.replace(players={n: rescaled(p) for n, p in made.players.items()})


def to_torch(tree):
    """Weights in the order of a module's parameters, mirrored."""
    blocks = sorted(name for name in tree if name.startswith("block_"))
    ends = [n for n in ("image", "hidden", "logit") if n in tree]
    middle = sorted(name for name in tree if name.startswith(("double_", "conv_")))
    starts = ["first", *blocks, "last_block"] if "first" in tree else []
    for name in [*starts, *middle, *ends]:
        kernel, bias = (np.asarray(tree[name][n]) for n in ("kernel", "bias"))
        dense = kernel.ndim == 2
        yield kernel.T if dense else kernel[::-1, ::-1].transpose(3, 2, 0, 1)
        yield bias
