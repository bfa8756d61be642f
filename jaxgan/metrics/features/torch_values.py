"""The parts of a PyTorch state dict, as plain values, and their checks.

A damaged or malicious file can hold values that contain themselves, or one another so
often that traversing them never ends. So no container is compared, hashed or printed
here, and code that traverses one must count its steps.
"""

import dataclasses
import math
from typing import Any, TypeVar

import numpy as np

from jaxgan.checks import InputError

_T = TypeVar("_T")

_MOST_DIMENSIONS = 32
_MOST_ELEMENTS = 2**55  # numpy counts their bytes, even where a size is 0

STORED = {
    "torch FloatStorage": "f4",
    "torch DoubleStorage": "f8",
    "torch HalfStorage": "f2",
    "torch BFloat16Storage": "u2",  # NumPy has no such dtype
    "torch LongStorage": "i8",
    "torch IntStorage": "i4",
    "torch ShortStorage": "i2",
    "torch CharStorage": "i1",
    "torch ByteStorage": "u1",
    "torch BoolStorage": "u1",  # a damaged byte may be neither 0 nor 1
    "torch ComplexFloatStorage": "c8",
    "torch ComplexDoubleStorage": "c16",
}
"""The types of storages, and the NumPy dtypes of their bytes."""


@dataclasses.dataclass(frozen=True)
class Storage:
    """A storage, the memory that tensors view, as described in a state dict.

    Attributes:
        kind: PyTorch's name for its type, a key of `STORED`.
        key: its name in the file.
        count: number of elements.
    """

    kind: str
    key: str
    count: int

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype of the elements, in this machine's byte order."""
        return np.dtype(STORED[self.kind])

    @property
    def nbytes(self) -> int:
        """The size in bytes."""
        return self.count * self.dtype.itemsize


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A view of a storage, in elements; all numbers are non-negative."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Name:
    """The name of a function or class in a file; it is never imported."""

    text: str


def refusal(found: str) -> InputError:
    """Returns the error for a file that is not a state dict, or is damaged.

    Args:
        found: what is wrong with the file, as a clause.
    """
    return InputError(
        f"The file of weights cannot be read: {found}. Expected a state dict that "
        "torch.save wrote; it is read without running anything in it. If the file was "
        "downloaded, fetch it again; else save the weights alone, with "
        "torch.save(model.state_dict(), path)."
    )


def shown(text: str) -> str:
    """Returns the start of a text from a file, fit for a message.

    Example:
        >>> shown("a" * 1000)[-9:]
        "aaaaa'..."
    """
    return repr(text[:60]) + ("..." if len(text) > 60 else "")


def expect(value: Any, kind: type[_T]) -> _T:
    """Returns ``value`` if its type is exactly ``kind``: True is not a number here.

    Raises:
        InputError: if it has another type.
    """
    if type(value) is not kind:
        found = f"{type(value).__name__} where {kind.__name__} belongs"
        raise refusal(f"its pickle has a value of type {found}")
    return value


def _expect_count(value: Any) -> int:
    if not 0 <= expect(value, int) <= _MOST_ELEMENTS:
        raise refusal("it has a size, stride or offset that is negative or too large")
    return value


def as_storage(described: tuple[Any, ...]) -> Storage:
    """Returns the storage of a persistent id, (tag, type, key, device, count).

    Raises:
        InputError: if it does not describe a storage.
    """
    if len(described) not in (5, 6) or expect(described[0], str) != "storage":
        raise refusal("it refers to something that is not a storage")
    if described[5:] and described[5] is not None:
        raise refusal("it has storages that view others, as those of early PyTorch do")
    _, kind, key, _, count = described[:5]
    if expect(kind, Name).text not in STORED:
        raise refusal(f"it has a storage of type {shown(kind.text)}")
    return Storage(kind.text, expect(key, str), _expect_count(count))


def as_tensor(arguments: tuple[Any, ...]) -> Tensor:
    """Returns the tensor that ``torch._utils._rebuild_tensor_v2`` would make.

    Raises:
        InputError: if the arguments do not describe a tensor.
    """
    if len(arguments) not in (6, 7):
        raise refusal(f"it describes a tensor by {len(arguments)} values, expected 6")
    storage, offset, size, stride = arguments[:4]
    if not len(expect(size, tuple)) == len(expect(stride, tuple)) <= _MOST_DIMENSIONS:
        found = f"it has a tensor of {len(size)} sizes and {len(stride)} strides"
        raise refusal(f"{found}, expected as many of both, at most {_MOST_DIMENSIONS}")
    for number in (offset, *size, *stride):
        _expect_count(number)
    if math.prod(max(each, 1) for each in size) > _MOST_ELEMENTS:
        raise refusal("it has a tensor of more elements than there can be")
    return Tensor(expect(storage, Storage), offset, size, stride)


def as_parameter(arguments: tuple[Any, ...]) -> Tensor:
    """Returns the tensor in what ``torch._utils._rebuild_parameter`` would make.

    Raises:
        InputError: if there is none.
    """
    if len(arguments) != 3:
        raise refusal(f"it describes a parameter by {len(arguments)} values")
    return expect(arguments[0], Tensor)


def as_dict(arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Returns an empty dict or, as Python 2 writes it, one from a list of pairs.

    Raises:
        InputError: if the arguments are anything else.
    """
    if len(arguments) > 1:
        raise refusal(f"it makes an OrderedDict of {len(arguments)} values")
    made = {}
    for pairs in arguments:
        for pair in expect(pairs, list):
            set_items(made, expect(pair, list))
    return made


def set_items(target: dict[str, Any], values: list[Any]) -> None:
    """Sets alternating keys and values; a whole number as a key becomes text.

    Raises:
        InputError: if a key is of another type, or is there already.
    """
    if len(values) % 2:
        raise refusal("its pickle is damaged: it has a key without a value")
    for key, value in zip(values[::2], values[1::2], strict=True):
        name = str(key) if type(key) is int else expect(key, str)
        if name in target:
            raise refusal(f"it has the key {shown(name)} twice")
        target[name] = value
