"""Embeddings of captions by path: in the order of the captions, or refused."""

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.data import load_captioned
from tests.data.captioned_folders import COUNT, fill, lines_of, opened, write_csv

VECTORS = np.random.default_rng(0).normal(size=(2 * COUNT, 3))


@pytest.fixture
def root(tmp_path):
    (tmp_path / "set").mkdir()
    fill(tmp_path / "set")
    return tmp_path / "set"


def saved(root, values, name="vectors.npy"):
    path = root.parent / name
    np.save(path, values)
    return path


def of_captions(data):
    """Each caption's embedding, by its text, over both splits."""
    found = {}
    for split in (data.train, data.test):
        columns = split.columns
        assert columns["embeddings"].dtype == np.float32
        texts = columns["captions"].reshape(-1, data.vocabulary.length)
        vectors = columns["embeddings"].reshape(len(texts), -1)
        for text, vector in zip(texts, vectors, strict=True):
            found[data.vocabulary.decode(text)] = vector
    return found


def test_each_caption_has_the_embedding_of_its_line(root):
    data = opened(root, embeddings=saved(root, VECTORS))
    found = of_captions(data)
    lines = [text for _, text in lines_of()]
    assert set(found) == set(lines)
    got = np.stack([found[text] for text in lines])
    np.testing.assert_array_equal(got, VECTORS.astype(np.float32))
    # Lines and rows in another order are the same set.
    order = np.random.default_rng(1).permutation(len(lines))
    write_csv(root, [lines_of()[i] for i in order])
    again = of_captions(opened(root, embeddings=saved(root, VECTORS[order])))
    for text in lines:
        np.testing.assert_array_equal(again[text], found[text])


def test_fewer_captions_repeat_their_embeddings_too(root):
    lines = lines_of()
    write_csv(root, [line for i, line in enumerate(lines) if i != 1])
    kept = np.delete(VECTORS, 1, axis=0)
    data = opened(root, embeddings=saved(root, kept))
    columns = (data.train if 0 in values(data.train) else data.test).columns
    row = list(columns["image"][:, 0, 0, 0]).index(0)
    both = columns["embeddings"][row]
    np.testing.assert_array_equal(both, VECTORS[[0, 0]].astype(np.float32))


def values(split):
    return split.columns["image"][:, 0, 0, 0].tolist()


def test_fingerprint_follows_the_embeddings(root):
    plain = opened(root).fingerprint
    first = opened(root, embeddings=saved(root, VECTORS)).fingerprint
    moved = opened(root, embeddings=saved(root, VECTORS, "moved.npy")).fingerprint
    other = opened(root, embeddings=saved(root, VECTORS + 1)).fingerprint
    assert first == moved
    assert len({plain, first, other}) == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (VECTORS[:-1], "79 rows"),
        (VECTORS[0], r"shape \(3,\)"),
        (VECTORS[:, :0], "shape"),
        (np.ones((2 * COUNT, 3), int), "int64"),
        (VECTORS + 0j, "complex128"),
        (np.where(np.arange(2 * COUNT)[:, None] == 7, np.nan, VECTORS), "row 7"),
        (VECTORS * 1e300, "row 0"),
        (np.array([{"not": "numbers"}]), "numbers"),
    ],
)
def test_what_is_no_row_for_each_caption_is_refused(root, values, message):
    with pytest.raises(InputError, match=message):
        opened(root, embeddings=saved(root, values))


def test_files_that_are_no_array_are_refused(root, tmp_path):
    broken = tmp_path / "broken.npy"
    broken.write_bytes(b"")
    several = tmp_path / "several.npz"
    np.savez(several, a=VECTORS, b=VECTORS)
    cut = tmp_path / "cut.npz"
    cut.write_bytes(several.read_bytes()[:200])
    text = tmp_path / "text.csv"
    text.write_text("1,2,3")
    whole = saved(root, VECTORS).read_bytes()
    damaged = {
        "short": whole[:-8],
        "header": whole[:40],
        "bracket": whole.replace(b")", b" ", 1),
        "huge": whole.replace(b"(80, 3)", b"(%d, 3)" % 10**11, 1),
        "objects": whole.replace(b"'<f8'", b"'|O' ", 1),
    }
    assert sum(each != whole for each in damaged.values()) == len(damaged)
    for name, content in damaged.items():
        (tmp_path / f"{name}.npy").write_bytes(content)
    for path, message in (
        (tmp_path / "missing.npy", "missing"),
        (broken, r"not a \.npy"),
        (text, r"not a \.npy"),
        (several, "several arrays"),
        (cut, "several arrays"),
        (tmp_path, "cannot be read"),
        *((tmp_path / f"{name}.npy", "cannot be read") for name in damaged),
    ):
        with pytest.raises(InputError, match=message) as caught:
            opened(root, embeddings=path)
        assert "pickle" not in str(caught.value)


def test_drawn_sets_take_none(root, tmp_path):
    with pytest.raises(InputError, match="--embeddings"):
        load_captioned(
            "scenes", data_dir=tmp_path, embeddings=saved(root, VECTORS), resolution=16
        )
