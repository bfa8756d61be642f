"""R3GAN, Huang et al. 2024 (arXiv:2501.05441): relativistic pairs, R1 and R2.

    D minimises  E softplus(D(G(z)) - D(x)) + gamma/2 (E ||grad D(x)||^2
                                                       + E ||grad D(G(z))||^2)
    G minimises  E softplus(D(x) - D(G(z)))

where a real and a fake of a pair have the same condition. Each update of D has both
penalties: with lazy ones the paper's toy games and Stacked MNIST diverge. G's
loss uses a second batch of reals, not the one that D has just learned from: play it
with `SCHEDULE`.
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import optax

from jaxgan import losses, penalties
from jaxgan.gan import GAN
from jaxgan.schedules import by_images
from jaxgan.typing import Array, Scalar, Schedule

SCHEDULE = ("d", "g")
"""A round: a batch of reals for D, and another for G."""


@dataclasses.dataclass(frozen=True)
class Cosine:
    """A schedule from one value to another along a half cosine, constant afterwards.

    Attributes:
        start: the first value.
        end: the value after the burn-in.
        burn_in: length of the change, in images.

    Example:
        >>> gamma = Cosine(1.0, 0.1, burn_in=2e6)
        >>> print(*(round(float(gamma(images)), 3) for images in (0, 1e6, 2e6, 9e6)))
        1.0 0.55 0.1 0.1
    """

    start: float
    end: float
    burn_in: float

    def __call__(self, images: Any) -> Array:
        passed = jnp.clip(images / self.burn_in, 0.0, 1.0)
        return self.end + (self.start - self.end) * (1 + jnp.cos(jnp.pi * passed)) / 2


@dataclasses.dataclass(frozen=True)
class Half:
    """Half of a schedule, such as gamma's, for the penalties' weight."""

    schedule: Schedule

    def __call__(self, images: Any) -> Any:
        return self.schedule(images) / 2


def adam(
    *, learning_rate: Scalar | Schedule, b2: Scalar | Schedule
) -> optax.GradientTransformationExtraArgs:
    """Adam without momentum; its rate and beta 2 may be schedules of the images seen.

    With a schedule of beta 2 the second moment's bias is corrected with beta 2's
    current value: the t-th update divides by 1 - beta2(images)^t, as PyTorch's Adam
    does.

    Example:
        >>> optimizer = adam(learning_rate=1e-3, b2=Cosine(0.9, 0.99, burn_in=1e6))
        >>> state = optimizer.init(jnp.zeros(()))
        >>> update, _ = optimizer.update(jnp.ones(()), state, jnp.zeros(()), images=0.0)
        >>> print(f"{update:.6f}")
        -0.001000
    """
    return by_images(optax.adam, learning_rate=learning_rate, b1=0.0, b2=b2)


ADAM = adam(learning_rate=Cosine(2e-4, 5e-5, 20e6), b2=Cosine(0.9, 0.99, 20e6))
"""The paper's optimizer for CIFAR-10."""


def r3gan(
    *,
    generator: nn.Module,
    discriminator: nn.Module,
    g_optimizer: optax.GradientTransformation = ADAM,
    d_optimizer: optax.GradientTransformation = ADAM,
    gamma: Scalar | Schedule = Cosine(0.05, 0.005, 20e6),
    latent_dim: int = 64,
    condition: str | None = None,
    ema_half_life: Scalar | Schedule = Cosine(0.0, 5e6, 20e6),
    **settings: Any,
) -> GAN:
    """Makes R3GAN's game, by default with the paper's settings for CIFAR-10 (table 9).

    Args:
        generator: as for `jaxgan.GAN`.
        discriminator: one that judges each example by itself.
        g_optimizer: the generator's optimizer.
        d_optimizer: the discriminator's optimizer.
        gamma: twice the penalties' weight, or a schedule of the images seen. The
            paper's starts at 1 for Stacked MNIST, at 2 for faces of 64 pixels, at 150
            for faces of 256, and ends at a tenth of that.
        latent_dim: the latent's size.
        condition: the batch's entry that conditions both networks, or None.
        ema_half_life: half-life of the averaged generator, in images, or a schedule.
        settings: further settings of `jaxgan.GAN`, such as ``augment``.

    Example:
        >>> import flax.linen as nn, jax, jaxgan
        >>> gan = r3gan(generator=nn.Dense(2), discriminator=nn.Dense(1), gamma=1.0)
        >>> reals = {"image": jnp.ones((2, 4, 2))}  # a batch for each player
        >>> state = jaxgan.init(gan, jax.random.key(0), {"image": reals["image"][0]})
        >>> step = jax.jit(jaxgan.make_train_step(gan, schedule=SCHEDULE))
        >>> state, metrics = step(state, reals, jax.random.key(0))
    """
    weight = Half(gamma) if callable(gamma) else gamma / 2
    return GAN(
        generator=generator,
        discriminator=discriminator,
        g_optimizer=g_optimizer,
        d_optimizer=d_optimizer,
        loss=losses.relativistic,
        penalties=((weight, penalties.r1), (weight, penalties.r2)),
        latent_dim=latent_dim,
        condition=condition,
        ema_half_life=ema_half_life,
        **{"ema_ramp_up": None, **settings},
    )
