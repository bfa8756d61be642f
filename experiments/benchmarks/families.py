"""The games that have networks, losses and numbers in separate modules.

Each module has the names of its ``NETWORKS``, their constants, and ``flops(work)``.
"""

from types import ModuleType

from experiments.benchmarks import super_resolution, text_to_image, translation
from experiments.benchmarks.works import Work

FAMILIES = (translation, super_resolution, text_to_image)

NETWORKS = tuple(name for family in FAMILIES for name in family.NETWORKS)


def of(work: Work) -> ModuleType | None:
    """Returns the module of the work's game, or None.

    Example:
        >>> from experiments.benchmarks.works import WORKS
        >>> of(WORKS["srgan"]).__name__, of(WORKS["dcgan"])
        ('experiments.benchmarks.super_resolution', None)
    """
    return next((f for f in FAMILIES if work.network in f.NETWORKS), None)
