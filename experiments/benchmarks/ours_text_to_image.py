"""Images from captions as `experiments.text_to_image` plays its preset "small".

The text encoder is not fitted first, which does not affect the time, the learning rates
are constant, and no generator is averaged.
"""

import jax.numpy as jnp
import optax

from experiments.benchmarks import text_to_image
from experiments.benchmarks.works import Work
from jaxgan import Game, losses, nets, penalties
from jaxgan.methods.gan_cls import gan_cls


def make_game(work: Work) -> Game:
    """Returns the game of a work with one of `text_to_image.NETWORKS`."""
    dtype = jnp.bfloat16 if work.bfloat16 else jnp.float32
    adam = optax.adam(work.learning_rate, b1=work.beta1, b2=work.beta2)
    height, width, channels = work.image_shape
    return gan_cls(
        generator=nets.gan_cls.Generator(
            (height, width), channels, work.width, dtype=dtype
        ),
        discriminator=nets.gan_cls.ProjectionDiscriminator(work.d_width, dtype=dtype),
        text=nets.text.TextEncoder(work.words, text_to_image.TEXT),
        others=text_to_image.others(work),
        loss=getattr(losses, work.loss),
        mismatch=0.0,
        interpolated=0.0,
        penalties=[(work.r1, penalties.r1), (work.r2, penalties.r2)],
        g_optimizer=adam,
        d_optimizer=adam,
        latent_dim=work.latent_dim,
        ema_half_life=0,
        ema_ramp_up=None,
    )
