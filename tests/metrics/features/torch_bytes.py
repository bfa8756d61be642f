"""Files as torch.save writes them, put together by hand: needs no PyTorch."""

import io
import pickle
import zipfile

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
EMPTY = b"ccollections\nOrderedDict\n)R"


def text(value):
    content = value.encode("utf-8", "surrogatepass")
    return b"X" + len(content).to_bytes(4, "little") + content


def number(value):
    content = pickle.encode_long(value)
    return b"\x8a" + bytes([len(content)]) + content


def several(*parts):
    return b"(" + b"".join(parts) + b"t"


def sizes(values):
    """Numbers, or values as their operations."""
    parts = (each if isinstance(each, bytes) else number(each) for each in values)
    return several(*parts)


def storage(count, kind="FloatStorage", key="0"):
    name = b"ctorch\n" + kind.encode() + b"\n"
    return several(text("storage"), name, text(key), text("cpu"), number(count)) + b"Q"


def tensor(storage, size, stride, offset=0):
    view = several(storage, number(offset), sizes(size), sizes(stride), b"\x89", EMPTY)
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + view + b"R"


def plain(entries):
    return b"}(" + b"".join(text(key) + entries[key] for key in entries) + b"u"


def legacy(body, data=None, keys=None):
    """The format before 1.6: ``data`` has the bytes and the count of each key."""
    data = data or {}
    parts = [MAGIC, 1001, {"little_endian": True}]
    head = b"".join(pickle.dumps(part, 2) for part in parts)
    keys = pickle.dumps(list(data) if keys is None else keys, 2)
    tail = b"".join(count.to_bytes(8, "little") + each for each, count in data.values())
    return head + b"\x80\x02" + body + b"." + keys + tail


def archive(body, data=None, order=b"little", others=None, **options):
    """The format since 1.6, with other files, zipped with options."""
    members = {"archive/data.pkl": b"\x80\x02" + body + b"."}
    if order is not None:
        members["archive/byteorder"] = order
    for key, (content, _) in (data or {}).items():
        members[f"archive/data/{key}"] = content
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as opened:
        for name, content in (members | (others or {})).items():
            opened.writestr(name, content)
    return file.getvalue()


FORMATS = {"legacy": legacy, "archive": archive}

FLOATS = np.arange(6, dtype="<f4") + np.float32(0.1)
FLOAT_DATA = {"0": (FLOATS.tobytes(), 6)}
FLOAT_BODY = plain({"w": tensor(storage(6), (2, 3), (3, 1))})
