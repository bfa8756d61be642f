"""jaxgan's translation games, a state of them, and its weights for PyTorch's twins."""

import dataclasses
import functools

import jax
import numpy as np

import jaxgan
from experiments.benchmarks import ours
from tests.benchmarks.twins import KEY, batch_of, filled, in_plain_descent, tiny

# In the order of `torch_translation.players`.
PLAYERS = {
    "pix2pix": ("generator", "discriminator"),
    "cyclegan": ("g_ab", "g_ba", "d_a", "d_b"),
}


@functools.lru_cache
def game(name):
    """The game without dropout, whose zeros no two frameworks draw alike."""
    known = in_plain_descent(ours.make_game(tiny(name)))

    def still(player):
        module = player.module
        if hasattr(module, "dropout"):
            module = module.clone(dropout=0.0)
        return dataclasses.replace(player, module=module)

    players = {n: still(player) for n, player in known.players.items()}
    return dataclasses.replace(known, players=players)


@functools.lru_cache
def columns(name):
    return batch_of(tiny(name))


@functools.lru_cache
def state(name):
    """Noise for weights, but empty pools."""
    start = lambda key: jaxgan.init(game(name), key, columns(name))
    shapes = jax.eval_shape(start, KEY)
    made = filled(shapes)
    memory = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes.memory)
    return made.replace(memory=memory)


def params(name, state):
    """The parameters of all players, in the order of PyTorch's modules."""
    return [state.players[player].params for player in PLAYERS[name]]


def to_torch(tree):
    """Weights in the order of a module's parameters."""
    names = ("in", "down", "up", "out", "discriminators", "conv")
    # jaxgan numbers the layers on the way out as it does those that they mirror.
    order = [
        name
        for prefix in names
        for name in sorted(_numbered(tree, prefix), reverse=prefix == "out")
    ]
    for name in [*order, *(last for last in ("out", "logit") if last in tree)]:
        if "kernel" in tree[name]:
            yield np.asarray(tree[name]["kernel"]).transpose(3, 2, 0, 1)
            yield np.asarray(tree[name]["bias"])
        else:
            yield from to_torch(tree[name])


def _numbered(tree, prefix):
    return sorted(name for name in tree if name.startswith(f"{prefix}_"))
