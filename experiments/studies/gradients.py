"""The generator's gradients: saturating losses, disjoint supports, instance noise.

Claim. (a) Where fakes are recognised, the gradient of the minimax loss with respect to
the logit, -D, vanishes; that of the non-saturating one, D - 1, does not (Goodfellow et
al. 2014, arXiv:1406.2661, section 3). (b) Between two parallel lines at distance theta
the Jensen-Shannon divergence is log 2 and the Wasserstein distance is theta (Arjovsky
et al. 2017, arXiv:1701.07875, example 1): a trained D is perfect and its gradient
vanishes (Arjovsky & Bottou 2017, arXiv:1701.04862), a trained critic's value is theta,
plus theta^2 / (2 weight) due to the WGAN-GP penalty. (c) Gaussian noise on all that D
sees makes the divergence smooth (Sønderby et al. 2017, arXiv:1610.04490), and a line
that was stuck moves; noise that fades leaves it where it should be.
Expected: measured points on the closed-form curves. Takes minutes on two cores::

    python -m experiments.studies.gradients
"""

import dataclasses
from typing import Any, ClassVar, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from experiments.studies import lines
from experiments.studies import lines_theory as theory
from experiments.studies.plots import gradients as plots
from experiments.studies.plots import panels
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

LOGITS = np.linspace(-6, 6, 25)
HOW = ("grad", "g_step")
THETAS = np.array([0.0, 0.125, 0.25, 0.5, 1.0])
SIGMAS = np.array([0.0, 0.125, 0.25, 0.5])

Found: TypeAlias = dict[str, np.ndarray]
"""Measurements by name, as of `lines.waiting`; the last axes are [seed time]."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(StudyConfig):
    """The trained discriminators and the lines that move."""

    study: ClassVar[str] = "gradients"

    # Seeds of each setting; 2 when quick.
    members: int = 16
    # Discriminator updates against a fixed line, in hundreds; 1 when quick.
    hundreds: int = 20
    # Generator updates of a line that moves; 20 when quick.
    steps: int = 2000
    # Discriminator updates for each generator update.
    d_steps: int = 5
    # SGD's learning rate for the moving line.
    g_rate: float = 0.02
    # Initial standard deviation of the moving line's instance noise.
    sigma: float = 0.5


def derivatives() -> dict[str, dict[str, np.ndarray]]:
    """Computes abs(dL/dlogit) at LOGITS: in closed form, by `jax.grad`, by g_step."""
    sigmoid = 1 / (1 + np.exp(-LOGITS))
    closed = {"minimax": sigmoid, "non-saturating": 1 - sigmoid}
    found = {}
    for name, exact in closed.items():
        loss = lines.HALVES[name]
        half = lambda f, loss=loss: loss.generator(f[None], f[None])[0]
        logits = jnp.asarray(LOGITS, jnp.float32)
        by_grad = abs(jax.vmap(jax.grad(half))(logits))
        by_step = jax.jit(
            jax.vmap(lambda x, loss=loss: lines.told_by_identity(loss, x))
        )
        found[name] = {
            "D": sigmoid,
            "closed": exact,
            "grad": np.asarray(by_grad),
            "g_step": np.asarray(by_step(logits)),
        }
    return found


def run(config: Config, parts: Parts) -> Outcome:
    """Runs the study."""
    if config.quick:
        config = dataclasses.replace(config, members=2, hundreds=1, steps=20)
    told, (gan, critic), moved = derivatives(), _waiting(config, parts), {}
    for name in ("minimax", "non-saturating"):
        moved[name] = np.array(parts.get(name, lambda name=name: _moving(config, name)))
    return Outcome(
        protocol=(
            f"{config.members} seeds a setting, batches of 128, D of two layers of 32. "
            f"Waiting lines: {100 * config.hundreds:,} updates of D (Adam, 5e-3 "
            "falling to 0), judged on 2,048 fresh points of each line. Moving lines "
            f"start at 1: {config.steps:,} steps of SGD, {config.g_rate:g}, each after "
            f"{config.d_steps} of D (Adam, 2e-3). The noise has standard deviation "
            f"{config.sigma:g}; where it fades, it is gone after three quarters."
        ),
        tables=[_of_distances(gan, critic), _of_noise(gan), _of_moves(moved)],
        claims=_claims(told, gan, critic, moved),
        figure=panels.figure(
            plots.all_panels(
                told, THETAS, SIGMAS, gan, critic, moved, steps=config.steps
            ),
            columns=3,
        ),
    )


def _waiting(config: Config, parts: Parts) -> list[dict[str, np.ndarray]]:
    members = seeds(config, config.members)
    results = []
    for name, sigmas in (("GAN", SIGMAS), ("WGAN-GP", SIGMAS[:1])):
        found = parts.get(
            name,
            lambda name=name, sigmas=sigmas: lines.waiting(
                name, members, THETAS, sigmas, hundreds=config.hundreds
            ),
        )
        results.append({key: np.array(values) for key, values in found.items()})
    return results


def _moving(config: Config, name: str) -> list[Any]:
    return lines.moving(
        name,
        seeds(config, config.members),
        config.sigma,
        g_rate=config.g_rate,
        steps=config.steps,
        d_steps=config.d_steps,
    )


def _of_distances(gan: Found, critic: Found) -> Table:
    header = ["distance", "KL", "JSD", "JSD by D", "W1", "W1 by WGAN-GP", "its optimum"]
    rows = []
    for i, theta in enumerate(THETAS[1:], start=1):
        exact, best = theory.distances(theta), float(theory.critic_value(theta))
        by_d, by_critic = gan["jsd"][0, i, :, -1], critic["w"][0, i, :, -1]
        row = [exact["kl"], exact["jsd"], spread(by_d), exact["w"], spread(by_critic)]
        rows.append([float(theta), *row, best])
    return Table(header, rows)


def _of_noise(gan: Found) -> Table:
    header = ["noise", "distance", "JSD", "JSD by D", "gradient of D*", "minimax by D"]
    rows = [
        [float(sigma), float(theta), theory.noisy_jsd(theta, sigma),
         spread(gan["jsd"][s, t, :, -1]), theory.noisy_gradient(theta, sigma),
         spread(gan["minimax"][s, t, :, -1])]
        for s, sigma in enumerate(SIGMAS)
        for t, theta in enumerate(THETAS)
        if theta > 0
    ]  # fmt: skip
    return Table(header, rows)


def _of_moves(moved: Found) -> Table:
    rows = [
        [name, noise, spread(values[:, -1])]
        for name, by_noise in moved.items()
        for noise, values in zip(lines.NOISES, by_noise, strict=True)
    ]
    return Table(["loss", "noise", "distance at the end, from 1"], rows)


def _claims(told: Any, gan: Found, critic: Found, moved: Found) -> list[Claim]:
    """Returns the claims, each on the median over seeds at the worst setting."""
    apart = THETAS[1:]
    exact = [theory.distances(theta) for theta in apart]
    at = lambda function: np.array([[function(t, s) for t in THETAS] for s in SIGMAS])
    jsd = _final(gan["jsd"]) - at(theory.noisy_jsd)
    slope = _final(gan["minimax"]) - at(theory.noisy_gradient)
    ratio = _final(critic["w"])[0, 1:] / theory.critic_value(apart)
    off = [found["closed"] - found[how] for found in told.values() for how in HOW]
    left = _final(moved["minimax"])
    found = {
        "gradients by the logit off their closed forms, < 1e-5": off,
        "theory's JSD off log 2, < 1e-6": [d["jsd"] - np.log(2) for d in exact],
        "theory's W1 off the distance, < 1e-6": [d["w"] for d in exact] - apart,
        "JSD by a trained D off log 2, < 0.02 nats": jsd[0, 1:],
        "minimax gradient of a trained D, < 0.02": slope[0, 1:],
        "value of a trained critic off its optimum, relative, < 0.05": ratio - 1,
        "JSD by a trained D under noise off quadrature, < 0.02 nats": jsd[1:],
        "minimax gradient under noise off that of D*, < 0.1": slope[1:],
        "distance that fading noise leaves, minimax, < 0.1": left[2],
        "distance covered without noise, minimax, < 0.5": 1 - left[0],
    }
    claims = []
    for text, values in found.items():
        worst = float(np.abs(values).max())
        limit = float(text.split("< ")[1].split()[0])
        claims.append(Claim(text, worst, worst < limit))
    return claims


def _final(values: np.ndarray) -> np.ndarray:
    """Returns the medians over seeds at the end, of [... seed time]."""
    return np.median(values[..., -1], axis=-1)


if __name__ == "__main__":
    main(Config, run)
