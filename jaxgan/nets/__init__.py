"""Architectures, one per file: Generator and Discriminator side by side."""

from jaxgan.nets import conv, dcgan, mlp

__all__ = ["conv", "dcgan", "mlp"]
