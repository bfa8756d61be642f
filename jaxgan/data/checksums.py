"""Checksums of large files: the CRC-32 of each block, by several threads.

They detect damage by a crash, a bad disk or an incomplete copy, not tampering. A
gigabyte in memory takes half a second on one core.
"""

import os
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

_BLOCK = 2**24  # bytes


def of_files(files: Sequence[Path], title: str) -> dict[str, dict[str, Any]]:
    """Returns the size and the CRC-32 of each block of each file, by file name.

    Args:
        files: the files.
        title: the label of the progress bar, shown on a terminal after a second.

    Raises:
        OSError: a file cannot be read.
    """
    from tqdm import tqdm  # here, since jaxgan imports without it too

    sizes = {file: file.stat().st_size for file in files}
    starts = [(file, at) for file in files for at in range(0, sizes[file], _BLOCK)]
    with ThreadPoolExecutor() as pool:
        sums = list(
            tqdm(
                pool.map(_of_block, starts),
                desc=title,
                total=len(starts),
                delay=1,
                leave=False,
                disable=None,
            )
        )
    found = {file.name: {"size": sizes[file], "crc32": []} for file in files}
    for (file, _), each in zip(starts, sums, strict=True):
        found[file.name]["crc32"].append(each)
    return found


def _of_block(place: tuple[Path, int]) -> int:
    file, start = place
    with file.open("rb") as opened:
        # If the file is shorter by now, so is the block, and its checksum differs.
        return zlib.crc32(os.pread(opened.fileno(), _BLOCK, start))
