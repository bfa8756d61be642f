"""Samples to be judged or shown, with conditions from the data."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.checks import InputError
from jaxgan.game import Game
from jaxgan.images import as_uint8
from jaxgan.sampling import Sampler
from jaxgan.typing import Key


def draw(
    sampler: Sampler, data: Any, key: Key, count: int, *, first: int = 0
) -> tuple[Any, Any]:
    """Returns ``count`` samples ``[count ...]`` in the data's format, and conditions.

    Of several outputs, the one that imitates the data is returned; as uint8 pixels if
    the data are pixels, since a viewer would see them rounded. ``first`` skips that
    many of the key's samples, to draw a large number in parts.

    Raises:
        InputError: if the game does not say which entry of the data it imitates.
    """
    condition = conditions(sampler.game, data, count, first=first)
    samples = sampler(key, count, condition=condition, first=first)
    name, column = output_of(sampler.game, data)
    samples = samples[name] if isinstance(samples, Mapping) else samples
    pixels = column.dtype == np.uint8
    return np.asarray(as_uint8(samples) if pixels else samples), condition


def conditions(game: Game, data: Any, count: int, *, first: int = 0) -> Any:
    """Returns ``count`` conditions for `jaxgan.sample`; None for unconditional games.

    The entry "label" is each class in turn, if the data name their classes; everything
    else comes from the held-out examples in order, starting over after the last.

    Args:
        game: the game.
        data: a `jaxgan.data.DataSet`, or a table of examples.
        count: number of conditions.
        first: number of conditions to skip.

    Raises:
        InputError: if the game is conditional and there is no data.
    """
    names = _names(game)
    if not names:
        return None
    if data is None:
        raise InputError(
            f"The game is conditional on {names}, so its samples need data with "
            "conditions; give the hook data=..."
        )
    table = held_out(data)
    place = np.arange(first, first + count)
    batch = table.batch(place % len(table))
    found = {name: entry(batch, name) for name in names}
    classes = classes_asked_for(game, data)
    if classes:
        found["label"] = (place % classes).astype(np.int32)
    return found if isinstance(game.condition, tuple) else found[names[0]]


def distinct(game: Game, data: Any) -> int | None:
    """Returns how many `conditions` there are before they start over.

    None means no bound: without a condition, or with labels, samples differ by latents.
    """
    names = _names(game)
    if not names or (names == ("label",) and classes_asked_for(game, data)):
        return None
    return len(held_out(data))


def classes_asked_for(game: Game, data: Any) -> int:
    """Returns the number of classes if samples are conditional on the label, else 0."""
    asked = "label" in _names(game)
    return len(getattr(held_out(data), "classes", ())) if asked else 0


def _names(game: Game) -> tuple[str, ...]:
    """Returns the names of the entries that samples are conditional on."""
    if isinstance(game.condition, tuple):
        return game.condition
    return () if game.condition is None else (game.condition,)


def held_out(data: Any) -> Any:
    """Returns the examples held out from training, or all if there are none."""
    test = getattr(data, "test", None)
    return test if test is not None else getattr(data, "train", data)


def trained_on(data: Any) -> Any:
    """Returns the examples to train on."""
    return getattr(data, "train", data)


def output_of(game: Game, data: Any) -> tuple[str, np.ndarray]:
    """Returns the entry of the data that the game's samples imitate, and one example.

    Raises:
        InputError: if the game names none, or one of several arrays.
    """
    if game.output is None:
        raise InputError(
            "The game does not say which entry of the data its samples imitate, so "
            "they cannot be judged by it. Give Game(output=...) its name, or another "
            "evaluator."
        )
    example = entry(trained_on(data).batch(np.arange(1)), game.output)
    if not isinstance(example, np.ndarray):
        raise InputError(
            f"The samples imitate the entry {game.output!r}, which is several arrays, "
            f"{jax.tree.map(np.shape, example)}, so they are not judged or shown. Give "
            "Game(show=...) and evaluators that look at such samples, or leave out the "
            "hooks that compare samples with the data."
        )
    return game.output, example


def rows(examples: Any, name: str | None = None) -> jax.Array:
    """Returns examples as rows of numbers; pixels in [0, 1].

    Args:
        examples: an array ``[n ...]``, or a batch with the entry ``name``.
        name: name of the entry.
    """
    array = np.asarray(examples if name is None else entry(examples, name))
    scale = 255 if array.dtype == np.uint8 else 1
    return jnp.asarray(array.reshape(len(array), -1), jnp.float32) / scale


def entry(batch: Any, name: str) -> Any:
    """Returns a batch's entry, an array or a pytree of arrays.

    Raises:
        InputError: if it has none of that name.
    """
    if not isinstance(batch, Mapping) or name not in batch:
        holds = sorted(batch) if isinstance(batch, Mapping) else type(batch).__name__
        raise InputError(f"The game needs the entry {name!r}; the data have {holds}.")
    return jax.tree.map(np.asarray, batch[name])
