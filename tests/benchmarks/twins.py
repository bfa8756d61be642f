"""One update's gradients by jaxgan, what it drew for them, and weights for twins."""

import dataclasses
import functools
import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxgan
from experiments.benchmarks import ours, plain, random_data, residual, works
from jaxgan.draws import Draws
from jaxgan.gan import make_d_step, make_g_step

KEY = jax.random.key(3)
# Together they have all networks, batch norm and none, all penalties, all losses.
NAMES = ("ring", "dcgan", "wgan_gp", "sngan", "r3gan")


class Truth(NamedTuple):
    """jaxgan's update of both players from one state, each by itself."""

    state: jaxgan.GameState
    real: jax.Array
    d_latents: jax.Array
    g_latents: jax.Array
    epsilon: jax.Array
    d_loss: jax.Array
    g_loss: jax.Array
    d_grads: dict
    g_grads: dict


def tiny(name: str) -> works.Work:
    return works.tiny(works.WORKS[name])


@functools.lru_cache
def truth(name: str) -> Truth:
    """Plain descent at rate 1 shows each gradient as what the weights lose."""
    work = tiny(name)
    sgd = optax.sgd(1.0)
    gan = dataclasses.replace(ours.make_gan(work), g_optimizer=sgd, d_optimizer=sgd)
    images = random_data.table(work)[: work.batch_size]
    start = lambda key: jaxgan.init(gan, key, {"image": images})
    shapes = jax.eval_shape(start, KEY)

    def play(state, images):
        batch = {"image": images}
        after_d, d_metrics = make_d_step(gan)(state, batch, KEY)
        after_g, g_metrics = make_g_step(gan)(state, batch, KEY)
        lost = lambda name, after: jax.tree.map(
            jnp.subtract, state.players[name].params, after.players[name].params
        )
        return Truth(
            state,
            plain.scaled(images),
            *_drawn(gan, work),
            d_metrics["d_loss"],
            g_metrics["g_loss"],
            lost("discriminator", after_d),
            lost("generator", after_g),
        )

    return jax.jit(play)(_at_rest(filled(shapes)), images)


def in_plain_descent(game):
    """The game with plain descent at rate 1 for all of its players that move.

    It shows each gradient as what the weights lose.
    """
    movers = {name for o in game.objectives.values() for name in o.players}
    players = {
        name: dataclasses.replace(player, optimizer=optax.sgd(1.0))
        if name in movers
        else player
        for name, player in game.players.items()
    }
    return dataclasses.replace(game, players=players)


def updates(game, state, batch):
    """Of each objective from one state: its loss, and what each player's weights lose.

    The game is one `in_plain_descent`.
    """

    @jax.jit
    def play(state, batch):
        found = {}
        for name in game.objectives:
            after, metrics = jaxgan.make_update(game, name)(state, batch, KEY)
            lost = {
                player: jax.tree.map(
                    jnp.subtract, before.params, after.players[player].params
                )
                for player, before in state.players.items()
            }
            found[name] = metrics[f"{name}_loss"], lost
        return found

    return play(state, batch)


def stepped(game, state, batch):
    """The state after a step of Algorithm 1, or of a generator that plays alone."""
    schedule = ("g",) if set(game.objectives) == {"g"} else None
    step = jax.jit(jaxgan.make_train_step(game, schedule=schedule))
    return step(state, jax.tree.map(lambda leaf: leaf[None], batch), KEY)[0]


def batch_of(work):
    """The first rows of all of a work's columns."""
    tables = random_data.tables(work)
    return {name: table[: work.batch_size] for name, table in tables.items()}


def filled(shapes):
    """A state of these shapes: counters of zero, and the rest is noise.

    Biases are not zero, since at a rectifier's kink frameworks differ.
    """
    random = np.random.default_rng(0)

    def fill(leaf):
        if np.issubdtype(leaf.dtype, np.integer):
            return np.zeros(leaf.shape, leaf.dtype)
        return 0.3 * random.standard_normal(leaf.shape, np.float32)

    return jax.tree.map(fill, shapes)


def _at_rest(state):
    """The state with each u of spectral norm where the power iteration ends.

    PyTorch takes a step of it in every forward pass, jaxgan one in an update.
    """
    judge = state.players["discriminator"]

    def singular(params, us):
        if "u" in us:
            matrix = params["kernel"].reshape(-1, params["kernel"].shape[-1])
            return {"u": np.linalg.svd(matrix.T.astype(float))[0][:, 0].astype("f4")}
        return {name: singular(params[name], u) for name, u in us.items()}

    if "spectral_norm" not in judge.collections:
        return state
    us = singular(judge.params, judge.collections["spectral_norm"])
    judge = judge.replace(collections={**judge.collections, "spectral_norm": us})
    return state.replace(players={**state.players, "discriminator": judge})


def to_plain_stats(like, player):
    """A player's collections as `plain` keeps them, in the structure of ``like``."""
    us = player.collections.get("spectral_norm")
    if us is None:
        return player.collections.get("batch_stats", {})

    def find(path, leaf):
        *scope, _, name = (part.key for part in path)
        layer, _, kind = name.split("/")
        found = functools.reduce(lambda tree, key: tree[key], (*scope, layer), us)
        return found["u"][None] if kind == "u" else np.ones(leaf.shape, np.float32)

    return jax.tree_util.tree_map_with_path(find, like)


def _drawn(gan, work: works.Work) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Both players' latents, and WGAN-GP's points, by the policy of `jaxgan.keys`."""
    index = jnp.arange(work.batch_size)
    latents = lambda objective: jax.vmap(lambda key: gan.prior(key, gan.latent_dim))(
        Draws(objective, KEY, 0, index)("latent")
    )
    # As the step and the penalty derive it: the only penalty, of one example alone.
    epsilon = lambda key: jax.random.uniform(
        jax.random.fold_in(jax.random.fold_in(jax.random.split(key)[0], 0), 0)
    )
    penalty_keys = Draws("d", KEY, 0, index)("penalty")
    return latents("d"), latents("g"), jax.vmap(epsilon)(penalty_keys)


def to_plain(tree):
    """jaxgan's weights, or their gradients, as flax.linen's layers lay them out.

    `nn.ConvTranspose` flips its kernel and maps its fourth axis from the third.
    """

    def convert(path, leaf):
        name = jax.tree_util.keystr(path)
        if "ConvTranspose" in name and "kernel" in name:
            return jnp.flip(leaf, (0, 1)).swapaxes(2, 3)
        return leaf

    return jax.tree_util.tree_map_with_path(convert, tree)


def to_torch(work: works.Work, player: str, tree) -> list[np.ndarray]:
    """The same in the order and the layout of the PyTorch module's parameters."""
    tree = jax.tree.map(np.asarray, tree)
    if work.network == "mlp":
        layers = [tree[f"Dense_{i}"] for i in range(3)]
        return [a for layer in layers for a in (layer["kernel"].T, layer["bias"])]
    if work.network in residual.NETWORKS:
        return list(_residual(work, player, tree))
    base, times = work.maps
    dense = tree["Dense_0"]["kernel"]
    kernel = lambda layer: layer["kernel"].transpose(3, 2, 0, 1)
    norms = [[n["scale"], n["bias"]] for n in _norms(tree)]
    bias = lambda layer: [layer["bias"]] if "bias" in layer else []
    if player == "generator":
        first = dense.reshape(len(dense), base, base, -1).transpose(3, 1, 2, 0)
        arrays = [first.reshape(-1, len(dense))]
        for i in range(times):
            layer = tree[f"ConvTranspose_{i}"]
            arrays += [*norms[i], kernel(layer), *bias(layer)]
        return arrays
    arrays = []
    for i in range(times):
        layer = tree[f"Conv_{i}"]
        arrays += [kernel(layer), *bias(layer)]
        arrays += norms[i - 1] if work.batch_norm and i else []
    last = dense.reshape(base, base, -1).transpose(2, 0, 1).reshape(1, -1)
    return [*arrays, last, tree["Dense_0"]["bias"]]


def _norms(tree) -> list[dict]:
    return [tree[name] for name in sorted(tree) if name.startswith("BatchNorm")]


def _residual(work: works.Work, player: str, tree):
    """In the order of `experiments.benchmarks.torch_residual`."""
    if work.network == "r3gan":
        return _r3gan(work, player, tree)
    return _sngan_g(tree) if player == "generator" else _sngan_d(tree)


def _blocks(tree) -> list[dict]:
    return [tree[name] for name in sorted(tree) if name.startswith("block")]


def _weights(layer) -> list[np.ndarray]:
    kernel = layer["kernel"]
    kernel = kernel.T if kernel.ndim == 2 else kernel.transpose(3, 2, 0, 1)
    return [kernel, *([layer["bias"]] if "bias" in layer else [])]


def _sngan_g(tree):
    dense = np.vstack([tree["dense"]["kernel"], tree["dense"]["bias"]])
    dense = dense.reshape(len(dense), 4, 4, -1).transpose(3, 1, 2, 0)
    dense = dense.reshape(-1, dense.shape[-1])
    yield from (dense[:, :-1], dense[:, -1])
    norm = lambda layer: (layer["scale"], layer["bias"])
    for block in _blocks(tree):
        for i in (1, 2):
            yield from norm(block[f"norm_{i}"])
            yield from _weights(block[f"conv_{i}"])
        yield from _weights(block["shortcut"])
    yield from norm(tree["norm"])
    yield from _weights(tree["image"])


def _sngan_d(tree):
    """A weight with spectral norm comes after its bias."""
    for block in _blocks(tree):
        for name in ("conv_1", "conv_2", "shortcut"):
            if name in block:
                yield from reversed(_weights(block[name]))
    yield from reversed(_weights(tree["logit"]))


def _r3gan(work: works.Work, player: str, tree):
    """A module's own parameters come before those of its layers."""
    yield tree["basis"]["images"].transpose(2, 0, 1)
    linear, up = _weights(tree["basis"]["linear"]), player == "generator"
    yield from linear if up else _weights(tree["from_image"])
    stages = range(len(work.widths))
    for stage in stages if up else reversed(stages):
        # The projection to a stage is before it on the way up, after it on that down.
        project = tree.get(f"project_{stage}")
        block = [
            w for i in range(3) for w in _weights(tree[f"block_{stage}_0"][f"Conv_{i}"])
        ]
        parts = [_weights(project) if project else [], block]
        yield from itertools.chain(*(parts if up else reversed(parts)))
    yield from _weights(tree["to_image"]) if up else linear
