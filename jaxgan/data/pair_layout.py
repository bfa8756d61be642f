"""The layout of a set for image-to-image translation: folders as sides and splits.

Two sides, A and B, and perhaps splits, nested in either order::

    PATH/{A,B}/...
    PATH/{train,test}/{A,B}/...    or PATH/{A,B}/{train,test}/...
    PATH/{trainA,trainB,testA,testB}/...

or one image for each pair, the input on its left and the target on its right::

    PATH/*.png                     or PATH/{train,test}/*.png

Names of sides and splits may be in upper or lower case; ``trainA`` may also be
``train_A``, ``train-a`` or ``train A``. The splits are those of `jaxgan.data.layout`.
"""

from pathlib import Path, PurePosixPath
from typing import NamedTuple

from jaxgan.checks import InputError
from jaxgan.data.layout import HELD_OUT, TRAIN, UNPAIRED, Paths, hold_out
from jaxgan.data.walk import Found, count_by_suffix, listed, printable

_SIDES = ("a", "b")
_EXPECTED = (
    "Expected folders A and B, alone or in train and test, or images side by side in "
    "one folder or in train and test"
)


class Pair(NamedTuple):
    """The files of an input and its target; one file if they are side by side."""

    input: PurePosixPath
    target: PurePosixPath


class Pairs(NamedTuple):
    """The layout of a folder of pairs.

    Attributes:
        train: the pairs to train on.
        test: those held out.
        side_by_side: whether each pair is one image.
        note: a line that describes the layout to the user.
    """

    train: list[Pair]
    test: list[Pair]
    side_by_side: bool
    note: str


class TwoSides(NamedTuple):
    """The layout of a folder without pairs: for each split, its images of a and b."""

    train: tuple[Paths, Paths]
    test: tuple[Paths, Paths]
    note: str


class _Place(NamedTuple):
    """The place of an image: the form of its folders, its split, its side and the rest.

    ``split`` and ``side`` are empty if there is none.
    """

    form: str
    split: str
    side: str
    rest: PurePosixPath


def understand_pairs(root: Path, found: Found) -> Pairs:
    """Returns the pairs of a folder, those to train on and those held out.

    An input and its target have the same split, sub-folder and name, except for the
    suffix. Without a held-out split, a tenth is held out by a hash of the names.

    Args:
        root: the folder, for messages.
        found: its files, see `jaxgan.data.walk.find`.

    Raises:
        InputError: an image lacks its partner, a side or a split is empty, or the
            layout is ambiguous.
    """
    places = _places(root, found)
    side_by_side = not any(place.side for place in places.values())
    if side_by_side:
        _check_flat(root, places)
        pairs = {path: Pair(path, path) for path in places}
        split_of = {path: place.split for path, place in places.items()}
    else:
        _check_sides(root, found, places)
        pairs = _matched(root, found, places)
        split_of = {name: places[pair.input].split for name, pair in pairs.items()}
    train, test, how = _split(root, found, split_of, "pair")
    what = (
        "pairs side by side, the input on the left, the target on the right"
        if side_by_side
        else "pairs of two files, the inputs in A, the targets in B"
    )
    note = (
        f"{printable(root)}: {len(pairs):,} {what}; {how}: {len(train):,} train, "
        f"{len(test):,} held out.{_rest(found)}"
    )
    pick = lambda names: [pairs[name] for name in names]
    return Pairs(pick(train), pick(test), side_by_side, note)


def understand_two_sides(root: Path, found: Found) -> TwoSides:
    """Returns the images of both sides, those to train on and those held out.

    Without a held-out split, a tenth of each side is held out by a hash of the names.

    Args:
        root: the folder, for messages.
        found: its files, see `jaxgan.data.walk.find`.

    Raises:
        InputError: a side or a split is empty, or the layout is ambiguous.
    """
    places = _places(root, found)
    if not all(place.side for place in places.values()):
        raise InputError(
            f"{printable(root)} holds {listed(places)}, which are in neither side's "
            "folder. Expected trainA, trainB, testA and testB, or A and B."
        )
    _check_sides(root, found, places)
    train, test, how = [], [], ""
    for side in _SIDES:
        mine = {
            path: place.split for path, place in places.items() if place.side == side
        }
        split = _split(root, found, mine, f"image of {side.upper()}")
        train.append(split[0])
        test.append(split[1])
        how = split[2]
    counts = [f"{len(a):,} of A and {len(b):,} of B" for a, b in (train, test)]
    note = (
        f"{printable(root)}: two sides without pairs; {how}: {counts[0]} to train on, "
        f"{counts[1]} held out; the side with fewer is repeated.{_rest(found)}"
    )
    return TwoSides((train[0], train[1]), (test[0], test[1]), note)


def _places(root: Path, found: Found) -> dict[PurePosixPath, _Place]:
    """Returns the place of each image; all must have the same form."""
    places = {path: _place(path) for path in found.images}
    forms: dict[str, PurePosixPath] = {}
    for path, place in places.items():
        forms.setdefault(place.form, path)
    if len(forms) > 1:
        raise InputError(
            f"{printable(root)} mixes layouts: it holds {listed(forms.values())}. "
            f"{_EXPECTED}; move the others away."
        )
    return places


def _place(path: PurePosixPath) -> _Place:
    """Parses the folders of splits and sides at the start of a path."""
    parts = path.parts
    names = [part.casefold() for part in parts[:-1]]
    first, second = [*names, "", ""][:2]
    splits = (*TRAIN, *HELD_OUT)
    rest = lambda taken: PurePosixPath(*parts[taken:])
    if match := UNPAIRED.fullmatch(first):
        return _Place("trainA", match[1], first[-1], rest(1))
    if first in _SIDES and second in splits:
        return _Place("A/train", second, first, rest(2))
    if first in splits and second in _SIDES:
        return _Place("train/A", first, second, rest(2))
    if first in _SIDES:
        return _Place("A", "", first, rest(1))
    if first in splits:
        return _Place("train", first, "", rest(1))
    return _Place("", "", "", path)


def _check_flat(root: Path, places: dict[PurePosixPath, _Place]) -> None:
    """Refuses side-by-side images in sub-folders other than splits."""
    for path, place in places.items():
        if len(place.rest.parts) > 1:
            raise InputError(
                f"{printable(root / path)} lies in a folder that is neither a side nor "
                f"a split. {_EXPECTED}."
            )


def _check_sides(root: Path, found: Found, places: dict[PurePosixPath, _Place]) -> None:
    """Refuses a set with a side that has no image, or none in one of the splits."""
    splits = {place.split for place in places.values()}
    held = {(place.split, place.side) for place in places.values()}
    for split in sorted(splits):
        for side in _SIDES:
            if (split, side) in held:
                continue
            unread = count_by_suffix(found.unread) if found.unread else ""
            raise InputError(
                f"{printable(root)} has no image of the side {side.upper()}"
                f"{f' in its split {split}' if split else ''}, but {listed(places)}. "
                "Both sides are needed: fill it, or pass folder:PATH for one set of "
                f"images.{f' Not read: {unread}.' if unread else ''}"
            )


def _matched(
    root: Path, found: Found, places: dict[PurePosixPath, _Place]
) -> dict[PurePosixPath, Pair]:
    """Returns the pairs, by split and name without suffix."""
    inputs, targets = (_by_name(root, places, side) for side in _SIDES)
    lonely = [*(inputs.keys() - targets.keys()), *(targets.keys() - inputs.keys())]
    if lonely:
        paths = sorted(inputs.get(name) or targets[name] for name in lonely)
        unread = {path.stem for path in found.unread}
        why = " There is one in a format that is not read; convert it to PNG."
        raise InputError(
            f"{printable(root / paths[0])} has no partner on the other side"
            f"{f', nor have {len(paths) - 1} others' if len(paths) > 1 else ''}. "
            "Expected an image of the same name there, but for its suffix: add it or "
            "take this one away; for a set without pairs pass unpaired:PATH."
            f"{why if paths[0].stem in unread else ''}"
        )
    return {name: Pair(inputs[name], targets[name]) for name in sorted(inputs)}


def _by_name(
    root: Path, places: dict[PurePosixPath, _Place], side: str
) -> dict[PurePosixPath, PurePosixPath]:
    """Returns one side's images, by split and name without suffix."""
    images: dict[PurePosixPath, PurePosixPath] = {}
    for path, place in places.items():
        if place.side != side:
            continue
        other = images.setdefault(_name(place), path)
        if other != path:
            raise InputError(
                f"{printable(root / other)} and {printable(root / path)} differ only "
                "in the suffix, so the pair is ambiguous; take one away."
            )
    return images


def _name(place: _Place) -> PurePosixPath:
    return PurePosixPath(place.split) / place.rest.with_suffix("")


def _split(
    root: Path, found: Found, split_of: dict[PurePosixPath, str], what: str
) -> tuple[Paths, Paths, str]:
    """Returns the names to train on, those held out, and how that was decided."""
    splits = sorted(set(split_of.values()) - {""})
    to_train, others = (
        " and ".join(f"{each}/" for each in splits if (each in TRAIN) == wanted)
        for wanted in (True, False)
    )
    if others and not to_train:
        raise InputError(
            f"{printable(root)} has only images to hold out, in {others}; images to "
            "train on are expected beside them, in train."
        )
    if others:
        train = [name for name, split in split_of.items() if split in TRAIN]
        test = [name for name, split in split_of.items() if split not in TRAIN]
        return train, test, f"{to_train} to train on, {others} held out"
    empty = [folder for folder in found.folders if _place(folder / "x").split]
    empty = [folder for folder in empty if _place(folder / "x").split not in TRAIN]
    if to_train and empty:
        raise InputError(
            f"{printable(root)} has images in {to_train}, but no image in "
            f"{listed(empty)}; fill it or remove it."
        )
    if len(split_of) < 2:
        raise InputError(
            f"{printable(root)} holds one {what}, {listed(split_of)}; at least two are "
            "needed, one to train on and one to hold out."
        )
    train, test = hold_out(root, list(split_of), None)
    return train, test, "a tenth held out"


def _rest(found: Found) -> str:
    """Returns a sentence that counts the files that are not images, if any."""
    return f" Not images: {count_by_suffix(found.others)}." if found.others else ""
