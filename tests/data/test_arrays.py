"""Data sets of arrays: any columns, known by their content, checked at once."""

import jax
import ml_dtypes
import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.data import Examples, batch_indices, batches, from_arrays

N = 7


def columns(n=N, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "image": rng.integers(0, 256, (n, 12, 20, 4), np.uint8),
        "pair": (rng.normal(size=(n, 3)).astype(np.float32), np.arange(n) > 2),
        "label": np.arange(n, dtype=np.int32) % 3,
    }


def test_batches_are_rows_in_the_columns_structure():
    given = columns()
    data = from_arrays(given, name="mine")
    indices = np.array([[4, 1, 1], [0, 6, 2]])
    batch = data.train.batch(indices)
    expected = jax.tree.map(lambda column: np.take(column, indices, axis=0), given)
    assert jax.tree.structure(batch) == jax.tree.structure(given)
    jax.tree.map(np.testing.assert_array_equal, batch, expected)
    batch["label"][:] = 9
    assert given["label"].max() == 2  # a copy
    assert (len(data.train), data.test, data.name) == (N, None, "mine")
    assert data.train.nbytes == N * (12 * 20 * 4 + 3 * 4 + 1 + 4)


def test_a_bare_array_is_a_set():
    points = np.arange(8, dtype=np.float32).reshape(4, 2)
    data = from_arrays(points, points[:2])
    np.testing.assert_array_equal(data.train.batch(np.array([3])), [[6, 7]])
    assert (len(data.train), len(data.test)) == (4, 2)
    with pytest.raises(InputError, match="no images"):
        _ = data.image_shape


def test_images_and_classes_are_known():
    data = from_arrays(columns(), classes=("a", "b", "c"))
    assert (data.image_shape, data.num_classes) == ((12, 20, 4), 3)
    assert from_arrays(columns()).num_classes == 0


def test_streamed_batches_are_those_of_indexing():
    data = from_arrays(columns())
    indices = batch_indices(5, start=2, steps=3, d_steps=2, batch_size=4, n=N)
    steps = batches(data.train, 5, start=2, stop=5, d_steps=2, batch_size=4)
    for rows, step in zip(indices, steps, strict=True):
        np.testing.assert_array_equal(step["pair"][0], columns()["pair"][0][rows])


def test_memory_maps_and_jax_arrays_are_the_same_content(tmp_path):
    given = columns()
    np.save(tmp_path / "image.npy", given["image"])
    mapped = given | {"image": np.load(tmp_path / "image.npy", mmap_mode="r")}
    fortran = given | {"image": np.asfortranarray(given["image"])}
    on_device = jax.tree.map(jax.numpy.asarray, given)
    prints = {
        from_arrays(each).fingerprint for each in (given, mapped, fortran, on_device)
    }
    assert len(prints) == 1
    assert len(prints.pop()) == 16


def change(name, value):
    return lambda: (columns() | {name: value}, None)


OTHERS = {
    "same": lambda: (columns(), None),
    "test": lambda: (columns(), columns()),
    "other-test": lambda: (columns(), columns(seed=1)),
    "value": change("label", np.array([0, 1, 2, 0, 1, 2, 1], np.int32)),
    "dtype": change("label", columns()["label"].astype(np.uint32)),
    "half": change("label", columns()["label"].astype(ml_dtypes.bfloat16)),
    "shape": change("image", columns()["image"].reshape(N, 20, 12, 4)),
    "order": change("pair", columns()["pair"][::-1]),
    "row": lambda: (jax.tree.map(lambda column: column[:-1], columns()), None),
    "name": lambda: ({f"{k}s": v for k, v in columns().items()}, None),
}


def test_fingerprint_is_of_the_content():
    prints = [from_arrays(*make()).fingerprint for make in OTHERS.values()]
    prints.append(from_arrays(columns(), classes=("a", "b", "c")).fingerprint)
    assert len(set(prints)) == len(prints)
    assert from_arrays(columns(), name="other").fingerprint == prints[0]


def test_large_columns_are_hashed_in_blocks(monkeypatch):
    from jaxgan.data import in_memory

    known = from_arrays(columns()).fingerprint
    monkeypatch.setattr(in_memory, "_BLOCK_BYTES", 100)
    assert from_arrays(columns()).fingerprint == known


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.zeros(N), r"column x has dtype float64.*astype\(np\.float32\)"),
        (np.zeros(N, np.int64), r"column x has dtype int64.*astype\(np\.int32\)"),
        (np.zeros(N, np.uint64), r"column x .*astype\(np\.uint32\)"),
        (np.zeros(N, ">f4"), r"column x .*astype\(np\.float32\)"),
        (np.array([None] * N), "column x has dtype object"),
        (np.array(["cat"] * N), "column x has dtype <U3"),
        (np.zeros(N, "M8[s]"), "column x has dtype datetime64"),
        (np.zeros(N, [("a", "f4")]), "column x has dtype .*'a'"),
        ([1, 2, 3], r"column x/0 is a int.*asarray"),
        (np.float32(3) * np.ones(()), "column x"),
        (np.zeros((), np.float32), "column x is a single number"),
        (np.zeros(9, np.float32), "column image holds 7 examples, the column x 9"),
    ],
    ids=str,
)
def test_columns_that_would_go_wrong_are_refused(column, message):
    with pytest.raises(InputError, match=message):
        Examples({"image": np.zeros((N, 2, 2, 1), np.uint8), "x": column})


def test_nan_is_found_in_its_row():
    given = columns()
    given["pair"][0][[5, 3], 1] = np.nan
    with pytest.raises(InputError, match=r"column pair/0 of train is NaN in row 3"):
        from_arrays(given)
    with pytest.raises(InputError, match=r"column pair/0 of test is NaN in row 3"):
        from_arrays(columns(), given)
    half = np.array([0, np.nan], ml_dtypes.bfloat16)
    with pytest.raises(InputError, match="array of train is NaN in row 1"):
        from_arrays(half)


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_without_a_class_is_refused(label):
    given = columns()
    given["label"][4] = label
    from_arrays(given)
    with pytest.raises(InputError, match=r"label of train .* 3 classes in row 4"):
        from_arrays(given, classes=("a", "b", "c"))


def test_classes_need_a_label():
    with pytest.raises(InputError, match="no column 'label'"):
        from_arrays(np.zeros((2, 2), np.float32), classes=("a",))


@pytest.mark.parametrize("empty", [{}, None, ()])
def test_no_arrays_are_refused(empty):
    with pytest.raises(InputError, match="at least one array"):
        from_arrays(empty)


def test_no_examples_are_refused():
    with pytest.raises(InputError, match="no examples in test"):
        from_arrays(columns(), columns(0))


@pytest.mark.parametrize("make", [OTHERS["dtype"], OTHERS["shape"], OTHERS["name"]])
def test_held_out_arrays_of_another_kind_are_refused(make):
    with pytest.raises(InputError, match="same columns"):
        from_arrays(columns(), make()[0])
