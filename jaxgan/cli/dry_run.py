"""A run's size and cost, without running it."""

from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.cli.config import TrainConfig
from jaxgan.data import DataSet
from jaxgan.game import Game, GameState
from jaxgan.nets.conv import by_xla
from jaxgan.rounds import Move, Schedule, fresh_batches
from jaxgan.update import make_update


def first_batch(data: DataSet, count: int) -> Any:
    """Returns the first training examples as a batch."""
    return jax.tree.map(jnp.asarray, data.train.batch(np.arange(count)))


def text(
    game: Game, state: GameState, data: DataSet, config: TrainConfig, rounds: Schedule
) -> str:
    """Returns lines on the parameters, the data, and the cost of a step."""
    batch = first_batch(data, config.batch_size)
    key = jax.random.key(config.seed)
    times: Counter[str] = Counter()
    for move in rounds:
        move = Move(objective=move) if isinstance(move, str) else move
        times[move.objective] += 1 / move.every  # pyright: ignore
    arguments = state, batch, key
    flops = sum(share * _flops(game, name, arguments) for name, share in times.items())
    memory = max(_memory(game, name, arguments) for name in times)
    count = lambda tree: sum(leaf.size for leaf in jax.tree.leaves(tree))
    shapes = jax.tree.map(lambda leaf: leaf.shape[1:], batch)
    held = 0 if data.test is None else len(data.test)
    epochs = config.steps * config.batch_size * fresh_batches(rounds) / len(data.train)
    lines = (
        *(
            f"{name + ':':15} {count(state.players[name].params):,} parameters"
            for name in game.players
        ),
        f"data:           {len(data.train):,} training examples of {shapes}, {held:,} "
        "held out",
        f"one train step: {flops:.3g} FLOPs, {memory / 2**20:,.3g} MiB for the state, "
        "the batch and what is in between, by the compiler's estimate",
        f"the run:        {config.steps:,} steps, {epochs:.1f} epochs",
        "dry run: no workdir was made",
    )
    return "\n".join(lines)


def _flops(game: Game, objective: str, arguments: tuple[Any, ...]) -> float:
    """Returns the operations of an update; no loop over groups hides any."""
    with by_xla():
        lowered = jax.jit(make_update(game, objective)).lower(*arguments)
    cost: Any = lowered.cost_analysis()
    return cost["flops"]


def _memory(game: Game, objective: str, arguments: tuple[Any, ...]) -> int:
    """Returns the bytes of an update's arguments and of its largest temporary values.

    Its results take the arguments' place.
    """
    compiled = jax.jit(make_update(game, objective)).lower(*arguments).compile()
    found: Any = compiled.memory_analysis()
    return found.argument_size_in_bytes + found.temp_size_in_bytes
