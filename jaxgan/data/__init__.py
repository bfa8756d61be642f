"""Images as uint8 arrays, and the order in which a run sees them.

:func:`load` finds a set by name, decodes it once and maps the result into memory;
:func:`batch_indices` says which examples each step holds; :func:`batches` reads them
ahead for sets that do not fit on the device. Importing this package imports no tfds,
no grain and no Pillow: they come when first needed.
"""

from jaxgan.data.order import batch_indices, epoch_order
from jaxgan.data.sets import DataSet, ImageSet, load
from jaxgan.data.stream import batches

__all__ = [
    "DataSet",
    "ImageSet",
    "batch_indices",
    "batches",
    "epoch_order",
    "load",
]
