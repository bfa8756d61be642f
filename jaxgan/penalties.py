"""Gradient penalties of a critic, one example at a time; and weight clipping.

A penalty is `(critic, real [b ...], fake [b ...], key) -> [b]`, where `critic` maps ONE
example `[...]` to one scalar. The gradients come from `vmap(grad(critic))`, so they are
truly per example; a critic whose examples see each other (batch norm) has none.

Penalties are unweighted. A game holds `(weight, penalty)` pairs, and the papers'
gamma/2 or lambda goes into the weight. A random penalty draws for every example from
the given key and the example's index, so a draw does not depend on how many examples
stand beside it. All compute in float32 and raise ValueError where the shapes of real
and fake differ or the critic's value is not a scalar, TypeError where the examples are
not floating.

This is the one file of the maths that imports optax: clipping the weights is a
gradient transformation, and its place is beside the penalties it competes with.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxgan.checks import check_floating, check_rank, check_same_shape
from jaxgan.typing import Key

Examples: TypeAlias = Float[Array, "b ..."]
Critic: TypeAlias = Callable[[Array], Array]
"""From one example [...] to one scalar."""
Penalty: TypeAlias = Callable[[Critic, Array, Array, Key], Array]
"""From (critic, real [b ...], fake [b ...], key) to a penalty per example, [b]."""


def _check(real: Array, fake: Array) -> None:
    check_same_shape(real=real, fake=fake)
    check_floating(real=real, fake=fake)


def _squared_norms(critic: Critic, points: Array) -> Array:
    """||grad critic(x)||^2 at every x of `points` [b ...], as [b]."""

    def scalar(x: Array) -> Array:
        value = critic(x)
        check_rank("critic(example)", value, 0)
        return value.astype(jnp.float32)

    gradients = jax.vmap(jax.grad(scalar))(points.astype(jnp.float32))
    return jnp.sum(jnp.square(gradients), axis=tuple(range(1, gradients.ndim)))


def _norms(critic: Critic, points: Array) -> Array:
    # The square root has no derivative at 0, where a critic with dead units may well
    # be; JAX would give NaN. The epsilon rounds the tip: off by 1e-6 at most, there.
    return jnp.sqrt(_squared_norms(critic, points) + 1e-12)


def _example_keys(key: Key, examples: Array) -> Key:
    indices = jnp.arange(examples.shape[0])
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, indices)


def r1(critic: Critic, real: Examples, fake: Examples, key: Key) -> Float[Array, " b"]:
    """The squared gradient norm on reals, ||grad D(x)||^2 for each real x.

    Mescheder et al. 2018 (arXiv:1801.04406) weight its mean by gamma/2; here the
    weight is yours to give, so their gamma = 1 is the pair `(0.5, r1)`.

    Args:
        critic: from one example [...] to one scalar.
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


def r2(critic: Critic, real: Examples, fake: Examples, key: Key) -> Float[Array, " b"]:
    """The squared gradient norm on fakes: `r1` with real and fake exchanged.

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
        self, critic: Critic, real: Examples, fake: Examples, key: Key
    ) -> Float[Array, " b"]:
        _check(real, fake)

        def between(key: Key, real: Array, fake: Array) -> Array:
            epsilon = jax.random.uniform(key)
            return epsilon * real + (1 - epsilon) * fake

        points = jax.vmap(between)(_example_keys(key, real), real, fake)
        excess = _norms(critic, points) - self.target
        return jnp.square(jax.nn.relu(excess) if self.one_sided else excess)


def wgan_gp(*, target: float | int = 1.0, one_sided: bool = False) -> Penalty:
    """The gradient penalty of WGAN-GP, Gulrajani et al. 2017 (arXiv:1704.00028).

    (||grad D(x)|| - target)^2 at x = e real + (1 - e) fake, with e ~ U(0, 1) drawn for
    each example; one-sided, only a norm above the target costs:
    max(0, ||grad D(x)|| - target)^2. The paper's weight is 10.

    Args:
        target: the wanted norm, >= 0; 1 for a 1-Lipschitz critic.
        one_sided: whether smaller norms are free.

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
        self, critic: Critic, real: Examples, fake: Examples, key: Key
    ) -> Float[Array, " b"]:
        _check(real, fake)

        def around(key: Key, real: Array) -> Array:
            return real + self.std * jax.random.normal(key, real.shape)

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
        target: the wanted norm, >= 0.

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


def _check_not_negative(name: str, value: float | int) -> None:
    if not value >= 0:
        raise ValueError(f"{name} must be >= 0, got {value}.")


def _bounded_update(update: Array, param: Array, limit: float) -> Array:
    """The update after which `param + update`, as rounded, lies in [-limit, limit]."""
    bound = jnp.asarray(limit, param.dtype)
    update = jnp.clip(param + update.astype(param.dtype), -bound, bound) - param
    # The difference is rounded, so adding it back may land on the float beyond the
    # bound; the next shorter update cannot ...
    landing = param + update
    inwards = jnp.where(landing > 0, -jnp.inf, jnp.inf).astype(param.dtype)
    shorter = jnp.nextafter(update, inwards)
    update = jnp.where(jnp.abs(landing) > bound, shorter, update)
    # ... unless the floats around a huge parameter are wider apart than the bounds.
    return jnp.where(jnp.abs(param + update) > bound, -param, update)


def clip_weights(limit: float | int) -> optax.GradientTransformation:
    """Weight clipping, Arjovsky et al. 2017 (arXiv:1701.07875), as a transformation.

    It rewrites the update so that `optax.apply_updates` lands in [-limit, limit], limit
    being rounded to the parameter's dtype, without exception: rounding included. Put it
    last in a chain, for whatever follows would move the weights again. The paper's
    limit is 0.01, with RMSProp.

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
