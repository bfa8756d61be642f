"""Downloads: the files that are still missing, and errors if they cannot be fetched."""

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
    """Returns the URLs whose files are neither in ``manual_dir`` nor downloaded yet.

    Raises:
        InputError: ``manual_dir`` is given but is not a folder.
    """
    if manual_dir is not None and not manual_dir.is_dir():
        raise InputError(
            f"--manual-dir {manual_dir} is not a folder; expected one that holds "
            f"{', '.join(map(_file_name, urls)) or 'the original files'}."
        )
    known = set()
    for info in (data_dir / "downloads").rglob("*.INFO"):  # tfds's records of its files
        known.update(json.loads(info.read_text()).get("urls", ()))
    by_hand = set() if manual_dir is None else {p.name for p in manual_dir.iterdir()}
    return [url for url in urls if url not in known and _file_name(url) not in by_hand]


def check_reachable(name: str, urls: Sequence[str], manual_dir: Path | None) -> None:
    """Requests the head of each URL, so that being offline is noticed in seconds.

    Raises:
        InputError: a host does not answer; the message says how to fetch the files by
            hand.
    """
    for url in urls:
        request = urllib.request.Request(url, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=_TIMEOUT).close()
        except urllib.error.HTTPError:
            pass  # the host answers; the download shows whether it has the file
        except OSError as error:
            raise download_error(name, urls, manual_dir, error) from error


def download_error(
    name: str, urls: Sequence[str], manual_dir: Path | None, error: Exception
) -> InputError:
    """Returns the error for files that cannot be downloaded, with what to do."""
    lacks = "" if manual_dir is None else f" (--manual-dir {manual_dir} lacks them)"
    listed = "\n".join(f"  {url}" for url in urls)
    return InputError(
        f"{name} cannot be downloaded: {error}. Fetch these files{lacks} on a machine "
        "that can, put them into a folder under the names they have there, and pass "
        f"it with --manual-dir FOLDER:\n{listed}"
    )


def checksum_error(name: str, error: Exception) -> InputError:
    """Returns the error for a file that is not the published one, with what to do."""
    found = str(error).split("\nTo debug")[0]  # tfds's advice is for its developers
    return InputError(
        f"A file of {name} is not the one expected. {found}\n"
        "It is damaged or another version: remove it and fetch it again."
    )
