"""WGAN-GP's residual networks: Gulrajani et al. 2017, arXiv:1704.00028.

For 32 pixels, with 128 channels throughout, they are those of the paper's appendix on
CIFAR-10. The generator is batch-normalised. The critic is not, since the penalty is on
the gradient at each example; it takes the mean over all pixels before its last layer.

For larger images, the channels are in proportion to those of SNGAN's tables,
`jaxgan.nets.resnet_sizes.PLANS`; the authors have another network for 64 pixels.

Conditional on a label, the generator has conditional batch norm, like the authors', and
the critic a projection, whereas theirs has an auxiliary classifier.
"""

from jaxgan.nets import resnet
from jaxgan.nets.resnet import Pool, mean_pool


class Generator(resnet.Generator):
    """``z [b z] -> image [b h w c]`` in [-1, 1]; see `jaxgan.nets.resnet.Generator`.

    Its width is 128 by default, the paper's at 32 pixels. SNGAN's tables for larger
    images begin or end with 64.
    """

    width: int | None = 128


class Discriminator(resnet.Discriminator):
    """The critic: ``image [b h w c] -> logits [b]``.

    See `jaxgan.nets.resnet.Discriminator`. It has no normalisation unless given: layer
    norm over a whole image, which the paper recommends, is

        norm=functools.partial(nn.LayerNorm, reduction_axes=(1, 2, 3), feature_axes=-1)

    Its width is 128 by default, the paper's at 32 pixels. SNGAN's tables for larger
    images begin or end with 64.
    """

    width: int | None = 128
    pool: Pool = mean_pool
