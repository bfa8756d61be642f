"""SRResNet and SRGAN as `experiments.srgan` plays them.

Their learning rates are constant here, and no generator is averaged.
"""

from typing import Any

import jax.numpy as jnp
import optax

from experiments.benchmarks import super_resolution
from experiments.benchmarks.works import Work
from jaxgan import Game, losses, nets
from jaxgan.methods import srgan


def make_game(work: Work) -> Game:
    """Returns the game of a work with one of `super_resolution.NETWORKS`."""
    dtype = jnp.bfloat16 if work.bfloat16 else jnp.float32
    adam = optax.adam(work.learning_rate, b1=work.beta1, b2=work.beta2)
    shared: dict[str, Any] = {
        "generator": nets.srresnet.Generator(
            work.scale, work.width, super_resolution.BLOCKS, resize=True, dtype=dtype
        ),
        "crop": super_resolution.part(work),
        "scale": work.scale,
        "recolour": True,
    }
    if work.network == "srresnet":
        return srgan.srresnet(optimizer=adam, **shared)
    return srgan.srgan(
        discriminator=nets.srresnet.Discriminator(work.d_width, dtype=dtype),
        g_optimizer=adam,
        d_optimizer=adam,
        l1=super_resolution.L1,
        content=super_resolution.CONTENT,
        adversarial=super_resolution.ADVERSARIAL,
        loss=getattr(losses, work.loss),
        **shared,
    )
