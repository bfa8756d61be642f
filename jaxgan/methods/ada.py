"""Adaptive discriminator augmentation, Karras et al. 2020 (arXiv:2006.06676).

Every image that the discriminator sees, real or fake, is transformed with a probability
p, so that few images are overfitted later. While p is below about 0.8, the generator
still learns to make untransformed images (section 2.2). The discriminator determines p.
With

    r_t = E sign(D(x))    over the reals of the last four batches, eq. 1,

which is 0 if it only guesses and 1 if it has memorised its reals,

    p <- clip(p + sign(r_t - 0.6) images / 500 000, 0, 1)

after that many images. (The paper clips at 0 only; its code lets p grow above 1.)

Two of the paper's transformations, which move whole pixels, are here; `ada` also takes
others.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.checks import InputError
from jaxgan.game import Memory
from jaxgan.means import in_float32
from jaxgan.turn import Turn
from jaxgan.typing import Array, Key, Scalar
from jaxgan.view import Augment

Transform = Callable[[Key, Array], Array]
"""``(key, image [h w c]) -> [h w c]``: one draw, differentiable in the image."""


def flip(key: Key, image: Array) -> Array:
    """The image or its mirror image, each with probability 1/2."""
    return jnp.where(jax.random.bernoulli(key), image[:, ::-1], image)


def shift(key: Key, image: Array) -> Array:
    """The image moved by up to 1/8 of its height and width, in whole pixels.

    Borders are filled by reflection of the image, without its last pixel.
    """
    for axis, own in enumerate(jax.random.split(key)):
        size = image.shape[axis]
        by = size * jax.random.uniform(own, minval=-1 / 8, maxval=1 / 8)
        places = jnp.arange(size) - jnp.round(by).astype(jnp.int32)
        image = jnp.take(image, reflected(places, size), axis=axis)
    return image


def reflected(places: Array, size: int) -> Array:
    """Places in ``[-(size - 1), 2 (size - 1)]`` mirrored into ``[0, size - 1]``.

    Example:
        >>> print(reflected(jnp.arange(-2, 6), 4))
        [2 1 0 1 2 3 2 1]
    """
    last = size - 1
    return last - jnp.abs(last - jnp.abs(places))


def ada(
    *,
    target: float = 0.6,
    speed_images: float = 500_000,
    every: int = 4,
    transforms: tuple[Transform, ...] = (flip, shift),
) -> Augment:
    """Transformations with a probability that follows the discriminator.

    It needs a loss whose logits are positive for "real", and a game whose objective "d"
    has an output "real_logit". With patches, each has its own sign.

    Args:
        target: the r_t that p is adapted to reach.
        speed_images: number of the discriminator's images that take p from 0 to 1.
        every: number of updates of the discriminator for one of p.
        transforms: applied one after another, each with probability p.

    Returns:
        The view, and its memory: ``{"p": ..., "signs": ...}``, p and the sum of r_t
        since it last moved.

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


def transformed(
    transforms: tuple[Transform, ...], p: Scalar, key: Key, image: Array
) -> Array:
    """The image ``[h w c]`` after each transformation, or none, with probability p."""
    for i, transform in enumerate(transforms):
        coin, own = jax.random.split(jax.random.fold_in(key, i))
        changed = transform(own, image)
        image = jnp.where(jax.random.bernoulli(coin, p), changed, image)
    return image
