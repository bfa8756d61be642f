"""Super-resolution by a residual network, alone and in a GAN: SRResNet and SRGAN.

Ledig et al. 2017 (arXiv:1609.04802). For a small image x and the original y,

    SRResNet minimises  E|y - G(x)|
    D minimises         E f_D(D(y), D(G(x)))
    SRGAN minimises     a E|y - G(x)| + b E|F(y) - F(G(x))| + c E f_G(D(y), D(G(x)))

where |.| is the mean over positions and channels, and F are features of images.
SRGAN starts from a trained SRResNet. With a = 0.01, b = 1, c = 0.005 and VGG-19 as F
these are the weights of ESRGAN (Wang et al. 2018, arXiv:1809.00219) and of BasicSR; the
paper has squares instead of |.|, and a = 0. Here F are by default the discriminator's
own features, as in pix2pixHD (Wang et al. 2018, arXiv:1711.11585), which need no
downloaded weights; the generator's loss uses them without changing them.

Each update uses a random crop of each example: `jaxgan.methods.aligned_parts`.
"""

import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxgan import losses
from jaxgan.checks import InputError
from jaxgan.examples import check_fits, logits_of
from jaxgan.game import Game, GameState, Objective
from jaxgan.gan import pointwise
from jaxgan.losses import AdversarialLoss
from jaxgan.means import in_float32
from jaxgan.methods.aligned_parts import parts
from jaxgan.methods.perceived import Perceive
from jaxgan.player import EMA, Player, at
from jaxgan.turn import Nets, Turn, as_floats
from jaxgan.typing import Array, Batch, Key, Scalar, Schedule

ADAM = optax.adam(1e-4)
"""The paper's optimizer."""


def srresnet(
    *,
    generator: nn.Module,
    optimizer: optax.GradientTransformation = ADAM,
    crop: int | None = 48,
    scale: int = 4,
    recolour: bool = False,
    ema: EMA | None = None,
    show: Any = None,
) -> Game:
    """Makes the game of one player, "generator", that approximates the originals.

    A batch is ``{"input": [b h w c], "target": [b s·h s·w c]}``. `jaxgan.sample` takes
    inputs of any size as its condition, and returns them magnified.

    Args:
        generator: ``[b h w c] -> [b s·h s·w c]``.
        optimizer: the generator's optimizer.
        crop: the side of each target's random crop in pixels, a multiple of the scale;
            None: all of the target.
        scale: s.
        recolour: whether each crop's colours are changed at random, see
            `jaxgan.methods.aligned_parts.recoloured`.
        ema: the generator's average.
        show: see `jaxgan.Game`.

    Example:
        >>> import jaxgan
        >>> from jaxgan.nets.srresnet import Generator
        >>> game = srresnet(generator=Generator(2, 4, 1), crop=8, scale=2)
        >>> small, whole = jnp.ones((2, 8, 8, 3)), jnp.ones((2, 16, 16, 3))
        >>> pairs, key = {"input": small, "target": whole}, jax.random.key(0)
        >>> state = jaxgan.init(game, key, pairs)
        >>> some = small[:, :5]
        >>> print(jaxgan.sample(game, state, key, 2, condition=some).shape)
        (2, 10, 16, 3)
    """
    cut = functools.partial(parts, crop=crop, scale=scale, recolour=recolour)
    loss = functools.partial(distance_loss, cut=cut)
    return Game(
        players={"generator": Player(module=generator, optimizer=optimizer, ema=ema)},
        objectives={"g": Objective(players=("generator",), loss=loss)},
        clock="g",
        sample=magnify,
        condition="input",
        output="target",
        show=show,
    )


def srgan(
    *,
    generator: nn.Module,
    discriminator: nn.Module,
    g_optimizer: optax.GradientTransformation = ADAM,
    d_optimizer: optax.GradientTransformation = ADAM,
    crop: int | None = 48,
    scale: int = 4,
    recolour: bool = False,
    l1: Scalar | Schedule = 0.01,
    content: Scalar | Schedule = 1.0,
    adversarial: Scalar | Schedule = 5e-3,
    perceive: Perceive | None = None,
    loss: AdversarialLoss = losses.non_saturating,
    ema: EMA | None = None,
    show: Any = None,
) -> Game:
    """Makes the game of "generator" and "discriminator", for Algorithm 1.

    Batches and samples are those of `srresnet`, and so are the arguments from ``crop``
    to ``recolour``, ``ema`` and ``show``.

    Args:
        generator: ``[b h w c] -> [b s·h s·w c]``.
        discriminator: images to logits ``[b ...]``, or a dict with them under "logits",
            and features ``[b ...]``, a pytree, under "features".
        g_optimizer: the generator's optimizer.
        d_optimizer: the discriminator's optimizer.
        crop: see `srresnet`.
        scale: see `srresnet`.
        recolour: see `srresnet`.
        l1: a, the weight of the distance, or a schedule of the images seen.
        content: b, the weight of the features' distance; 0: they are not computed.
        adversarial: c, the weight of the adversarial loss.
        perceive: F, such as one of `jaxgan.methods.perceived`; None: the
            discriminator's own features.
        loss: f; `losses.relativistic` compares originals and fakes in pairs.
        ema: the generator's average.
        show: see `jaxgan.Game`.
    """
    cut = functools.partial(parts, crop=crop, scale=scale, recolour=recolour)
    weights = {"l1": l1, "content": content, "adversarial": adversarial}
    how: dict[str, Any] = {"cut": cut, "half": loss}
    g_loss = functools.partial(
        generator_loss, weights=weights, perceive=perceive, **how
    )
    d_loss = functools.partial(discriminator_loss, **how)
    return Game(
        players={
            "generator": Player(module=generator, optimizer=g_optimizer, ema=ema),
            "discriminator": Player(module=discriminator, optimizer=d_optimizer),
        },
        objectives={
            "d": Objective(players=("discriminator",), loss=d_loss),
            "g": Objective(players=("generator",), loss=g_loss),
        },
        clock="g",
        sample=magnify,
        condition="input",
        output="target",
        show=show,
    )


def distance_loss(
    nets: Nets, batch: Batch, turn: Turn, *, cut: Any
) -> tuple[Array, dict[str, Array]]:
    """Computes ``|y - G(x)|``, ``[b]``."""
    batch = cut(batch, turn)
    fake = nets("generator", batch["input"])
    check_fits(fake, batch["target"])
    return apart(fake, batch["target"]), {}


def discriminator_loss(
    nets: Nets, batch: Batch, turn: Turn, *, cut: Any, half: AdversarialLoss
) -> tuple[Array, dict[str, Array]]:
    """Computes ``f_D(D(y), D(G(x)))``, ``[b]``."""
    batch = cut(batch, turn)
    fake, real = nets("generator", batch["input"]), batch["target"]
    check_fits(fake, real)
    of_real = logits_of(nets("discriminator", real), real)
    of_fake = logits_of(nets("discriminator", fake), fake)
    loss = pointwise(half.discriminator, of_real, of_fake)
    return loss, {"real_logit": of_real, "fake_logit": of_fake}


def generator_loss(
    nets: Nets,
    batch: Batch,
    turn: Turn,
    *,
    cut: Any,
    half: AdversarialLoss,
    weights: Mapping[str, Scalar | Schedule],
    perceive: Perceive | None,
) -> tuple[Array, dict[str, Array]]:
    """Computes ``a |y - G(x)| + b |F(y) - F(G(x))| + c f_G(D(y), D(G(x)))``."""
    batch = cut(batch, turn)
    fake, real = nets("generator", batch["input"]), batch["target"]
    judged = nets("discriminator", fake)
    looks = _is_used(weights["content"])
    own = looks and perceive is None
    judged_real = nets("discriminator", real) if own or half.uses_real else judged
    of_fake = logits_of(judged, fake)
    of_real = logits_of(judged_real, real)
    terms = {
        "l1": apart(fake, real),
        "adversarial": pointwise(half.generator, of_real, of_fake),
    }
    if own:
        terms["content"] = apart(_features(judged), _features(judged_real))
    elif looks and perceive is not None:
        terms["content"] = apart(perceive(fake), perceive(real))
    loss = sum(at(weights[name], turn.images) * term for name, term in terms.items())
    return jnp.asarray(loss), {**terms, "fake_logit": of_fake}


def apart(one: Any, other: Any) -> Array:
    """Computes each example's mean absolute difference, a mean over leaves, ``[b]``."""

    def of_leaf(a: Array, b: Array) -> Array:
        gap = in_float32(jnp.abs(a - b))
        return gap.reshape(len(gap), -1).mean(axis=1)

    gaps = jax.tree.leaves(jax.tree.map(of_leaf, one, other))
    return jnp.stack(gaps).mean(axis=0)


def magnify(nets: Nets, keys: Key, condition: Any) -> Array:
    """Magnifies inputs ``[b h w c]``."""
    if condition is None:
        raise InputError(
            "There is nothing to magnify: no condition was given; call "
            "sample(condition=images)."
        )
    return nets("generator", as_floats(condition))


def blend(a: Any, b: Any, weight: Scalar) -> Any:
    """Interpolates the weights of two networks: ``(1 - weight) a + weight b``.

    Network interpolation, Wang et al. 2018 (arXiv:1809.00219), section 3.4: from
    SRResNet, which is close to the original, to SRGAN, which looks sharp.

    Args:
        a: variables, or any pytree of arrays.
        b: the variables of a network with the same fields.
        weight: from 0 to 1.

    Example:
        >>> print(blend({"bias": jnp.ones(2)}, {"bias": jnp.zeros(2)}, 0.75)["bias"])
        [0.25 0.25]
    """
    return jax.tree.map(lambda x, y: (1 - weight) * x + weight * y, a, b)


def begin_with(state: GameState, found: GameState) -> GameState:
    """Returns an initial state with another game's average as generator and average.

    Args:
        state: a state of `srgan`, before its first update.
        found: a state of `srresnet`; without an average, its generator is used.
    """
    played = found.players["generator"].variables
    params = found.averages.get("generator", played)["params"]
    fresh = lambda: jax.tree.map(jnp.array, params)  # no array is used twice
    player = state.players["generator"].replace(params=fresh())
    averages = {
        name: {**old, "params": fresh()} for name, old in state.averages.items()
    }
    players = {**state.players, "generator": player}
    return state.replace(players=players, averages=averages)


def _is_used(weight: Scalar | Schedule) -> bool:
    return not isinstance(weight, int | float) or weight != 0


def _features(judged: Any) -> Any:
    if not isinstance(judged, Mapping) or "features" not in judged:
        raise InputError(
            "The content loss needs the discriminator's features, but it returned "
            f'{type(judged).__name__} without "features". Give perceive=..., such as '
            "random_features(), or content=0."
        )
    return judged["features"]
