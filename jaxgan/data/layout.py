"""The layout of a folder of images: its sub-folders as splits and classes."""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from jaxgan.checks import InputError
from jaxgan.data.walk import Found, count_by_suffix, is_image, listed, printable

Paths = list[PurePosixPath]

TRAIN = ("train", "training")
HELD_OUT = ("dev", "test", "testing", "val", "valid", "validation")
UNPAIRED = re.compile(r"(train|test|val)[ _-]?[ab]")
# Names that are probably meant as splits: train2017, test_images, seg_val.
_LIKE_A_SPLIT = re.compile(
    rf"(?:.*[^a-z])?({'|'.join((*TRAIN, *HELD_OUT))})(?:[^a-z].*)?"
)
_SURE = 5  # a class with this many images has at least one held out
_CLASSES_SHOWN = 20
_LOOKED_AT = 3  # files checked for being images, in a folder without known images


class Layout(NamedTuple):
    """The layout of a folder, as it was interpreted.

    Attributes:
        train: the images to train on, relative to the folder.
        test: those held out.
        classes: the names of the folders that are classes, in the order of their
            numbers; empty without classes.
        depth: the index of the class among the parts of an image's path.
        note: a line that describes the layout to the user.
    """

    train: Paths
    test: Paths
    classes: tuple[str, ...]
    depth: int
    note: str


def understand(root: Path, found: Found) -> Layout:
    """Returns the images to train on, those held out, and the classes.

    Args:
        root: the folder, for messages.
        found: its files, see `jaxgan.data.walk.find`.

    Raises:
        InputError: the layout is ambiguous; a class or a split has no image; there are
            too few images.
    """
    splits = _splits(root, found)
    depth = 1 if splits else 0
    classes = _classes(root, found, depth)
    if splits.keys() & set(HELD_OUT):
        train, test = _given(root, found, splits, classes)
        how = f"{_named(splits, HELD_OUT)} held out"
    else:
        train, test = hold_out(root, found.images, depth if classes else None)
        how = "a tenth held out" + (", of each class" if classes else "")
    if splits:
        how = f"{_named(splits, TRAIN)} to train on, {how}"
    note = _note(root, found, classes, (len(train), len(test)), how)
    return Layout(train, test, classes, depth, note)


def splits_of(root: Path, found: Found) -> tuple[Paths, Paths, str]:
    """Returns the images to train on, those held out, and a phrase that says which.

    Folders train and test, or named alike, at the top are splits; else a tenth is held
    out. Deeper folders mean nothing.

    Raises:
        InputError: folders at the top are ambiguous, or there are too few images.
    """
    splits = _splits(root, found)
    if not splits.keys() & set(HELD_OUT):
        return *hold_out(root, found.images, None), "a tenth held out"
    tops = {top for role in HELD_OUT for top in splits.get(role, ())}
    held_out = [path for path in found.images if path.parts[0] in tops]
    rest = [path for path in found.images if path.parts[0] not in tops]
    return rest, held_out, f"{_named(splits, HELD_OUT)} held out"


def in_natural_order(names: Sequence[str]) -> tuple[str, ...]:
    """Returns names in natural order: numbers in them are sorted by value.

    Example:
        >>> in_natural_order(["10", "9", "class 2", "class 12"])
        ('9', '10', 'class 2', 'class 12')
    """

    def key(name: str) -> tuple[list, str]:
        parts = re.split(r"([0-9]+)", name)  # text and numbers in turn
        digits = [part.lstrip("0") for part in parts]
        value = lambda i: (len(digits[i]), digits[i])  # sorts as the number does
        return [value(i) if i % 2 else parts[i] for i in range(len(parts))], name

    return tuple(sorted(names, key=key))


def _splits(root: Path, found: Found) -> dict[str, list[str]]:
    """Returns the top folders of each split, by the split's name; empty if none."""
    tops = {path.parts[0] for path in found.images if len(path.parts) > 1}
    role = {top: top.casefold() for top in sorted(tops)}
    if any(UNPAIRED.fullmatch(name) for name in role.values()):
        raise InputError(
            f"{printable(root)} holds {listed(role)}, the folders of an unpaired set "
            "for image-to-image translation. For translation pass "
            f"unpaired:{printable(root)}. Here one set of images is expected: pass one "
            f"of the folders, such as folder:{printable(root / min(role))}."
        )
    known = [top for top in role if role[top] in (*TRAIN, *HELD_OUT)]
    others = [top for top in role if top not in known]
    if not known:
        _refuse_like(root, role)
        return {}
    others += [str(path) for path in found.images if len(path.parts) == 1]
    if others:
        raise InputError(
            f"{printable(root)} holds {listed(known)}, which would be splits, beside "
            f"{listed(others)}, which would not. Expected images in splits only, or in "
            "classes only: move the others away, or rename a class that is named like "
            "a split."
        )
    splits: dict[str, list[str]] = {}
    for top in known:
        splits.setdefault(role[top], []).append(top)
    if not splits.keys() & set(TRAIN):
        raise InputError(
            f"{printable(root)} holds only {listed(known)}, which would be held out; a "
            "folder train is expected beside it. To train on these images, pass the "
            f"folder itself: folder:{printable(root / known[0])}."
        )
    if not splits.keys() & set(HELD_OUT):
        empty = [str(f) for f in found.folders if str(f).casefold() in HELD_OUT]
        if empty:
            raise InputError(
                f"{printable(root)} has images in {listed(known)}, but no image in "
                f"{listed(empty)}; fill it or remove it."
            )
    return splits


def _refuse_like(root: Path, role: dict[str, str]) -> None:
    """Refuses top folders whose names resemble training and held-out splits."""
    found = {top: _LIKE_A_SPLIT.fullmatch(name) for top, name in role.items()}
    meant = {top: match[1] for top, match in found.items() if match}
    if set(meant.values()) & set(TRAIN) and set(meant.values()) & set(HELD_OUT):
        raise InputError(
            f"{printable(root)} holds {listed(meant)}, which seem to be splits, but "
            "are not named so. Rename them: train, and val or test. If they are "
            "classes, rename them otherwise."
        )


def _named(splits: dict[str, list[str]], roles: Sequence[str]) -> str:
    tops = [top for role in roles for top in splits.get(role, ())]
    return " and ".join(f"{printable(top)}/" for top in sorted(tops))


def _classes(root: Path, found: Found, depth: int) -> tuple[str, ...]:
    """Returns the names of the folders at ``depth``; none if the images are there."""
    flat = [path for path in found.images if len(path.parts) == depth + 1]
    if len(flat) == len(found.images):
        _refuse_lost(root, found, depth, set())
        return ()
    nested = next(path for path in found.images if len(path.parts) > depth + 1)
    if flat:
        raise InputError(
            f"{printable(root)} holds images beside sub-folders of images "
            f"({printable(flat[0])} and {printable(nested)}); expected either no "
            "sub-folders, or every image in the sub-folder of its class."
        )
    for path in found.images:
        if len(path.parts) > depth + 2:
            raise InputError(
                f"{printable(root / path)} lies too deep: sub-folders are classes, and "
                "one level of them is expected, in train/ and test/ if there are "
                "any. Move the images up, or pass the folder above them."
            )
    classes = {path.parts[depth] for path in found.images}
    _refuse_lost(root, found, depth, classes)
    return in_natural_order(sorted(classes))


def _refuse_lost(root: Path, found: Found, depth: int, classes: set[str]) -> None:
    """Refuses a class whose images are all of formats that are not read."""
    above = {path.parts[:depth] for path in found.images}  # the splits
    lost: dict[str, Paths] = {}
    unread = set(found.unread)
    for path in (*found.unread, *found.others):
        in_one = len(path.parts) > depth + 1 and path.parts[:depth] in above
        if in_one and path.parts[depth] not in classes:
            lost.setdefault(path.parts[depth], []).append(path)
    for paths in lost.values():
        path = paths[0]  # an unread image, if there is one
        if path in unread or any(is_image(root / each) for each in paths[:_LOOKED_AT]):
            raise InputError(
                f"The sub-folder {printable(path.parts[depth])} of {printable(root)} "
                f"would be lost: none of its images can be read ({printable(path)}). "
                "Convert them, for example to PNG, or move the folder away."
            )


def _given(
    root: Path, found: Found, splits: dict[str, list[str]], classes: tuple[str, ...]
) -> tuple[Paths, Paths]:
    """Returns the images of the splits, after checking that their classes agree."""
    to_train = {top for role in TRAIN for top in splits.get(role, ())}
    train = [path for path in found.images if path.parts[0] in to_train]
    test = [path for path in found.images if path.parts[0] not in to_train]
    if classes:
        unknown = {path.parts[1] for path in test} - {path.parts[1] for path in train}
        if unknown:
            raise InputError(
                f"{printable(root)} has the classes {sorted(map(printable, unknown))} "
                f"in {_named(splits, HELD_OUT)}, which {_named(splits, TRAIN)} "
                "lacks; give all splits the same sub-folders."
            )
    return train, test


def hold_out(root: Path, paths: Paths, depth: int | None) -> tuple[Paths, Paths]:
    """Splits each class into about nine tenths to train on and one tenth held out.

    A hash of each file's relative name decides, so adding files moves none of the
    others. No class is held out completely; of ``_SURE`` or more images at least one
    is.
    """
    if len(paths) < 2:
        raise InputError(
            f"{printable(root)} holds one image, {printable(paths[0])}; at least two "
            "are needed, one to train on and one to hold out."
        )
    classes: dict[str, Paths] = {}
    for path in paths:
        classes.setdefault("" if depth is None else path.parts[depth], []).append(path)
    held: set[PurePosixPath] = set()
    for members in classes.values():
        count = sum(_digest(path) < 2**64 // 10 for path in members)
        count = min(max(count, len(members) >= _SURE), len(members) - 1)
        held |= set(sorted(members, key=_digest)[:count])
    if not held:  # all classes are small
        largest = max(classes.values(), key=len)
        if len(largest) == 1:
            raise InputError(
                f"{printable(root)} holds one image of each class ({listed(paths)}); "
                "none can be held out without losing a class. Add images."
            )
        held = {min(largest, key=_digest)}
    return [path for path in paths if path not in held], sorted(held)


def _digest(path: PurePosixPath) -> int:
    return int.from_bytes(hashlib.sha256(os.fsencode(path)).digest()[:8], "big")


def _note(
    root: Path,
    found: Found,
    classes: tuple[str, ...],
    counts: tuple[int, int],
    how: str,
) -> str:
    """Returns one line: the counts, the classes in order, and what was ignored."""
    train, test = counts
    what = "no classes"
    if classes:
        shown = [printable(name) for name in classes[:_CLASSES_SHOWN]]
        more = len(classes) - len(shown)
        shown += [f"and {more} more"] if more else []
        what = f"{len(classes)} classes ({', '.join(shown)})"
    parts = [f"{printable(root)}: {train + test:,} images, {what}; {how}: "]
    parts += [f"{train:,} train, {test:,} held out."]
    folders = {path.parent for path in found.images}
    holding = folders | {above for folder in folders for above in folder.parents}
    without = [f for f in found.folders if f not in holding and f.parent in holding]
    if without:
        parts.append(f" Folders without images do not count: {listed(without)}.")
    if found.others:
        parts.append(f" Not images: {count_by_suffix(found.others)}.")
    return "".join(parts)
