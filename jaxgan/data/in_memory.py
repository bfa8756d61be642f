"""Data sets of arrays in memory, identified by their contents."""

import hashlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.checks import InputError
from jaxgan.data.arrays import Examples, named
from jaxgan.data.dataset import DataSet

_BLOCK_BYTES = 2**24  # memory maps are read in blocks of about this size


def from_arrays(
    train: Any,
    test: Any = None,
    *,
    name: str = "arrays",
    classes: tuple[str, ...] = (),
) -> DataSet:
    """Makes a data set from arrays, which may be memory maps and are not copied.

    Args:
        train: a pytree of arrays [n ...] to train on; "image" and "label" are the
            usual names, an image being [n h w c] of any h, w and c.
        test: the same columns, with equal shapes and dtypes, held out from training;
            None to hold out nothing.
        name: the name of the set.
        classes: the names of the classes that the column "label" numbers from 0.

    Returns:
        The set; its fingerprint is a SHA-256 of the columns' paths, dtypes, shapes
        and bytes and of ``classes``, 16 hexadecimal digits.

    Raises:
        InputError: `Examples` refuses a column, or a column holds NaN, has another
            shape or dtype in ``test``, or has labels outside ``classes``.

    Example:
        >>> data = from_arrays({"image": np.zeros((9, 12, 20, 4), np.uint8)})
        >>> data.image_shape, len(data.train), data.test
        ((12, 20, 4), 9, None)
        >>> data.fingerprint
        '9ba7c1b81f3315d2'
    """
    splits = {"train": Examples(train, tuple(classes))}
    if classes and "column label" not in dict(named(train)):
        raise InputError(
            f"{name} has the classes {tuple(classes)}, but no column 'label' that says "
            "which class each example has; add one, or leave out classes."
        )
    if test is not None:
        splits["test"] = Examples(test, tuple(classes))
        _check_alike(train, test)
    for split, examples in splits.items():
        if not len(examples):
            raise InputError(f"{name} holds no examples in {split}; give at least one.")
        _check_values(split, examples)
    digest = hashlib.sha256(repr(tuple(classes)).encode())
    for split, examples in splits.items():
        _hash_columns(digest, split, examples.columns)
    return DataSet(name, splits["train"], splits.get("test"), digest.hexdigest()[:16])


def _blocks(column: Any) -> Iterator[tuple[int, np.ndarray]]:
    """Yields a column in blocks of rows, each with the number of its first row."""
    rows = max(1, _BLOCK_BYTES * len(column) // max(1, column.nbytes))
    for start in range(0, len(column), rows):
        yield start, np.ascontiguousarray(column[start : start + rows])


def _hash_columns(digest: Any, split: str, columns: Any) -> None:
    """Adds the columns to ``digest``; the headers say how many bytes follow each."""
    for path, column in jax.tree_util.tree_leaves_with_path(columns):
        place = jax.tree_util.keystr(path)
        digest.update(repr((split, place, str(column.dtype), column.shape)).encode())
        for _, block in _blocks(column):
            digest.update(block.tobytes())


def _check_alike(train: Any, test: Any) -> None:
    """Raises InputError unless both have the same columns, except for their lengths."""
    kinds = [
        {name: (column.shape[1:], str(column.dtype)) for name, column in named(split)}
        for split in (train, test)
    ]
    if kinds[0] != kinds[1] or jax.tree.structure(train) != jax.tree.structure(test):
        raise InputError(
            "The arrays to train on and those held out must have the same columns, "
            "with the same example shapes and dtypes; got "
            f"{kinds[0]} and {kinds[1]}."
        )


def _check_values(split: str, examples: Examples) -> None:
    """Raises InputError at the first NaN, or label outside the classes."""
    classes = len(examples.classes)
    for name, column in named(examples.columns):
        if jnp.issubdtype(column.dtype, jnp.inexact):
            _refuse_where(
                np.isnan, column, f"The {name} of {split} is NaN", "Take it out."
            )
        if classes and name == "column label":
            _refuse_where(
                lambda block: (block < 0) | (block >= classes),
                column,
                f"The {name} of {split} is not one of the {classes} classes",
                f"Labels must be from 0 to {classes - 1}.",
            )


def _refuse_where(bad: Any, column: Any, what: str, remedy: str) -> None:
    for start, block in _blocks(column):
        rows = np.flatnonzero(bad(block).any(axis=tuple(range(1, block.ndim))))
        if len(rows):
            raise InputError(f"{what} in row {start + rows[0]}. {remedy}")
