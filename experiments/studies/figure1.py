"""Figure 1 of the 2014 paper from a trained game: densities, D(x) and the map of z.

Claim (Goodfellow et al. 2014, arXiv:1406.2661, proposition 1 and theorem 1). For a
fixed generator the best discriminator is D* = p / (p + p_g); where Algorithm 1 has
converged, p_g = p and D = 1/2. Expected, as medians over seeds: a D that trains further
against a fixed generator comes within 0.02 of D*, on average over the data, at every
chosen update; at the end the Jensen-Shannon divergence is below 0.01 nats and D within
0.02 of 1/2. Takes minutes on two cores; also writes ``figure1.gif``::

    python -m experiments.studies.figure1

The data are a mixture of two Gaussians on a line, z is N(0, 1), both players are
multi-layer perceptrons. The generator's density needs no samples: it is continuous on a
line, so a fine grid cuts z into equal masses, each spread evenly between the points
that its two ends are mapped to.
"""

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float
from scipy import special, stats

import jaxgan
from experiments.studies.plots import figure1 as plots
from experiments.studies.study import (
    Claim,
    Outcome,
    Parts,
    StudyConfig,
    Table,
    main,
    seeds,
    spread,
)
from jaxgan import keys, losses, population, sampling, scan
from jaxgan.theory import densities
from jaxgan.update import with_params

DATA = densities.mixture([[-0.5], [0.9]], std=[0.45, 0.35], weights=[3, 2])
# Bins of 0.02; the two beyond the ends hold what an early generator puts there.
EDGES = np.concatenate([[-np.inf], np.linspace(-3, 3, 301), [np.inf]])
MIDDLES = (EDGES[1:-2] + EDGES[2:-1]) / 2
WIDTH = 0.02
# Quantiles of N(0, 1), so that the same mass lies between any two neighbours.
LATENTS = stats.norm.ppf(np.linspace(1e-6, 1 - 1e-6, 2001))
ARROWS = stats.norm.ppf(np.linspace(0.01, 0.99, 25))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(StudyConfig):
    """The game and how it is judged."""

    study: ClassVar[str] = "figure1"

    # Generator updates; 40 when quick.
    steps: int = 3000
    # Discriminator updates for each generator update, the paper's k.
    d_steps: int = 4
    # Further updates of D alone, against a fixed generator; 40 when quick.
    d_alone: int = 4000
    # Examples of one update.
    batch_size: int = 256
    # Units of each of the two hidden layers.
    width: int = 32
    # Adam's initial learning rate; it decays to 0 along a cosine.
    learning_rate: float = 2e-3
    # Frames of the animation; 8 when quick.
    frames: int = 60
    # Number of seeds; 2 when quick.
    members: int = 16


class Curve(nn.Module):
    """A smooth function on a line.

    Its first units bend at random places. With initial biases of 0, as in `nets.mlp`,
    they would all bend at 0, and a line has no other direction to bend in.
    """

    shape: tuple[int, ...]
    width: int
    gain: float

    @nn.compact
    def __call__(self, x):
        spread = nn.initializers.normal(self.gain)
        x = nn.tanh(nn.Dense(self.width, kernel_init=spread, bias_init=spread)(x))
        x = nn.tanh(nn.Dense(self.width)(x))
        return nn.Dense(1)(x).reshape(-1, *self.shape)


def make_gan(config: Config, d_updates: int) -> jaxgan.GAN:
    """Returns the game; D's learning rate decays over ``d_updates``."""

    def adam(updates):
        rate = optax.cosine_decay_schedule(config.learning_rate, updates)
        return optax.adam(rate, b1=0.5, b2=0.99)

    return jaxgan.GAN(
        generator=Curve((1,), config.width, 1.0),
        discriminator=Curve((), config.width, 2.0),
        loss=losses.non_saturating,
        g_optimizer=adam(config.steps),
        d_optimizer=adam(d_updates),
        latent_dim=1,
    )


def masses(x: Float[Array, " z"], edges: Float[Array, " e"]) -> Float[Array, " e-1"]:
    """Computes the mass of each bin if neighbours in x have equal masses between them.

    Args:
        x: where G maps `LATENTS`; G is taken as linear between neighbours.
        edges: the edges of the bins.
    """
    low, high = jnp.minimum(x[:-1], x[1:]), jnp.maximum(x[:-1], x[1:])
    length = jnp.maximum(high - low, 1e-9)
    below = (edges[:, None] - low[None]) / length[None]
    # Rounding may make a mean fall where it should stay.
    return jnp.maximum(jnp.diff(jnp.clip(below, 0, 1).mean(axis=1)), 0)


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Computes the JSD of binned masses in nats, over the last axis.

    Differences within a bin are not seen.
    """
    middle = (p + q) / 2
    return (special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum(-1) / 2


def data_masses() -> np.ndarray:
    """Returns the data's mass in each bin."""
    weights, means = np.exp(DATA.log_weights), np.asarray(DATA.means)[:, 0]
    cdf = stats.norm.cdf(EDGES[:, None], means, np.asarray(DATA.scales)[:, 0, 0])
    return np.maximum(np.diff(cdf @ weights), 0)  # or -1e-17 by rounding


def draw(config: Config, count: int, key: Any, step: Any) -> dict[str, Array]:
    """Draws the batches of one step, ``count`` of them."""
    points = DATA.sample(keys.stream(key, "data", step), count * config.batch_size)
    return {"image": points.reshape(count, config.batch_size, 1)}


def look(gan: jaxgan.GAN, state: jaxgan.GameState, key: Any) -> dict[str, Any]:
    """Measures a game at one moment; keeps its parameters, to train D on later."""
    generate = lambda z: sampling.generate(
        gan, state.players["generator"].variables, jnp.asarray(z, jnp.float32)[:, None]
    )
    return {
        "model": masses(generate(LATENTS)[:, 0], jnp.asarray(EDGES, jnp.float32)),
        "judged": _judge(gan, state),
        "mapped": generate(ARROWS)[:, 0],
        "params": {name: player.params for name, player in state.players.items()},
    }


def _judge(gan: jaxgan.GAN, state: jaxgan.GameState) -> Array:
    middles = jnp.asarray(MIDDLES, jnp.float32)[:, None]
    variables = state.players["discriminator"].variables
    logits = gan.discriminator.apply(variables, middles)
    return jax.nn.sigmoid(jnp.asarray(logits))


def train_alone(config: Config, updates: int, params: Any, key: Any) -> Array:
    """Returns D at the bins after further training against a fixed generator."""
    gan = make_gan(config, updates)
    # Twice the batch: what is left of D's error is the noise of its gradients.
    data = lambda step: {"image": draw(config, 2, key, step)["image"].reshape(-1, 1)}
    state = jaxgan.init(gan, key, data(0))
    state = with_params(state, params)
    d_step = jaxgan.make_d_step(gan)
    return _judge(gan, scan.play(d_step, state, data, key, steps=updates)[0])


def play(config: Config) -> dict[str, Any]:
    """Plays all seeds; keeps the curves of the one with (lower) median final JSD."""
    members = seeds(config, config.members)
    chosen = np.unique(np.geomspace(1, config.frames, 5).round().astype(int)) - 1
    trained = population.train(
        lambda: make_gan(config, config.steps * config.d_steps),
        members,
        {},
        lambda key, step: draw(config, config.d_steps, key, step),
        steps=config.steps,
        d_steps=config.d_steps,
        every=config.steps // config.frames,
        measure=look,
    )
    seen = dict(trained.measures)
    alone = lambda params, key: train_alone(config, config.d_alone, params, key)
    params = jax.tree.map(lambda leaf: leaf[:, chosen], seen.pop("params"))
    best = jax.jit(jax.vmap(jax.vmap(alone, (0, None))))(params, members)
    seen = {name: np.asarray(values, np.float64) for name, values in seen.items()}
    p, best = data_masses(), np.asarray(best, np.float64)
    jsd = jensen_shannon(p, seen["model"])
    shown = int(np.argsort(jsd[:, -1])[(config.members - 1) // 2])
    inner = p[1:-1]
    model = seen["model"][:, chosen, 1:-1]
    optimum = inner / np.maximum(inner + model, 1e-30)
    return {
        "updates": (
            (np.arange(config.frames) + 1) * config.steps // config.frames
        ).tolist(),
        "chosen": chosen.tolist(),
        "jsd": jsd.tolist(),
        "undecided": (inner * abs(seen["judged"] - 0.5)).sum(axis=-1).tolist(),
        "error": (inner * abs(best - optimum)).sum(axis=-1).tolist(),
        "error before": (inner * abs(seen["judged"][:, chosen] - optimum))
        .sum(axis=-1)
        .tolist(),
        "shown": shown,
        "best": best[shown].tolist(),
        "curves": {name: values[shown].tolist() for name, values in seen.items()},
    }


def run(config: Config, parts: Parts) -> Outcome:
    """Runs the study."""
    if config.quick:
        config = dataclasses.replace(config, steps=40, d_alone=40, frames=8, members=2)
    found = parts.get("game", lambda: play(config))
    stage, moments = _moments(found)
    jsd, undecided = np.array(found["jsd"]), np.array(found["undecided"])
    error, before = np.array(found["error"]), np.array(found["error before"])
    rows = [
        [
            found["updates"][t],
            *map(spread, (before[:, i], error[:, i], jsd[:, t], undecided[:, t])),
        ]
        for i, t in enumerate(found["chosen"])
    ]
    header = ["update", "mean of abs(D - D*)", "the same, D trained on"]
    header += ["JSD (nats)", "mean of abs(D - 1/2)"]
    return Outcome(
        protocol=(
            f"{config.members} seeds; {config.steps} generator updates with k = "
            f"{config.d_steps}, batches of {config.batch_size}, non-saturating loss, "
            f"Adam {config.learning_rate:g} falling to 0. D trained on: "
            f"{config.d_alone} more of twice the batch while the generator waits. "
            "Means are over the data; densities are masses in bins of 0.02, the "
            "generator's from 2,000 equal masses of z. The picture and figure1.gif "
            f"show seed {config.seed + found['shown']}, whose final JSD is the median."
        ),
        tables=[Table(header, rows)],
        claims=_claims(error, jsd[:, -1], undecided[:, -1]),
        figure=plots.strip(stage, [moments[t] for t in found["chosen"]]),
        files={
            "figure1.gif": plots.animation(
                stage, [dataclasses.replace(moment, best=None) for moment in moments]
            )
        },
    )


def _claims(error: np.ndarray, jsd: np.ndarray, undecided: np.ndarray) -> list[Claim]:
    found = {
        "trained D off D*, mean over the data, at the worst update": (error, 0.02),
        "final JSD in nats": (jsd, 0.01),
        "final D off 1/2, mean over the data": (undecided, 0.02),
    }
    claims = []
    for text, (values, limit) in found.items():
        median = float(np.median(values, axis=0).max())
        text = f"{text}, median over seeds, < {limit:g}"
        claims.append(Claim(text, median, median < limit))
    return claims


def _moments(found: dict[str, Any]) -> tuple[plots.Stage, list[plots.Moment]]:
    """Returns what the picture shows of the median seed."""
    best = dict(zip(found["chosen"], found["best"], strict=True))
    curves = {name: np.array(values) for name, values in found["curves"].items()}
    moments = [
        plots.Moment(
            update=update,
            model=curves["model"][t, 1:-1] / WIDTH,
            judged=curves["judged"][t],
            mapped=curves["mapped"][t],
            best=np.array(best[t]) if t in best else None,
        )
        for t, update in enumerate(found["updates"])
    ]
    return plots.Stage(MIDDLES, data_masses()[1:-1] / WIDTH, ARROWS), moments


if __name__ == "__main__":
    main(Config, run)
