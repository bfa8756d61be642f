"""Gradient descent on games: it converges, circles or diverges, as theory predicts.

Claim. On the bilinear game and on the Dirac-GAN, both with an equilibrium at the
origin, updates near it do what the eigenvalues of their linearisation predict:
simultaneous descent spirals away; alternating descent (Algorithm 1) circles forever;
optimistic and extragradient updates (Daskalakis et al. 2018, arXiv:1711.00141; Gidel et
al. 2019, arXiv:1802.10551), consensus optimisation (Mescheder et al. 2017,
arXiv:1705.10461) and R1 (Mescheder et al. 2018, arXiv:1801.04406) converge. Expected:
per step the distance shrinks or grows by the spectral radius, within 1e-3, and jaxgan's
own steps of every kind match the exact ones, each within 1e-5. Under a minute on two
cores::

    python -m experiments.studies.dynamics
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxgan
from experiments.studies import study
from experiments.studies.plots import dynamics as plots
from experiments.studies.study import Claim, Outcome, Parts, StudyConfig, Table, spread
from jaxgan import losses, make_train_step, penalties, population
from jaxgan.simultaneous import (
    make_consensus_step,
    make_extragradient_step,
    make_simultaneous_step,
)
from jaxgan.theory import games
from jaxgan.update import Step

# Starts this close feel only the linear part of the field, even if they end farther.
_NEAR = 1e-12


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(StudyConfig):
    """The updates, and how they are measured."""

    study: ClassVar[str] = "dynamics"

    # The learning rate of both players.
    rate: float = 0.4
    # R1's gamma.
    gamma: float = 0.5
    # Consensus optimisation's weight.
    weight: float = 0.5
    # Updates of each run; 200 when quick.
    steps: int = 1000
    # Random starts; 4 when quick.
    starts: int = 32


@dataclasses.dataclass(frozen=True)
class Setting:
    """A game, and the s of its field's eigenvalues ±i s at the origin."""

    make: Callable[..., games.Game]
    slope: float


SETTINGS = {
    "bilinear": Setting(lambda gamma: games.bilinear([[1.0]], gamma=gamma), 1.0),
    "Dirac-GAN": Setting(lambda gamma: games.dirac_gan(gamma=gamma), 0.5),
}
RULES = {
    "simultaneous": games.simultaneous,
    "alternating": games.alternating,
    "optimistic": games.optimistic,
    "extragradient": games.extragradient,
    "consensus": games.consensus,
    "R1, simultaneous": games.simultaneous,
    "R1, alternating": games.alternating,
}


def gamma_of(config: Config, update: str) -> float:
    """Returns R1's weight in an update: the config's if its name has R1, else 0."""
    return config.gamma if update.startswith("R1") else 0.0


def method(config: Config, setting: Setting, update: str) -> games.Method:
    """Returns an update rule on its game."""
    knobs = {"weight": config.weight} if update == "consensus" else {}
    game = setting.make(gamma_of(config, update))
    return RULES[update](game, rate=config.rate, **knobs)


def radius(config: Config, slope: float, update: str) -> float:
    """Computes the spectral radius in closed form, for rate s <= 1/2 and gamma < 2 s.

    Then all eigenvalues come in complex pairs; those of 2 x 2 matrices have the root of
    the determinant as their modulus.
    """
    k, damping = config.rate * slope, config.rate * config.gamma
    squared = {
        "simultaneous": 1 + k**2,
        "alternating": 1.0,
        "optimistic": (1 + np.sqrt(1 - 4 * k**2)) / 2,
        "extragradient": 1 - k**2 + k**4,
        "consensus": (1 - config.rate * config.weight * slope**2) ** 2 + k**2,
        "R1, simultaneous": 1 - damping + k**2,
        "R1, alternating": 1 - damping,
    }
    return float(np.sqrt(squared[update]))


def fate(factor: float, *, margin: float) -> str:
    """Returns what a factor per step leads to."""
    moves = "converges" if factor < 1 else "diverges"
    return "circles" if abs(factor - 1) <= margin else moves


def paths(rule: games.Method, starts: np.ndarray, steps: int) -> np.ndarray:
    """Returns the points from every start [n 2], in float64: shape [n steps + 1 2]."""

    def one(start):
        point = (start[:1], start[1:])
        return jnp.concatenate(games.trajectory(rule, point, steps=steps), axis=1)

    with jax.enable_x64(True):
        return np.asarray(jax.jit(jax.vmap(one))(jnp.asarray(starts, jnp.float64)))


def contraction(path: np.ndarray) -> np.ndarray:
    """Fits the factor per step to each path's second half, by least squares, [n]."""
    distance = np.linalg.norm(path, axis=-1)
    half = distance.shape[1] // 2
    t = np.arange(distance.shape[1])[half:]
    return np.exp(np.polyfit(t, np.log(distance[:, half:]).T, 1)[0])


def spectrum(rule: games.Method) -> np.ndarray:
    """Returns the eigenvalues of an update's linearisation at the origin."""
    with jax.enable_x64(True):
        origin = (jnp.zeros(1, jnp.float64), jnp.zeros(1, jnp.float64))
        return games.eigenvalues(rule.step, rule.start(origin))


class Dirac(nn.Module):
    """The Dirac-GAN's generator: one point, whatever the latent."""

    @nn.compact
    def __call__(self, z, condition=None, *, train):
        point = self.param("point", nn.initializers.normal(1.0), (1,), jnp.float32)
        return jnp.broadcast_to(point, (z.shape[0], 1))


class Slope(nn.Module):
    """The Dirac-GAN's discriminator, D(x) = d x."""

    @nn.compact
    def __call__(self, x, condition=None, *, train):
        return x @ self.param("slope", nn.initializers.normal(1.0), (1,), jnp.float32)


def step_of(config: Config, update: str) -> Callable[..., Step]:
    """Returns jaxgan's maker of an update's step, a function of the game."""
    if update == "consensus":
        return functools.partial(make_consensus_step, weight=config.weight)
    steps = {
        "alternating": make_train_step,
        "R1, alternating": make_train_step,
        "extragradient": make_extragradient_step,
    }
    return steps.get(update, make_simultaneous_step)


def paths_of_jaxgan(config: Config, update: str, keys: Any, steps: int) -> np.ndarray:
    """Returns the paths of jaxgan's steps on the Dirac-GAN, from each key, [n t 2]."""
    optimistic = update == "optimistic"
    descent = optax.optimistic_gradient_descent if optimistic else optax.sgd
    gamma = gamma_of(config, update)
    gan = jaxgan.GAN(
        generator=Dirac(),
        discriminator=Slope(),
        loss=losses.minimax,
        penalties=((gamma / 2, penalties.r1),) if gamma else (),
        g_optimizer=descent(config.rate),
        d_optimizer=descent(config.rate),
        latent_dim=1,
    )

    def point(state):
        players = state.players["generator"], state.players["discriminator"]
        return jnp.concatenate(jax.tree.leaves([p.params for p in players]))

    data = {"image": jnp.zeros((1, 1))}
    trained = population.train(
        lambda: gan,
        keys,
        {},
        lambda key, step: {"image": data["image"][None]},
        steps=steps,
        make_step=step_of(config, update),
        every=1,
        measure=lambda gan, state, key: point(state),
    )
    starts = jax.vmap(lambda key: point(jaxgan.init(gan, key, data)))(keys)
    return np.asarray(jnp.concatenate([starts[:, None], trained.measures], axis=1))


def run(config: Config, parts: Parts) -> Outcome:
    """Runs the study."""
    steps, count = (200, 4) if config.quick else (config.steps, config.starts)
    keys = study.seeds(config, count)
    ours = {u: paths_of_jaxgan(config, u, keys, steps) for u in RULES}
    starts = ours["alternating"][:, 0]
    watched = {
        name: {u: watch(config, name, u, starts, steps) for u in RULES}
        for name in SETTINGS
    }
    rows = [row for by_update in watched.values() for row in by_update.values()]
    return Outcome(
        protocol=(
            f"{count} random starts of N(0, 1), drawn by jaxgan.init; {steps} updates "
            f"of rate {config.rate:g} in float64, R1's gamma {config.gamma:g}, "
            f"consensus weight {config.weight:g}. The factor per step is the slope of "
            f"the log of the distance over the second half, from the same starts at "
            f"the distance {_NEAR:g}, where theory applies; the growth is that of the "
            "distance from the random starts, where it promises nothing."
        ),
        tables=[_table(rows)],
        claims=_claims(rows, apart(config, ours)),
        figure=plots.figure(
            {
                name: {u: play(config, row) for u, row in by_update.items()}
                for name, by_update in watched.items()
            }
        ),
    )


def watch(
    config: Config, name: str, update: str, starts: np.ndarray, steps: int
) -> dict[str, Any]:
    """Returns theory and measurement for one update on one game."""
    setting = SETTINGS[name]
    rule = method(config, setting, update)
    roots = spectrum(rule)
    near = _NEAR * starts / np.linalg.norm(starts, axis=1, keepdims=True)
    found = paths(rule, np.concatenate([near, starts, [[1.0, 0.0]]]), steps)
    close, far = np.split(found[:-1], 2)
    theory, measured = radius(config, setting.slope, update), contraction(close)
    distance = np.linalg.norm(far[:, [0, -1]], axis=-1)
    return {
        "game": name,
        "update": update,
        "theory": theory,
        "roots": roots,
        "by jvp": float(abs(roots).max()),
        "measured": measured,
        "fate": fate(theory, margin=1e-9),
        "fates": [fate(factor, margin=1e-3) for factor in measured],
        "growth": np.log10(distance[:, 1] / distance[:, 0]),
        "shown": found[-1, :61],
    }


def apart(config: Config, ours: dict[str, np.ndarray]) -> float:
    """Returns the largest error of any of jaxgan's steps on paths [n t 2].

    Errors are relative to the larger of 1 and the point's distance from the origin, as
    simultaneous steps lead far away. Optimistic steps remember the previous gradient,
    so they are compared over paths of 20 steps, as far as single precision lasts.
    """
    off = []
    for update, path in ours.items():
        rule = method(config, SETTINGS["Dirac-GAN"], update)
        if update == "optimistic":
            exact, end = paths(rule, path[:, 0], 20)[:, 1:], path[:, 1:21]
        else:
            start, end = (part.reshape(-1, 2) for part in (path[:, :-1], path[:, 1:]))
            exact = paths(rule, start, 1)[:, 1]
        far = np.maximum(1.0, np.linalg.norm(exact, axis=-1))
        off.append((np.linalg.norm(exact - end, axis=-1) / far).max())
    return float(max(off))


def play(config: Config, row: dict[str, Any]) -> plots.Play:
    """Returns what the picture shows of one update on a game: 60 steps from (1, 0)."""
    field = streams(row["game"], gamma_of(config, row["update"]))
    return plots.Play(row["shown"], field, row["roots"])


@functools.cache  # most updates play the same game
def streams(name: str, gamma: float) -> np.ndarray:
    """Computes a game's field at the points of the picture."""
    game = SETTINGS[name].make(gamma)
    grid = jnp.stack(jnp.meshgrid(plots.SIDE, plots.SIDE), axis=-1)
    at = lambda x: jnp.concatenate(games.field(game, (x[:1], x[1:])))
    return np.asarray(jax.jit(jax.vmap(jax.vmap(at)))(grid))


def _claims(rows: list[dict[str, Any]], apart: float) -> list[Claim]:
    agree = float(np.mean([row["fate"] == f for row in rows for f in row["fates"]]))
    off = float(max(abs(np.median(row["measured"]) - row["theory"]) for row in rows))
    jvp = max(abs(row["by jvp"] - row["theory"]) for row in rows)
    return [
        Claim("share of the runs that do as theory says, 1", agree, agree == 1),
        Claim("median factor off the spectral radius, < 1e-3", off, off < 1e-3),
        Claim("spectral radius by jvp off the closed form, < 1e-6", jvp, jvp < 1e-6),
        Claim("jaxgan's own steps off the exact ones, < 1e-5", apart, apart < 1e-5),
    ]


def _table(rows: list[dict[str, Any]]) -> Table:
    header = ["game", "update", "spectral radius", "by jvp", "factor per step"]
    header += ["log10 of the growth", "theory says", "runs that do"]
    lines = []
    for row in rows:
        radii = row["theory"], row["by jvp"], np.median(row["measured"])
        kept = f"{row['fates'].count(row['fate'])} of {len(row['fates'])}"
        line = [row["game"], row["update"], *(f"{radius:.5f}" for radius in radii)]
        lines.append([*line, spread(row["growth"]), row["fate"], kept])
    return Table(header, lines)


if __name__ == "__main__":
    study.main(Config, run)
