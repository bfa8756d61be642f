"""Downloads: which files are still missing, and what to say when they cannot be had."""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import tensorflow_datasets as tfds
from requests import RequestException
from tensorflow_datasets.core.download.download_manager import (
    NonMatchingChecksumError,
)

from jaxgan.checks import InputError

CHECKSUM_ERRORS = (NonMatchingChecksumError,)
NETWORK_ERRORS = (RequestException, tfds.download.DownloadError)

_TIMEOUT = 15.0  # seconds; tfds itself tries an unreachable host for minutes


def _file_name(url: str) -> str:
    return url.rsplit("/", 1)[-1]


def missing(urls: Sequence[str], data_dir: Path, manual_dir: Path | None) -> list[str]:
    """The URLs that are neither in ``manual_dir`` nor downloaded before.

    Raises:
        InputError: ``manual_dir`` is given but is no folder.
    """
    if manual_dir is not None and not manual_dir.is_dir():
        raise InputError(
            f"--manual-dir {manual_dir} is not a folder; expected one that holds "
            f"{', '.join(map(_file_name, urls)) or 'the original files'}."
        )
    known = set()
    for info in (data_dir / "downloads").rglob("*.INFO"):  # tfds's notes on its files
        known.update(json.loads(info.read_text()).get("urls", ()))
    by_hand = set() if manual_dir is None else {p.name for p in manual_dir.iterdir()}
    return [url for url in urls if url not in known and _file_name(url) not in by_hand]


def check_reachable(name: str, urls: Sequence[str], manual_dir: Path | None) -> None:
    """Asks for each URL's head, so that being offline is noticed within seconds.

    Raises:
        InputError: a host does not answer; says how to bring the files by hand.
    """
    for url in urls:
        request = urllib.request.Request(url, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=_TIMEOUT).close()
        except urllib.error.HTTPError:
            pass  # it answers; what it says to the download itself is what counts
        except OSError as error:
            raise download_error(name, urls, manual_dir, error) from error


def download_error(
    name: str, urls: Sequence[str], manual_dir: Path | None, error: Exception
) -> InputError:
    """Error for files at ``urls`` that cannot be downloaded, with what to do."""
    lacks = "" if manual_dir is None else f" (--manual-dir {manual_dir} lacks them)"
    listed = "\n".join(f"  {url}" for url in urls)
    return InputError(
        f"{name} cannot be downloaded: {error}. Fetch these files{lacks} on a machine "
        "that can, put them into a folder under the names they have there, and pass "
        f"it with --manual-dir FOLDER:\n{listed}"
    )


def checksum_error(name: str, error: Exception) -> InputError:
    """Error for a file that is not the one published, with what to do."""
    found = str(error).split("\nTo debug")[0]  # tfds's advice is for its developers
    return InputError(
        f"A file of {name} is not the one expected. {found}\n"
        "It is damaged or another version: remove it and fetch it again."
    )
