"""Learning rates and other settings of an optimizer that follow the images seen.

An optax schedule counts the optimizer's own steps, so it depends on the batch size and
on the number of discriminator steps.
"""

from collections.abc import Callable
from typing import Any, cast

import jax.numpy as jnp
import optax

from jaxgan.player import at
from jaxgan.typing import Scalar, Schedule


def by_images(
    make: Callable[..., optax.GradientTransformation], **settings: Scalar | Schedule
) -> optax.GradientTransformationExtraArgs:
    """Makes an optimizer whose settings are numbers or schedules of the images seen.

    Args:
        make: a function that makes an optimizer, such as `optax.adam`. Its state may
            not depend on the settings.
        settings: the arguments of ``make``; functions among them are called with the
            number of images seen, float32, at each update.

    Example:
        >>> rate = lambda images: 1e-3 * 0.5 ** (images / 1e6)
        >>> optimizer = by_images(optax.sgd, learning_rate=rate)
        >>> grads = jnp.array(1.0)
        >>> state = optimizer.init(grads)
        >>> updates, state = optimizer.update(grads, state, grads, images=1e6)
        >>> print(updates)
        -0.0005
    """

    def optimizer(images: Any) -> optax.GradientTransformationExtraArgs:
        now = {name: at(value, images) for name, value in settings.items()}
        return optax.with_extra_args_support(make(**now))

    def init(params: optax.Params) -> optax.OptState:
        return optimizer(jnp.zeros(())).init(params)

    def update(updates, state, params=None, *, images, **seen):
        return optimizer(images).update(updates, state, params, images=images, **seen)

    return optax.GradientTransformationExtraArgs(init, cast(Any, update))
