"""Files of weights by their content and hash, and their download."""

import functools
import hashlib
import http.server
import json
import pickle
import sys
import threading

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.metrics.features import weights
from jaxgan.metrics.features.weights import download, download_inception, read_weights
from tests.metrics.features.torch_bytes import FLOAT_BODY, FLOAT_DATA, FLOATS, FORMATS

CONTENT = FORMATS["legacy"](FLOAT_BODY, FLOAT_DATA)
SIZE = len(CONTENT)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def file(tmp_path):
    """Writes bytes into a file, whose name says nothing of its format."""

    def write(content):
        path = tmp_path / "weights.bin"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("packed", FORMATS.values(), ids=FORMATS)
def test_reads_files_of_pytorch(file, packed):
    content = packed(FLOAT_BODY, FLOAT_DATA)
    found = read_weights(file(content))
    np.testing.assert_array_equal(found.arrays["w"], FLOATS.reshape(2, 3), strict=True)
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert found.source == str(file(content))


def test_paths_may_be_text_and_have_a_home(file, monkeypatch):
    path = file(CONTENT)
    monkeypatch.setenv("HOME", str(path.parent))
    assert read_weights(f"~/{path.name}").source == str(path)


@pytest.mark.parametrize("expected", [SHA256, SHA256.upper()])
def test_a_hash_that_holds(file, expected):
    assert read_weights(file(CONTENT), expected=expected).sha256 == SHA256


def test_another_hash_is_refused_before_the_file_is_read(file):
    content = b"no weights"
    with pytest.raises(InputError, match=SHA256) as caught:
        read_weights(file(content), expected=SHA256)
    assert hashlib.sha256(content).hexdigest() in str(caught.value)


CONTENTS = {
    "empty": (b"", "empty"),
    "page": (b"\n <!DOCTYPE html><html>Not Found</html>", "HTML"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "LFS"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(99), "begins with"),
    "pickle": (pickle.dumps({"w": 1}), "begins with"),
    "cut off": (CONTENT[:-1], "cut off"),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_other_files_are_named_with_what_they_are(file, case):
    content, match = CONTENTS[case]
    path = file(content)
    with pytest.raises(InputError, match=match) as caught:
        read_weights(path)
    assert str(path) in str(caught.value)


def test_a_file_that_may_not_be_read(file, monkeypatch):
    def deny(self):
        raise PermissionError(13, "Permission denied")  # root is denied nothing

    path = file(CONTENT)
    monkeypatch.setattr(type(path), "read_bytes", deny)
    with pytest.raises(InputError, match="Permission denied"):
        read_weights(path)


def test_missing_files_and_folders(tmp_path, file):
    with pytest.raises(InputError, match=r"no file.*none\.pth"):
        read_weights(tmp_path / "none.pth")
    with pytest.raises(InputError, match="no file"):
        read_weights(file(CONTENT) / "below.pth")
    with pytest.raises(InputError, match="folder"):
        read_weights(tmp_path)


# Files of safetensors.


def safe(entries):
    """A file of the format by hand: {name: (dtype, shape, bytes)}."""
    header, start = {}, 0
    for name, (dtype, shape, data) in entries.items():
        offsets = [start, start + len(data)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        start += len(data)
    text = json.dumps(header).encode()
    parts = [len(text).to_bytes(8, "little"), text]
    return b"".join([*parts, *(data for _, _, data in entries.values())])


@pytest.fixture
def safetensors():
    return pytest.importorskip("safetensors.numpy")


DTYPES = "f8 f4 f2 i8 i4 i2 i1 u8 u4 u2 u1 ? c8"


def test_reads_what_safetensors_writes(file, safetensors):
    random = np.random.default_rng(0)
    arrays = {
        f"layer.{dtype}": random.integers(0, 2, (2, 3)).astype(dtype)
        for dtype in DTYPES.split()
    }
    arrays |= {"scalar": np.array(2.5, np.float32), "none": np.zeros((0, 3), "f4")}
    content = safetensors.save(arrays, metadata={"format": "pt"})
    found = read_weights(file(content))
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert set(found.arrays) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array, strict=True)
        assert not found.arrays[name].flags.writeable


def test_bfloat16_of_safetensors_is_widened(file, safetensors):
    bits = np.array([0x3F80, 0xC000, 0x7F81], "<u2")
    content = safe({"w": ("BF16", [3], bits.tobytes()), "s": ("BF16", [], b"\0\0")})
    found = read_weights(file(content)).arrays
    assert found["w"].dtype == np.float32
    assert found["w"].view(np.uint32).tolist() == [0x3F800000, 0xC0000000, 0x7F810000]
    assert isinstance(found["s"], np.ndarray)


def test_booleans_of_safetensors_are_good_ones(file, safetensors):
    found = read_weights(file(safe({"w": ("BOOL", [3], b"\0\1\2")})))
    assert found.arrays["w"].tobytes() == b"\0\1\1"


def test_other_dtypes_of_safetensors_are_named(file, safetensors):
    with pytest.raises(InputError, match=r"'w'.*F8_E4M3"):
        read_weights(file(safe({"w": ("F8_E4M3", [3], bytes(3))})))


def test_damaged_files_of_safetensors(file, safetensors):
    content = safe({"w": ("F32", [3], bytes(12))})
    beyond = safe({"w": ("F32", [2**40, 2**40], bytes(12))})
    cut = [content[:length] for length in range(9, len(content))]
    for damaged in [*cut, content + b"\0", beyond, b"\xff" * 8 + content[8:]]:
        with pytest.raises(InputError, match=r"weights\.bin"):
            read_weights(file(damaged))


def test_says_how_to_install_safetensors(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(InputError, match="pip install safetensors"):
        read_weights(file(safe({"w": ("F32", [3], bytes(12))})))


# Downloads.


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server of one folder; gives its URL, the folder and the paths asked for."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder, asked = tmp_path / "served", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format, *args):
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as opened:
        thread = threading.Thread(target=opened.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{opened.server_port}", folder, asked
        opened.shutdown()
        thread.join()


@pytest.fixture
def fetch(server, tmp_path):
    """Downloads what is served as weights.pth into the folder ``got``."""
    url, folder, _ = server

    def start(content=CONTENT, *, size=SIZE, sha256=SHA256):
        (folder / "weights.pth").write_bytes(content)
        target = tmp_path / "deep" / "got"
        return download(f"{url}/weights.pth", target, size=size, sha256=sha256)

    return start


def left(tmp_path):
    return sorted(path.name for path in (tmp_path / "deep" / "got").iterdir())


def test_downloads_once(fetch, server, tmp_path):
    path = fetch()
    assert path.read_bytes() == CONTENT
    assert fetch() == path
    assert server[2] == ["/weights.pth"]
    assert left(tmp_path) == ["weights.pth"]
    assert read_weights(path, expected=SHA256).sha256 == SHA256


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (CONTENT[:-1] + b"x", SHA256),
        (CONTENT[:-1], "bytes, expected"),
        (CONTENT + b"x", "more than"),
    ],
    ids=["changed", "short", "long"],
)
def test_another_file_is_not_kept(fetch, tmp_path, content, match):
    with pytest.raises(InputError, match=match):
        fetch(content)
    assert left(tmp_path) == []


def test_a_damaged_file_that_is_there_is_named(fetch):
    path = fetch()
    path.write_bytes(b"half")
    with pytest.raises(InputError, match="remove it") as caught:
        fetch()
    assert str(path) in str(caught.value)
    assert path.read_bytes() == b"half"


def test_what_the_server_lacks(server, tmp_path):
    url = f"{server[0]}/none.pth"
    with pytest.raises(InputError, match="404") as caught:
        download(url, tmp_path / "deep" / "got", size=1, sha256=SHA256)
    assert url in str(caught.value)
    assert left(tmp_path) == []


def test_a_server_that_does_not_answer(server, tmp_path):
    with pytest.raises(InputError, match="cannot be downloaded"):
        download("http://127.0.0.1:9/w.pth", tmp_path, size=1, sha256=SHA256)


def test_a_file_where_the_folder_goes(fetch, tmp_path):
    (tmp_path / "deep").write_bytes(b"")
    with pytest.raises(InputError, match="deep"):
        fetch()


def test_the_published_inception(tmp_path, monkeypatch):
    def record(url, folder, **facts):
        asked.append((url, facts))
        return folder / "file.pth"

    asked = []
    monkeypatch.setattr(weights, "download", record)
    assert download_inception(str(tmp_path)) == tmp_path / "file.pth"
    ((url, facts),) = asked
    assert url.startswith("https://github.com/mseitzer/pytorch-fid/releases/")
    assert facts["size"] == 95_628_359
    # PyTorch's files have the first digits of their hash in their names.
    assert url.endswith(f"-{facts['sha256'][:8]}.pth")
