"""The transformations of adaptive discriminator augmentation, arXiv:2006.06676.

Appendix B of the paper has six categories, which are applied in this order:

==============  ======================================================
``BLIT``        b: flips, quarter turns, shifts by whole pixels
``GEOMETRY``    g: scale, rotation, stretching, shifts by fractions
``COLOUR``      c: brightness, contrast, luma flip, hue, saturation
``FILTERS``     f: four octaves of frequencies, amplified or damped
``NOISE``       n: white noise
``CUTOUT``      u: a square that is blanked out
==============  ======================================================

Each is a tuple of transformations: ``(*BLIT, *COLOUR)`` joins two. The paper trains
with ``BGC``, all of the first three, and Huang et al. 2024 (arXiv:2501.05441, table 9)
with ``R3GAN``: ``BGC`` with half the probability for colours, and the cutout.

A transformation is a function ``(key, image [h w c]) -> [h w c]``. Its strength is a
keyword argument, with the paper's value as its default::

    transforms=(*BLIT, functools.partial(brightness, std=0.1))
"""

from jaxgan.methods.ada_transforms.blit import flip, quarter_turn, shift
from jaxgan.methods.ada_transforms.chance import (
    Group,
    Transform,
    less_often,
    transformed,
)
from jaxgan.methods.ada_transforms.colour import (
    brightness,
    contrast,
    hue,
    luma_flip,
    saturation,
)
from jaxgan.methods.ada_transforms.corruption import cutout, noise
from jaxgan.methods.ada_transforms.filters import amplify
from jaxgan.methods.ada_transforms.geometry import move

BLIT = (flip, quarter_turn, shift)
GEOMETRY = (Group(move),)
COLOUR = (brightness, contrast, luma_flip, hue, saturation)
FILTERS = (Group(amplify),)
NOISE = (noise,)
CUTOUT = (cutout,)
BGC = (*BLIT, *GEOMETRY, *COLOUR)
R3GAN = (*BLIT, *GEOMETRY, less_often(0.5, *COLOUR), *CUTOUT)

__all__ = [
    "BGC",
    "BLIT",
    "COLOUR",
    "CUTOUT",
    "FILTERS",
    "GEOMETRY",
    "NOISE",
    "R3GAN",
    "Group",
    "Transform",
    "amplify",
    "brightness",
    "contrast",
    "cutout",
    "flip",
    "hue",
    "less_often",
    "luma_flip",
    "move",
    "noise",
    "quarter_turn",
    "saturation",
    "shift",
    "transformed",
]
