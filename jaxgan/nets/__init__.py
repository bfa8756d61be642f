"""Architectures, one per file: Generator and Discriminator side by side."""

from jaxgan.nets import conv, dcgan, mlp, r3gan, sngan, wgan_gp

__all__ = ["conv", "dcgan", "mlp", "r3gan", "sngan", "wgan_gp"]
