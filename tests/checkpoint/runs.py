"""Runs whose checkpoints the tests read, damage and rewrite."""

import json
import random
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import jaxgan
from jaxgan.checkpoint import Checkpoints, Restored, record
from jaxgan.game import GameState
from tests import games


def zeros(**changes) -> GameState:
    """A state of the small game, which nothing was compiled for."""
    init = lambda key: jaxgan.init(games.mlp(**changes), key, games.batch())
    shapes = jax.eval_shape(init, games.KEY)
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)


def at(step: int, like: GameState) -> GameState:
    """A state whose every array is another for each step, and cannot be compressed."""
    random = np.random.default_rng(step)

    def draw(leaf):
        if jnp.issubdtype(leaf.dtype, jnp.integer):
            return jnp.full(leaf.shape, step, leaf.dtype)
        return jnp.asarray(random.normal(size=leaf.shape), leaf.dtype)

    return jax.tree.map(draw, like)


def restore(run: Path, like: GameState) -> Restored:
    with Checkpoints(run / "checkpoints") as checkpoints:
        return checkpoints.restore(like)


def assert_is(restored: Restored, step: int, like: GameState) -> None:
    games.assert_equal(restored.state, at(step, like))
    assert restored.notes == {"step": step}


def files_of(folder: Path) -> dict[str, bytes | None]:
    """All that a folder holds, to the byte."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def flip_a_bit(path: Path, seed: int = 0) -> None:
    content = bytearray(path.read_bytes())
    bit = random.Random(f"{path.name}{seed}").randrange(8 * len(content))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def rewrite_record(run: Path, step: int, **changes) -> None:
    """As another jaxgan would have written it."""
    path = run / "checkpoints" / str(step) / "record" / "metadata"
    found = json.loads(path.read_text())["record"]
    path.write_text(json.dumps(record.seal({**found, **changes})))
