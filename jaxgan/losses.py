"""The two halves of an adversarial game, as pure functions of logits.

A loss is a pair of functions: one for the discriminator to minimise and one for the
generator, each giving one number per example, unreduced; the step takes the mean.
Below, r and f are the logits of a real and of a fake, and sigma is the sigmoid. log
sigma(x) = -softplus(-x) and log(1 - sigma(x)) = -softplus(x) stay exact where sigma has
rounded to 0 or 1.

Example:
    >>> import jax.numpy as jnp
    >>> real_logits, fake_logits = jnp.array([2.0, 0.5]), jnp.array([-2.0, 0.0])
    >>> print(hinge.discriminator(real_logits, fake_logits))
    [0.  1.5]
    >>> print(hinge.generator(real_logits, fake_logits))
    [ 2. -0.]
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax.nn import relu, softplus
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jaxgan.checks import check_floating, check_rank, check_same_shape
from jaxgan.divergences import Divergence

Logits: TypeAlias = Float[Array, " b"]
Half: TypeAlias = Callable[[Array, Array], Array]
"""A map from the logits of reals and fakes, both [b], to a loss per example, [b]."""


@dataclass(frozen=True)
class AdversarialLoss:
    """The losses of both players; hashable, and equal if their halves are.

    Attributes:
        discriminator: ``(real_logits [b], fake_logits [b]) -> [b]``.
        generator: the same signature.
        uses_real: whether the generator's half reads the real logits. If not, a step
            does not compute them and passes the fake ones instead.

    Both halves raise ValueError unless the logits are two arrays of one shape [b], and
    TypeError unless they are floating. They compute in float32, or in float64 if the
    logits are.
    """

    discriminator: Half
    generator: Half
    uses_real: bool = False


def _on_logits(half: Half) -> Half:
    """Returns the half with its arguments checked and cast to at least 32 bits."""

    @functools.wraps(half)
    def checked(real_logits: ArrayLike, fake_logits: ArrayLike) -> Array:
        check_rank("real_logits", real_logits, 1)
        check_same_shape(real_logits=real_logits, fake_logits=fake_logits)
        check_floating(real_logits=real_logits, fake_logits=fake_logits)
        r, f = jnp.asarray(real_logits), jnp.asarray(fake_logits)
        dtype = jnp.result_type(r, f, jnp.float32)
        return half(r.astype(dtype), f.astype(dtype))

    return checked


_classify = _on_logits(lambda r, f: softplus(-r) + softplus(f))
_score = _on_logits(lambda r, f: -f)

minimax = AdversarialLoss(
    discriminator=_classify,
    generator=_on_logits(lambda r, f: -softplus(f)),
)
"""The zero-sum game of Goodfellow et al. 2014 (arXiv:1406.2661), eq. 1.

D: -log sigma(r) - log(1 - sigma(f));  G: log(1 - sigma(f)), which saturates: its
gradient, -sigma(f), vanishes where the fakes are recognised.
"""

non_saturating = AdversarialLoss(
    discriminator=_classify,
    generator=_on_logits(lambda r, f: softplus(-f)),
)
"""The generator's heuristic loss, Goodfellow et al. 2014 (arXiv:1406.2661), section 3.

D: as in `minimax`;  G: -log sigma(f), whose gradient is -1 where the fakes are
recognised. It has the same fixed point but other dynamics, and is no longer zero-sum.
"""

wasserstein = AdversarialLoss(
    discriminator=_on_logits(lambda r, f: f - r),
    generator=_score,
)
"""The Kantorovich-Rubinstein dual, Arjovsky et al. 2017 (arXiv:1701.07875).

D: f - r;  G: -f. It measures a distance only if the critic is Lipschitz: add a penalty
(`penalties.wgan_gp`) or clip the weights (`penalties.clip_weights`).
"""

hinge = AdversarialLoss(
    discriminator=_on_logits(lambda r, f: relu(1 - r) + relu(1 + f)),
    generator=_score,
)
"""The hinge loss.

Lim & Ye 2017 (arXiv:1705.02894), Miyato et al. 2018 (arXiv:1802.05957).
D: max(0, 1 - r) + max(0, 1 + f);  G: -f, without a hinge.
"""

relativistic = AdversarialLoss(
    discriminator=_on_logits(lambda r, f: softplus(f - r)),
    generator=_on_logits(lambda r, f: softplus(r - f)),
    uses_real=True,
)
"""Relativistic pairing, Jolicoeur-Martineau 2018 (arXiv:1807.00734).

D: softplus(f - r);  G: softplus(r - f). Only the difference within a pair counts, and
the pairing is by position. With R1 and R2 it is the loss of R3GAN (Huang et al. 2024).
"""


@functools.cache  # equal arguments give the same loss, so that equal GANs hash equal
def _least_squares(a: float, b: float, c: float) -> AdversarialLoss:
    return AdversarialLoss(
        discriminator=_on_logits(
            lambda r, f: (jnp.square(r - b) + jnp.square(f - a)) / 2
        ),
        generator=_on_logits(lambda r, f: jnp.square(f - c) / 2),
    )


def least_squares_with(
    *, a: float | int, b: float | int, c: float | int
) -> AdversarialLoss:
    """Least squares with given targets, Mao et al. 2017 (arXiv:1611.04076).

    D: (r - b)^2 / 2 + (f - a)^2 / 2;  G: (f - c)^2 / 2. The factor 1/2 is the paper's.

    With b - c = 1 and b - a = 2, as in a=-1, b=1, c=0, the generator facing the best
    discriminator minimises a Pearson chi-squared divergence, that between p + q and 2q
    (p the data, q the generator).

    Args:
        a: the discriminator's target for fakes.
        b: its target for reals.
        c: the generator's target for fakes.

    Returns:
        The loss; equal arguments give equal losses.

    Example:
        >>> import jax.numpy as jnp
        >>> pearson = least_squares_with(a=-1, b=1, c=0)
        >>> print(pearson.discriminator(jnp.array([1.0]), jnp.array([1.0])))
        [2.]
    """
    return _least_squares(float(a), float(b), float(c))


least_squares = least_squares_with(a=0, b=1, c=1)
"""Least squares with the usual targets. D: ((r - 1)^2 + f^2) / 2;  G: (f - 1)^2 / 2."""


@functools.cache
def _f_gan(divergence: Divergence, saturating: bool) -> AdversarialLoss:
    critic, conjugate = divergence.activation, divergence.conjugate_activation
    reward = conjugate if saturating else critic
    return AdversarialLoss(
        discriminator=_on_logits(lambda r, f: conjugate(f) - critic(r)),
        generator=_on_logits(lambda r, f: -reward(f)),
    )


def f_gan(divergence: Divergence, *, saturating: bool = True) -> AdversarialLoss:
    """The variational game of an f-divergence, Nowozin et al. 2016 (arXiv:1606.00709).

    With T = g(logit), where g is the divergence's output activation,

    D: -T(r) + f*(T(f));  G: -f*(T(f)), or -T(f) when not saturating.

    The discriminator's loss is minus a lower bound on D_f(p || q), tight where T is
    f'(p/q). With ``saturating=False`` the generator follows the heuristic of section
    3.2, as in `non_saturating`.

    Args:
        divergence: one of `divergences`, or one of your own.
        saturating: whether the generator plays the zero-sum game.

    Returns:
        The loss; equal arguments give equal losses. A value is inf where it exceeds
        float32, as exp(99) does, and never NaN for finite logits.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan import divergences
        >>> pearson = f_gan(divergences.pearson)
        >>> print(pearson.discriminator(jnp.array([1.0]), jnp.array([2.0])))
        [2.]
    """
    return _f_gan(divergence, saturating)


def _check_fraction(name: str, value: float | int) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {value}.")


def _is_additive(half: Half) -> bool:
    """Returns whether half(r, f) is A(r) + B(f), as tested at a few points.

    Additive: half(r, f) + half(s, g) = half(r, g) + half(s, f).
    """
    with jax.ensure_compile_time_eval():  # so that a loss may be made inside a jit
        grid = jnp.linspace(-2.0, 2.0, 5)
        reals, fakes = (axis.ravel() for axis in jnp.meshgrid(grid, grid))
        origin = jnp.zeros_like(reals)
        straight = half(reals, fakes) + half(origin, origin)
        crossed = half(reals, origin) + half(origin, fakes)
        return bool(jnp.allclose(straight, crossed, rtol=1e-4, atol=1e-4))


@functools.cache
def _smoothed(half: Half, amount: float) -> Half:
    @_on_logits
    def discriminator(r: Logits, f: Logits) -> Logits:
        # B(r) + B(f), with the real labelled fake, plus the constant A(0) - B(0).
        zeros = jnp.zeros_like(r)
        as_fake = half(zeros, r) + half(zeros, f) - half(zeros, zeros)
        return (1 - amount) * half(r, f) + amount * as_fake

    return discriminator


def smooth_labels(loss: AdversarialLoss, *, amount: float | int) -> AdversarialLoss:
    """One-sided label smoothing, Salimans et al. 2016 (arXiv:1606.03498).

    The discriminator's target for reals becomes 1 - amount; that for fakes stays 0.
    Where its half is A(r) + B(f), the smoothed half is

    (1 - amount) A(r) + amount B(r) + B(f) + amount (A(0) - B(0)).

    The last term is a constant, zero for `minimax`, `hinge` and `wasserstein`, and
    never a part of the gradient. The generator's half is unchanged.

    Args:
        loss: a loss whose discriminator's half is additive.
        amount: the share of a real's label given to "fake", in [0, 1).

    Returns:
        The smoothed loss; equal arguments give equal losses.

    Raises:
        ValueError: amount outside [0, 1), or a loss that mixes r and f (relativistic).

    Example:
        >>> import jax.numpy as jnp
        >>> smooth = smooth_labels(wasserstein, amount=0.25)
        >>> print(smooth.discriminator(jnp.array([2.0]), jnp.array([1.0])))
        [0.]
    """
    _check_fraction("amount", amount)
    if not _is_additive(loss.discriminator):
        raise ValueError(
            "smooth_labels expected a discriminator's loss A(real) + B(fake), got one "
            "that mixes the two (relativistic?); use it unsmoothed, or flip_labels."
        )
    if amount == 0:
        return loss
    return replace(loss, discriminator=_smoothed(loss.discriminator, float(amount)))


@functools.cache
def _flipped(half: Half, probability: float) -> Half:
    return _on_logits(
        lambda r, f: (1 - probability) * half(r, f) + probability * half(f, r)
    )


def flip_labels(loss: AdversarialLoss, *, probability: float | int) -> AdversarialLoss:
    """Swaps the labels of a real and a fake with some probability, in expectation.

    D: (1 - p) D(r, f) + p D(f, r);  the generator's half is unchanged.

    It takes the exact mean over the draws instead of one draw per pair: the same
    expected gradient with less variance, and no key.

    Args:
        loss: any loss.
        probability: the probability p of a flip, in [0, 1); at 1/2 nothing is learnt.

    Returns:
        The flipped loss; equal arguments give equal losses.

    Raises:
        ValueError: probability outside [0, 1).
    """
    _check_fraction("probability", probability)
    if probability == 0:
        return loss
    return replace(loss, discriminator=_flipped(loss.discriminator, float(probability)))
