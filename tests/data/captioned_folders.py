"""Folders of images with captions, for tests."""

import json

from PIL import Image

from jaxgan.data import load_captioned

COUNT = 40


def opened(path, **options):
    base = path if path.is_dir() else path.parent
    return load_captioned(f"captions:{path}", data_dir=base.parent / "data", **options)


def save(path, value, size=(4, 4), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


def lines_of(count=COUNT):
    """Two captions of each file, which tell its value."""
    names = [f"{i:02}.png" for i in range(count)]
    return [(n, text) for i, n in enumerate(names) for text in (f"shade {i}", f"a {i}")]


def write_csv(
    root, lines, header="file,caption", encoding="utf-8", name="captions.csv"
):
    rows = [header, *(f"{file},{caption}" for file, caption in lines)]
    (root / name).write_text("\n".join(rows) + "\n", encoding=encoding)


def write_json(root, lines, name="captions.jsonl"):
    rows = [json.dumps({"file": f, "caption": c}) for f, c in lines]
    (root / name).write_text("\n".join(rows) + "\n", encoding="utf-8")


def fill(root, count=COUNT, write=write_csv):
    for i in range(count):
        save(root / f"{i:02}.png", i)
    write(root, lines_of(count))


def told(data, split):
    """Of each row its value, which all of its captions must tell."""
    columns = split.columns
    values = columns["image"][:, 0, 0, 0].tolist()
    for value, several in zip(values, columns["captions"], strict=True):
        texts = [data.vocabulary.decode(each) for each in several]
        assert texts == [f"shade {value}", f"a {value}"]
    return values
