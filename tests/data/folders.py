"""Folders of tiny images, in any layout."""

import os

from PIL import Image


def fill(root, *names):
    """Writes an image of one value for each name; files of other formats are empty."""
    # Not above: the jaxtyping hook must be in place before jaxgan is imported.
    from jaxgan.data.walk import READ

    for number, name in enumerate(names):
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() in READ:
            Image.new("L", (4, 4), number).save(path, "PNG")
        else:
            path.write_bytes(b"")


def understood(root):
    """The source of a folder's images."""
    from jaxgan.data import folder

    return folder.read(folder.look(root))


def names_of(split):
    return sorted(
        f"{e.file.parent.name}/{e.file.name}" for e in split.fetch(range(split.count))
    )
