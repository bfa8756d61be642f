"""Translation: letters of one style into another, with pairs and without.

pix2pix learns DejaVu Sans to Serif from pairs, CycleGAN from the same letters without
their pairing; both are judged on held-out letters, no rendering of which was seen in
training. With pairs the losses are ablated as in the paper (Isola et al. 2017,
arXiv:1611.07004, section 4.2): L1 alone, the GAN alone, and both.

There are three judges. L1, divided by that of the copied input, tells whether the
pixels are right. The task score tells whether a classifier of all letters, which never
saw an output, can read the translations: 0 stands for its accuracy on copied inputs, 1
for that on real targets. The style is the share that a classifier calls Serif.

Expected: L1 alone has the lowest L1, and L1 with the GAN the higher task score. About
three hours on two cores; each run is kept once it is done, and a run that was stopped
is continued::

    python -m experiments.studies.translation
"""

import dataclasses
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np
from matplotlib.figure import Figure

from experiments import cyclegan, pix2pix
from experiments.judges.letters import Letters
from experiments.judges.lookup import baselines
from experiments.studies import study
from experiments.studies.plots import samples
from experiments.studies.study import Claim, Outcome, Parts, StudyConfig, Table, spread
from jaxgan import cli, init
from jaxgan.data import load_pairs
from jaxgan.evaluation.inputs import held_out
from jaxgan.evaluation.translations import Translations, one_way, translate
from jaxgan.files import expand
from jaxgan.sampling import Sampler

BOTH = "L1 and GAN"
UNPAIRED = "CycleGAN"
_ROWS = 8  # letters of the picture


class Method(NamedTuple):
    """A method: what is trained, and which of its outputs is judged.

    Attributes:
        command: the module of its command.
        settings: the values that differ from the preset's.
        way: the names of inputs, of targets, and of the output among the samples.
    """

    command: Any
    settings: dict[str, Any]
    way: tuple[str, str, str | None]


_PAIRS = ("input", "target", None)
METHODS = {
    BOTH: Method(pix2pix, {}, _PAIRS),
    "L1 alone": Method(pix2pix, {"adversarial": 0.0}, _PAIRS),
    "GAN alone": Method(pix2pix, {"l1": 0.0}, _PAIRS),
    UNPAIRED: Method(cyclegan, {}, ("a", "b", "fake_b")),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(StudyConfig):
    """Methods and judges."""

    study: ClassVar[str] = "translation"

    # Seeds of each method.
    seeds: int = 3
    # Updates of pix2pix's generator.
    steps: int = 8_000
    # Updates of CycleGAN's generators.
    unpaired_steps: int = 24_000
    # Epochs of the classifier that reads the letters.
    reader_epochs: float = 300
    # Where decoded caches are kept.
    data_dir: Path = Path("~/.cache/jaxgan")


def play(config: Config, name: str, seed: int, place: Path) -> dict[str, Any]:
    """Plays one run, or continues it, and judges it."""
    method = METHODS[name]
    steps = config.unpaired_steps if name == UNPAIRED else config.steps
    small = {"batch_size": 8, "g_width": 8, "d_width": 8} if config.quick else {}
    settings = method.command.Config(
        seed=config.seed + seed,
        steps=steps,
        workdir=place,
        data_dir=config.data_dir,
        **method.settings,
        **small,
    )
    result = cli.run(settings, method.command.make_game, evaluators=())
    assert result is not None
    played = cli.load_run(place)
    sampler = Sampler(game=played.game, state=played.state)
    return {
        **judge(config, sampler, played.data, method.way),
        "seconds": result["seconds"],
    }


def judge_baselines(config: Config) -> dict[str, dict[str, Any]]:
    """Scores what can be had without learning, see `experiments.judges.lookup`."""
    name = pix2pix.Config().dataset
    data = load_pairs(name, data_dir=expand(config.data_dir, "--data-dir"))
    game = pix2pix.make_game(pix2pix.Config(), data)
    state = init(game, jax.random.key(0), data.train.batch(np.arange(2)))
    found = baselines(Sampler(game=game, state=state), data)
    pairs = {"pairs": len(data.train), "held out": len(held_out(data))}
    return {
        each: {**judge(config, sampler, data, _PAIRS), **pairs}
        for each, sampler in found.items()
    }


def judge(
    config: Config, sampler: Sampler, data: Any, way: tuple[str, str, str | None]
) -> dict[str, Any]:
    """Scores the translations of held-out letters, and shows some of them."""
    source, truth, made = way
    if made is not None:
        sampler = one_way(sampler, source=source, output=truth, made=made)
    given = sampler, data, jax.random.key(0)
    pixels = Translations(source=source)(*given)
    epochs = {"reader_epochs": config.reader_epochs}
    if config.quick:
        epochs["style_epochs"] = 1
    read = Letters(source=source, output=truth, **epochs)(*given)
    first = translate(*given, source=source, most=_ROWS)
    sheet = np.stack([first.inputs, first.outputs, first.targets], axis=1)
    return {
        "l1": pixels["l1"].details["ratio"],
        "ssim": pixels["ssim"].value,
        "task": read["task"].details["score"],
        "read": read["task"].value,
        "ceiling": read["task"].details["ceiling"],
        "floor": read["task"].details["floor"],
        "style": read["style"].value,
        "shown": samples.packed(sheet.reshape(-1, *sheet.shape[2:]), columns=3),
    }


def run(config: Config, parts: Parts) -> Outcome:
    """Trains every method with every seed."""
    names = tuple(METHODS)
    if config.quick:
        names = (BOTH, UNPAIRED)
        few = {"seeds": 1, "steps": 10, "unpaired_steps": 10, "reader_epochs": 20}
        config = dataclasses.replace(config, **few)
    simple = parts.get("baselines", lambda: judge_baselines(config))
    found = {
        name: [
            parts.get(
                mark := f"{name}-{seed}".lower().replace(" ", "-"),
                lambda name=name, seed=seed, mark=mark: play(
                    config, name, seed, parts.folder / "runs" / mark
                ),
            )
            for seed in range(config.seeds)
        ]
        for name in names
    }
    return Outcome(
        protocol=_protocol(config, simple),
        tables=[_table(found, simple)],
        claims=_claims(found, simple),
        figure=_picture(found),
    )


Found = dict[str, list[dict[str, Any]]]


def _of(found: Found, name: str, score: str) -> np.ndarray:
    return np.array([run[score] for run in found[name]])


Baselines = dict[str, dict[str, Any]]


def _protocol(config: Config, simple: Baselines) -> str:
    one = next(iter(simple.values()))
    return (
        f"{config.seeds} seeds of each method, in the preset `small` of its command: "
        f"pix2pix {config.steps:,} updates, CycleGAN {config.unpaired_steps:,}, "
        f"averaged generators. DejaVu Sans to Serif, 32x32 pixels: {one['pairs']:,} "
        f"pairs to train on, {one['held out']} held out, of which no rendering was "
        "seen, but often the same letter with another accent: that is what the "
        "nearest training letter is. L1 is relative to the copied input's. The task "
        "score is (accuracy - floor) / (ceiling - floor) of a classifier of all "
        f"letters, with {one['ceiling']:.3f} on real targets and {one['floor']:.3f} on "
        "copied inputs; style is the share that a classifier calls Serif."
    )


_SCORES = ("l1", "ssim", "read", "task", "style")


def _table(found: Found, simple: Baselines) -> Table:
    header = ["method", "L1 / copied", "SSIM", "read right", "task score", "Serif"]
    rows: list[list[Any]] = [
        [name, *(run[score] for score in _SCORES), ""] for name, run in simple.items()
    ]
    for name in found:
        minutes = float(_of(found, name, "seconds").mean() / 60)
        rows.append([name, *(spread(_of(found, name, s)) for s in _SCORES), minutes])
    return Table([*header, "minutes"], rows)


def _claims(found: Found, simple: Baselines) -> list[Claim]:
    middle = lambda name, score: float(np.median(_of(found, name, score)))
    claims = [
        _at_most("pix2pix: L1 over the copied input's", 0.70, middle(BOTH, "l1")),
        _at_least("pix2pix: task score", 0.8, middle(BOTH, "task")),
        _at_least("pix2pix: called Serif", 0.95, middle(BOTH, "style")),
        _at_most("CycleGAN: L1 over the copied input's", 0.80, middle(UNPAIRED, "l1")),
        _at_least("CycleGAN: called Serif", 0.9, middle(UNPAIRED, "style")),
    ]
    known = simple["nearest training letter"]
    less = middle(BOTH, "l1") / known["l1"]
    text = "pix2pix: L1 over that of the nearest training letter, below 1"
    claims.append(Claim(text, less, less < 1))
    more = middle(BOTH, "task") - known["task"]
    text = "pix2pix: task score, less that of the nearest training letter, above 0"
    claims.append(Claim(text, more, more > 0))
    if "L1 alone" in found:
        more = middle(BOTH, "task") - middle("L1 alone", "task")
        text = "task score with the GAN, less that of L1 alone, above 0"
        claims.append(Claim(text, more, more > 0))
    return claims


def _at_most(text: str, limit: float, value: float) -> Claim:
    return Claim(f"{text}, at most {limit:.2f}", value, value <= limit)


def _at_least(text: str, limit: float, value: float) -> Claim:
    return Claim(f"{text}, at least {limit:.2f}", value, value >= limit)


def _picture(found: Found) -> Figure:
    """Draws the first seed's first held-out letters: input, output, target."""

    def entry(row: str, name: str) -> tuple[str, str, str]:
        run = found[name][0]
        caption = f"L1 {run['l1']:.2f}, task score {run['task']:.2f}"
        return run["shown"], f"{name}: {row}", caption

    return samples.table(["input, output, target"], list(found), entry)


if __name__ == "__main__":
    study.main(Config, run)
