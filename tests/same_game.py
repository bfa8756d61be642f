"""The open game plays what the two-player steps of 0.1.0 played, bit for bit.

Plays `mlp`, `conditional` and `dcgan --dataset digits --resolution 16` for 500 steps
here, and at the last commit before the open game, installed in an environment of its
own; then compares parameters, optimizer states, collections and averages leaf by leaf::

    python -m tests.same_game

The environment is made in a temporary folder, or with ``--folder`` in one that is kept
for the next time. Git is needed, and PyPI. About ten minutes on two cores.
"""

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

BASE = "c5c963bb2c2fa050042d3a95423e13ad3d4b5be8"
GAMES = {
    "mlp": {},
    "conditional": {},
    "dcgan": {"dataset": "digits", "resolution": 16},
}
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--folder", type=Path, help="keeps the second environment")
    parser.add_argument("--games", nargs="+", choices=GAMES, default=list(GAMES))
    parser.add_argument("--play", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        play(options.play, options.games, options.steps)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.folder or Path(scratch)).absolute()
        base, python = _base_environment(folder)
        found = {}
        for name, root, program in (
            ("here", ROOT, sys.executable),
            ("base", base, python),
        ):
            out = Path(scratch) / f"{name}.npz"
            command = [program, __file__, "--play", out, "--steps", str(options.steps)]
            environment = {**os.environ, "PYTHONPATH": str(root)}
            subprocess.run(
                [*map(str, command), "--games", *options.games],
                cwd=root,
                env=environment,
                check=True,
            )
            found[name] = dict(np.load(out))
    differ = compare(found["here"], found["base"])
    for name in options.games:
        count = sum(leaf.startswith(f"{name}/") for leaf in found["here"])
        apart = [leaf for leaf in differ if leaf.startswith(f"{name}/")]
        verdict = f"{len(apart)} differ, first {apart[0]}" if apart else "all equal"
        print(f"{name}: {count} leaves after {options.steps} steps, {verdict}")
    if differ:
        sys.exit(1)


def compare(one: dict, other: dict) -> list[str]:
    """The leaves that are not equal bit for bit, by name; or are in one alone."""
    return [
        name
        for name in sorted({*one, *other})
        if name not in one or name not in other or not _same(one[name], other[name])
    ]


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return (a.dtype, a.shape) == (b.dtype, b.shape) and a.tobytes() == b.tobytes()


def play(out: Path, games: list[str], steps: int) -> None:
    """Plays the games with the jaxgan that is imported, and writes their leaves."""
    import jax

    leaves = {}
    for name in games:
        state = _trained(name, steps, out.parent / "data")
        for role, tree in _roles(state).items():
            for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
                where = f"{name}/{role}{jax.tree_util.keystr(path)}"
                leaves[where] = np.asarray(leaf)
    np.savez(out, **leaves)


def _trained(name: str, steps: int, data_dir: Path):
    import jax
    import jax.numpy as jnp

    import jaxgan
    import jaxgan.data

    experiment = importlib.import_module(f"experiments.{name}")
    config = experiment.Config(**GAMES[name])
    defaults = getattr(config, "with_defaults", lambda: config)()
    data = jaxgan.data.load(
        config.dataset, data_dir=data_dir, resolution=config.resolution
    )
    gan = experiment.make_gan(config, data)
    key = jax.random.key(config.seed)
    table = jax.tree.map(
        jnp.asarray, data.train.batch(np.arange(len(data.train.images)))
    )
    state = jaxgan.init(gan, key, jax.tree.map(lambda leaf: leaf[:64], table))
    step = jax.jit(jaxgan.make_train_step(gan, d_steps=defaults.d_steps))
    random = np.random.default_rng(0)
    shape = (defaults.d_steps, defaults.batch_size or 64)
    for _ in range(steps):
        rows = random.integers(0, len(data.train.images), shape)
        state, _ = step(state, jax.tree.map(lambda leaf: leaf[rows], table), key)  # noqa: B023
    return state


def _roles(state) -> dict:
    """The parts of a state of either layout, by the same names."""
    if hasattr(state, "players"):
        networks = dict(state.players)
        average = state.averages["generator"]
    else:
        networks = {n: getattr(state, n) for n in ("generator", "discriminator")}
        average = state.ema
    parts = {"average": average, "images": np.int64(int(state.images))}
    for name, network in networks.items():
        for part in ("params", "opt_state", "collections", "step"):
            parts[f"{name}.{part}"] = getattr(network, part)
    return parts


def _base_environment(folder: Path) -> tuple[Path, Path]:
    """The base commit's files, and the Python of an environment that has it."""
    files, environment = folder / "base", folder / "environment"
    python = environment / "bin" / "python"
    if not python.exists():
        files.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(
            ["git", "archive", BASE], cwd=ROOT, capture_output=True, check=True
        )
        subprocess.run(["tar", "-x", "-C", files], input=archive.stdout, check=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-e", files], check=True)
    return files, python


if __name__ == "__main__":
    main()
