"""Spectral norm: a layer's kernel divided by its largest singular value.

With the kernel as a matrix W, one row for each of the layer's outputs, and a vector u
that is kept beside it, each call takes one step of the power iteration:

    v = W' u / |W' u|,    u <- W v / |W v|,    sigma = u' W v,

and the layer uses W / sigma. Gradients pass through W in sigma, not through u and v:

    dL/dW = (G - <G, W / sigma> u v') / sigma,

where G is the gradient with respect to W / sigma. A convolution's kernel is taken as
the matrix [outputs, all else], as in the paper; its singular values are not those of
the convolution as a linear map of images.

u has its own collection, "spectral_norm". It depends on the weights alone, and
all calls of one update start from the u with which the update began
(`jaxgan.networks.OF_WEIGHTS`): the real and the fake images, a penalty's points and
every microbatch see the same weights, and u advances by one step. An average of the
network (`jaxgan.EMA`) takes the latest u as it is.

PyTorch differs: there u advances in every call in training mode. So it advances two or
more times in a discriminator's update, and also in the generator's; here, changes to a
network that is not being updated are dropped.

References:
    Miyato, Kataoka, Koyama & Yoshida 2018, arXiv:1802.05957, algorithm 1 and eq. 12.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

COLLECTION = "spectral_norm"
"""The collection of u; one of `jaxgan.networks.OF_WEIGHTS`."""

_EPSILON = 1e-12
_FIRST_ITERATIONS = 15


def spectral_norm(
    layer: Any, kernel: Float[Array, "..."], out_axis: int
) -> Float[Array, "..."]:
    """Divides the kernel by an estimate of its largest singular value.

    A value for the field ``weight`` of a layer. The estimate is never too large, and
    converges to the singular value while the weights do not change. At initialisation u
    is drawn from the parameters' key and refined by 15 iterations. It advances if its
    collection is mutable, as in a training step; otherwise the same iteration is
    computed, but not stored.

    Args:
        layer: the Linen module that has the kernel, in which u is kept.
        kernel: of any shape. A kernel of zeros has no direction and becomes NaN, so
            such a layer needs another initialisation.
        out_axis: the kernel's output axis.

    Example:
        >>> from jaxgan.layers import Dense
        >>> layer = Dense(3, weight=spectral_norm, use_bias=False)
        >>> variables = layer.init(jax.random.key(0), jnp.ones((1, 4)))
        >>> print(sorted(variables), variables["spectral_norm"]["u"].shape)
        ['params', 'spectral_norm'] (3,)
        >>> matrix = layer.apply(variables, jnp.eye(4))
        >>> print(jnp.linalg.norm(matrix, ord=2).round(3))
        1.0
    """
    matrix = jnp.moveaxis(kernel, out_axis, 0).reshape(kernel.shape[out_axis], -1)
    fixed = lax.stop_gradient(matrix)

    def first():
        start = jax.random.normal(layer.make_rng("params"), (len(matrix),))
        iterate = lambda _, u: power_iteration(fixed, u)[0]
        return lax.fori_loop(0, _FIRST_ITERATIONS, iterate, start)

    kept = layer.variable(COLLECTION, "u", first)
    u, v = power_iteration(fixed, kept.value)
    if layer.is_mutable_collection(COLLECTION) and not layer.is_initializing():
        kept.value = u
    return kernel / jnp.vdot(u, _product(matrix, v), precision=lax.Precision.HIGHEST)


def power_iteration(
    matrix: Float[Array, "o i"], u: Float[Array, " o"]
) -> tuple[Float[Array, " o"], Float[Array, " i"]]:
    """Computes the next left singular vector u, by way of the right one v: ``(u, v)``.

    Example:
        >>> u, v = power_iteration(jnp.array([[4.0], [3.0]]), jnp.array([1.0, 0.0]))
        >>> print(u.round(1), v)
        [0.8 0.6] [1.]
    """
    v = _unit(_product(matrix.T, u))
    return _unit(_product(matrix, v)), v


def _unit(vector: Array) -> Array:
    return vector / jnp.maximum(jnp.linalg.norm(vector), _EPSILON)


def _product(matrix: Array, vector: Array) -> Array:
    # Accelerators round a product's factors to fewer bits unless told otherwise.
    return jnp.matmul(matrix, vector, precision=lax.Precision.HIGHEST)
