"""Settings of experiments on few images: an augmentation, and LeCam's regulariser."""

import dataclasses

from jaxgan.checks import InputError
from jaxgan.game import Game
from jaxgan.methods.ada import ada
from jaxgan.methods.diffaugment import diffaugment
from jaxgan.methods.lecam import lecam
from jaxgan.view import Augment

_KNOWN = {"none": lambda: None, "diffaugment": diffaugment, "ada": ada}


@dataclasses.dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Settings for few images, which an experiment's config inherits."""

    # Augmentation of all that the discriminator sees, for few images: none,
    # diffaugment, or ada, whose probability follows the discriminator's overfitting.
    augment: str = "none"
    # Weight of LeCam's regulariser, for few images, such as 0.3; 0 for none.
    lecam: float = 0.0


def augmented(
    config: AugmentConfig, channels: int, *, signs: bool = True
) -> Augment | None:
    """Makes the augmentation that ``--augment`` names.

    Grey images have one channel: changes of hue or saturation leave them as they are.

    Args:
        config: the settings.
        channels: the images' channels.
        signs: whether a logit's sign tells real from fake, which ADA follows. In a
            relativistic or Wasserstein loss only differences between logits count.

    Raises:
        InputError: for an unknown name, one that cannot work with the loss, and for
            images that are neither grey nor RGB.

    Example:
        >>> augmented(AugmentConfig(), channels=3) is None
        True
    """
    if config.augment not in _KNOWN:
        raise InputError(
            f"--augment must be one of {', '.join(_KNOWN)}, got {config.augment!r}."
        )
    if config.augment == "ada" and not signs:
        raise InputError(
            "--augment ada raises its probability while D's logits of training images "
            "are positive, but this loss compares logits only with each other, and "
            "their signs mean nothing. Use --augment diffaugment."
        )
    if config.augment != "none" and channels not in (1, 3):
        raise InputError(
            f"--augment {config.augment} changes grey or RGB images, but these have "
            f"{channels} channels. Use --augment none, or --channels."
        )
    return _KNOWN[config.augment]()


def with_lecam(config: AugmentConfig, game: Game) -> Game:
    """Returns the game, with LeCam's regulariser if ``--lecam`` asks for it."""
    return lecam(game, config.lecam) if config.lecam else game
