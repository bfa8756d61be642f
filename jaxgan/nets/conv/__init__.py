"""Convolutions that are fast on the CPU too, inside and outside of loops."""

from jaxgan.nets.conv.layers import Conv, ConvTranspose
from jaxgan.nets.conv.maps import by_xla, conv, conv_transpose
from jaxgan.nets.conv.reference import reference_conv, reference_conv_transpose

__all__ = [
    "Conv",
    "ConvTranspose",
    "by_xla",
    "conv",
    "conv_transpose",
    "reference_conv",
    "reference_conv_transpose",
]
