"""Compares values and gradients on this device with those of the CPU.

Losses, penalties, and one D-step and one G-step of several games run on the device in
float32 with matrix products of the highest precision, in float32 at the device's
default precision (TF32 on NVIDIA's cards), and in bfloat16. The reference runs on the
CPU in float64; in float32 at the highest precision where float64 would change the
random numbers (dropout's masks, the points of WGAN-GP and DRAGAN).

The error of an array is ``|a - r| / |R|`` in Euclidean norms, r being the reference and
R the largest array of its group (one player's gradients, say); the error of a part is
its largest one. An array that is small by cancellation, such as a bias's gradient, thus
counts by its effect on the step. The bounds allow for rounding, with a margin; a wrong
sign, a lost factor or a layer in too low a precision exceeds float32's bound.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.accelerator import games
from experiments.benchmarks.accelerator.plan import Figures, Parts, Plan
from jaxgan import GAN, divergences, init, losses, make_d_step, make_g_step, penalties
from jaxgan.typing import Batch

BOUNDS = {"highest": 1e-4, "default": 5e-2, "bfloat16": 2e-1}
"""The largest error of a step or a penalty, by precision."""

LOSS_BOUND = 1e-5
"""The largest error of a loss, which is float32 in all modes."""

_MODES: dict[str, tuple[Any, str | None]] = {
    "highest": (jnp.float32, "highest"),
    "default": (jnp.float32, None),
    "bfloat16": (jnp.bfloat16, None),
}
_RUNS_ONCE = {"xla_backend_optimization_level": 0}
_POINTS = (-4.0, 4.0, 41)  # logits

Groups = dict[str, Any]
"""Trees of arrays that are compared group by group, such as metrics and gradients."""

Subject = Callable[[Any], Groups]
"""A function from the dtype that networks compute in to the arrays to compare."""


def measure(plan: Plan) -> Parts:
    """Yields a part for the losses, and one for each penalty, game and precision."""
    yield "losses", verdict(loss_errors(LOSSES), LOSS_BOUND)
    for name, penalty in PENALTIES.items():
        plan.go_on()
        subject = of_penalty(penalty)
        yield from compare(f"penalty {name}", subject, float64=name in ("r1", "r2"))
    # Compiling takes most of the time: the quick form plays only one game.
    played = plan.pick(games.GAMES, games.GAMES, ("dropout",))
    for name in played:
        plan.go_on()
        subject = of_steps(games.GAMES[name], games.batch(name))
        yield from compare(name, subject, float64=name != "dropout")


def compare(name: str, subject: Subject, *, float64: bool) -> Parts:
    """Yields a part for each precision of `BOUNDS`."""
    expected = reference(subject, float64=float64)
    for mode, bound in BOUNDS.items():
        found = on_device(subject, mode)
        yield f"{name}, {mode}", verdict(errors(found, expected), bound)


def verdict(errors: Mapping[str, float], bound: float) -> Figures:
    """Returns the largest error, its array, and whether it is within the bound."""
    worst = max(errors, key=lambda name: errors[name])
    error = errors[worst]
    return {"error": error, "worst": worst, "bound": bound, "holds": error <= bound}


def reference(subject: Subject, *, float64: bool) -> Groups:
    """Computes the reference on the CPU, in float64 or in float32."""
    cpu = jax.devices("cpu")[0]
    dtype = jnp.float64 if float64 else jnp.float32
    exactly = jax.default_matmul_precision("highest")
    with jax.enable_x64(float64), jax.default_device(cpu), exactly:
        run = jax.jit(lambda: subject(dtype), compiler_options=_RUNS_ONCE)
        return jax.device_get(run())


def on_device(subject: Subject, mode: str) -> Groups:
    """Computes the same on the default device, in one of the modes of `BOUNDS`."""
    dtype, precision = _MODES[mode]
    with jax.default_matmul_precision(precision):
        return jax.device_get(jax.jit(lambda: subject(dtype))())


def errors(found: Groups, expected: Groups) -> dict[str, float]:
    """Returns the relative error of each array, by its path."""
    named: dict[str, float] = {}
    for group, tree in expected.items():
        leaves = jax.tree_util.tree_leaves_with_path({group: tree})
        others = jax.tree.leaves(found[group])
        largest = max((_norm(leaf) for _, leaf in leaves), default=0.0)
        for (path, leaf), other in zip(leaves, others, strict=True):
            apart = np.asarray(other, np.float64) - np.asarray(leaf, np.float64)
            error = _norm(apart) / (largest or 1.0)
            place = jax.tree_util.keystr(path, simple=True, separator=".")
            named[place] = error if np.isfinite(error) else np.inf
    return named


def _norm(array: Any) -> float:
    return float(np.linalg.norm(np.asarray(array, np.float64).ravel()))


def of_steps(make_gan: Callable[[Any], GAN], batch: Batch) -> Subject:
    """Returns the subject of a D-step and a G-step: metrics, gradients, statistics."""
    cpu = jax.devices("cpu")[0]
    with jax.default_device(cpu):  # the same weights everywhere
        state = jax.device_get(init(make_gan(jnp.float32), jax.random.key(0), batch))

    def subject(dtype: Any) -> Groups:
        gan, key = make_gan(dtype), jax.random.key(0)
        start, examples = jax.tree.map(jnp.asarray, (state, batch))
        d_state, d_metrics = make_d_step(gan)(start, examples, key)
        g_state, g_metrics = make_g_step(gan)(start, examples, key)
        d = d_state.players["discriminator"]
        g = g_state.players["generator"]
        return {
            "metrics": {**d_metrics, **g_metrics},
            "d_gradients": d.opt_state,
            "g_gradients": g.opt_state,
            "d_statistics": d.collections,
            "g_statistics": g.collections,
        }

    return subject


def of_penalty(penalty: penalties.Penalty) -> Subject:
    """Returns the subject of a penalty of a two-layer critic: values and gradients."""
    random = np.random.default_rng(0)
    draw = lambda *shape: random.normal(size=shape).astype(np.float32)
    weights = {"first": draw(16, 64) / 4, "second": draw(64) / 8}
    real, fake = draw(games.BATCH, 16), draw(games.BATCH, 16)

    def subject(dtype: Any) -> Groups:
        def values(weights: Any) -> jax.Array:
            def critic(x):  # [b i] -> [b]
                hidden = jnp.tanh(x.astype(dtype) @ weights["first"].astype(dtype))
                return hidden @ weights["second"].astype(dtype)

            points = jnp.asarray(real), jnp.asarray(fake)
            found = penalty(critic, *points, jax.random.key(0))
            return found.astype(jnp.promote_types(found.dtype, jnp.float32))

        arrays = jax.tree.map(jnp.asarray, weights)
        gradient = jax.grad(lambda weights: values(weights).mean())(arrays)
        return {"values": values(arrays), "gradients": gradient}

    return subject


def loss_errors(pairs: Mapping[str, losses.AdversarialLoss]) -> dict[str, float]:
    """Returns the errors of each loss and its slopes in both logits against float64."""
    subjects = {name: _of_loss(pair) for name, pair in pairs.items()}
    all_of = lambda dtype: {name: each(dtype) for name, each in subjects.items()}
    cpu = jax.devices("cpu")[0]
    with jax.enable_x64(True), jax.default_device(cpu):
        run = jax.jit(lambda: all_of(jnp.float64), compiler_options=_RUNS_ONCE)
        expected = jax.device_get(run())
    found = jax.device_get(jax.jit(lambda: all_of(jnp.float32))())
    return {
        f"{name}.{place}": error
        for name in pairs
        for place, error in errors(found[name], expected[name]).items()
    }


def _of_loss(pair: losses.AdversarialLoss) -> Subject:
    axis = np.linspace(*_POINTS)
    real, fake = (each.ravel() for each in np.meshgrid(axis, axis))

    def subject(dtype: Any) -> Groups:
        found = {}
        for half in ("discriminator", "generator"):
            function = getattr(pair, half)
            logits = jnp.asarray(real, dtype), jnp.asarray(fake, dtype)
            slopes = jax.grad(lambda r, f: function(r, f).sum(), (0, 1))(*logits)  # noqa: B023
            found[half] = {"value": function(*logits), "slopes": slopes}
        return found

    return subject


LOSSES: dict[str, losses.AdversarialLoss] = {
    "minimax": losses.minimax,
    "non_saturating": losses.non_saturating,
    "least_squares": losses.least_squares,
    "wasserstein": losses.wasserstein,
    "hinge": losses.hinge,
    "relativistic": losses.relativistic,
    **{each.name: losses.f_gan(each) for each in divergences.ALL},
}
"""The losses that are compared, by name."""

PENALTIES: dict[str, penalties.Penalty] = {
    "r1": penalties.r1,
    "r2": penalties.r2,
    "wgan_gp": penalties.wgan_gp(),
    "dragan": penalties.dragan(),
}
"""The penalties that are compared, by name."""
