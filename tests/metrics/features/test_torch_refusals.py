"""Damaged and hostile files of weights: refused with a message, and never run."""

import io
import pickle
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.metrics.features import pickled, torch_files
from tests.fuzz.mutate import bounded
from tests.metrics.features.torch_bytes import (
    EMPTY,
    FLOAT_BODY,
    FLOAT_DATA,
    FLOATS,
    FORMATS,
    archive,
    legacy,
    number,
    plain,
    several,
    storage,
    tensor,
    text,
)


@pytest.fixture(params=FORMATS)
def packed(request):
    """Puts a file of one of the two formats together."""
    return FORMATS[request.param]


def refused(content, match):
    with bounded(match), pytest.raises(InputError, match=match) as caught:
        torch_files.read(content)
    assert len(str(caught.value)) < 1000
    str(caught.value).encode()


def laughs(depth, width):
    """A tuple of lists, of which each holds the one before it many times."""
    again = lambda level: b"h" + bytes([level])
    lists = [
        b"](" + again(level) * width + b"eq" + bytes([level + 1])
        for level in range(depth)
    ]
    return several(b"]q\0", *lists)


W = tensor(storage(6), (6,), (1,))
COMMAND = text("touch made") + b"\x85R"
PAIRS = b"h\0h\0\x86q\0" * 99  # a pair of the pair before, and so on
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2"
ORDERED = b"ccollections\nOrderedDict\n"
BODIES = {
    "os.system": (b"cos\nsystem\n" + COMMAND, "os system.*nor called"),
    "posix.system": (b"cposix\nsystem\n" + COMMAND, "posix system"),
    "eval": (b"c__builtin__\neval\n" + text("1 + 1") + b"\x85R", "eval"),
    "stack": (text("os") + text("system") + b"\x93" + COMMAND, "STACK_GLOBAL"),
    "inst": (b"(ios\nsystem\n", "INST"),
    "obj": (b"(" + EMPTY + b"o", "operation OBJ"),
    "newobj": (EMPTY + b")\x81", "NEWOBJ"),
    "extension": (b"\x82\1", "EXT1"),
    "attribute": (REBUILD + b".__globals__\n", "__globals__"),
    "escape": (b"c\\x6fs\nsystem\n", "os system"),
    "warning": (b"c\\d\nsystem\n", "system|damaged"),
    "storage called": (b"ctorch\nFloatStorage\n)R", "call.*FloatStorage"),
    "text called": (text("eval") + b")R", "str where Name"),
    "protocol": (b"\x80\4" + EMPTY, "protocol 4"),
    "list": (b"]", "list where dict"),
    "tensor": (W, "Tensor where dict"),
    "storage": (plain({"w": storage(6)}), "neither a tensor"),
    "name": (plain({"w": b"ctorch\nFloatStorage\n"}), "neither a tensor"),
    "deep lists": (plain({"w": b"]" * 20_000 + b"a" * 19_999}), "deeper"),
    "deep tuples": (plain({"w": b")" + b"\x85" * 50_000}), "deeper"),
    "endless": (b"}q\0" + text("w") + b"h\0s", "deeper"),
    "laughs": (plain({"w": laughs(100, 2)}), "deeper"),
    "wide laughs": (plain({"w": laughs(6, 1000)}), "entries"),
    "laughs in a key": (b")q\0" + PAIRS + b"}h\0Ns", "tuple where str"),
    "laughs in an id": (b")q\0" + PAIRS + several(b"h\0" * 5) + b"Q", "tuple where"),
    "long4": (b"\x8b\xff\xff\xff\x7f", "damaged"),
    "long1": (number(2**2000), "64 bits"),
    "long decimals": (b"L" + b"9" * 10_000 + b"L\n", "damaged|LONG"),
    "long text": (b"X\xff\xff\xff\xff", "damaged"),
    "text not UTF-8": (b"X\1\0\0\0\xff", "damaged"),
    "bytes not UTF-8": (b"U\1\xff", "UTF-8"),
    "no such operation": (b"\xfe", "damaged"),
    "no value": (b"a", "not there"),
    "no value over a mark": (b"}(a", "not there"),
    "no mark": (b"}u", "not there"),
    "no memory": (b"h\7", "not there"),
    "several values": (b"NN", "several"),
    "open mark": (b"}(", "not there"),
    "no mapping": (b"N" + text("a") + b"Ns", "NoneType where dict"),
    "no list": (b"}Na", "dict where list"),
    "attributes of a list": (b"]}b", "list where dict"),
    "key without value": (b"}(" + text("a") + b"u", "key without"),
    "key twice": (b"}(" + (text("a") + b"N") * 2 + b"u", "twice"),
    "name twice": (plain({"a.b": W, "a": plain({"b": W})}), "two tensors"),
    "long name": (plain({"a" * 10**6: W}), "characters"),
    "half a character": (plain({"\ud800": W}), "printed"),
    "two lines": (plain({"a\nb": W}), "printed"),
    "ordered": (ORDERED + b"]]\x86R", "OrderedDict of 2"),
    "ordered pairs": (ORDERED + b"](Ne\x85R", "NoneType where list"),
    "parameter": (b"ctorch._utils\n_rebuild_parameter\n)R", "parameter"),
    "no parameter": (b"ctorch._utils\n_rebuild_parameter\nNNN\x87R", "NoneType where"),
}


@pytest.mark.parametrize("case", BODIES)
def test_refuses_pickles_that_are_no_state_dict(packed, case):
    body, match = BODIES[case]
    refused(packed(body, FLOAT_DATA if storage(6) in body else {}), match)


@pytest.mark.parametrize("operation", [b"N", b"]", b"r\1\0\0\0"])
def test_operations_are_counted(packed, operation, monkeypatch):
    monkeypatch.setattr(pickled, "_MOST_OPERATIONS", 1000)
    assert torch_files.read(packed(plain({"w": b"N" + b"q\1" * 900}))) == {}
    refused(packed(plain({"w": b"N" + operation * 1000})), "more than 1,000 operations")


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_runs_nothing(packed, protocol, tmp_path):
    class Command:
        def __reduce__(self):
            return Path.touch, (tmp_path / "made",)

    content = pickle.dumps({"w": Command()}, protocol)
    body = content[:-1].removeprefix(b"\x80\2")
    refused(packed(body), "names|protocol|operation")
    assert not (tmp_path / "made").exists()
    pickle.loads(content)  # it would have worked
    assert (tmp_path / "made").exists()


TYPE = b"ctorch\nFloatStorage\n"
VIEWING = storage(6)[:-2] + several(text("1"), number(0), number(6)) + b"tQ"
TENSORS = {
    "giant of one number": (tensor(storage(6), (2**20, 2**20), (0, 0)), "would take"),
    "beyond": (tensor(storage(6), (2, 3), (4, 1)), "beyond"),
    "offset beyond": (tensor(storage(6), (), (), offset=6), "beyond"),
    "far beyond": (tensor(storage(6), (2,), (2**55,)), "beyond"),
    "overflow": (tensor(storage(6), (2**33, 2**33), (2**33, 2**33)), "more elements"),
    "more than 64 bits": (tensor(storage(6), (2,), (2**64,)), "64 bits"),
    "nearly 64 bits": (tensor(storage(6), (2,), (2**63 - 1,)), "too large"),
    "empty giant": (tensor(storage(6), (0, 2**50, 2**50), (1, 1, 1)), "more elements"),
    "negative size": (tensor(storage(6), (-1,), (1,)), "negative"),
    "negative stride": (tensor(storage(6), (6,), (-1,), offset=5), "negative"),
    "negative offset": (tensor(storage(6), (1,), (1,), offset=-1), "negative"),
    "too many dimensions": (tensor(storage(6), (1,) * 40, (1,) * 40), "at most 32"),
    "sizes without strides": (tensor(storage(6), (1, 1), (1,)), "as many"),
    "a truth for a size": (tensor(storage(6), (b"\x88",), (1,)), "bool where int"),
    "no storage": (tensor(b"N", (6,), (1,)), "NoneType where Storage"),
    "few values": (REBUILD + b"\n)R", "0 values"),
    "negative count": (tensor(storage(-6), (6,), (1,)), "negative"),
    "other count": (tensor(storage(7), (6,), (1,)), "damaged"),
    "huge count": (tensor(storage(2**54), (2**50,), (1,)), "damaged"),
    "other type": (tensor(storage(6, "UntypedStorage"), (6,), (1,)), "UntypedStorage"),
    "no type": (storage(6).replace(TYPE, b"N"), "NoneType where Name"),
    "function for a type": (storage(6).replace(TYPE, ORDERED), "OrderedDict"),
    "wrong tag": (storage(6).replace(b"storage", b"Storage", 1), "not a storage"),
    "storage of a storage": (VIEWING, "view others"),
    "two types": (W + tensor(storage(6, "IntStorage"), (6,), (1,)) + b"\x86", "two w"),
}


@pytest.mark.parametrize("case", TENSORS)
def test_refuses_tensors_that_are_not_in_the_file(packed, case):
    body, match = TENSORS[case]
    refused(packed(plain({"w": body}), FLOAT_DATA), match)


def test_many_views_of_one_storage_are_bounded(packed):
    views = {f"w{i}": tensor(storage(10**6), (10**6 - i,), (1,)) for i in range(50)}
    refused(packed(plain(views), {"0": (bytes(4 * 10**6), 10**6)}), "would take")


def doubled():
    file = io.BytesIO(archive(FLOAT_BODY, FLOAT_DATA))
    with zipfile.ZipFile(file, "a") as members, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        members.writestr("archive/data/0", FLOATS[::-1].tobytes())
    return file.getvalue()


def listed(compressed, size):
    """An archive whose table of contents has other sizes for its last file."""
    content = bytearray(archive(FLOAT_BODY, FLOAT_DATA))
    place = content.rindex(b"PK\x01\x02") + 20
    content[place : place + 8] = struct.pack("<II", compressed, size)
    return bytes(content)


GOOD = (FLOAT_BODY, FLOAT_DATA)
SHORT = {"0": (FLOATS.tobytes()[:20], 5)}
OTHER = {"other/data.pkl": b"\x80\2}."}
PROGRAM = {"archive/constants.pkl": b"\x80\2)."}
FILES = {
    "compressed": (archive(*GOOD, compression=zipfile.ZIP_DEFLATED), "compressed"),
    "two files of one name": (doubled(), "one name"),
    "two objects": (archive(*GOOD, others=OTHER), "2 folders"),
    "no object": (archive(*GOOD).replace(b"data.pkl", b"data.txt"), "0 folders"),
    "program": (archive(*GOOD, others=PROGRAM), "TorchScript"),
    "order": (archive(*GOOD, order=b"middle"), "order of bytes"),
    "no storage": (archive(FLOAT_BODY), "missing"),
    "short storage": (archive(FLOAT_BODY, SHORT), "has 20"),
    "long storage": (archive(FLOAT_BODY, {"0": (bytes(28), 7)}), "has 28"),
    "two sizes": (listed(24, 20), "two sizes"),
    "large sizes": (listed(2**31, 2**31), "share"),
    "only its start": (b"PK\x03\x04" + bytes(100), "damaged"),
    "many files": (b"PK\x03\x04" + b"PK\x01\x02" * 10**5, "more than"),
    "other version": (legacy(*GOOD).replace(b"M\xe9\3", b"M\xea\3", 1), "version 1002"),
    "short legacy storage": (legacy(FLOAT_BODY, SHORT), "cut off"),
    "more follows": (legacy(*GOOD) + b"\0", "1 bytes follow"),
    "key twice": (legacy(*GOOD, keys=["0", "0"]), "list of storages"),
    "other key": (legacy(*GOOD, keys=["1"]), "list of storages"),
    "key of None": (legacy(*GOOD, keys=[None]), "NoneType where str"),
    "no keys": (legacy(*GOOD, keys={}), "dict where list"),
    "empty": (b"", "begins with"),
    "a pickle": (pickle.dumps({}, 2), "begins with"),
    "text": (b"<html>Not found</html>", "begins with"),
}


@pytest.mark.parametrize("case", FILES)
def test_refuses_damaged_files(case):
    refused(*FILES[case])


def test_refuses_every_file_that_is_cut_off(packed):
    content = packed(*GOOD)
    for length in range(len(content)):
        with pytest.raises(InputError):
            torch_files.read(content[:length])


def test_a_changed_byte_of_an_archive_is_found():
    content = archive(*GOOD)
    ends = {"read": 0, "refused": 0}
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        try:
            found = torch_files.read(bytes(changed))
        except InputError:
            ends["refused"] += 1
        else:
            np.testing.assert_array_equal(found["w"], FLOATS.reshape(2, 3))
            ends["read"] += 1  # it was of a date, or such
    assert ends["refused"] > ends["read"] > 0


@pytest.mark.parametrize("place", range(24))
def test_a_changed_byte_of_a_number_changes_that_number(place):
    content = bytearray(legacy(*GOOD))
    content[place - 24] ^= 0x41
    found = torch_files.read(bytes(content))["w"].reshape(6)
    assert (found != FLOATS).tolist() == [i == place // 4 for i in range(6)]
