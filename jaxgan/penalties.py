"""Gradient penalties of a critic, one example at a time; and weight clipping.

A penalty is `(critic, real [b ...], fake [b ...], key) -> [b]`, where `critic` maps ONE
example `[...]` to one scalar. The gradients come from `vmap(grad(critic))`, so they are
truly per example; a critic whose examples see each other (batch norm) has no such
gradients.

Images may be pytrees; a gradient's norm is then over all of its leaves.

Penalties are unweighted. A game holds `(weight, penalty)` pairs, and the papers'
gamma/2 or lambda goes into the weight. A random penalty draws for every example from
the given key and the example's index, so a draw does not depend on the number of
examples in the batch. All compute in float32 and raise ValueError if the shapes of real
and fake differ or the critic's value is not a scalar, TypeError if the examples are
not floating.

This is the only file of the maths that imports optax: weight clipping, which is a
gradient transformation, is here because it is the alternative to a penalty.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from jaxgan.checks import InputError, check_floating, check_rank, check_same_shape
from jaxgan.typing import Key

Examples: TypeAlias = Any
"""Floating examples [b ...]: an array or a pytree."""
Critic: TypeAlias = Callable[[Any], Array]
"""A function from one example [...] to one scalar."""
Penalty: TypeAlias = Callable[[Critic, Any, Any, Key], Array]
"""A function (critic, real [b ...], fake [b ...], key) -> penalty per example, [b]."""


@dataclass(frozen=True)
class Coupled:
    """A critic whose examples see each other: ``play`` maps [b ...] to [b]."""

    play: Callable[[Any], Array]


def _check(real: Any, fake: Any) -> None:
    pairs = zip(jax.tree.leaves(real), jax.tree.leaves(fake), strict=True)
    for one, other in pairs:
        check_same_shape(real=one, fake=other)
        check_floating(real=one, fake=other)


def _squared_norms(critic: Critic | Coupled, points: Any) -> Array:
    """Computes ||grad critic(x)||^2 at every x of `points` [b ...], as [b].

    For a coupled critic, the gradient of the sum over the examples.
    """

    def scalar(x: Any) -> Array:
        value = critic(x)  # pyright: ignore[reportCallIssue]
        check_rank("critic(example)", value, 0)
        return value.astype(jnp.float32)

    points = jax.tree.map(lambda x: x.astype(jnp.float32), points)
    if isinstance(critic, Coupled):
        summed = lambda x: critic.play(x).astype(jnp.float32).sum()
        gradients = jax.grad(summed)(points)
    else:
        gradients = jax.vmap(jax.grad(scalar))(points)
    squares = lambda g: jnp.sum(jnp.square(g), axis=tuple(range(1, g.ndim)))
    return jnp.stack([squares(g) for g in jax.tree.leaves(gradients)]).sum(axis=0)


def _norms(critic: Critic | Coupled, points: Any) -> Array:
    # The square root has no derivative at 0, which a critic with dead units reaches:
    # JAX would give NaN. The epsilon smooths the tip, with an error of at most 1e-6.
    return jnp.sqrt(_squared_norms(critic, points) + 1e-12)


def _example_keys(key: Key, examples: Any) -> Key:
    indices = jnp.arange(len(jax.tree.leaves(examples)[0]))
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, indices)


def r1(
    critic: Critic | Coupled, real: Examples, fake: Examples, key: Key
) -> Float[Array, " b"]:
    """Computes the squared gradient norm on reals, ||grad D(x)||^2 for each real x.

    Mescheder et al. 2018 (arXiv:1801.04406) weight its mean by gamma/2; here you give
    the weight, so their gamma = 1 is the pair `(0.5, r1)`.

    Args:
        critic: a function from one example [...] to one scalar.
        real: [b ...], floating.
        fake: the same shape; its values are not used.
        key: not used.

    Returns:
        The penalty of each example, [b], float32.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> critic = lambda x: 0.5 * jnp.sum(x**2)  # its gradient is x
        >>> real = jnp.array([[3.0, 4.0], [0.0, 0.0]])
        >>> print(r1(critic, real, real, jax.random.key(0)))
        [25.  0.]
    """
    _check(real, fake)
    return _squared_norms(critic, real)


def r2(
    critic: Critic | Coupled, real: Examples, fake: Examples, key: Key
) -> Float[Array, " b"]:
    """Computes the squared gradient norm on fakes: `r1` with real and fake exchanged.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> critic = lambda x: 0.5 * jnp.sum(x**2)
        >>> fake = jnp.array([[1.0, 2.0]])
        >>> print(r2(critic, jnp.zeros((1, 2)), fake, jax.random.key(0)))
        [5.]
    """
    _check(real, fake)
    return _squared_norms(critic, fake)


@dataclass(frozen=True)
class _WganGP:
    target: float
    one_sided: bool

    def __call__(
        self, critic: Critic | Coupled, real: Examples, fake: Examples, key: Key
    ) -> Float[Array, " b"]:
        _check(real, fake)

        def between(key: Key, real: Any, fake: Any) -> Any:
            epsilon = jax.random.uniform(key)
            mix = lambda real, fake: epsilon * real + (1 - epsilon) * fake
            return jax.tree.map(mix, real, fake)

        points = jax.vmap(between)(_example_keys(key, real), real, fake)
        excess = _norms(critic, points) - self.target
        return jnp.square(jax.nn.relu(excess) if self.one_sided else excess)


def wgan_gp(*, target: float | int = 1.0, one_sided: bool = False) -> Penalty:
    """The gradient penalty of WGAN-GP, Gulrajani et al. 2017 (arXiv:1704.00028).

    (||grad D(x)|| - target)^2 at x = e real + (1 - e) fake, with e ~ U(0, 1) drawn for
    each example. If one-sided, only norms above the target are penalised:
    max(0, ||grad D(x)|| - target)^2. The paper's weight is 10.

    Args:
        target: the target norm, >= 0; 1 for a 1-Lipschitz critic.
        one_sided: whether norms below the target are left unpenalised.

    Returns:
        The penalty, hashable; equal arguments give equal penalties.

    Raises:
        ValueError: a negative target.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> points = jnp.zeros((2, 3))
        >>> print(wgan_gp()(lambda x: 2 * x[0], points, points, jax.random.key(0)))
        [1. 1.]
    """
    _check_not_negative("target", target)
    return _WganGP(float(target), one_sided)


@dataclass(frozen=True)
class _Dragan:
    std: float
    target: float

    def __call__(
        self, critic: Critic | Coupled, real: Examples, fake: Examples, key: Key
    ) -> Float[Array, " b"]:
        _check(real, fake)

        def around(key: Key, real: Any) -> Any:
            flat, tree = ravel_pytree(real)
            return tree(flat + self.std * jax.random.normal(key, flat.shape))

        points = jax.vmap(around)(_example_keys(key, real), real)
        return jnp.square(_norms(critic, points) - self.target)


def dragan(*, std: float | int = 0.5, target: float | int = 1.0) -> Penalty:
    """The gradient penalty of DRAGAN, Kodali et al. 2017 (arXiv:1705.07215).

    (||grad D(x + d)|| - target)^2 around the reals, with d ~ N(0, std^2 I) drawn for
    each example. The spread is fixed, as the paper's c is. The authors' code takes half
    the standard deviation of the batch instead, which makes the penalty of one example
    depend on the others.

    Args:
        std: the spread of the noise, in the units of the images, >= 0.
        target: the target norm, >= 0.

    Returns:
        The penalty, hashable; equal arguments give equal penalties.

    Raises:
        ValueError: a negative argument.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> points = jnp.zeros((2, 3))
        >>> print(dragan()(lambda x: 3 * x[0], points, points, jax.random.key(0)))
        [4. 4.]
    """
    _check_not_negative("std", std)
    _check_not_negative("target", target)
    return _Dragan(float(std), float(target))


@dataclass(frozen=True)
class Summed:
    """A penalty on the gradient of a sum, see `summed`."""

    penalty: Penalty


def summed(penalty: Penalty) -> Summed:
    """Makes a penalty for a critic whose examples see each other in groups.

    Minibatch standard deviation, PacGAN and attention over the batch make an example's
    logit a function of its whole group of g. The gradient of a logit with respect to
    its own image then misses the image's effect on the others. This penalty takes the
    gradient of the *sum* of the group's logits with respect to each of its images, as
    the implementations of StyleGAN do. For a critic that judges each example by itself
    it is the same as ``penalty``.

    Args:
        penalty: one of this module, or another that takes a `Coupled` critic.

    Returns:
        A penalty for `jaxgan.GAN`, to use in place of ``penalty``.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> both = lambda x: x * x.sum()  # its sum is (x1 + x2)^2
        >>> real = jnp.array([1.0, 2.0])
        >>> print(of_group(summed(r1), both, real, real, jax.random.key(0)))
        [36. 36.]
    """
    return Summed(penalty)


def of_group(
    penalty: Penalty | Summed, critic: Critic, real: Any, fake: Any, key: Key
) -> Float[Array, " g"]:
    """Computes the penalty of a group, ``[g]``; example by example unless summed.

    Args:
        penalty: the penalty.
        critic: a function from the group ``[g ...]`` to ``[g]``.
        real: ``[g ...]``.
        fake: the same shapes.
        key: the group's key.
    """
    if isinstance(penalty, Summed):
        return penalty.penalty(Coupled(critic), real, fake, key)  # pyright: ignore
    alone = lambda x: critic(jax.tree.map(lambda leaf: leaf[None], x))[0]
    return penalty(alone, real, fake, key)


def check_call(penalty: Any) -> None:
    """Raises InputError unless a penalty takes (critic, real, fake, key)."""
    penalty = penalty.penalty if isinstance(penalty, Summed) else penalty
    try:
        inspect.signature(penalty).bind(None, None, None, None)
    except TypeError as error:
        name = getattr(penalty, "__name__", repr(penalty))
        raise InputError(
            f"A penalty is called as penalty(critic, real, fake, key), which {name} "
            f"does not take: {error}. Did you mean {name}(), which makes a penalty?"
        ) from error


def _check_not_negative(name: str, value: float | int) -> None:
    if not value >= 0:
        raise ValueError(f"{name} must be >= 0, got {value}.")


def _bounded_update(update: Array, param: Array, limit: float) -> Array:
    """Changes the update so that `param + update`, rounded, is in [-limit, limit]."""
    bound = jnp.asarray(limit, param.dtype)
    update = jnp.clip(param + update.astype(param.dtype), -bound, bound) - param
    # The difference is rounded, so adding it back may give the float just beyond the
    # bound; the next shorter update cannot ...
    landing = param + update
    inwards = jnp.where(landing > 0, -jnp.inf, jnp.inf).astype(param.dtype)
    shorter = jnp.nextafter(update, inwards)
    update = jnp.where(jnp.abs(landing) > bound, shorter, update)
    # ... unless the floats around a huge parameter are wider apart than the bounds.
    return jnp.where(jnp.abs(param + update) > bound, -param, update)


def clip_weights(limit: float | int) -> optax.GradientTransformation:
    """Weight clipping, Arjovsky et al. 2017 (arXiv:1701.07875), as a transformation.

    It rewrites the update so that `optax.apply_updates` always gives weights in
    [-limit, limit], with limit rounded to the parameter's dtype, however the sum is
    rounded. Put it last in a chain, as a later transformation would move the weights
    again. The paper's limit is 0.01, with RMSProp.

    Args:
        limit: the greatest absolute value of a weight, > 0.

    Returns:
        A stateless transformation whose update needs the parameters.

    Raises:
        ValueError: a limit that is not positive; an update without parameters.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer = optax.chain(optax.sgd(1.0), clip_weights(0.5))
        >>> params = jnp.array([0.25, -0.25])
        >>> state = optimizer.init(params)
        >>> updates, state = optimizer.update(jnp.array([9.0, 0.125]), state, params)
        >>> print(optax.apply_updates(params, updates))
        [-0.5   -0.375]
    """
    if not limit > 0:
        raise ValueError(f"limit must be > 0, got {limit}.")

    def update(updates: optax.Updates, params: optax.Params | None) -> optax.Updates:
        if params is None:
            raise ValueError(
                "clip_weights expected the parameters, got None; "
                "call optimizer.update(gradients, state, params)."
            )
        return jax.tree.map(lambda u, p: _bounded_update(u, p, limit), updates, params)

    return optax.stateless(update)
