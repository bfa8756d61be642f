"""pix2pix, Isola et al. 2017 (arXiv:1611.07004): translation learnt from pairs.

For an input x and its target y, and with log D(x, y) = -softplus(-logit),

    D minimises  1/2 E[-log D(x, y) - log(1 - D(x, G(x)))]
    G minimises  E[-log D(x, G(x))] + 100 E|y - G(x)|    eq. 4, with section 3.3

where |.| is the mean over pixels and channels, as in the authors' code. The
discriminator sees the input too, and judges patches.

The only noise is the generator's dropout, which the paper also uses for samples
(section 3.3). `jaxgan.nets.unet.Generator`, the paper's, keeps it on in test mode, so
that `jaxgan.sample` draws it from its key, separately for each example: other keys give
other translations of the same input, which do not depend on the batch size or the
number of devices. ``noise=False`` turns it off in test mode, and does not change the
variables: sample a game with ``generator=generator.clone(noise=False)`` from the same
state. In your own generator, use ``nn.Dropout(0.5, deterministic=False)``.

The paper also normalises samples by the statistics of their own batch, which for its
batches of one is instance normalisation: `jaxgan.layers.InstanceNorm`, or with gains
and biases ``nn.GroupNorm(num_groups=None, group_size=1)``. The U-Net and the
discriminators of `jaxgan.nets.patchgan` use it.
"""

import functools
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import optax

from jaxgan import losses
from jaxgan.checks import InputError
from jaxgan.examples import check_fits, logits_of
from jaxgan.game import Game, Objective
from jaxgan.gan import pointwise
from jaxgan.means import in_float32
from jaxgan.player import EMA, Player, at
from jaxgan.turn import Nets, Turn, as_floats
from jaxgan.typing import Array, Batch, Key, Scalar, Schedule

ADAM = optax.adam(2e-4, b1=0.5)
"""The paper's optimizer."""


def pix2pix(
    *,
    generator: nn.Module,
    discriminator: nn.Module,
    g_optimizer: optax.GradientTransformation = ADAM,
    d_optimizer: optax.GradientTransformation = ADAM,
    l1: Scalar | Schedule = 100.0,
    adversarial: Scalar | Schedule = 1.0,
    ema: EMA | None = None,
) -> Game:
    """Makes the game of "generator" and "discriminator" on pairs, for Algorithm 1.

    A batch is ``{"input": [b ...], "target": [b ...]}``. `jaxgan.sample` takes inputs
    as its condition, and returns their translations.

    Args:
        generator: inputs ``[b ...]``, images or labels, to images like the targets.
        discriminator: ``(image [b ...], input [b ...]) -> logits [b ...]``, one per
            patch; or a dict with them under "logits".
        g_optimizer: the generator's optimizer.
        d_optimizer: the discriminator's optimizer.
        l1: the weight of the distance, or a schedule of the images seen.
        adversarial: the weight of ``-log D(x, G(x))``; 0 leaves only the distance.
        ema: the generator's average; None, as in the paper: no average.

    Example:
        >>> import flax.linen as nn, jax, jaxgan
        >>> class Patches(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, image, input):
        ...         both = jnp.concatenate([image, input], axis=-1)
        ...         return nn.Conv(1, (4, 4), strides=2)(both)
        >>> game = pix2pix(generator=nn.Conv(3, (3, 3)), discriminator=Patches())
        >>> pairs = {"input": jnp.ones((2, 8, 8, 1)), "target": jnp.ones((2, 8, 8, 3))}
        >>> state = jaxgan.init(game, jax.random.key(0), pairs)
        >>> key, inputs = jax.random.key(1), pairs["input"]
        >>> print(jaxgan.sample(game, state, key, 2, condition=inputs).shape)
        (2, 8, 8, 3)
    """
    judge = Player(module=discriminator, optimizer=d_optimizer)
    g_loss = functools.partial(generator_loss, l1=l1, adversarial=adversarial)
    return Game(
        players={
            "generator": Player(module=generator, optimizer=g_optimizer, ema=ema),
            "discriminator": judge,
        },
        objectives={
            "d": Objective(players=("discriminator",), loss=discriminator_loss),
            "g": Objective(players=("generator",), loss=g_loss),
        },
        clock="g",
        sample=translate,
        condition="input",
        output="target",
    )


def discriminator_loss(nets: Nets, batch: Batch, turn: Turn):
    """Computes ``(softplus(-D(x, y)) + softplus(D(x, G(x)))) / 2``, ``[b]``."""
    fake = nets("generator", batch["input"])
    check_fits(fake, batch["target"])
    real_logits = judged(nets, batch["target"], batch)
    fake_logits = judged(nets, fake, batch)
    loss = pointwise(losses.non_saturating.discriminator, real_logits, fake_logits) / 2
    return loss, {"real_logit": real_logits, "fake_logit": fake_logits}


def generator_loss(
    nets: Nets,
    batch: Batch,
    turn: Turn,
    *,
    l1: Scalar | Schedule,
    adversarial: Scalar | Schedule = 1.0,
) -> tuple[Array, dict[str, Array]]:
    """Computes ``adversarial softplus(-D(x, G(x))) + l1 |y - G(x)|``, ``[b]``."""
    fake = nets("generator", batch["input"])
    logits = judged(nets, fake, batch)
    fools = pointwise(losses.non_saturating.generator, logits, logits)
    gap = in_float32(jnp.abs(fake - batch["target"]))
    distance = gap.reshape(len(fake), -1).mean(axis=1)
    outputs = {"fake_logit": logits, "l1": distance}
    weight = at(adversarial, turn.images)
    return weight * fools + at(l1, turn.images) * distance, outputs


def judged(nets: Nets, image: Array, batch: Batch) -> Array:
    """Returns the discriminator's logits ``[b ...]`` for images and their inputs."""
    return logits_of(nets("discriminator", image, batch["input"]), image)


def translate(nets: Nets, keys: Key, condition: Any) -> Array:
    """Translates inputs ``[b ...]``."""
    if condition is None:
        raise InputError(
            "pix2pix translates images, but no condition was given; call "
            "sample(condition=inputs)."
        )
    return nets("generator", as_floats(condition))
