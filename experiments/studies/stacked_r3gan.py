"""StackedMNIST with a slim R3GAN: how close to real data in 45 minutes on two cores.

The networks and the schedules of R3GAN (Huang et al. 2024, arXiv:2501.05441), a
hundredth as large: a generator of 110 thousand parameters where the paper's has 21
million. The paper's ends at 1,000 modes and a KL of 0.029 after 10 million images; real
digits have a KL of 0.025 by the classifier here, so not much less can be expected.
`stacked_mnist` trains DCGAN's networks on the same data.

Expected: a KL of at most 0.05 in the median of 3 seeds, 0.03 if all goes well. Each run
keeps checkpoints, and the same command continues where it was stopped::

    python -m experiments.studies.stacked_r3gan
"""

import dataclasses
from typing import Any, ClassVar

import optax

from experiments.r3gan import stage_widths
from experiments.studies import stacked_mnist, study
from experiments.studies import stacked_tables as tables
from experiments.studies.plots import stacked_mnist as plots
from experiments.studies.stacked_tables import FULL, MODES
from experiments.studies.study import Claim, Outcome, Parts
from jaxgan import GAN, nets
from jaxgan.methods.r3gan import SCHEDULE, Cosine, r3gan
from jaxgan.schedules import by_images


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(stacked_mnist.Config):
    """A slim R3GAN on a thousand modes."""

    study: ClassVar[str] = "stacked_r3gan"

    # Rounds: an update of each player, on different real images.
    steps: int = 8_000
    # Channels of each stage, from 4x4 pixels to the images' size.
    widths: str = "96,48,16,8"
    # Residual blocks of each stage.
    blocks: int = 1
    # Examples of one update.
    batch_size: int = 32
    # Dimensions of the latent space.
    latent_dim: int = 64
    # Adam's initial learning rate; it decays to 0 along a cosine.
    learning_rate: float = 1e-3
    # Initial gamma, twice the weight of R1 and of R2; it decays to a tenth.
    gamma: float = 1.0


QUICK: dict[str, Any] = {**stacked_mnist.QUICK, "widths": "16,8"}


def make_gan(config: Config, recipe: str, size: int, steps: int) -> GAN:
    """Returns the game on stacked digits; its schedules end after ``steps`` rounds."""
    del recipe  # there is only one
    images = steps * config.batch_size
    half = images / 2
    adam = by_images(
        optax.adam,
        learning_rate=Cosine(config.learning_rate, 0.0, burn_in=images),
        b1=0.0,
        b2=Cosine(0.9, 0.99, burn_in=half),
    )
    shared = {"widths": stage_widths(config.widths), "blocks": config.blocks}
    return r3gan(
        generator=nets.r3gan.Generator(size, 3, **shared),
        discriminator=nets.r3gan.Discriminator(**shared),
        g_optimizer=adam,
        d_optimizer=adam,
        gamma=Cosine(config.gamma, config.gamma / 10, burn_in=half),
        latent_dim=config.latent_dim,
        ema_half_life=Cosine(0.0, config.half_life, burn_in=half),
    )


def run(config: Config, parts: Parts) -> Outcome:
    """Trains the seeds."""
    if config.quick:
        config = dataclasses.replace(config, **QUICK)
    data, eyes, real = stacked_mnist.prepare(config, parts)
    how = {"make": make_gan, "rounds": SCHEDULE}
    full = stacked_mnist.runs(config, FULL, data, eyes, parts, **how)
    kl = tables.summary(full, "kl")["median"]
    modes = tables.summary(full, "modes")["median"]
    return Outcome(
        protocol=_protocol(config, real),
        tables=[tables.of_full(config.steps, full, real), tables.of_published()],
        claims=[
            Claim("median modes, at least 1,000", modes, modes >= MODES),
            Claim("median KL, at most 0.05", kl, kl <= 0.05),
            Claim("median KL, at most 0.03", kl, kl <= 0.03),
        ],
        figure=plots.picture(full, MODES),
        details={"real": real, "curves": [run["curve"] for run in full]},
    )


def _protocol(config: Config, real: dict[str, float]) -> str:
    return (
        "Three random MNIST digits as the channels of a 32x32 image. R3GAN's networks "
        f"with {config.widths} channels from 4x4 pixels on, {config.blocks} block a "
        f"stage; batch {config.batch_size}, {config.steps:,} rounds, Adam "
        f"{config.learning_rate:g} falling to 0 by a cosine, gamma {config.gamma:g} "
        "falling to a tenth, beta2 rising from 0.9 to 0.99 over the first half, "
        f"averaged generator; {config.seeds} seeds. {config.samples:,} samples, each "
        "channel's digit named by a classifier trained here (test accuracy "
        f"{real['accuracy']:.2%})."
    )


if __name__ == "__main__":
    study.main(Config, run)
