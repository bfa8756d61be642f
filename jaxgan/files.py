"""Files that are written whole or not at all."""

import json
import os
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any) -> None:
    """Whole or not at all: a reader never sees half a file."""
    write_atomically(path, (json.dumps(value, indent=2) + "\n").encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Writes beside the file, then renames."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)
