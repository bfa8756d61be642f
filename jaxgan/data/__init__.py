"""Data sets, and the order in which a run sees their examples.

:func:`load` finds a set of images by name, decodes it once to uint8 and maps the result
into memory; :func:`from_arrays` makes a set from arrays of any shape;
:func:`load_pairs` and :func:`load_unpaired` find sets for image-to-image translation,
:func:`load_photos` photos for super-resolution, :func:`load_captioned` images with
captions;
:func:`batch_indices` says which examples each step holds; :func:`batches` reads them
ahead for sets that do not fit on the device. Importing this package does not import
tfds, grain or Pillow: they are imported when first needed.
"""

from jaxgan.data.arrays import Examples
from jaxgan.data.captioned import CaptionedSet, Factor
from jaxgan.data.captions import load_captioned
from jaxgan.data.dataset import DataSet, ImageDataSet, ImageSet
from jaxgan.data.in_memory import from_arrays
from jaxgan.data.order import batch_indices, epoch_order
from jaxgan.data.pairs import load_pairs, load_unpaired
from jaxgan.data.photos import load_photos
from jaxgan.data.sets import load
from jaxgan.data.size import parse_size
from jaxgan.data.stream import batches
from jaxgan.data.vocabulary import Vocabulary

__all__ = [
    "CaptionedSet",
    "DataSet",
    "Examples",
    "Factor",
    "ImageDataSet",
    "ImageSet",
    "Vocabulary",
    "batch_indices",
    "batches",
    "epoch_order",
    "from_arrays",
    "load",
    "load_captioned",
    "load_pairs",
    "load_photos",
    "load_unpaired",
    "parse_size",
]
