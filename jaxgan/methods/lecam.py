"""LeCam regularisation, Tseng et al. 2021 (arXiv:2104.03310), for limited data.

A regulariser keeps the logits of reals close to those of past fakes, and the other way
round, so that the discriminator cannot become ever more certain of the few reals that
it has memorised. It adds to the discriminator's loss

    lambda (E relu(D(x) - a_F)^2 + E relu(a_R - D(G(z)))^2),

where the anchors a_R and a_F are moving averages of the mean logits of reals and fakes.
The paper's equation has the squares without relu; the authors' code, like this one,
has it: a real that is judged less real than the average fake is not penalised.

The anchors here are averages over all earlier updates, because the mean of the current
batch would need all its devices and microbatches at once; the authors include it. As in
their TensorFlow code the decay is 0.99 from the first update on, and the average is
corrected for its start at 0. Their PyTorch code uses 0.9 after 1000 updates, and until
then the mean of the current batch alone.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from jaxgan.checks import InputError
from jaxgan.game import Game, Loss, Memory, Objective
from jaxgan.means import in_float32
from jaxgan.methods.derived import derived
from jaxgan.player import at
from jaxgan.turn import Nets, Turn
from jaxgan.typing import Array, Batch, Scalar, Schedule

_LOGITS = ("real_logit", "fake_logit")


def lecam(game: Game, weight: Scalar | Schedule = 0.3, decay: float = 0.99) -> Game:
    """Adds LeCam's regulariser to a game's discriminator loss.

    Args:
        game: a game whose objective "d" has the outputs "real_logit" and "fake_logit",
            ``[b ...]``; with patches, an example's term is the mean over its patches.
        weight: lambda, or a schedule of the images seen; 0.3 is the paper's for BigGAN
            on CIFAR. A loss whose logits have another scale needs another weight.
        decay: the share of the anchors that an update of the discriminator keeps, at
            least 0 and below 1.

    Returns:
        The same game with the regulariser added to the loss of "d", logged as its
        output "lecam", and with the anchors in the memory "lecam".

    Raises:
        InputError: for a game without an objective "d" or with the regulariser already;
            for a weight or a decay out of range; when the loss is traced, for missing
            outputs.

    Example:
        >>> import flax.linen as nn, jax, jaxgan, optax
        >>> gan = jaxgan.GAN(
        ...     generator=nn.Dense(2),
        ...     discriminator=nn.Dense(1),
        ...     g_optimizer=optax.sgd(0.1),
        ...     d_optimizer=optax.sgd(0.1),
        ... )
        >>> game = lecam(gan, weight=0.1)
        >>> key, batch = jax.random.key(0), {"image": jnp.ones((4, 2))}
        >>> state = jaxgan.init(game, key, batch)
        >>> step = jax.jit(jaxgan.make_update(game, "d"))
        >>> state, metrics = step(state, batch, key)
        >>> anchor = state.memory["lecam"]["real"] / state.memory["lecam"]["weight"]
        >>> print(bool(jnp.isclose(anchor, metrics["d_real_logit"])))
        True
    """
    if "d" not in game.objectives:
        raise InputError(
            'lecam regularises the logits of an objective "d", but the game has '
            f"{sorted(game.objectives)}."
        )
    if "lecam" in game.memory:
        raise InputError("The game has a LeCam regulariser already; wrap it once.")
    if isinstance(weight, int | float) and weight <= 0:
        raise InputError(
            f"lecam's weight must be positive, got {weight}. Leave lecam out instead."
        )
    if not 0 <= decay < 1:
        raise InputError(f"lecam's decay must be in [0, 1), got {decay}.")
    base = game.objectives["d"]
    regularised = Objective(players=base.players, loss=WithLeCam(base.loss, weight))
    return derived(
        game, objectives={"d": regularised}, memory={"lecam": anchors(decay)}
    )


@dataclasses.dataclass(frozen=True)
class WithLeCam:
    """A discriminator's loss plus the weighted regulariser.

    Attributes:
        loss: the loss of the objective.
        weight: lambda.
    """

    loss: Loss
    weight: Scalar | Schedule

    def __call__(self, nets: Nets, batch: Batch, turn: Turn):
        """Computes the loss ``[b]`` and its outputs."""
        loss, outputs = self.loss(nets, batch, turn)
        missing = [name for name in _LOGITS if name not in outputs]
        if missing:
            raise InputError(
                f'lecam needs the output {missing[0]!r} of the objective "d", which '
                f"has {sorted(outputs)}."
            )
        real, fake = (outputs[name] for name in _LOGITS)
        term = regulariser(real, fake, turn.memory["lecam"])
        loss = in_float32(loss) + at(self.weight, turn.images) * term
        return loss, {**outputs, "lecam": term}


def regulariser(
    real_logits: Array, fake_logits: Array, memory: Mapping[str, Array]
) -> Array:
    """Computes ``relu(D(x) - a_F)^2 + relu(a_R - D(G(z)))^2``, ``[b]``.

    Args:
        real_logits: the reals' logits, ``[b ...]``; an example's patches are averaged.
        fake_logits: the fakes' logits.
        memory: the value of the memory `anchors`. Before the first update there are no
            anchors, and the regulariser is 0.

    Example:
        >>> memory = {"real": jnp.array(1.0), "fake": jnp.array(-1.0), "weight": 1.0}
        >>> print(regulariser(jnp.array([1.0]), jnp.array([-1.0]), memory))
        [8.]
    """
    total = jnp.asarray(memory["weight"])
    known = total > 0
    real, fake = (memory[n] / jnp.where(known, total, 1.0) for n in ("real", "fake"))
    square = lambda gap: jnp.maximum(gap.reshape(len(gap), -1), 0.0) ** 2
    of_reals = square(in_float32(real_logits) - fake).mean(axis=1)
    of_fakes = square(real - in_float32(fake_logits)).mean(axis=1)
    return jnp.where(known, of_reals + of_fakes, 0.0)


def anchors(decay: float) -> Memory:
    """Makes a memory of moving averages of the mean logits, over all devices.

    Its value is ``{"real": r, "fake": f, "weight": w}``: sums in which an update has
    the weight ``(1 - decay) decay^age``, and w, the sum of these weights. So ``r / w``
    and ``f / w`` are averages without the bias of a start at 0.
    """

    def update(value: Any, outputs: Any, turn: Turn) -> dict[str, Array]:
        new = {"real": outputs["real_logit"], "fake": outputs["fake_logit"]}
        new = {**new, "weight": jnp.ones(())}
        return {n: decay * value[n] + (1 - decay) * new[n] for n in value}

    names = ("real", "fake", "weight")
    return Memory(
        init=lambda: {name: jnp.zeros(()) for name in names},
        update=update,
        after=("d",),
    )
