"""Images from captions: GAN-CLS (Reed et al. 2016) and DF-GAN (Tao et al. 2022).

Without a download, it learns scenes of a digit with captions from a grammar, such as "a
large red seven on a blue ground, in the centre"; 10 % of the pairs of digit and colour
are never trained on. What a prompt leaves open, `experiments.draw` adds at random::

    python -m experiments.text_to_image
    python -m experiments.text_to_image --network gan_cls --mismatch 0.5
    python -m experiments.text_to_image --dataset captions:PATH --resolution 64
    python -m experiments.draw RUN "a large red seven on a blue ground"

``captions:PATH`` is for your own images with a CSV or JSON Lines file of captions, see
`jaxgan.data.load_captioned`. A text encoder is first fitted to captions and images
(`jaxgan.methods.matching`); it then stays fixed in the game (`jaxgan.methods.gan_cls`),
and is kept in the run's checkpoints. Another encoder's embeddings, such as CLIP's, can
take its place: ``--embeddings PATH`` is a ``.npy`` file with one row for each caption
of the file, and ``experiments.draw RUN --embeddings PATH`` draws from others.

Samples for held-out captions are judged: scenes by a classifier of every attribute
(`experiments.judges.attributes`), on pairs that were trained on and on the others; and
all sets by R-precision (`experiments.judges.retrieval`).

The preset "small" has GAN-CLS's generator with fewer channels than the paper's, a
projection discriminator, and relativistic pairing with R1 and R2 (Huang et al. 2024,
arXiv:2501.05441). After 3,000 updates GAN-CLS's discriminator and wrong captions still
left the digit to chance. The preset "gan_cls" has the paper's widths, loss, wrong and
interpolated captions and optimizer for 64 pixels, but no residual blocks, and embeds
captions in 64 numbers, not 128; "df_gan" has DF-GAN's networks, losses and optimizers
for 256::

    python -m experiments.text_to_image --preset df_gan --dataset captions:PATH

Claims: GAN-CLS was judged by people only; DF-GAN reports an FID of 14.81 on CUB's
birds. Not reproduced, because that set is not available here.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax

from experiments.captions import encoder
from experiments.captions.sheet import Captions
from experiments.captions.wrong import wrong_captions
from experiments.judges.attributes import Attributes
from experiments.judges.retrieval import Retrieval
from jaxgan import Game, GameState, keys, losses, nets, penalties
from jaxgan.checks import InputError, chosen
from jaxgan.cli import TrainConfig, main, run
from jaxgan.cli.load import data_of
from jaxgan.data import DataSet, load_captioned
from jaxgan.data.captioned import CaptionedSet
from jaxgan.methods.gan_cls import gan_cls, with_text
from jaxgan.schedules import by_images


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TrainConfig):
    """The settings; the defaults are those of the preset "small"."""

    experiment: ClassVar[str] = "text_to_image"

    # Named settings, which other flags override: small, gan_cls, or df_gan.
    preset: str = "small"
    # scenes, scenes:two, pictographs, or captions:PATH.
    dataset: str = "scenes"
    # Generator updates.
    steps: int = 30_000
    # Examples of one update, over all devices.
    batch_size: int = 64
    # Embeddings [n d] of the file's n captions, .npy; by default an encoder is fitted.
    embeddings: Path | None = None
    # Size of a caption's embedding.
    text_dim: int = 64
    # Updates of the text encoder, before the game.
    text_steps: int = 3_000
    # The networks: gan_cls, df_gan, or projection: gan_cls's generator, and a
    # discriminator with an inner product of image and caption.
    network: str = "projection"
    # Channels of the generator's finest hidden maps.
    g_width: int = 32
    # Channels of the discriminator's finest hidden maps.
    d_width: int = 32
    # Dimensions of the latent space.
    latent_dim: int = 32
    # The adversarial loss: non_saturating, hinge, or relativistic.
    loss: str = "relativistic"
    # Weight of mismatched pairs, real images with wrong captions, among D's fakes.
    mismatch: float = 0.0
    # Weight of interpolated captions in the generator's loss.
    interpolated: float = 0.0
    # Weight of DF-GAN's matching-aware gradient penalty; 0 for none.
    matching_aware: float = 0.0
    # Weight of R1.
    r1: float = 0.5
    # Weight of R2.
    r2: float = 0.5
    # Adam's learning rate, for the generator and for the discriminator.
    g_learning_rate: float = 5e-4
    d_learning_rate: float = 5e-4
    # Let both learning rates decay to 0 along a cosine.
    cosine: bool = True
    # Adam's betas, for both players.
    beta1: float = 0.0
    beta2: float = 0.99
    # Half-life of the averaged generator, in images; 0 for no average.
    ema_half_life: float = 10_000.0
    # Compute in bfloat16; parameters, logits and losses stay float32.
    bfloat16: bool = False

    def load(self, name: str, **options: Any) -> CaptionedSet:
        """Finds the set that ``dataset`` names, with the embeddings, if any."""
        return load_captioned(name, embeddings=self.embeddings, **options)


PRESETS = {
    "small": Config(),
    "gan_cls": Config(
        preset="gan_cls",
        steps=100_000,
        text_dim=1_024,
        text_steps=20_000,
        network="gan_cls",
        mismatch=0.5,
        g_width=128,
        d_width=64,
        latent_dim=100,
        loss="non_saturating",
        interpolated=1.0,
        r1=0.0,
        r2=0.0,
        g_learning_rate=2e-4,
        d_learning_rate=2e-4,
        cosine=False,
        beta1=0.5,
        beta2=0.999,
        resolution=64,
        ema_half_life=0.0,
    ),
    "df_gan": Config(
        preset="df_gan",
        steps=300_000,
        batch_size=32,
        text_dim=256,
        text_steps=20_000,
        network="df_gan",
        mismatch=0.5,
        latent_dim=100,
        loss="hinge",
        matching_aware=2.0,
        r1=0.0,
        r2=0.0,
        g_learning_rate=1e-4,
        d_learning_rate=4e-4,
        cosine=False,
        beta2=0.9,
        resolution=256,
    ),
}


def make_game(config: Config, data: Any) -> Game:
    """Returns the game on a captioned set."""
    column = "embeddings" if config.embeddings else "captions"
    weighted = ((config.r1, penalties.r1), (config.r2, penalties.r2))
    return gan_cls(
        **_networks(config, data),
        text=None if config.embeddings else encoder.text_encoder(data, config.text_dim),
        others=wrong_captions(data, column, used=_draws_wrong(config)),
        captions=column,
        loss=chosen("--loss", LOSSES, config.loss),
        mismatch=config.mismatch,
        interpolated=config.interpolated,
        matching_aware=config.matching_aware,
        penalties=[(weight, each) for weight, each in weighted if weight],
        g_optimizer=_adam(config, config.g_learning_rate),
        d_optimizer=_adam(config, config.d_learning_rate),
        latent_dim=config.latent_dim,
        ema_half_life=config.ema_half_life,
        show=Captions(),
    )


LOSSES = {
    name: getattr(losses, name) for name in ("non_saturating", "hinge", "relativistic")
}
NETWORKS = {
    "gan_cls": (nets.gan_cls.Generator, nets.gan_cls.Discriminator),
    "projection": (nets.gan_cls.Generator, nets.gan_cls.ProjectionDiscriminator),
    "df_gan": (nets.df_gan.Generator, nets.df_gan.Discriminator),
}


def _draws_wrong(config: Config) -> bool:
    return bool(config.mismatch or config.interpolated)


def _networks(config: Config, data: DataSet) -> dict[str, Any]:
    height, width, channels = data.image_shape
    generator, discriminator = chosen("--network", NETWORKS, config.network)
    dtype = jnp.bfloat16 if config.bfloat16 else jnp.float32
    size = (height, width)
    return {
        "generator": generator(size, channels, config.g_width, dtype=dtype),
        "discriminator": discriminator(config.d_width, dtype=dtype),
    }


def _adam(config: Config, rate: float) -> optax.GradientTransformation:
    how: dict[str, Any] = {"b1": config.beta1, "b2": config.beta2}
    if not config.cosine:
        return optax.adam(rate, **how)
    images: Any = config.steps * config.batch_size
    falling = optax.cosine_decay_schedule(rate, images)
    return by_images(optax.adam, learning_rate=falling, **how)


def begin(config: Config, data: Any, state: GameState) -> GameState:
    """Returns the first state, with a text encoder that has been fitted to the set.

    Given embeddings, there is no encoder, and the state stays as it is.
    """
    if config.embeddings:
        return state
    told = lambda step: print(f"text encoder: step {step:,} of {config.text_steps:,}")
    key = keys.stream(jax.random.key(config.seed), "text", 0)
    how = {"dim": config.text_dim, "steps": config.text_steps}
    found = encoder.fitted(data, key, **how, report=told)
    return with_text(state, found["text"])


def play(config: Config, make: Any = make_game, **how: Any) -> dict[str, Any] | None:
    """Plays a run, by `jaxgan.cli.run`, that begins with a fitted text encoder."""
    found: dict[str, Any] = {}

    @functools.wraps(make)  # the run's record names it
    def noted(config: Config, data: Any) -> Game:
        found.update(config=config, data=data)
        return make(config, data)

    how["begin"] = lambda state: begin(**found, state=state)
    how["adopt"] = lambda state: adopt(**found, state=state)
    return run(config, noted, **how)


def adopt(config: Config, data: Any, state: GameState) -> GameState:
    """Returns another run's state, with wrong captions from this run's set.

    Raises:
        InputError: that run's captions have other words than this run's.
    """
    assert config.from_run is not None
    there, here = data_of(config.from_run).get("vocabulary"), data.vocabulary.as_json()
    words = lambda told: None if told is None else (told["words"], told["length"])
    if not config.embeddings and words(there) != words(here):
        raise InputError(
            f"--from {config.from_run}: its captions have other words than those of "
            f"{config.dataset}, so its text encoder cannot read them. Begin without "
            "--from, or give a run on the same captions."
        )
    column = "embeddings" if config.embeddings else "captions"
    others = wrong_captions(data, column, used=_draws_wrong(config))
    return state.replace(memory={**state.memory, "others": jnp.asarray(others)})


EVALUATORS = (Attributes(), Retrieval())


if __name__ == "__main__":
    main(Config, make_game, evaluators=EVALUATORS, presets=PRESETS, play=play)
