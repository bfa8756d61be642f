"""The setting of experiments that may be conditional on the class."""

import dataclasses
from typing import Any

from jaxgan.checks import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConditionalConfig:
    """The setting of a game that may be conditional on the label."""

    # Condition the networks on the class; the set needs labels.
    conditional: bool = False


def num_classes(config: ConditionalConfig, data: Any) -> int:
    """Returns the number of classes that the networks are conditional on; 0 for none.

    Args:
        config: the experiment's config.
        data: its `jaxgan.data.DataSet`.

    Raises:
        InputError: ``--conditional`` is given, and the data have no labels.
    """
    if config.conditional and data.num_classes == 0:
        raise InputError(
            "--conditional needs labels, but the data set has none. Use a labelled "
            "set; in a folder of images, sub-folders are the classes. Or pass "
            "--no-conditional."
        )
    return data.num_classes if config.conditional else 0
