"""10,000 mutated files of weights: what is read is in the file, or it is refused.

A third of them are mutated as a whole, which an archive's checksums find; a third in
the pickle of their tensors, under checksums that hold; and a third in their numbers
alone, where just those numbers must be read. Wherever a file is read, each number is
one of the file's own, and all arrays take no more than twice the file's size.
"""

import itertools
from collections import Counter

import numpy as np

from jaxgan.checks import InputError
from jaxgan.metrics.features import torch_files
from tests.fuzz.mutate import bounded, mutated
from tests.metrics.features.torch_bytes import (
    FLOAT_DATA,
    FLOATS,
    FORMATS,
    number,
    plain,
    storage,
    tensor,
    text,
)

COUNT = 10_000
VIEWS = 2_000
KINDS = {"Float": "f4", "Half": "f2", "BFloat16": "u2", "Long": "i8", "Byte": "u1"}
PACKED = list(FORMATS.values())


def body():
    """The pickle of a small state dict: a tensor of each kind, and a part of it."""
    entries = {}
    for key, kind in enumerate(KINDS):
        memory = storage(6, f"{kind}Storage", str(key))
        entries[kind] = tensor(memory, (2, 3), (3, 1))
        entries[f"{kind}.part"] = tensor(memory, (2, 2), (1, 3), offset=1)
    return plain({"m": plain(entries), "epoch": number(3), "by": text("x")})


def numbers(random):
    """Six random numbers of each kind."""
    bits = [random.bytes(6 * np.dtype(each).itemsize) for each in KINDS.values()]
    return {str(key): (each, 6) for key, each in enumerate(bits)}


def changed(data, random):
    """The same storages with mutated numbers, of as many bytes."""
    fit = lambda content, size: content[:size].ljust(size, b"\0")
    return {
        key: (fit(mutated(content, random), len(content)), count)
        for key, (content, count) in data.items()
    }


def expected(data):
    arrays = {}
    for (kind, dtype), (content, _) in zip(KINDS.items(), data.values(), strict=True):
        array = np.frombuffer(content, dtype).reshape(2, 3)
        if kind == "BFloat16":
            array = (array.astype("u4") << 16).view("f4")
        arrays |= {
            f"m.{kind}": array,
            f"m.{kind}.part": array.reshape(6)[[[1, 4], [2, 5]]],
        }
    return arrays


def cases():
    """Each file with what it must hold, or None where that is not known."""
    random = np.random.default_rng(0)
    original, data = body(), numbers(random)
    for count in range(COUNT):
        pack, what = PACKED[count % 2], count // 2 % 3
        if what == 0:
            yield mutated(pack(original, data), random), None
        elif what == 1:
            yield pack(mutated(original, random), data), None
        else:
            others = changed(data, random)
            yield pack(original, others), expected(others)


def read(content):
    try:
        return torch_files.read(content), ""
    except InputError as error:
        return None, str(error)


def check(arrays, content):
    assert sum(array.nbytes for array in arrays.values()) <= 2 * len(content)
    for name, array in arrays.items():
        assert name.isprintable()
        assert array.flags.c_contiguous
        for value in array.reshape(-1):
            bits = value.tobytes()
            # What was BFloat16 has zeros in place of a float32's lower half.
            assert bits in content or (bits[:2] == b"\0\0" and bits[2:] in content)


def same(arrays, others):
    return arrays.keys() == others.keys() and all(
        (arrays[name].shape, arrays[name].tobytes()) == (each.shape, each.tobytes())
        for name, each in others.items()
    )


def test_mutated_files_of_weights_are_read_or_refused():
    ends = Counter()
    for count, (content, known) in enumerate(cases()):
        with bounded(f"file {count}"):
            arrays, message = read(content)
        if arrays is None:
            assert "cannot be read" in message
            assert len(message) < 1500
            message.encode()
        else:
            check(arrays, content)
        assert known is None or same(arrays, known)
        ends[count // 2 % 3, "read" if arrays is not None else "refused"] += 1
    # Neither is rare, or the mutations would show nothing.
    assert ends[0, "refused"] > COUNT // 4
    assert ends[1, "refused"] > COUNT // 4
    assert ends[2, "read"] > COUNT // 4
    assert min(ends[0, "read"], ends[1, "read"]) > 10
    assert sum(ends.values()) == COUNT


def view(offset, size, stride):
    """The view's numbers, found one by one; None if one is not in the storage."""
    places = [
        offset + sum(i * step for i, step in zip(index, stride, strict=True))
        for index in itertools.product(*map(range, size))
    ]
    if any(place >= len(FLOATS) for place in places):
        return None
    return FLOATS[np.array(places, int)].reshape(size)


def test_random_views_are_read_or_refused():
    random, ends = np.random.default_rng(0), Counter()
    for count in range(VIEWS):
        rank = random.integers(4)
        size, stride = (tuple(random.integers(0, 4, rank).tolist()) for _ in range(2))
        offset = int(random.integers(7))
        pickled = plain({"w": tensor(storage(6), size, stride, offset)})
        arrays, message = read(PACKED[count % 2](pickled, FLOAT_DATA))
        known = view(offset, size, stride)
        if arrays is None:
            assert known is None
            assert "beyond" in message
        else:
            np.testing.assert_array_equal(arrays["w"], known, strict=True)
        ends[known is None] += 1
    assert min(ends.values()) > VIEWS // 5


def test_the_longest_pickles_take_seconds():
    puts = b"".join(b"r" + place.to_bytes(4, "little") for place in range(2**20))
    bodies = {
        "values": b"(" + b"N" * 2**21 + b"t",
        "lists": b"]" * 2**21,
        "marks": b"(" * 2**21,
        "tuples": plain({"w": b")" + b"\x85" * 1_000_000}),
        "nested lists": plain({"w": b"]" * 500_000 + b"a" * 499_999}),
        "memo": b"}" + puts + b"h\1" * 10**5,
        "dicts": plain({"w": b"(" + b"}" * 1_000_000 + b"l"}),
        "text": plain({"w": text("a" * 10**8)}),
        "keys": plain({str(count): b"N" for count in range(500_000)}),
    }
    for name, pickled in bodies.items():
        with bounded(name):
            arrays, message = read(FORMATS["legacy"](pickled))
        assert arrays == {} if name == "text" else "cannot be read" in message
