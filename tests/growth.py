"""How far rounding alone carries a game: where the tests of devices get their bounds.

    python -m tests.growth

The number of devices changes one thing: the order in which the same terms are summed.
So does another order of the examples within their batches, when each keeps its global
index and with it its draws. A game played on one device in such another order is the
first one's *twin*. The distance between twins is what the order of a sum amounts to
after t steps, the growth by the game's own dynamics included, and the distance of eight
devices from one must be of that size.

At the kink of a rectifier rounding chooses a side, and the gradient jumps: seldom, but
in one order and not in another. So the games are played with smooth rectifiers.

In bfloat16 a sum's parts are rounded too, and every device rounds its own; the twins
there play one microbatch for each of the eight devices.
"""

import dataclasses
import functools
from unittest import mock

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.flatten_util import ravel_pytree

import jaxgan
from jaxgan import keys, losses, nets, parallel, penalties
from tests import conftest, games  # noqa: F401 (conftest makes the eight devices)

STEPS = 200
DEVICES = (2, 4, 8)
TWINS = 3
FACTOR = 8
ULPS = 4


@dataclasses.dataclass(frozen=True)
class Game:
    """A game, how it is played, and the parts in which its twins play a batch."""

    gan: jaxgan.GAN
    d_steps: int = 1
    shape: tuple[int, ...] = (4, 4, 1)
    batch_size: int = 16
    twin_parts: int = 1


# Adam divides a gradient by its own size, and where the exact one is zero, as that of
# a Wasserstein critic's last bias, it turns rounding into whole steps.
SGD = {"g_optimizer": optax.sgd(0.01), "d_optimizer": optax.sgd(0.01)}


def _mlp(dtype, num_classes: int = 0):
    return {
        "generator": nets.mlp.Generator((4, 4, 1), 16, 1, num_classes, dtype=dtype),
        "discriminator": nets.mlp.Discriminator(16, 1, num_classes, dtype=dtype),
    }


_DCGAN = {
    "generator": nets.dcgan.Generator(16, 1, width=2),
    "discriminator": nets.dcgan.Discriminator(width=2),
}

GAMES = {
    "dropout": Game(games.dropout((4, 4, 1))),
    "dcgan, batch norm": Game(games.dcgan(**_DCGAN), shape=(16, 16, 1), batch_size=8),
    "mlp, R1, WGAN-GP, conditional, noise, k = 5": Game(
        games.mlp(
            **_mlp(jnp.float32, num_classes=10),
            penalties=((0.5, penalties.r1), (10.0, penalties.wgan_gp())),
            condition="label",
            instance_noise=optax.linear_schedule(0.2, 0.0, 16 * STEPS),
            loss=losses.wasserstein,
            **SGD,
        ),
        d_steps=5,
    ),
    "bfloat16": Game(games.mlp(**_mlp(jnp.bfloat16), **SGD), twin_parts=8),
}


@functools.lru_cache
def played(name: str, devices: int, mapped: str = "pmap") -> dict[str, np.ndarray]:
    """Every step's networks, average and metrics, ``[STEPS n]`` each."""
    if devices == 1:
        return _in_order(name)(np.arange(GAMES[name].batch_size))
    play = _program(GAMES[name], axis_name=parallel.AXIS)
    who = jax.devices()[:devices]
    if mapped == "pmap":
        play = parallel.spread(play, batch_axis=2, devices=who)
    else:
        auto = (jax.sharding.AxisType.Auto,)
        mesh = jax.make_mesh((devices,), (parallel.AXIS,), auto, devices=who)
        play = jax.jit(parallel.shard(play, mesh, batch_axis=2))
    state = parallel.put_shared(_start(GAMES[name]), devices=who)
    return jax.device_get(play(state, _batches(GAMES[name]), games.KEY))


@functools.lru_cache
def twins(name: str) -> list[dict[str, np.ndarray]]:
    """The game on one device in other orders of the examples."""
    game = GAMES[name]
    play = _in_order(name, game.twin_parts)
    orders = [np.random.default_rng(i) for i in range(TWINS)]
    return [play(order.permutation(game.batch_size)) for order in orders]


def distances(name: str, other: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The Euclidean distance of every quantity from one device's, ``[STEPS]``."""
    one = played(name, 1)
    return {k: np.linalg.norm(other[k] - one[k], axis=1) for k in one}


def rounding(name: str) -> dict[str, np.ndarray]:
    """The largest distance between twins up to every step, ``[STEPS]``."""
    all_twins = [distances(name, twin) for twin in twins(name)]
    largest = jax.tree.map(lambda *d: np.max(d, axis=0), *all_twins)
    return jax.tree.map(np.maximum.accumulate, largest)


def bounds(name: str) -> dict[str, np.ndarray]:
    """What a sum's order may do, ``[STEPS]``: ``FACTOR`` times what it does to twins.

    To which `ULPS` of the largest value are added, for twins may agree to the bit.
    """
    ulp = np.finfo(np.float32).eps
    one, grown = played(name, 1), rounding(name)
    return {k: FACTOR * grown[k] + ULPS * ulp * np.abs(one[k]).max() for k in one}


def travelled(name: str) -> dict[str, np.ndarray]:
    """How far the networks have moved since the first step, ``[STEPS]``."""
    one = played(name, 1)
    players = ("generator", "discriminator")
    return {k: np.linalg.norm(one[k] - one[k][0], axis=1) for k in players}


def smooth_rectifiers():
    """A context in which the networks that are traced have no kinks."""
    leaky = lambda x, slope: slope * x + (1 - slope) * nn.softplus(x)
    return mock.patch.multiple(nn, relu=nn.softplus, leaky_relu=leaky)


def _start(game: Game) -> jaxgan.GameState:
    first = jax.tree.map(lambda leaf: leaf[0, 0], _batches(game))
    return jaxgan.init(game.gan, games.KEY, first)


def _in_order(name: str, microbatches: int = 1):
    """``play(order [b])`` on one device, each example keeping its global index."""
    game = GAMES[name]
    return functools.partial(_compiled(name, microbatches), _start(game))


@functools.lru_cache
def _compiled(name: str, microbatches: int):
    game = GAMES[name]
    play = _program(game, microbatches=microbatches)

    @jax.jit
    def reordered(state, batches, order):
        batches = jax.tree.map(lambda leaf: leaf[:, :, order], batches)
        with mock.patch.object(keys, "example_indices", return_value=order):
            return play(state, batches, games.KEY)

    batches = _batches(game)
    return lambda state, order: jax.device_get(
        reordered(state, batches, jnp.asarray(order, jnp.int32))
    )


def _program(game: Game, **how):
    train_step = jaxgan.make_train_step(game.gan, d_steps=game.d_steps, **how)

    def play(state, batches, key):
        def body(state, batch):
            with smooth_rectifiers():
                state, metrics = train_step(state, batch, key)
            return state, _quantities(state, metrics)

        return lax.scan(body, state, batches)[1]

    return play


def _quantities(state, metrics):
    networks = {
        "generator": state.players["generator"].variables,
        "discriminator": state.players["discriminator"].variables,
        "average": state.averages["generator"],
    }
    return {name: ravel_pytree(x)[0] for name, x in {**networks, **metrics}.items()}


def _batches(game: Game) -> dict[str, np.ndarray]:
    """A batch for every update, ``[STEPS k b ...]``."""
    random = np.random.default_rng(0)
    shape = (STEPS, game.d_steps, game.batch_size)
    return {
        "image": random.integers(0, 256, (*shape, *game.shape), np.uint8),
        "label": random.integers(0, 10, shape, np.int32),
    }


def main() -> None:
    """Prints the networks' distances: of 8 devices, and of the twins, from one."""
    print(f"{'game':43} {'step':>4} {'8 devices':>10} {'twins':>10} {'ratio':>6}")
    for name in GAMES:
        eight, grown = distances(name, played(name, 8)), rounding(name)
        for step in (1, 10, 50, 100, 200):
            devices, order = (
                np.hypot(d["generator"], d["discriminator"])[step - 1]
                for d in (eight, grown)
            )
            ratio = devices / order
            print(f"{name:43} {step:4} {devices:10.1e} {order:10.1e} {ratio:6.2f}")


if __name__ == "__main__":
    main()
