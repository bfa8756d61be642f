"""SNGAN's residual networks: Miyato et al. 2018, arXiv:1802.05957.

The discriminator's layers are all spectrally normalised; the generator is batch-
normalised. For 32 pixels the networks are those of the paper's table 4, with 4,276,739
and 1,053,825 parameters for RGB images and latents of 128 dimensions, as in the mimicry
library; for 48 and 128 those of its tables 5 and 6; for 64, which the paper lacks,
mimicry's.

Conditional on a label, they are those of Miyato & Koyama 2018 (arXiv:1802.05637):
conditional batch norm in the generator, a projection in the discriminator.
"""

from jaxgan.layers.spectral_norm import spectral_norm
from jaxgan.layers.weight import Weight
from jaxgan.nets import resnet


class Generator(resnet.Generator):
    """``z [b z] -> image [b h w c]`` in [-1, 1]; see `jaxgan.nets.resnet.Generator`.

    Maps are doubled by repeating pixels, as in the authors' code; mimicry interpolates
    (`jaxgan.layers.resample.upsample_bilinear`).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> network, z = Generator(32, 3), jnp.zeros((1, 128))
        >>> init = lambda key: network.init(key, z, train=False)
        >>> shapes = jax.eval_shape(init, jax.random.key(0))
        >>> sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))
        4276739
    """


class Discriminator(resnet.Discriminator):
    """``image [b h w c] -> logits [b]``; see `jaxgan.nets.resnet.Discriminator`.

    It sums over all pixels before its last layer.
    """

    weight: Weight | None = spectral_norm
