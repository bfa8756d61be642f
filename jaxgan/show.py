"""Pictures of samples: a grid, strips of input, output and target, a scatter plot.

A way to show samples is any function ``(sampler, data, key) -> picture``, with a
`jaxgan.sampling.Sampler`, the data (a `jaxgan.data.DataSet`, a table of examples, or
None) and a key; the picture is a Pillow image. ``Game(show=...)`` sets it; by default
`suggested` chooses one.
"""

import dataclasses
import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxgan.checks import InputError
from jaxgan.evaluation.inputs import (
    classes_asked_for,
    conditions,
    held_out,
    output_of,
)
from jaxgan.game import Game
from jaxgan.images import as_uint8
from jaxgan.report import brief, pictures
from jaxgan.sampling import Sampler
from jaxgan.typing import Key

if TYPE_CHECKING:
    from PIL.Image import Image

Show = Callable[[Sampler, Any, Key], "Image"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grid:
    """Images row by row; in a game conditional on the label, one class per row.

    If there are more than ten classes, ten are shown, evenly spaced, under a line that
    says how many there are.

    Attributes:
        rows: number of rows, if there are no classes.
        columns: number of columns.
    """

    rows: int = 8
    columns: int = 10

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> "Image":
        game, rows, condition, title = sampler.game, self.rows, None, ""
        if game.condition is not None:
            classes = classes_asked_for(game, data)
            rows = min(classes, brief.MOST) or self.rows
            each = conditions(game, data, rows)
            if classes > rows:
                label = np.array(brief.spread(classes), np.int32)
                several = isinstance(each, Mapping)
                each = {**each, "label": label} if several else label
                title = f"{rows} of {classes} classes"
            repeat = lambda column: np.repeat(column, self.columns, axis=0)
            condition = jax.tree.map(repeat, each)
        made = sampler(key, rows * self.columns, condition=condition)
        picture = pictures.grid(np.asarray(_output(sampler, made)), self.columns)
        return pictures.titled(picture, title) if title else picture


@dataclasses.dataclass(frozen=True, kw_only=True)
class Strips:
    """Rows of images: the conditions that are images, the samples, and the targets.

    Attributes:
        count: number of rows.
        target: the data's entry to show last; by default the game's output.
    """

    count: int = 8
    target: str | None = None

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> "Image":
        game = sampler.game
        condition = conditions(game, data, self.count)
        made = sampler(key, self.count, condition=condition)
        table = held_out(data)
        batch = table.batch(np.arange(self.count) % len(table))
        target = self.target or game.output
        columns: dict[str, Any] = {}
        if isinstance(condition, Mapping):
            columns |= {n: each for n, each in condition.items() if _are_images(each)}
        else:
            columns["input"] = condition
        columns |= made if isinstance(made, Mapping) else {"output": made}
        if target is not None:
            columns["target"] = batch[target]
        return pictures.strips({n: _as_pixels(c) for n, c in columns.items()})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scatter:
    """Points in the plane, drawn over those of the data.

    Attributes:
        count: number of samples, and the greatest number of the data's points.
    """

    count: int = 2_000

    def __call__(self, sampler: Sampler, data: Any, key: Key) -> "Image":
        condition = conditions(sampler.game, data, self.count)
        points = _output(sampler, sampler(key, self.count, condition=condition))
        real = None
        if data is not None and sampler.game.output is not None:
            table = held_out(data)
            count = min(self.count, len(table))
            real = np.asarray(table.batch(np.arange(count))[sampler.game.output])
        return pictures.scatter(np.asarray(points), real)


def suggested(game: Game, data: Any) -> Show:
    """Returns the way to show a game's samples that their shape suggests.

    Images are shown as a grid, or as strips if they are generated from other images;
    points in the plane as a scatter plot. The shape is that of the data's entry, or
    without data that of the samples.

    Raises:
        InputError: for anything else.
    """
    given = jax.tree.leaves(conditions(game, data, 1))
    if any(_are_images(column) for column in given):
        return Strips()
    if data is None:
        return _by_samples
    return _of_shape(output_of(game, data)[1])


def _by_samples(sampler: Sampler, data: Any, key: Key) -> "Image":
    """Shows unconditional samples without data, as their own shape suggests."""
    one = jax.eval_shape(lambda: _output(sampler, sampler(key, 1)))
    return _of_shape(one)(sampler, data, key)


def _of_shape(examples: Any) -> Show:
    """Returns the way to show such examples, an array ``[n ...]`` or its shape."""
    if _are_images(examples):
        return Grid()
    shape = np.shape(examples)
    if len(shape) == 2 and shape[1] == 2:
        return Scatter()
    shapes = jax.tree.map(lambda leaf: leaf.shape[1:], examples)
    raise InputError(
        f"Samples of shape {shapes} are neither images of 1 or 3 channels nor points "
        "in the plane. Give Game(show=...) a function (sampler, data, key) -> picture, "
        "or leave out the hook Samples."
    )


def png(picture: "Image") -> bytes:
    """Returns a picture as the content of a PNG file."""
    content = io.BytesIO()
    picture.save(content, format="PNG", optimize=True)
    return content.getvalue()


def _are_images(examples: Any) -> bool:
    """Returns whether these are images ``[n h w c]`` of 1 or 3 channels."""
    shape = np.shape(examples)
    return len(shape) == 4 and shape[-1] in (1, 3)


def _output(sampler: Sampler, samples: Any) -> Any:
    """Returns the entry that imitates the data, if the samples have several."""
    if isinstance(samples, Mapping):
        return samples.get(sampler.game.output, samples)
    return samples


def _as_pixels(images: Any) -> np.ndarray:
    images = np.asarray(images)
    return images if images.dtype == np.uint8 else np.asarray(as_uint8(images))
