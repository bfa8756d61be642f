"""Sets of images with captions, by name: drawn scenes, and your own folders."""

import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Int, Int32

from jaxgan.checks import InputError
from jaxgan.data import sets
from jaxgan.data.arrays import Examples
from jaxgan.data.captioned import CaptionedSet, fingerprint_of
from jaxgan.data.dataset import ImageSet
from jaxgan.data.embeddings import read_embeddings
from jaxgan.data.grammar import Grammar
from jaxgan.data.size import Size
from jaxgan.data.source import DataWarning, Example, Source, Split
from jaxgan.data.vocabulary import Vocabulary, vocabulary_of, words_of
from jaxgan.data.walk import count_by_suffix, listed, printable
from jaxgan.files import expand

DRAWN = {"scenes": 32, "scenes:two": 48, "pictographs": 32}
"""The drawn sets, and the default side of their pictures in pixels."""

Places = dict[PurePosixPath, list[int]]
"""The indices of each image's captions in the file of captions."""

_ONE_WORD = 0.5  # share of captions that are one word of their own; a warning from here


def load_captioned(
    name: str,
    *,
    data_dir: str | Path,
    manual_dir: str | Path | None = None,
    resolution: Size | None = None,
    crop: bool = False,
    channels: int | None = None,
    skip_damaged: bool = False,
    bits: int | None = None,
    embeddings: str | Path | None = None,
) -> CaptionedSet:
    """Loads images and their captions, decoding image files on the first call only.

    Your own images are split by image, so that all captions of an image are in one
    split: a tenth is held out by a hash of the files' names, so adding files moves none
    of the others. Images with fewer captions than others have theirs repeated in turn.

    The vocabulary holds the words of both splits. Those that occur only in held-out
    captions are not learnt: they are its ``unlearnt``, and ``note`` tells them.

    Args:
        name: ``scenes`` for digits of `jaxgan.data.scenes`, ``scenes:two`` for two of
            them, ``pictographs`` for those of `jaxgan.data.pictographs`;
            ``captions:PATH`` for a folder of images and a file of captions, see
            `jaxgan.data.caption_files`, or for that file itself.
        data_dir: the folder of the cache of decoded images.
        manual_dir: not used; here so that all loaders have the same arguments.
        resolution: the size of each image in pixels, N or (height, width), as for
            `load`; drawn sets take only N, for N x N.
        crop: see `load`.
        channels: 1 for grayscale, 3 for RGB; None keeps the files' own, RGB if they are
            mixed.
        skip_damaged: leave out images that cannot be read, instead of refusing the
            set; a warning counts them.
        bits: see `load`.
        embeddings: a ``.npy`` file of floats ``[n d]``, one row for each of the n
            captions in the order of their file. They become the column "embeddings",
            float32 [n k d], beside "captions".

    Warns:
        DataWarning: see `load`.

    Returns:
        The set, see `CaptionedSet`; images of your own are mapped read-only.

    Raises:
        InputError: the set is unknown or holds a file that cannot be used; a line of
            the captions cannot be parsed, an image lacks a caption or a caption its
            image; the embeddings do not match the captions; an option has no effect on
            the set; ``data_dir`` cannot be read and written.

    Example:
        >>> data = load_captioned("scenes", data_dir="unused", resolution=16)
        >>> data.image_shape, len(data.train)
        ((16, 16, 3), 30000)
        >>> data.vocabulary.decode(data.train.columns["captions"][0, 0])
        'in the top left of a blue picture a tiny azure 9'
    """
    options = sets.checked(resolution, crop, channels, bits)
    if name in DRAWN:
        if embeddings is not None:
            raise InputError(
                f"Embeddings are for captions:PATH, whose captions have an order; "
                f"{name} has its own text encoder. Leave --embeddings out."
            )
        return _drawn(name, options)
    kind, _, path = name.partition(":")
    if kind != "captions" or not path:
        raise InputError(
            f"Unknown captioned set {name!r}. Expected one of {', '.join(DRAWN)}, or "
            "captions:PATH for a folder of your own images and a caption file."
        )
    root = expand(data_dir, "--data-dir")
    file = expand(path, "--dataset captions:")
    with sets.usable(root):
        return _of_files(name, file, root, options, skip_damaged, embeddings)


def _drawn(name: str, options: dict[str, Any]) -> CaptionedSet:
    """Draws a set; refuses options that would have no effect."""
    size = options["resolution"] or DRAWN[name]
    if not isinstance(size, int):
        raise InputError(
            f"Pictures of {name} are square; --resolution must be one number, got "
            f"{size[0]}x{size[1]}."
        )
    if options["crop"] or "bits" in options or options["channels"] == 1:
        raise InputError(
            f"--crop, --bits and --channels 1 are for image files, but {name} is "
            "drawn, in colours that its captions name; leave them out."
        )
    return _makers(name)[0](size=size)


def grammar_of(name: str) -> Grammar | None:
    """Returns the grammar of a drawn set's captions, or None for other sets.

    Example:
        >>> rules = grammar_of("scenes")
        >>> print(rules.templates[5])
        the {shape} [in the {place}] is {size} and {colour}, [on a {ground} background]
    """
    return _makers(name)[1]() if name in DRAWN else None


def _makers(name: str) -> tuple[Callable[..., CaptionedSet], Callable[[], Grammar]]:
    """Returns the functions that draw a set and make its grammar.

    Their modules import Pillow, and for digits tfds, which a folder's cache does not
    need.
    """
    if name == "pictographs":
        from jaxgan.data import pictographs

        return pictographs.pictographs, pictographs.grammar
    if name == "scenes":
        from jaxgan.data import scenes

        return scenes.scenes, scenes.grammar
    from jaxgan.data import two_scenes

    return two_scenes.two_scenes, two_scenes.grammar


def _of_files(
    name: str,
    path: Path,
    root: Path,
    options: dict[str, Any],
    skip_damaged: bool,
    embeddings: str | Path | None,
) -> CaptionedSet:
    """Loads your own images and captions."""
    from jaxgan.data import caption_files
    from jaxgan.data.folder import Folder
    from jaxgan.data.layout import Layout, splits_of
    from jaxgan.data.walk import find

    read = caption_files.read_captions(path)
    found = find(read.path.parent)
    places = caption_files.matched(read, found)
    vectors = {}
    if embeddings is not None:
        of = f"in {printable(read.path)}"
        count = len(read.captions)
        vectors["embeddings"] = read_embeddings(embeddings, count, of)
    if found.unread:
        warnings.warn(
            f"{printable(read.path.parent)}: {len(found.unread):,} images are left "
            "out because their formats are not read: "
            f"{count_by_suffix(found.unread)}. Convert them, for example to PNG.",
            DataWarning,
            stacklevel=2,
        )
    kept = found._replace(images=list(places))
    train, test, how = splits_of(read.path.parent, kept)
    layout = Layout(train, test, (), 0, "")
    located, twins = _located(Folder(read.path.parent, layout), root, skip_damaged)
    images = sets.cached(root / "cache", name, located, options, skip_damaged)
    words = [words_of(caption.text) for caption in read.captions]
    learnt = {word for name in train for place in places[name] for word in words[place]}
    _warn_of_one_word(words)
    vocabulary = vocabulary_of(words, learnt)
    most = max(map(len, places.values()))
    texts = {"captions": _numbers(words, vocabulary), **vectors}
    splits = []
    for split, paths in ((images.train, train), (images.test, test)):
        rows = _wordings(split, [places[path] for path in paths], most)
        own = {column: values[rows] for column, values in texts.items()}
        splits.append({"image": split.images, **own})
    return CaptionedSet(
        name,
        *map(Examples, splits),
        fingerprint=fingerprint_of(images.fingerprint, vocabulary, splits),
        note=_note(read.path, places, vocabulary, (train, test), how) + twins,
        vocabulary=vocabulary,
    )


def _warn_of_one_word(words: list[list[str]]) -> None:
    """Warns if more than half of the captions are a word each that no other one is.

    Warns:
        DataWarning: as in a script without spaces between words.
    """
    single = [each[0] for each in words if len(each) == 1]
    if len(set(single)) > max(_ONE_WORD * len(words), 1):
        warnings.warn(
            f"{len(single):,} of {len(words):,} captions are one word, such as "
            f"{single[0]!r}, so prompts can only repeat them. Words are what is "
            "between spaces: for a script without spaces, put some between its words.",
            DataWarning,
            stacklevel=4,
        )


def _located(folder: Any, root: Path, skip_damaged: bool) -> tuple[sets.Located, str]:
    """Returns the images, labelled by index in their split, and a note on duplicates.

    The labels match images with captions even if damaged images are left out.
    """
    from jaxgan.data import folder as folders

    identity = folders.identify(folder, root / "hashes")

    def read() -> Source:
        source = folders.read(folder, skip_damaged=skip_damaged)
        splits = {"train": _numbered(source.train), "test": _numbered(source.test)}
        return dataclasses.replace(source, **splits)

    located = sets.Located(
        f"captions:{identity.fingerprint[:16]}",
        identity.fingerprint,
        read,
        same=lambda: folders.identify(folder, root / "hashes") == identity,
    )
    return located, folders.note(folder, identity)


def _numbered(split: Split) -> Split:
    def fetch(block: range) -> list[Example]:
        examples = split.fetch(block)
        return [each._replace(label=i) for i, each in zip(block, examples, strict=True)]

    return Split(split.count, fetch)


def _wordings(
    split: ImageSet, places: list[list[int]], most: int
) -> Int[np.ndarray, "n k"]:
    """Returns the indices of the captions of the images that could be read.

    Images with fewer captions than others have theirs repeated in turn.
    """
    assert split.labels is not None
    whole = [[each[k % len(each)] for k in range(most)] for each in places]
    return np.array(whole, int).reshape(-1, most)[split.labels]


def _numbers(
    words: list[list[str]], vocabulary: Vocabulary
) -> Int32[np.ndarray, "n L"]:
    """Returns the captions as rows of word indices."""
    place = {word: i for i, word in enumerate(vocabulary.words, start=1)}
    numbers = np.zeros((len(words), vocabulary.length), np.int32)
    for row, caption in zip(numbers, words, strict=True):
        row[: len(caption)] = [place[word] for word in caption]
    return numbers


def _note(
    path: Path,
    places: Places,
    vocabulary: Vocabulary,
    splits: tuple[list[PurePosixPath], list[PurePosixPath]],
    how: str,
) -> str:
    """Returns one line with the counts, and the words that are not learnt."""
    counts = [len(captions) for captions in places.values()]
    few, many = min(counts), max(counts)
    each = f"{few} to {many} captions" if few < many else f"{few} captions"
    each = "1 caption" if many == 1 else each
    new = vocabulary.unlearnt
    lost = (
        f" {len(new):,} words occur only in captions that are held out, so nothing is "
        f"learnt about them: {listed(new)}."
    )
    return (
        f"{printable(path)}: {len(places):,} images, {each} each, "
        f"{len(vocabulary.words):,} words, at most {vocabulary.length} in a caption; "
        f"{how}: {len(splits[0]):,} train, {len(splits[1]):,} held out."
        f"{lost if new else ''}"
    )
