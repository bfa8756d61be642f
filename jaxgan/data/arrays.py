"""Examples of any kind: columns of arrays, whose rows belong together."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from jaxgan.checks import InputError


@dataclass(frozen=True, eq=False)
class Examples:
    """Arrays of equal length in any pytree; row i of each belongs to example i.

    Attributes:
        columns: a pytree of arrays [n ...], such as {"image": ..., "mask": ...}; in
            batches, uint8 arrays are images and other integers are labels.
        classes: the names of the classes in a column "label"; may be empty.

    Raises:
        InputError: there is no array, two differ in length, or JAX would silently
            change a column's values; the message names the column.

    Example:
        >>> points = Examples({"x": np.zeros((9, 2), np.float32)})
        >>> len(points), points.nbytes, points.batch(np.array([[4, 1]]))["x"].shape
        (9, 72, (1, 2, 2))
    """

    columns: Any
    classes: tuple[str, ...] = ()

    def __post_init__(self):
        check_dtypes(self.columns)
        _check_lengths(self.columns)

    def __len__(self) -> int:
        return len(jax.tree.leaves(self.columns)[0])

    @property
    def nbytes(self) -> int:
        """The size of all columns in bytes."""
        return sum(column.nbytes for column in jax.tree.leaves(self.columns))

    def batch(self, indices: Int[np.ndarray, "*b"]) -> Any:
        """Returns copies of the examples at ``indices``, structured as ``columns``."""
        return jax.tree.map(lambda column: np.asarray(column[indices]), self.columns)


def named(columns: Any) -> list[tuple[str, Any]]:
    """Returns the leaves of a pytree, each with its name for error messages.

    Example:
        >>> named({"image": 0, "pair": (1, 2)})
        [('column image', 0), ('column pair/0', 1), ('column pair/1', 2)]
    """
    name = lambda path: jax.tree_util.keystr(path, simple=True, separator="/")
    return [
        (f"column {name(path)}" if path else "array", leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(columns)
    ]


def check_dtypes(columns: Any) -> None:
    """Raises InputError unless JAX keeps each array as it is.

    Unless configured otherwise, JAX silently converts float64 to float32 and int64 to
    int32; it has no strings or objects.
    """
    for name, column in named(columns):
        if not isinstance(column, (np.ndarray, jax.Array)):
            raise InputError(
                f"The {name} is a {type(column).__name__}, but arrays are expected; "
                "convert it with np.asarray."
            )
        dtype = column.dtype
        if not (jnp.issubdtype(dtype, jnp.number) or jnp.issubdtype(dtype, jnp.bool_)):
            raise InputError(
                f"The {name} has dtype {dtype}, but numbers or booleans are expected; "
                "encode its values as such, classes as np.int32 from 0."
            )
        kept = jax.dtypes.canonicalize_dtype(dtype).newbyteorder("=")
        if kept != dtype:
            raise InputError(
                f"The {name} has dtype {dtype}, which JAX would turn into {kept}, "
                f"changing values that do not fit; convert it with .astype(np.{kept})."
            )


def _check_lengths(columns: Any) -> None:
    leaves = named(columns)
    if not leaves:
        raise InputError(f"Examples need at least one array, got {columns!r}.")
    for name, column in leaves:
        if not column.ndim:
            raise InputError(
                f"The {name} is a single number; expected an array whose first "
                "dimension counts examples."
            )
    first, length = leaves[0][0], len(leaves[0][1])
    for name, column in leaves:
        if len(column) != length:
            raise InputError(
                f"The {first} holds {length} examples, the {name} {len(column)}; "
                "all columns must have the same length; row i of each is example i."
            )
