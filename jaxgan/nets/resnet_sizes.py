"""Published sizes of residual networks, by resolution."""

from typing import NamedTuple

from jaxgan.checks import InputError


class Plan(NamedTuple):
    """The channels of a pair of networks for one resolution.

    Attributes:
        base: height and width of the generator's first map.
        generator: channels of its first map, and after each doubling.
        discriminator: channels after each block.
        halvings: the number of blocks, from the first on, that halve the map.
    """

    base: int
    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    halvings: int


PLANS = {
    32: Plan(4, (256, 256, 256, 256), (128, 128, 128, 128), 2),
    48: Plan(6, (512, 256, 128, 64), (64, 128, 256, 512, 1024), 4),
    64: Plan(4, (1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024), 5),
    128: Plan(4, (1024, 1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024, 1024), 5),
}
"""The plans: 32, 48 and 128 from SNGAN's paper, 64 from the mimicry library."""


def plan_for(height: int, width: int) -> Plan:
    """Returns the published sizes for images of this height and width.

    Raises:
        InputError: unless they are square with sides of 32, 48, 64 or 128 pixels.

    Example:
        >>> plan_for(48, 48).generator
        (512, 256, 128, 64)
    """
    if height != width or height not in PLANS:
        raise InputError(
            "The residual networks make square images with sides of 32, 48, 64 or 128 "
            f"pixels, not {height}x{width} (height x width). Choose one of these with "
            "--resolution, and --crop where the images are not square."
        )
    return PLANS[height]


def scaled(channels: tuple[int, ...], narrowest: int | None) -> tuple[int, ...]:
    """Scales channels in proportion, so that the smallest number is ``narrowest``.

    Args:
        channels: the published numbers of channels.
        narrowest: the smallest number; None leaves them as they are.

    Raises:
        InputError: if it is below 1.

    Example:
        >>> scaled((512, 256, 128), 32)
        (128, 64, 32)
    """
    least = min(channels)
    narrowest = least if narrowest is None else narrowest
    if narrowest < 1:
        raise InputError(f"A network's width must be at least 1, got {narrowest}.")
    return tuple(each * narrowest // least for each in channels)
