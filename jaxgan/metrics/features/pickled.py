"""Pickles of PyTorch's state dicts, read as data: nothing is imported or called.

A pickle is a program. Only the operations that ``torch.save`` writes for a state dict
are interpreted here, with names as plain values. Everything else is rejected.
"""

import dataclasses
import io
import itertools
import pickletools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jaxgan.metrics.features import torch_values
from jaxgan.metrics.features.torch_values import (
    Name,
    Storage,
    expect,
    refusal,
    set_items,
    shown,
)

_PROTOCOL = 2  # of torch.save, and the only one that PyTorch's safe reader accepts
_MOST_OPERATIONS = 2**20  # a tensor takes about 40: more than 20,000 tensors
_LARGEST = 2**63 - 1

_MAKERS: Mapping[str, Callable[[tuple[Any, ...]], Any]] = {
    "collections OrderedDict": torch_values.as_dict,
    "torch._utils _rebuild_tensor_v2": torch_values.as_tensor,
    "torch._utils _rebuild_parameter": torch_values.as_parameter,
}


@dataclasses.dataclass(frozen=True, eq=False)
class Pickled:
    """The contents of a pickle.

    Attributes:
        value: the object, made of None, numbers, text, lists, tuples, dicts with text
            keys, and tensors.
        storages: all storages that it mentions, by key.
        end: the offset in the file at which it ends.
    """

    value: Any
    storages: Mapping[str, Storage]
    end: int


def interpret(content: bytes, start: int = 0) -> Pickled:
    """Reads one pickle of protocol 2.

    Args:
        content: the file's bytes.
        start: the offset at which the pickle starts.

    Raises:
        InputError: if the pickle is damaged, or holds more than a state dict needs.

    Example:
        >>> import pickle
        >>> interpret(pickle.dumps({"epoch": 7}, 2)).value
        {'epoch': 7}
    """
    file = io.BytesIO(content)
    file.seek(start)
    machine = _Machine()
    for name, argument in _operations(file):
        if name == "STOP":
            return Pickled(machine.result(), machine.storages, file.tell())
        if name not in _HANDLERS:
            raise refusal(f"its pickle has the operation {name}")
        _HANDLERS[name](machine, argument)
    raise refusal(f"its pickle has more than {_MOST_OPERATIONS:,} operations")


def _operations(file: io.BytesIO) -> Iterator[tuple[str, Any]]:
    """Yields names and arguments of the pickle's operations, up to the limit."""
    operations = itertools.islice(pickletools.genops(file), _MOST_OPERATIONS)
    try:
        for opcode, argument, _ in operations:
            yield opcode.name, argument
    except (ValueError, Warning) as error:  # a backslash in a name may warn
        found = f"its pickle is damaged or cut off at byte {file.tell():,}"
        raise refusal(found) from error


class _Machine:
    """The state of the interpreter while it reads a pickle."""

    def __init__(self):
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise refusal("its pickle is damaged: it takes a value that is not there")
        return self.stack.pop()

    def top(self) -> Any:
        self.push(value := self.pop())
        return value

    def pop_to_mark(self) -> list[Any]:
        if not self.marks:
            raise refusal("its pickle is damaged: it takes a mark that is not there")
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def result(self) -> Any:
        value = self.pop()
        if self.stack or self.marks:
            raise refusal("its pickle is damaged: it ends with several values")
        return value


def _check_protocol(machine: _Machine, version: int) -> None:
    if version != _PROTOCOL:
        found = f"its pickle has protocol {version}, expected {_PROTOCOL}"
        raise refusal(f"{found}, which torch.save writes unless told otherwise")


def _push_long(machine: _Machine, number: int) -> None:
    if abs(number) > _LARGEST:
        raise refusal("its pickle holds a number of more than 64 bits")
    machine.push(number)


def _push_python_2_text(machine: _Machine, text: str) -> None:
    try:  # pickletools takes these bytes for Latin-1, PyTorch for UTF-8
        machine.push(text.encode("latin-1").decode())
    except UnicodeDecodeError as error:
        raise refusal("it has a text that is not UTF-8") from error


def _push_name(machine: _Machine, name: str) -> None:
    if name not in torch_values.STORED and name not in _MAKERS:
        found = f"it names {shown(name)}, which no state dict needs"
        raise refusal(f"{found} and which was neither imported nor called")
    machine.push(Name(name))


def _reduce(machine: _Machine, _: None) -> None:
    arguments, function = expect(machine.pop(), tuple), expect(machine.pop(), Name)
    if function.text not in _MAKERS:
        raise refusal(f"its pickle would call {shown(function.text)}")
    machine.push(_MAKERS[function.text](arguments))


def _drop_attributes(machine: _Machine, _: None) -> None:
    """Drops attributes; a state dict has one, ``_metadata``, its layers' versions."""
    machine.pop()
    expect(machine.top(), dict)


def _push_storage(machine: _Machine, _: None) -> None:
    storage = torch_values.as_storage(expect(machine.pop(), tuple))
    if machine.storages.setdefault(storage.key, storage) != storage:
        raise refusal(f"it describes storage {shown(storage.key)} in two ways")
    machine.push(storage)


def _push_tuple(length: int) -> Callable[[_Machine, None], None]:
    def push(machine: _Machine, _: None) -> None:
        values = [machine.pop() for _ in range(length)]
        machine.push(tuple(reversed(values)))

    return push


def _set_item(machine: _Machine, _: None) -> None:
    value, key = machine.pop(), machine.pop()
    set_items(expect(machine.top(), dict), [key, value])


def _set_items(machine: _Machine, _: None) -> None:
    values = machine.pop_to_mark()
    set_items(expect(machine.top(), dict), values)


def _append(machine: _Machine, _: None) -> None:
    value = machine.pop()
    expect(machine.top(), list).append(value)


def _extend(machine: _Machine, _: None) -> None:
    values = machine.pop_to_mark()
    expect(machine.top(), list).extend(values)


def _remember(machine: _Machine, index: int) -> None:
    machine.memo[index] = machine.top()


def _recall(machine: _Machine, index: int) -> None:
    if index not in machine.memo:
        raise refusal("its pickle is damaged: it repeats a value that is not there")
    machine.push(machine.memo[index])


_HANDLERS: Mapping[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _check_protocol,
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "BININT": _Machine.push,
    "BININT1": _Machine.push,
    "BININT2": _Machine.push,
    "BINFLOAT": _Machine.push,
    "BINUNICODE": _Machine.push,
    "LONG1": _push_long,
    "SHORT_BINSTRING": _push_python_2_text,
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": _push_tuple(0),
    "TUPLE1": _push_tuple(1),
    "TUPLE2": _push_tuple(2),
    "TUPLE3": _push_tuple(3),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.pop_to_mark())),
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "APPEND": _append,
    "APPENDS": _extend,
    "BINPUT": _remember,
    "LONG_BINPUT": _remember,
    "BINGET": _recall,
    "LONG_BINGET": _recall,
    "GLOBAL": _push_name,
    "REDUCE": _reduce,
    "BUILD": _drop_attributes,
    "BINPERSID": _push_storage,
}
