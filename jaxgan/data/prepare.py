"""Sets that tfds prepares: fetched, checked, written as array_record, read as PNG.

Importing this imports tfds, but never TensorFlow: Pillow decodes the records.
"""

import contextlib
import difflib
import importlib.util
import io
import sys
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from jaxgan.checks import InputError
from jaxgan.data import fetch
from jaxgan.data.cifar import Cifar10
from jaxgan.data.digits import Digits
from jaxgan.data.idx import FashionMnist, Mnist
from jaxgan.data.source import OWN_SETS, Example, Source, Split

_OWN = {
    "digits": Digits,
    "mnist": Mnist,
    "fashion_mnist": FashionMnist,
    "cifar10": Cifar10,
}


def read_own(name: str, data_dir: Path, manual_dir: Path | None) -> Source:
    """Reads one of the sets with our own builders, preparing it if needed.

    Args:
        name: a key of ``OWN_SETS``.
        data_dir: where downloads and prepared records live.
        manual_dir: a folder that may hold the original files; those that it lacks
            are downloaded.

    Raises:
        InputError: a file cannot be downloaded, or is not the one expected.
        OSError: ``data_dir`` cannot be written.
    """
    make = lambda: _OWN[name](data_dir=str(data_dir))
    builder = make()
    if not builder.data_path.exists():
        missing = fetch.missing(builder.urls, data_dir, manual_dir)
        fetch.check_reachable(name, missing, manual_dir)
        try:
            _prepare(builder, data_dir, manual_dir)
        except fetch.CHECKSUM_ERRORS as error:
            raise fetch.checksum_error(name, error) from error
        except fetch.NETWORK_ERRORS as error:
            raise fetch.download_error(name, missing, manual_dir, error) from error
    return _source(name, make())


def read_stock(name: str, data_dir: Path, manual_dir: Path | None) -> Source:
    """Reads any image set of tfds, by its name there ("svhn_cropped", "beans", ...).

    Raises:
        InputError: there is no such set, it is not an image set, tfds cannot prepare
            it, or TensorFlow, which it needs for that, is not installed.
    """
    stock = tfds.list_builders(with_community_datasets=False)
    if name.split("/")[0].split(":")[0] not in stock:
        raise _unknown(name, stock)
    make = lambda: tfds.builder(name, data_dir=str(data_dir))
    try:
        if not make().data_path.exists():
            _check_tensorflow(name)
            _prepare(make(), data_dir, manual_dir)
        return _source(name, make())
    except InputError:
        raise
    except Exception as error:  # a stock builder may raise anything
        raise InputError(
            f"tfds could not prepare {name}: {type(error).__name__}: {error}"
        ) from error


def _unknown(name: str, stock: list[str]) -> InputError:
    near = difflib.get_close_matches(name, [*OWN_SETS, *stock], n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return InputError(
        f"There is no dataset {name!r}.{hint} Expected one of {', '.join(OWN_SETS)}, "
        "folder:PATH for a folder of images, or the name of an image set of tfds "
        "(with the extra tf)."
    )


def _check_tensorflow(name: str) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        raise InputError(
            f"{name} is a stock set of tfds, which needs TensorFlow to prepare it; "
            "install the extra: pip install 'jaxgan[tf]'. Without it there are "
            f"{', '.join(OWN_SETS)} and folder:PATH."
        )


def _prepare(builder: Any, data_dir: Path, manual_dir: Path | None) -> None:
    """Lets tfds fetch and write the set; quiet unless there is a terminal."""
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    config = tfds.download.DownloadConfig(manual_dir=manual_dir, try_download_gcs=False)
    try:
        # tfds prints what the bars show to stdout, which belongs to the run.
        with contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare(
                download_dir=data_dir / "downloads",
                download_config=config,
                file_format="array_record",
            )
    except OSError:
        # The records appear by one rename, which fails if another process was faster.
        if not builder.data_path.exists():
            raise


def _source(name: str, builder: tfds.core.DatasetBuilder) -> Source:
    """Returns the prepared set as encoded images, with a split held out."""
    info: Any = builder.info
    features = dict(info.features.items())
    if not isinstance(features.get("image"), tfds.features.Image):
        raise InputError(
            f"{name} is not an image set: expected the feature 'image', got "
            f"{', '.join(features)}."
        )
    label = features.get("label")
    labelled = isinstance(label, tfds.features.ClassLabel)
    held_out = next((s for s in ("test", "validation") if s in info.splits), None)
    if held_out is None:
        train, held_out = "train[:90%]", "train[90%:]"
    else:
        train = "train"
    return Source(
        channels=1 if features["image"].shape[-1] == 1 else 3,
        classes=tuple(label.names) if labelled else (),
        train=_split(name, builder, train, labelled),
        test=_split(name, builder, held_out, labelled),
    )


def _split(name: str, builder: Any, split: str, labelled: bool) -> Split:
    # The cache decodes the images, as it does the files of a folder.
    skip = {"image": tfds.decode.SkipDecoding()}
    records = builder.as_data_source(split, decoders=skip)

    def fetch_block(block: range) -> list[Example]:
        try:
            found = records.__getitems__(block)
        except Exception as error:  # the readers have no exceptions of their own
            raise InputError(
                f"The records in {builder.data_path} cannot be read: {error}. Remove "
                "that folder; the set is then prepared again."
            ) from error
        return [
            Example(
                f"{name}/{split}/{i}",
                io.BytesIO(record["image"]),
                int(record["label"]) if labelled else None,
            )
            for i, record in zip(block, found, strict=True)
        ]

    return Split(len(records), fetch_block)
