"""Architectures, one per file: Generator and Discriminator side by side."""

from jaxgan.nets import (
    conv,
    cyclegan,
    dcgan,
    df_gan,
    gan_cls,
    mlp,
    patchgan,
    r3gan,
    sngan,
    srresnet,
    text,
    unet,
    wgan_gp,
)

__all__ = [
    "conv",
    "cyclegan",
    "dcgan",
    "df_gan",
    "gan_cls",
    "mlp",
    "patchgan",
    "r3gan",
    "sngan",
    "srresnet",
    "text",
    "unet",
    "wgan_gp",
]
