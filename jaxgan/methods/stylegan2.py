"""StyleGAN2, Karras et al. 2020 (arXiv:1912.04958): a round of four updates.

A generator is a mapping, from latents to styles w, and a synthesis, from w to images.

    g      E softplus(-D(G(z)))                            each round
    g_reg  2 k E (||J_w^T y|| - a)^2,  y ~ N(0, I)         every k = 4 rounds
    d      E softplus(D(G(z))) + E softplus(-D(x))         each round
    d_reg  gamma/2 k E ||grad D(x)||^2                     every k = 16 rounds

The regulariser makes the path lengths ||J_w^T y|| (section 3.2), with J_w the Jacobian
of the synthesis, equal in all directions and at all w; a is their running mean.
Regularisation is lazy (appendix B): every k rounds, with k times its weight. Each
update draws its own latents; all see the reals of the round's one batch.
"""

import dataclasses
import functools
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxgan import losses, networks, penalties
from jaxgan.checks import InputError
from jaxgan.examples import check_fits, grouped, logits_of
from jaxgan.game import Game, Memory, Objective
from jaxgan.gan import pointwise
from jaxgan.keys import per_example
from jaxgan.means import in_float32
from jaxgan.player import EMA, Player, at
from jaxgan.rounds import Move
from jaxgan.turn import Nets, Turn
from jaxgan.typing import Array, Batch, Key, Scalar, Schedule
from jaxgan.view import Augment


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The paper's settings. Weights may be schedules of the images seen.

    Attributes:
        latent_dim: the latent's size.
        condition: the batch's entry that conditions mapping and discriminator, or None.
        mixing: the probability that an image takes the styles of a second latent from
            some layer on (style mixing), drawn for each image.
        path_weight: the weight of the path lengths, before the period scales it.
        path_decay: the weight of a batch's lengths in their running mean.
        gamma: R1's gamma; half of it is R1's weight before the period scales it.
        g_every: the period of "g_reg" in rounds.
        d_every: the period of "d_reg" in rounds.
        augment: the discriminator's view of the images, or None. R1 differentiates
            through it, with respect to the original image.
    """

    latent_dim: int = 512
    condition: str | None = None
    mixing: float = 0.9
    path_weight: Scalar | Schedule = 2.0
    path_decay: float = 0.01
    gamma: Scalar | Schedule = 10.0
    g_every: int = 4
    d_every: int = 16
    augment: Augment | None = None

    @property
    def schedule(self) -> tuple[Move, ...]:
        """A round; to train without a regulariser, leave out its move."""
        return (
            Move(objective="g"),
            Move(objective="g_reg", fresh=False, every=self.g_every),
            Move(objective="d", fresh=False),
            Move(objective="d_reg", fresh=False, every=self.d_every),
        )


def lazy_adam(
    every: int,
    *,
    learning_rate: float = 2e-3,
    b1: float = 0.0,
    b2: float = 0.99,
    eps: float = 1e-8,
) -> optax.GradientTransformation:
    """Adam for a player that is regularised every k rounds (appendix B).

    The player makes k + 1 steps instead of k, and both kinds share the moments. With
    c = k / (k + 1) as a factor of the learning rate and an exponent of the betas, it
    moves as far and forgets as fast per round.

    Args:
        every: k.
        learning_rate: as for a player that is not regularised lazily, like the betas.
        b1: the decay of the first moment.
        b2: the decay of the second.
        eps: as for `optax.adam`.
    """
    c = every / (every + 1)
    return optax.adam(c * learning_rate, b1=b1**c, b2=b2**c, eps=eps)


def stylegan2(
    *,
    mapping: nn.Module,
    synthesis: nn.Module,
    discriminator: nn.Module,
    how: Settings = Settings(),
    g_optimizer: optax.GradientTransformation | None = None,
    d_optimizer: optax.GradientTransformation | None = None,
    ema: EMA | None = EMA(),  # noqa: B008
) -> Game:
    """Makes the game of "mapping", "synthesis" and "discriminator".

    Play it with `Settings.schedule`. The discriminator's update is the clock: both of
    the generator's come before it in a round, so that the averages include both.

    Args:
        mapping: ``(z [b z], [condition]) -> w [b layers w]``, one style per layer.
        synthesis: ``w [b layers w] -> images [b ... c]``, each example by itself.
        discriminator: ``(x [b ...], [condition]) -> logits [b ...]``. If it looks at
            groups of examples (minibatch standard deviation), it declares this in a
            field ``group: int``, and R1 is that of the sum of a group's logits.
        how: the settings.
        g_optimizer: the optimizer of mapping and synthesis; by default `lazy_adam`.
        d_optimizer: the discriminator's optimizer; by default `lazy_adam`.
        ema: the average of mapping and synthesis.

    Example:
        >>> import flax.linen as nn, jaxgan
        >>> class Mapping(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, z):
        ...         return nn.tanh(nn.DenseGeneral((2, 3))(z))
        >>> class Synthesis(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, w):
        ...         return nn.DenseGeneral((4, 4, 1), axis=(1, 2))(w)
        >>> class Discriminator(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x):
        ...         return nn.Dense(1)(nn.tanh(nn.Dense(4)(x.reshape(len(x), -1))))
        >>> how = Settings(latent_dim=3, gamma=1.0)
        >>> game = stylegan2(
        ...     mapping=Mapping(),
        ...     synthesis=Synthesis(),
        ...     discriminator=Discriminator(),
        ...     how=how,
        ... )
        >>> batch = {"image": jnp.ones((4, 4, 4, 1))}
        >>> state = jaxgan.init(game, jax.random.key(0), batch)
        >>> step = jaxgan.make_train_step(game, schedule=how.schedule)
        >>> print(jaxgan.sample(game, state, jax.random.key(1), 2).shape)
        (2, 4, 4, 1)
    """
    g_optimizer = g_optimizer or lazy_adam(how.g_every)
    d_optimizer = d_optimizer or lazy_adam(how.d_every)
    bind = lambda loss: functools.partial(loss, how)
    generator, judge = ("mapping", "synthesis"), ("discriminator",)
    augment = how.augment and how.augment.memory
    return Game(
        players={
            "mapping": Player(module=mapping, optimizer=g_optimizer, ema=ema),
            "synthesis": Player(module=synthesis, optimizer=g_optimizer, ema=ema),
            "discriminator": Player(module=discriminator, optimizer=d_optimizer),
        },
        objectives={
            "g": Objective(players=generator, loss=bind(g_loss)),
            "g_reg": Objective(players=generator, loss=bind(g_reg_loss)),
            "d": Objective(players=judge, loss=bind(d_loss)),
            "d_reg": Objective(
                players=judge, loss=functools.partial(d_reg_loss, how, discriminator)
            ),
        },
        clock="d",
        memory={"path_length": running_mean(how.path_decay)}
        | ({"augment": augment} if augment else {}),
        sample=bind(sample),
        condition=how.condition,
    )


def g_loss(how: Settings, nets: Nets, batch: Batch, turn: Turn):
    """Computes ``softplus(-D(G(z)))``, ``[b]``."""
    fake = nets("synthesis", styles(how, nets, batch, turn))
    logits = judged(how, nets, fake, batch, turn, "fake")
    loss = pointwise(losses.non_saturating.generator, logits, logits)
    return loss, {"fake_logit": logits}


def g_reg_loss(how: Settings, nets: Nets, batch: Batch, turn: Turn):
    """Computes ``weight k (||J_w^T y|| - a)^2``, ``[b]``.

    Here a is the running mean before this update. The authors' code moves it first, by
    a hundredth of the distance; then the first microbatch's gradient would have to wait
    for the last microbatch. Here the mean moves once per update, by the lengths of all
    microbatches, whatever their number.
    """
    lengths = path_lengths(nets, styles(how, nets, batch, turn), turn)
    gaps = lengths - turn.memory["path_length"]
    loss = at(how.path_weight, turn.images) * how.g_every * jnp.square(gaps)
    return loss, {"path_length": lengths}


def d_loss(how: Settings, nets: Nets, batch: Batch, turn: Turn):
    """Computes ``softplus(D(G(z))) + softplus(-D(x))``, ``[b]``."""
    real, fake = batch["image"], nets("synthesis", styles(how, nets, batch, turn))
    check_fits(fake, real)
    real_logits = judged(how, nets, real, batch, turn, "real")
    fake_logits = judged(how, nets, fake, batch, turn, "fake")
    loss = pointwise(losses.non_saturating.discriminator, real_logits, fake_logits)
    return loss, {"real_logit": real_logits, "fake_logit": fake_logits}


def d_reg_loss(
    how: Settings, discriminator: nn.Module, nets: Nets, batch: Batch, turn: Turn
):
    """Computes ``gamma/2 k ||grad D(x)||^2``, ``[b]``, D summed over each group."""
    group = networks.group_of(discriminator)
    play, r1 = nets.grouped("discriminator", group), penalties.summed(penalties.r1)

    def of_group(keys, real, condition):
        key, view_key = jax.random.split(keys[0])
        view_keys = per_example(view_key, jnp.arange(group))

        def critic(x):
            logits = logits_of(play(key, see(how, x, view_keys, turn), *condition), x)
            return in_float32(logits).reshape(group, -1).mean(axis=1)

        return penalties.of_group(r1, critic, real, real, key)

    examples = turn.draws("r1"), batch["image"], condition_of(how, batch)
    r1s = jax.vmap(of_group)(*grouped(examples, group)).reshape(-1)
    return at(how.gamma, turn.images) / 2 * how.d_every * r1s, {"r1": r1s}


def styles(how: Settings, nets: Nets, batch: Batch, turn: Turn) -> Array:
    """Returns the styles ``[b layers w]`` of the update's latents, some mixed."""
    condition = condition_of(how, batch)
    mapped = lambda name: nets(
        "mapping", turn.normal(name, (how.latent_dim,)), *condition
    )
    w = mapped("latent")
    layers = w.shape[1]
    if how.mixing == 0 or layers == 1:
        return w

    def own_layers(key: Key) -> Array:
        coin, cut = jax.random.split(key)
        mixed = jax.random.bernoulli(coin, how.mixing)
        return jnp.where(mixed, jax.random.randint(cut, (), 1, layers), layers)

    own = jnp.arange(layers)[None] < jax.vmap(own_layers)(turn.draws("mixing"))[:, None]
    return jnp.where(own[:, :, None], w, mapped("latent_mixed_in"))


def path_lengths(nets: Nets, w: Array, turn: Turn) -> Array:
    """Computes ``||J_w^T y||`` of each example, ``[b]``.

    The image y is N(0, 1/(h w)), so that lengths do not depend on the resolution. The
    squared norm over a style is averaged over the layers.
    """
    synthesis = nets.alone("synthesis")

    def of_one(key: Key, w: Array) -> Array:
        noise, own = jax.random.split(key)
        image, pull_back = jax.vjp(functools.partial(synthesis, own), w)
        y = jax.random.normal(noise, image.shape, image.dtype)
        (slope,) = pull_back(y / math.sqrt(math.prod(image.shape[:-1])))
        squares = jnp.square(in_float32(slope)).sum(axis=-1)
        return jnp.sqrt(squares.mean() + 1e-12)  # so that it has a derivative at 0

    return jax.vmap(of_one)(turn.draws("path"), w)


def running_mean(decay: float) -> Memory:
    """Makes the mean of path lengths: 0 at first, moved towards each batch's."""

    def update(mean: Array, outputs: Any, turn: Turn) -> Array:
        return mean + decay * (outputs["path_length"] - mean)

    return Memory(init=lambda: jnp.zeros(()), update=update, after=("g_reg",))


def judged(how: Settings, nets: Nets, x: Array, batch: Batch, turn: Turn, which: str):
    """Returns the discriminator's logits ``[b ...]`` for its view of ``x``."""
    seen = see(how, x, turn.draws(f"{which}_view"), turn)
    return logits_of(nets("discriminator", seen, *condition_of(how, batch)), x)


def see(how: Settings, x: Array, keys: Key, turn: Turn) -> Array:
    """Returns the discriminator's view of images ``[b ...]``, one key per example."""
    return x if how.augment is None else how.augment.view(x, keys, turn)


def condition_of(how: Settings, batch: Batch) -> tuple:
    """Returns the batch's condition in a tuple; () for an unconditional game."""
    return () if how.condition is None else (batch[how.condition],)


def sample(how: Settings, nets: Nets, keys: Key, condition: Any) -> Array:
    """Generates images from latents of N(0, I), without mixing."""
    if (how.condition is None) != (condition is None):
        raise InputError(
            "Give sample a condition if and only if the game has one; here "
            f"Settings.condition is {how.condition!r}."
        )
    z = jax.vmap(lambda key: jax.random.normal(key, (how.latent_dim,)))(keys)
    given = () if condition is None else (condition,)
    return nets("synthesis", nets("mapping", z, *given))
