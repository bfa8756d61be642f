"""pix2pix and CycleGAN as `experiments.pix2pix` and `experiments.cyclegan` play them.

Their learning rates are constant here, and no generator is averaged.
"""

from typing import Any

import jax.numpy as jnp
import optax

from experiments.benchmarks import translation
from experiments.benchmarks.works import Work
from jaxgan import Game, nets
from jaxgan.methods.cyclegan import cyclegan
from jaxgan.methods.pix2pix import pix2pix


def make_game(work: Work) -> Game:
    """Returns the game of a work whose network is one of `translation.NETWORKS`."""
    dtype = jnp.bfloat16 if work.bfloat16 else jnp.float32
    adam = optax.adam(work.learning_rate, b1=work.beta1, b2=work.beta2)
    optimizers: dict[str, Any] = {"g_optimizer": adam, "d_optimizer": adam}
    both: dict[str, Any] = {"dtype": dtype} | ({} if work.norm else {"norm": None})
    judges = [
        nets.patchgan.Discriminator(layers, width=work.d_width, **both)
        for layers in work.patches
    ]
    judge = nets.patchgan.MultiPatch(tuple(judges)) if len(judges) > 1 else judges[0]
    how: dict[str, Any] = {
        "width": work.width,
        "depth": work.halvings or None,
        "fine": work.fine,
        "residual": True,
        **both,
    }
    channels = work.image_shape[2]
    if work.network == "pix2pix":
        return pix2pix(
            generator=nets.unet.Generator(channels, dropout=translation.DROPOUT, **how),
            discriminator=judge,
            l1=translation.L1,
            **optimizers,
        )
    generator = nets.unet.Generator(channels, dropout=0.0, **how)
    return cyclegan(
        generator_ab=generator,
        generator_ba=generator,
        discriminator_a=judge,
        discriminator_b=judge,
        shape_a=work.image_shape,
        cycle=translation.CYCLE,
        identity=translation.IDENTITY,
        pool=translation.POOL,
        **optimizers,
    )
