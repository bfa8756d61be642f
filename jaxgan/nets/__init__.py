"""Architectures, one per file: Generator and Discriminator side by side."""

from jaxgan.nets import (
    conv,
    cyclegan,
    dcgan,
    mlp,
    patchgan,
    r3gan,
    sngan,
    unet,
    wgan_gp,
)

__all__ = [
    "conv",
    "cyclegan",
    "dcgan",
    "mlp",
    "patchgan",
    "r3gan",
    "sngan",
    "unet",
    "wgan_gp",
]
