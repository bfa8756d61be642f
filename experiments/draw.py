"""Draws images from captions with a run of `text_to_image`.

::

    python -m experiments.draw RUN "a large red seven on a blue ground"
    python -m experiments.draw RUN "a red seven" "a blue three" --columns 4 --seed 1
    python -m experiments.draw RUN "a seven" "a three" --embeddings two.npy

The images go to a new folder, by default RUN/drawn-1, -2 and so on: sheet.png with a
row for each caption, and every image by itself, 1-1.png and so on. Nothing is
overwritten. The same ``--seed`` gives the same images, and each column has its own
latent, equal in all rows: so captions can be compared, and ``--columns`` only adds
images. A word that the run does not know is reported, with the known words that are
most like it.

Captions of the drawn sets, such as ``scenes``, name every attribute. What yours leaves
open is chosen at random for each column and added to it, see
`jaxgan.data.prompts`; prompts.txt lists the whole captions.

A run with ``--embeddings`` draws from embeddings, one for each caption, which is then
only a title.
"""

import dataclasses
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import tyro
from PIL import Image

from experiments.captions.sheet import drawn_from, sheet
from jaxgan.checks import InputError
from jaxgan.cli import command, load_run
from jaxgan.cli.config import check_seed
from jaxgan.cli.load import LoadedRun
from jaxgan.data.captions import grammar_of
from jaxgan.data.embeddings import read_embeddings
from jaxgan.data.grammar import Grammar
from jaxgan.data.prompts import completed
from jaxgan.data.vocabulary import Vocabulary
from jaxgan.files import expand, new_folder, write_atomically
from jaxgan.images import as_uint8
from jaxgan.sampling import Sampler
from jaxgan.show import png


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The run, the captions, and where the images go."""

    # The run's folder.
    run: Annotated[str, tyro.conf.Positional]
    # Captions, each in quotes.
    prompts: tyro.conf.Positional[tuple[str, ...]]
    # Embeddings [n d] of the n captions, .npy; for a run with --embeddings.
    embeddings: Path | None = None
    # Images for each caption.
    columns: int = 8
    # Seed of the latents.
    seed: int = 0
    # The best checkpoint of a run with --evaluate-every, instead of the newest.
    best: bool = False
    # A new folder for the images; by default one in RUN.
    out: Path | None = None


def run(config: Config) -> None:
    """Draws the images, and prints where they are.

    Raises:
        InputError: for a run that does not draw from captions, a caption that the run
            cannot read, or a folder that exists.
    """
    if not config.prompts:
        raise InputError("Give at least one caption, in quotes, after the run.")
    if config.columns < 1:
        raise InputError(f"--columns must be at least 1, got {config.columns}.")
    check_seed(config.seed)
    loaded = load_run(config.run, best=config.best)
    captions, listed = _captions(config, loaded)
    key = jax.random.key(config.seed)
    folder = new_folder(expand(config.run, "RUN"), config.out, "drawn")
    sampler = Sampler(game=loaded.game, state=loaded.state)
    images = drawn_from(sampler, captions, key)
    for row, drawn in enumerate(np.asarray(as_uint8(images)), start=1):
        for column, image in enumerate(drawn, start=1):
            flat = image.squeeze(-1) if image.shape[-1] == 1 else image
            content = png(Image.fromarray(flat))
            write_atomically(folder / f"{row}-{column}.png", content)
    write_atomically(folder / "sheet.png", png(sheet(images, config.prompts)))
    write_atomically(folder / "prompts.txt", "\n".join([*listed, ""]).encode())
    print(f"{len(captions) * config.columns} images drawn: {folder}")


def _captions(config: Config, loaded: LoadedRun) -> tuple[np.ndarray, list[str]]:
    """Returns captions as the run's game takes them, and the lines of prompts.txt.

    They are word indices or embeddings ``[n m _]``, with m columns for each prompt.
    """
    told = loaded.record["data"]
    if loaded.game.condition == "embeddings":
        size = told["columns"]["embeddings"][1][-1]
        if config.embeddings is None:
            raise InputError(
                f"{loaded.folder} draws from embeddings of {size} numbers; give those "
                "of the captions with --embeddings PATH, a .npy file."
            )
        found = read_embeddings(config.embeddings, len(config.prompts), "after the run")
        if found.shape[1] != size:
            raise InputError(
                f"{loaded.folder} draws from embeddings of {size} numbers, but those "
                f"in {config.embeddings} have {found.shape[1]}. Make them with the "
                "encoder that made the run's."
            )
        return found[:, None].repeat(config.columns, axis=1), list(config.prompts)
    words = told.get("vocabulary")
    if loaded.game.condition != "captions" or words is None:
        raise InputError(
            f"{loaded.folder} is a run of {loaded.record['experiment']}, which does "
            "not draw from captions. Give a run of text_to_image."
        )
    if config.embeddings is not None:
        raise InputError(
            f"{loaded.folder} reads captions with its own encoder; leave "
            "--embeddings out."
        )
    return _whole(config, Vocabulary.from_json(words), grammar_of(told["name"]))


def _whole(
    config: Config, known: Vocabulary, rules: Grammar | None
) -> tuple[np.ndarray, list[str]]:
    """Returns the prompts' words ``[n m L]``, completed where there is a grammar."""
    rows = known.encode_all(config.prompts)[:, None].repeat(config.columns, axis=1)
    listed = []
    for place, prompt in enumerate(config.prompts):
        listed.append(prompt)
        if rules is None or rules.vocabulary != known:
            continue
        found = completed(rules, prompt, count=config.columns, seed=config.seed)
        if found is None:
            print(f"{prompt!r} has no wording that was trained on; drawn as it is.")
        elif found.open:
            rows[place] = found.captions
            listed += [f"    {known.decode(each)}" for each in found.captions]
            chosen = ", ".join(found.open)
            print(f"{prompt!r} leaves open, so chosen for each column: {chosen}.")
    return rows, listed


def main() -> None:
    """Runs the command; see `jaxgan.cli.command.main`."""
    prog = "python -m experiments.draw"
    command.main(Config, run, prog=prog, description=__doc__)


if __name__ == "__main__":
    main()
