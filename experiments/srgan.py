"""SRGAN: Ledig et al. 2017 (arXiv:1609.04802), super-resolution in two stages.

Stage one trains SRResNet on the mean absolute difference; stage two begins with its
averaged generator and trains it as a GAN, which makes sharper images that are further
from the originals. One command runs both, as two ordinary runs RUN/srresnet and
RUN/srgan. The same command continues either exactly, and does not repeat a finished
one. Without a download::

    python -m experiments.srgan
    python -m experiments.srgan --dataset photos:more --scale 2
    python -m experiments.srgan --dataset folder:PATH --content random

``folder:PATH`` is for your own photos, of any sizes; see `jaxgan.data.load_photos`. The
runs' pictures are strips of held-out photos: nearest, bicubic, output and original.
``python -m experiments.upscale RUN PHOTO...`` magnifies others; ``--blend 0.8``
interpolates between the weights of the two stages.

Whole held-out photos are judged, beside Pillow's bicubic enlargement, by RMSE, PSNR and
SSIM of Y, with as many pixels cropped at each border as the scale; and, if EfficientNet
is installed, by the distance between its features of patches, which flatters a run with
``--content efficientnet``.

The preset "small" has 5 blocks of 32 channels. It doubles maps by nearest neighbours,
as sub-pixel convolutions learn to cover smooth areas with a grid, and changes the
colours of crops at random, as the GAN otherwise paints the materials of its few photos.

The preset "paper" has BasicSR's networks and settings, which have no batch norm: 16
blocks of 64 channels, L1, crops of 128 pixels, 1,000,000 and 400,000 steps, and, with
``--content vgg:PATH``, VGG-16 instead of VGG-19::

    python -m experiments.srgan --preset paper --dataset folder:PATH

Claim: BasicSR reports a PSNR of 30.247 and 28.016 dB for the two stages, on Set5 in
RGB; not reproduced here.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
import optax
import tyro

from experiments.judges.magnified import MAGNIFIED, Strips
from jaxgan import Game, init, losses
from jaxgan.checks import InputError, chosen
from jaxgan.cli import TrainConfig, load_run, main, run
from jaxgan.cli.config import resolve
from jaxgan.cli.dry_run import first_batch
from jaxgan.cli.experiment import load_data
from jaxgan.data import DataSet, load_photos
from jaxgan.evaluation import Evaluator
from jaxgan.files import expand, read_object
from jaxgan.methods import srgan
from jaxgan.methods.perceived import (
    efficientnet_features,
    random_features,
    vgg_features,
)
from jaxgan.nets import patchgan, srresnet
from jaxgan.player import EMA
from jaxgan.rounds import Schedule
from jaxgan.schedules import by_images


@dataclasses.dataclass(frozen=True, kw_only=True)
class First(TrainConfig):
    """The settings of stage one, SRResNet; stage two has all of them too."""

    experiment: ClassVar[str] = "srresnet"

    # photos, photos:more, or folder:PATH.
    dataset: str = "photos"
    # Side of the tiles that photos are cut into, in pixels; by default 96.
    resolution: int | str | None = None
    # How many times larger images become: 2, 4 or 8.
    scale: int = 4
    # Examples of one update, over all devices.
    batch_size: int = 16
    # Side of the random crop of a tile to train on, in pixels of the original.
    part: int = 48
    # Change the colours of each crop at random: few photos then teach edges rather than
    # their own materials.
    recolour: bool = True
    # Channels of the generator.
    width: int = 32
    # Residual blocks of the generator.
    blocks: int = 5
    # Kernel size of the generator's first and last convolutions; 9 in the paper.
    ends: int = 3
    # Learn the slopes of the generator's activations, as in the paper.
    prelu: bool = False
    # Double maps by nearest neighbours and convolve them; else by sub-pixel
    # convolutions, as in the paper.
    resize: bool = True
    # Adam's learning rate.
    learning_rate: float = 1e-3
    # Number of cosine decays of the learning rate to 0, one after another.
    restarts: int = 1
    # Adam's beta2.
    beta2: float = 0.999
    # Half-life of the averaged generator, in images; 0 for no average.
    ema_half_life: float = 10_000.0
    # Compute in bfloat16; parameters, logits and losses stay float32.
    bfloat16: bool = False

    def load(self, name: str, **how: Any) -> DataSet:
        """Loads the photos for this scale; see `jaxgan.data.load_photos`."""
        return load_photos(name, scale=self.scale, **how)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(First):
    """SRGAN's settings; the defaults are those of the preset "small"."""

    experiment: ClassVar[str] = "srgan"

    # Named settings, which other flags override: small, or paper.
    preset: str = "small"
    # Generator updates of stage one.
    first_steps: int = 10_000
    # Adam's learning rate in stage one.
    first_learning_rate: float = 1e-3
    # Generator updates of stage two.
    steps: int = 2_000
    # Adam's learning rate in stage two, for both players.
    learning_rate: float = 1e-4
    # Steps of stage two after which the learning rate is halved.
    halve_at: tuple[int, ...] = ()
    # The discriminator: srgan, or patchgan, which judges patches of 34 pixels and has
    # no features for --content.
    discriminator: str = "srgan"
    # Channels of the discriminator's first layer; 64 in the paper.
    d_width: int = 16
    # Weight of the L1 distance to the original.
    l1: float = 1.0
    # Features that the content loss compares: discriminator, random, efficientnet,
    # vgg:PATH, or none.
    content: str = "discriminator"
    # Weight of the content loss.
    content_weight: float = 0.01
    # Weight of the adversarial loss.
    adversarial: float = 3e-4
    # The adversarial loss: relativistic, or non_saturating.
    loss: str = "relativistic"
    # The digest of stage one's last state; the command fills it in.
    begins_with: Annotated[str, tyro.conf.Suppress] = ""


PRESETS = {
    "small": Config(),
    "paper": Config(
        preset="paper",
        resolution=256,
        part=128,
        width=64,
        blocks=16,
        resize=False,
        recolour=False,
        first_steps=1_000_000,
        first_learning_rate=2e-4,
        restarts=4,
        steps=400_000,
        halve_at=(50_000, 100_000, 200_000, 300_000),
        beta2=0.99,
        d_width=64,
        l1=0.01,
        content_weight=1.0,
        adversarial=5e-3,
        loss="non_saturating",
    ),
}


def make_first(config: First, data: DataSet) -> Game:
    """Returns stage one's game of one player."""
    period: Any = config.steps * config.batch_size / config.restarts
    cosine = optax.cosine_decay_schedule(config.learning_rate, period)
    game = srgan.srresnet(
        generator=_generator(config),
        optimizer=_adam(config, lambda images: cosine(images % period)),
        **_shared(config),
    )
    return _unmonitored(game)


def make_game(config: Config, data: DataSet) -> Game:
    """Returns stage two's game of both players."""
    dtype = jnp.bfloat16 if config.bfloat16 else jnp.float32
    halvings: Any = {float(step * config.batch_size): 0.5 for step in config.halve_at}
    halved = optax.piecewise_constant_schedule(config.learning_rate, halvings)
    judges = {
        "srgan": srresnet.Discriminator(config.d_width, dtype=dtype),
        "patchgan": patchgan.Discriminator(
            2, width=config.d_width, norm=None, dtype=dtype
        ),
    }
    if (config.discriminator, config.content) == ("patchgan", "discriminator"):
        raise InputError(
            "--discriminator patchgan has no features to compare images by: give "
            "--content random, efficientnet, vgg:PATH or none."
        )
    halves = {n: getattr(losses, n) for n in ("relativistic", "non_saturating")}
    perceive, weight = _content(config)
    game = srgan.srgan(
        generator=_generator(config),
        discriminator=chosen("--discriminator", judges, config.discriminator),
        g_optimizer=_adam(config, halved),
        d_optimizer=_adam(config, halved),
        l1=config.l1,
        content=weight,
        adversarial=config.adversarial,
        perceive=perceive,
        loss=chosen("--loss", halves, config.loss),
        **_shared(config),
    )
    return _unmonitored(game)


def _generator(config: First) -> srresnet.Generator:
    return srresnet.Generator(
        config.scale,
        config.width,
        config.blocks,
        config.ends,
        config.prelu,
        config.resize,
        dtype=jnp.bfloat16 if config.bfloat16 else jnp.float32,
    )


def _adam(config: First, rate: Callable[[Any], Any]) -> Any:
    return by_images(optax.adam, learning_rate=rate, b2=config.beta2)


def _shared(config: First) -> dict[str, Any]:
    half_life = config.ema_half_life
    return {
        "crop": config.part,
        "scale": config.scale,
        "recolour": config.recolour,
        "ema": EMA(half_life=half_life) if half_life else None,
        "show": Strips(),
    }


def _unmonitored(game: Game) -> Game:
    """Returns the game without the collapse monitor.

    Outputs follow their inputs; failures show in the distance to the original.
    """
    return dataclasses.replace(game, output=None)


def _content(config: Config) -> tuple[Any, float]:
    """Returns the feature function, None for the discriminator's, and its weight."""
    kind, _, path = config.content.partition(":")
    if config.content in ("discriminator", "none"):
        return None, 0.0 if config.content == "none" else config.content_weight
    made = {"random": random_features, "efficientnet": efficientnet_features}
    if config.content in made:
        return made[config.content](), config.content_weight
    if kind == "vgg" and path:
        return vgg_features(expand(path, "--content vgg:")), config.content_weight
    raise InputError(
        "--content must be discriminator, random, efficientnet, none, or vgg:PATH with "
        f"torchvision's weights of VGG-16; got {config.content!r}."
    )


def stages(config: Config) -> tuple[First, Config]:
    """Returns the settings of both stages, each with a folder in the workdir.

    Raises:
        InputError: the workdir is that of a single run, or a setting has no use here.
    """
    root = resolve(config).workdir
    assert root is not None  # resolve made it explicit
    if (root / "config.json").exists():
        raise InputError(
            f"{root} holds a run of one stage; expected a folder for both, such as "
            f"{root.parent}, or another --workdir."
        )
    if config.from_run is not None:
        raise InputError(
            "Stage two starts from stage one, so --from has no use here; leave it out."
        )
    if config.evaluate_with is not None:
        raise InputError("Photos have their own judges; leave out --evaluate-with.")
    _check_same_first(root / "srgan", config)
    names = [field.name for field in dataclasses.fields(First)]
    first = First(**{name: getattr(config, name) for name in names})
    changes: dict[str, Any] = {
        "steps": config.first_steps,
        "learning_rate": config.first_learning_rate,
        "d_steps": 1,
        "workdir": root / "srresnet",
    }
    first = dataclasses.replace(first, **changes)
    return first, dataclasses.replace(config, workdir=root / "srgan")


def _check_same_first(folder: Path, config: Config) -> None:
    """Raises InputError if stage two began from another stage one than is asked for.

    Otherwise stage one would be trained further, and stage two then refused.
    """
    kept = read_object(folder / "config.json", otherwise="Use another --workdir.")
    begun = {} if kept is None else kept.get("config", {})
    for name in ("first_steps", "first_learning_rate"):
        wanted = getattr(config, name)
        if begun.get(name, wanted) != wanted:
            raise InputError(
                f"{folder} began from a stage one with --{name.replace('_', '-')} "
                f"{begun[name]}, got {wanted}. Give the same, or another --workdir."
            )


def check_second(config: Config, make: Any = make_game) -> None:
    """Raises InputError for settings that stage two cannot be played with.

    It is called before stage one, which may take days.
    """
    data = load_data(resolve(config))
    game, batch = make(config, data), first_batch(data, 1)
    jax.eval_shape(lambda key: init(game, key, batch), jax.random.key(0))


def play(
    config: Config,
    make: Any = make_game,
    *,
    evaluators: Sequence[Evaluator] = MAGNIFIED,
    schedule: Schedule | None = None,
) -> dict[str, Any] | None:
    """Plays both stages, each by `jaxgan.cli.run`; returns the result of the last."""
    first, second = stages(config)
    folder = first.workdir
    assert folder is not None  # `stages` made it explicit
    check_second(second, make)
    result = run(first, make_first, evaluators=evaluators, schedule=("g",))
    if result is not None:
        second = dataclasses.replace(second, begins_with=result["digest"])
    begin = lambda state: srgan.begin_with(state, load_run(folder).state)
    how: dict[str, Any] = {"evaluators": evaluators, "schedule": schedule}
    return run(second, make, begin=begin, **how)


if __name__ == "__main__":
    main(Config, make_game, evaluators=MAGNIFIED, presets=PRESETS, play=play)
