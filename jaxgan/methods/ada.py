"""Adaptive discriminator augmentation, Karras et al. 2020 (arXiv:2006.06676).

Every image that the discriminator sees, real or fake, is transformed with a probability
p, so that overfitting to few images sets in later. While p is below about 0.8, the
generator still learns to make untransformed images (section 2.2). The discriminator
determines p. With

    r_t = E sign(D(x))    over the reals of the last four batches, eq. 1,

which is 0 if it only guesses and 1 if it has memorised its reals,

    p <- clip(p + sign(r_t - 0.6) images / 500 000, 0, 1)

after that many images. (The paper clips at 0 only; its code lets p grow above 1.)

The transformations are in `jaxgan.methods.ada_transforms`. `augmented` applies them
with a probability that is given or follows a schedule.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.checks import InputError
from jaxgan.game import Memory
from jaxgan.means import in_float32
from jaxgan.methods.ada_transforms import (
    BGC,
    Group,
    Transform,
    flip,
    shift,
    transformed,
)
from jaxgan.player import at
from jaxgan.turn import Turn
from jaxgan.typing import Array, Key, Scalar, Schedule
from jaxgan.view import Augment

__all__ = ["Group", "Transform", "ada", "augmented", "flip", "shift", "transformed"]


def ada(
    *,
    target: float = 0.6,
    speed_images: float = 500_000,
    every: int = 4,
    transforms: tuple[Transform | Group, ...] = BGC,
) -> Augment:
    """Makes an augmentation whose probability adapts to the discriminator.

    It needs a loss whose logits are positive for "real", and a game whose objective "d"
    has an output "real_logit". With patches, each has its own sign.

    Args:
        target: the r_t that p is adapted to reach.
        speed_images: number of the discriminator's images that can take p from 0 to 1.
        every: number of updates of the discriminator per update of p.
        transforms: applied one after another, each with probability p; a `Group`
            makes several draws itself. By default those that the paper trains with,
            for images ``[h w c]`` of one channel or three.

    Returns:
        The view, and its memory: ``{"p": ..., "signs": ...}``, p and the sum of r_t
        since p last changed.

    Raises:
        InputError: if ``speed_images`` or ``every`` is not positive.

    Example:
        >>> import flax.linen as nn, jaxgan, optax
        >>> class Judge(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x):
        ...         return nn.Dense(1)(x.reshape(len(x), -1))[:, 0]
        >>> gan = jaxgan.GAN(
        ...     generator=nn.DenseGeneral((8, 8, 1)),
        ...     discriminator=Judge(),
        ...     g_optimizer=optax.adam(1e-3),
        ...     d_optimizer=optax.adam(1e-3),
        ...     augment=ada(speed_images=100_000),
        ... )
        >>> batch = {"image": jnp.zeros((4, 8, 8, 1))}
        >>> state = jaxgan.init(gan, jax.random.key(0), batch)
        >>> print(state.memory["augment"]["p"])
        0.0
    """
    if speed_images <= 0 or every < 1:
        raise InputError(
            f"ada needs speed_images and every above 0, got {speed_images} and {every}."
        )

    def view(x: Array, keys: Key, turn: Turn) -> Array:
        p = turn.memory["augment"]["p"]
        return jax.vmap(functools.partial(transformed, transforms, p))(keys, x)

    def update(value: Any, outputs: Any, turn: Turn) -> dict[str, Array]:
        signs = value["signs"] + jnp.sign(in_float32(outputs["real_logit"])).mean()
        due = (turn.draws.step + 1) % every == 0
        images = every * len(turn.draws.index)
        step = jnp.sign(signs / every - target) * (images / speed_images)
        p = jnp.where(due, jnp.clip(value["p"] + step, 0.0, 1.0), value["p"])
        return {"p": p, "signs": jnp.where(due, 0.0, signs)}

    memory = Memory(
        init=lambda: {"p": jnp.zeros(()), "signs": jnp.zeros(())},
        update=update,
        after=("d",),
        whole=("real_logit",),
    )
    return Augment(view=view, memory=memory)


def augmented(
    p: Scalar | Schedule, transforms: tuple[Transform | Group, ...] = BGC
) -> Augment:
    """Makes an augmentation with a given probability.

    Args:
        p: the probability, or a schedule of the images seen; R3GAN's rises along a
            cosine, for CIFAR-10 from 0 to 0.55 over 20 million images.
        transforms: as for `ada`.

    Raises:
        InputError: for a number that is not a probability.

    Example:
        >>> from jaxgan.methods.ada_transforms import R3GAN
        >>> from jaxgan.methods.r3gan import Cosine
        >>> augment = augmented(Cosine(0.0, 0.55, burn_in=20e6), R3GAN)
    """
    if isinstance(p, int | float) and not 0 <= p <= 1:
        raise InputError(f"augmented needs a probability p from 0 to 1, got {p}.")

    def view(x: Array, keys: Key, turn: Turn) -> Array:
        now = at(p, turn.images)
        return jax.vmap(functools.partial(transformed, transforms, now))(keys, x)

    return Augment(view=view)
