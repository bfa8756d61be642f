"""The game of two players: a generator and a discriminator (Goodfellow et al. 2014).

`discriminator_loss` and `generator_loss` are the objectives of its Algorithm 1; the
rest builds a `Game` from them.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax.core import Tracer

from jaxgan import examples, losses, networks, penalties
from jaxgan.checks import InputError
from jaxgan.game import Game, GameState, Memory, Objective
from jaxgan.keys import per_example
from jaxgan.means import in_float32
from jaxgan.methods.instance_noise import instance_noise
from jaxgan.player import EMA, Player, at
from jaxgan.turn import Nets, Turn
from jaxgan.typing import Array, Batch, Key, Scalar, Schedule
from jaxgan.update import Step, make_update
from jaxgan.view import Augment

Term = Callable[[Any, Batch], Array]
Prior = Callable[[Key, int], Array]
Weighted = tuple[Scalar | Schedule, penalties.Penalty | penalties.Summed]


def gaussian_prior(key: Key, latent_dim: int) -> Array:
    """Draws one latent ``[z]`` from N(0, I)."""
    return jax.random.normal(key, (latent_dim,))


@dataclasses.dataclass(frozen=True, kw_only=True)
class GAN(Game):
    """The game of a generator and a discriminator, with the objectives "g" and "d".

    Static and hashable: a step closes over it.

    Attributes:
        generator: ``(z [b z], [condition], *, train) -> [b ...]``, an array or a
            pytree, such as the batch's "image".
        discriminator: ``(x [b ...], [condition], *, train) -> logits [b ...]``, one per
            example or one per patch; or a dict of outputs with them under "logits".
        g_optimizer: the generator's optax optimizer.
        d_optimizer: the discriminator's; two time scales are two learning rates
            (Heusel et al. 2017, arXiv:1706.08500).
        loss: an `AdversarialLoss` pair, applied to each patch, then averaged.
        penalties: (weight, penalty) pairs, added to the discriminator's loss. Their
            critic is the mean of an example's logits.
        latent_dim: the latent's size ``z``.
        prior: ``(key, latent_dim) -> [z]``, the distribution of one latent.
        condition: the batch's entry that conditions both networks, or None.
        generator_terms: (weight, term) pairs added to the generator's loss, where
            ``term(fake, batch) -> [b]`` sees the batch with its images as floats.
        augment: the augmentation of all that the discriminator sees, or None.
        instance_noise: a schedule from images seen to the standard deviation of the
            Gaussian noise on all that the discriminator sees (Sønderby et al. 2017,
            arXiv:1610.04490), or None. Noise comes after the augmentation.
        ema_half_life: half-life of the averaged generator, in images; 0: no average.
        ema_ramp_up: the half-life is at most this share of the images seen so far, so
            that the first random weights are forgotten soon; None: no ramp-up.

    Weights and half-lives may be schedules of the images seen. They may be traced, for
    `jaxgan.population`; such a game cannot be a static argument.

    A network that looks across the examples of a batch (batch normalisation) must have
    a field ``axis_name: str | None = None``, which the steps set so that it looks
    across all devices. One that looks at groups of consecutive examples must have a
    field ``group: int``.
    """

    generator: nn.Module
    discriminator: nn.Module
    g_optimizer: optax.GradientTransformation
    d_optimizer: optax.GradientTransformation
    loss: losses.AdversarialLoss = losses.non_saturating
    penalties: Sequence[Weighted] = ()
    latent_dim: int = 64
    prior: Prior = gaussian_prior
    condition: str | None = None
    generator_terms: Sequence[tuple[Scalar | Schedule, Term]] = ()
    augment: Augment | None = None
    instance_noise: Schedule | None = None
    ema_half_life: Scalar | Schedule = 10_000
    ema_ramp_up: Scalar | None = 0.05

    players: Mapping[str, Player] = dataclasses.field(
        init=False, repr=False, compare=False
    )
    objectives: Mapping[str, Objective] = dataclasses.field(
        init=False, repr=False, compare=False
    )
    clock: str = dataclasses.field(init=False, repr=False, compare=False)
    memory: Mapping[str, Memory] = dataclasses.field(
        init=False, repr=False, compare=False
    )
    sample: Any = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self):
        set_ = functools.partial(object.__setattr__, self)
        set_("penalties", _pairs("penalties", self.penalties))
        set_("generator_terms", _pairs("generator_terms", self.generator_terms))
        _check_hashable(self)
        average = EMA(half_life=self.ema_half_life, ramp_up=self.ema_ramp_up)
        set_(
            "players",
            {
                "generator": Player(
                    module=self.generator, optimizer=self.g_optimizer, ema=average
                ),
                "discriminator": Player(
                    module=self.discriminator, optimizer=self.d_optimizer
                ),
            },
        )
        set_(
            "objectives",
            {
                "d": Objective(
                    players=("discriminator",),
                    loss=functools.partial(discriminator_loss, self),
                ),
                "g": Objective(
                    players=("generator",), loss=functools.partial(generator_loss, self)
                ),
            },
        )
        set_("clock", "g")
        remembered = self.augment and self.augment.memory
        set_("memory", {"augment": remembered} if remembered else {})
        set_("sample", Generate(self.prior, self.latent_dim, self.condition))
        super().__post_init__()

    def check(self, state: GameState, batch: Batch) -> None:
        """Raises InputError for labels or images outside the networks' range."""
        condition = condition_of(self, batch)
        self.check_condition(*condition)
        examples.check_labels(self.discriminator, *condition)

        def draw(examples: int) -> Array:
            return latents(self, Turn.first("check", jax.random.key(0), {}, examples))

        player, images = self.players["generator"], batch["image"]
        examples.check_range(player, draw, images, condition)

    def check_condition(self, condition: Any = None) -> None:
        """Raises InputError for a class label that the generator does not have."""
        examples.check_labels(self.generator, condition)

    def seen(self, x: Any, keys: Key, turn: Turn) -> Any:
        """Returns the discriminator's view of ``[b ...]``, with one key per example."""
        if self.augment is not None:
            x = self.augment.view(x, keys, turn)
        if self.instance_noise is not None:
            x = instance_noise(self.instance_noise).view(x, keys, turn)
        return x


def discriminator_loss(gan: GAN, nets: Nets, batch: Batch, turn: Turn):
    """Computes ``loss.discriminator(D(x), D(G(z)))`` plus penalties, ``[b]``."""
    real, condition = batch["image"], condition_of(gan, batch)
    fake = nets("generator", latents(gan, turn), *condition)
    examples.check_fits(fake, real)

    real_logits = judge(gan, nets, real, condition, turn, "real")
    fake_logits = judge(gan, nets, fake, condition, turn, "fake")
    loss = pointwise(gan.loss.discriminator, real_logits, fake_logits)
    outputs = {"real_logit": real_logits, "fake_logit": fake_logits}

    if gan.penalties:
        outputs["penalty"] = penalty(gan, nets, real, fake, condition, turn)
        loss = loss + outputs["penalty"]
    return loss, outputs


def generator_loss(gan: GAN, nets: Nets, batch: Batch, turn: Turn):
    """Computes ``loss.generator(D(x), D(G(z)))`` plus the weighted terms, ``[b]``."""
    real, condition = batch["image"], condition_of(gan, batch)
    fake = nets("generator", latents(gan, turn), *condition)

    real_logits = fake_logits = judge(gan, nets, fake, condition, turn, "fake")
    outputs = {"fake_logit": fake_logits}
    if gan.loss.uses_real:
        real_logits = judge(gan, nets, real, condition, turn, "real")
        outputs["real_logit"] = real_logits
    loss = pointwise(gan.loss.generator, real_logits, fake_logits)

    for weight, term in gan.generator_terms:
        loss = loss + at(weight, turn.images) * term(fake, batch)
    return loss, outputs


def latents(gan: GAN, turn: Turn) -> Array:
    """Draws the update's latents ``[b z]``, one from the prior for each example."""
    return jax.vmap(lambda key: gan.prior(key, gan.latent_dim))(turn.draws("latent"))


def judge(gan: GAN, nets: Nets, x: Any, condition: tuple, turn: Turn, which: str):
    """Returns the discriminator's logits ``[b ...]`` for its view of ``x``."""
    seen = gan.seen(x, turn.draws(f"{which}_view"), turn)
    return examples.logits_of(nets("discriminator", seen, *condition), x)


def pointwise(half: losses.Half, real_logits: Array, fake_logits: Array) -> Array:
    """Computes each patch's loss, then the mean over an example's patches, ``[b]``.

    In this order: the softplus of a mean is not the mean of the softplus.
    """
    real, fake = (in_float32(logits) for logits in (real_logits, fake_logits))
    points = half(real.reshape(-1), fake.reshape(-1))
    return points.reshape(len(fake), -1).mean(axis=1)


def penalty(
    gan: GAN, nets: Nets, real: Any, fake: Any, condition: tuple, turn: Turn
) -> Array:
    """Computes the weighted sum of the penalties, ``[b]``.

    Gradients are with respect to the images before the view. Each example has its own
    critic; for a summed penalty, each group of examples has one.
    """
    keys, total = turn.draws("penalty"), jnp.zeros(len(turn.draws.index))
    for i, (weight, each) in enumerate(gan.penalties):
        group = 1
        if isinstance(each, penalties.Summed):
            group = networks.group_of(gan.discriminator)
        play = nets.grouped("discriminator", group)

        def of_group(real, fake, condition, keys, i=i, each=each, play=play):
            key, own = jax.random.split(keys[0])

            def critic(x):
                seen = gan.seen(x, per_example(own, jnp.arange(len(keys))), turn)
                logits = examples.logits_of(play(own, seen, *condition), x)
                return in_float32(logits).reshape(len(keys), -1).mean(axis=1)

            return penalties.of_group(
                each, critic, real, fake, jax.random.fold_in(key, i)
            )

        groups = examples.grouped((real, fake, condition, keys), group)
        value = jax.vmap(of_group)(*groups).reshape(-1)
        total = total + at(weight, turn.images) * value
    return total


def condition_of(gan: GAN, batch: Batch) -> tuple:
    """Returns the batch's condition in a tuple; () for an unconditional game."""
    if gan.condition is None:
        return ()
    _check_conditioned(gan.condition, batch)
    return (batch[gan.condition],)


def _check_conditioned(condition: str, batch: Batch) -> None:
    if condition not in batch:
        raise InputError(
            f'The game is conditional on "{condition}", but the batch holds only '
            f"{sorted(batch)}. Use a data set that has it, or GAN(condition=None)."
        )


@dataclasses.dataclass(frozen=True)
class Generate:
    """The generator's images from latents of the prior: a GAN's `Game.sample`."""

    prior: Prior
    latent_dim: int
    condition: str | None

    def __call__(self, nets: Nets, keys: Key, condition: Any) -> Any:
        if (self.condition is None) != (condition is None):
            wanted = "nothing" if self.condition is None else f'"{self.condition}"'
            given = "none" if condition is None else "one"
            raise InputError(
                f"The game is conditional on {wanted}, but {given} was given; "
                "see sample(condition=...)."
            )
        z = jax.vmap(lambda key: self.prior(key, self.latent_dim))(keys)
        return nets("generator", z, *(() if condition is None else (condition,)))


def make_d_step(
    gan: Game,
    *,
    axis_name: str | None = None,
    microbatches: int = 1,
    shards: int | None = None,
) -> Step:
    """Makes a discriminator update: `make_update` of the objective "d".

    The metrics are ``d_loss`` (penalties included), ``d_real_logit``, ``d_fake_logit``
    (means), ``d_grad_norm`` and, with penalties, ``d_penalty``.
    """
    how: dict[str, Any] = {"axis_name": axis_name, "microbatches": microbatches}
    return make_update(gan, "d", shards=shards, **how)


def make_g_step(
    gan: Game,
    *,
    axis_name: str | None = None,
    microbatches: int = 1,
    shards: int | None = None,
) -> Step:
    """Makes a generator update, which also moves its average: `make_update` of "g".

    The metrics are ``g_loss`` (terms included), ``g_fake_logit``, ``g_real_logit``
    (where the loss reads it) and ``g_grad_norm``.
    """
    how: dict[str, Any] = {"axis_name": axis_name, "microbatches": microbatches}
    return make_update(gan, "g", shards=shards, **how)


def _pairs(field: str, pairs: Iterable[Any]) -> tuple[tuple, ...]:
    pairs = tuple(pairs)
    for pair in pairs:
        try:
            _, value = pair
        except (TypeError, ValueError):
            value = None
        if not (callable(value) or isinstance(value, penalties.Summed)):
            raise InputError(
                f"GAN.{field} must be (weight, function) pairs, got {pair!r}."
            )
        if field == "penalties":
            penalties.check_call(value)
    return tuple(map(tuple, pairs))


def _check_hashable(gan: GAN) -> None:
    for field in dataclasses.fields(gan):
        if not field.init:
            continue
        value = getattr(gan, field.name)
        if any(isinstance(part, Tracer) for part in jax.tree.leaves(value)):
            continue  # a population's hyper-parameter: this game exists only in a trace
        try:
            hash(value)
        except TypeError as error:
            raise TypeError(
                f"GAN.{field.name} must be hashable, and so must everything in it "
                f"(tuples, not lists), got {value!r}."
            ) from error
