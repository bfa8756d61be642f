"""Plays games in exact shards on several arrangements of devices, for one digest each.

Each game is played on 1, 2, 4 and 8 devices of one process, by 2 processes of 4 devices
and by 4 of 2; then once more on 8 devices, killed half-way by SIGKILL and continued on
2. All must end in the same state, to the bit::

    python -m tests.exact_shards --steps 1000

The exit code is 0 if they do, else 1. Takes about a quarter of an hour on two cores.
"""

import argparse
import functools
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

import jaxgan
from jaxgan import GAN, nets, penalties, processes
from jaxgan.checkpoint import digest
from jaxgan.hooks import Checkpoint, Hook
from jaxgan.methods.ada import ada, flip, shift
from jaxgan.methods.r3gan import r3gan
from tests import launch

SHARDS, BATCH, EXAMPLES = 8, 32, 320
SIZE = 16
# Numbers of processes, and of devices of each.
ARRANGEMENTS = ((1, 1), (1, 2), (1, 4), (1, 8), (2, 4), (4, 2))


def _dcgan(*, batch_norm: bool = False, num_classes: int = 0, **values: Any) -> GAN:
    """A DCGAN whose generator has batch norm, as it always has."""
    judge = nets.dcgan.Discriminator(
        width=8, batch_norm=batch_norm, num_classes=num_classes
    )
    return GAN(
        generator=nets.dcgan.Generator(SIZE, 3, width=8, num_classes=num_classes),
        discriminator=judge,
        **_optimizers(),
        **values,
    )


def _mlp() -> GAN:
    return GAN(
        generator=nets.mlp.Generator((SIZE, SIZE, 3), width=64),
        discriminator=nets.mlp.Discriminator(width=64),
        **_optimizers(),
    )


def _optimizers() -> dict[str, Any]:
    adam = optax.adam(1e-3, b1=0.5)
    return {"g_optimizer": adam, "d_optimizer": adam, "latent_dim": 16}


def _residual() -> GAN:
    """R3GAN's networks: the gradients of 1x1 convolutions are sums over all pixels."""
    how = {"widths": (32, 16, 8), "blocks": 1}
    return r3gan(
        generator=nets.r3gan.Generator(SIZE, 3, **how),
        discriminator=nets.r3gan.Discriminator(**how),
        gamma=1.0,
        ema_half_life=1_000.0,
        **_optimizers(),
    )


_ada = functools.partial(ada, speed_images=5_000, every=2)

GAMES: dict[str, Callable[[], GAN]] = {
    "mlp": _mlp,
    "dcgan": lambda: _dcgan(batch_norm=True),
    "conditional": lambda: _dcgan(num_classes=10, condition="label"),
    "r1": lambda: _dcgan(penalties=((5.0, penalties.r1),)),
    "residual": _residual,
    "memory": lambda: _dcgan(augment=_ada(transforms=(flip, shift))),
    "augmented": lambda: _dcgan(augment=_ada()),
}


@functools.cache
def game(name: str) -> GAN:
    """The game of that name."""
    return GAMES[name]()


def examples(name: str, count: int = EXAMPLES) -> dict[str, np.ndarray]:
    """Images of blurred noise, and labels for the game that has them."""
    random = np.random.default_rng(0)
    images = random.normal(128, 60, (count, SIZE, SIZE, 3)).cumsum(axis=1)
    images = np.clip(images - images.mean() + 128, 0, 255).astype(np.uint8)
    labels = {"label": random.integers(0, 10, count, np.int32)}
    return {"image": images, **(labels if name == "conditional" else {})}


class _Killed(Hook):
    """Kills the process when a step is reached, without a word."""

    def __init__(self, at: int):
        self.every = at

    def act(self, run) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def play(name: str, steps: int, folder: Path, kill: int) -> str:
    """Trains in this process, or in its part of a run; returns the state's digest."""
    gan, data, key = game(name), examples(name), jax.random.key(0)
    state = jaxgan.init(gan, key, data)
    # Written before the kill, so that the run which continues finds it.
    hooks = [Checkpoint(folder, every=max(steps // 10, 1))]
    state = jaxgan.fit(
        gan,
        state,
        data,
        key,
        steps=steps,
        batch_size=BATCH,
        shards=SHARDS,
        hooks=[*hooks, *([_Killed(kill)] if kill else [])],
    )
    return digest(state)


def worker(
    name: str, steps: int, folder: Path, devices: int, count: int, kill: int = 0
) -> tuple[set[str], float]:
    """The digests that the processes of one run end with, and its seconds."""
    command = ("-m", "tests.exact_shards", "--games", name, "--steps", steps)
    command += ("--folder", folder, "--kill", kill)
    env = launch.environment(devices, folder.parents[1] / "compiled")
    env["PJRT_NPROC"] = str(SHARDS)  # as the commands do
    begin = time.monotonic()
    start = launch.run if count == 1 else launch.together
    ended = start([command] * count, env, timeout=1_200)
    seconds = time.monotonic() - begin
    if kill and all(process.code == -signal.SIGKILL for process in ended):
        return set(), seconds
    for process in ended:
        if process.code:
            raise RuntimeError(f"{name} on {count} x {devices}:\n{process.err}")
    return {process.out.split()[-1] for process in ended}, seconds


def compare(
    name: str,
    steps: int,
    folder: Path,
    arrangements: Sequence[tuple[int, int]] = ARRANGEMENTS,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Plays one game in all arrangements, and once killed on 8 and continued on 2."""
    found: dict[str, str] = {}
    for count, devices in arrangements:
        place = folder / name / f"{count}x{devices}"
        ended, seconds = worker(name, steps, place, devices, count)
        found[f"{count} x {devices}"] = "/".join(sorted(ended))
        say(f"{name:12}{count} x {devices}  {found[f'{count} x {devices}'][:12]}")
        say(f"{'':12}{seconds:.0f} s")
    place, half = folder / name / "killed", steps // 2
    lost, _ = worker(name, steps, place, 8, 1, kill=half)
    assert not lost, "the run was not killed"
    ended, _ = worker(name, steps, place, 2, 1)
    found["killed on 8, continued on 2"] = "/".join(sorted(ended))
    say(f"{name:12}killed on 8, continued on 2  {'/'.join(sorted(ended))[:12]}")
    return {"digests": found, "equal": len(set(found.values())) == 1}


def main() -> None:
    """Plays the games asked for, or this process's part of one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", nargs="+", choices=GAMES, default=list(GAMES))
    parser.add_argument("--steps", type=int, default=1_000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--kill", type=int, default=0, help=argparse.SUPPRESS)
    for flag, kind in (("coordinator", str), ("processes", int), ("process", int)):
        parser.add_argument(f"--{flag}", type=kind, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.folder is not None:
        if asked.processes is not None:
            processes.join(asked.coordinator, asked.processes, asked.process)
        print(play(asked.games[0], asked.steps, asked.folder, asked.kill))
        return
    with tempfile.TemporaryDirectory() as folder:
        found = {name: compare(name, asked.steps, Path(folder)) for name in asked.games}
    record = {"steps": asked.steps, "shards": SHARDS, "batch": BATCH, "games": found}
    if asked.out is not None:
        asked.out.write_text(json.dumps(record, indent=2) + "\n")
    equal = all(each["equal"] for each in found.values())
    print("all equal" if equal else "NOT EQUAL")
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
