"""Convolutions whose weight gradient is fast on every platform, to any order.

A strided convolution is one of three bilinear maps. With ``x [b h w i]`` the finer
image, ``g [b h' w' o]`` the coarser one and ``w [kh kw i o]`` the kernel::

    conv_p      C(x, w) -> g   the strided convolution
    transpose_p T(g, w) -> x   its transpose in x: the fractionally-strided one
    weight_p    W(x, g) -> w   its transpose in w: the weight gradient

    <g, C(x, w)> = <x, T(g, w)> = <w, W(x, g)>

Each map's two transposes are the other two, so the set is closed under
differentiation: penalties, which differentiate twice, stay inside it. In G groups the
kernel is ``[kh kw i/G o]``: each group maps ``i/G`` channels to ``o/G``.

``lax.conv_general_dilated`` alone is not enough: on the CPU, XLA computes the weight
gradient of a convolution inside a loop (jax issue 12868), and T and its weight gradient
everywhere, many times slower than a matrix product. So there the maps are matrix
products over blocks of the stride's size (`cells`); between many channels, all three
are fewer products by Winograd (`winograd`); T and W of stride 1 have forms that are
fast in a loop (`unstrided`); with groups, each group is computed by itself (`grouped`).
Elsewhere the maps are XLA's own.

These are primitives rather than ``custom_vjp`` functions because a ``vmap`` then
merges into the batch *before* transposition: a per-example penalty never builds
per-example weight gradients.

`reference_conv` and `reference_conv_transpose` are plain versions of `conv` and
`conv_transpose`; the tests compare them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

from jaxgan.nets.conv.cpu import (
    conv_on_cpu,
    transpose_on_cpu,
    weight_gradient_on_cpu,
)
from jaxgan.nets.conv.reference import (
    Padding,
    Pair,
    out_size,
    reference_conv,
    reference_conv_transpose,
    reference_weight_gradient,
)


def _conv_shape(x, w, *, strides, padding, groups):
    spatial = tuple(map(out_size, x.shape[1:3], w.shape[:2], strides, padding))
    return _shaped(x, (x.shape[0], *spatial, w.shape[3]))


def _transpose_shape(g, w, *, strides, padding, size, groups):
    return _shaped(g, (g.shape[0], *size, groups * w.shape[2]))


def _weight_shape(x, g, *, strides, padding, size, groups):
    return _shaped(x, (*size, x.shape[3] // groups, g.shape[3]))


def _shaped(like, shape):
    """Returns the type of an array that varies along mapped axes as another does."""
    if like.manual_axis_type.varying:
        return like.update(shape=shape, weak_type=False)
    return ShapedArray(shape, like.dtype)


_BY_XLA = ContextVar("by_xla", default=False)


@contextmanager
def by_xla() -> Iterator[None]:
    """Compiles the maps as XLA's own convolutions, on the CPU too.

    They are slower there. But XLA counts each of their products, where it counts the
    body of a loop over groups once.
    """
    token = _BY_XLA.set(True)
    try:
        yield
    finally:
        _BY_XLA.reset(token)


def _primitive(name, shape, everywhere, on_cpu):
    primitive = Primitive(name)
    primitive.def_impl(
        jax.jit(
            primitive.bind, static_argnames=("strides", "padding", "size", "groups")
        )
    )
    primitive.def_abstract_eval(shape)
    mlir.register_lowering(primitive, _lowering(everywhere))
    chosen = lambda *arguments, **how: (everywhere if _BY_XLA.get() else on_cpu)(
        *arguments, **how
    )
    mlir.register_lowering(primitive, _lowering(chosen), platform="cpu")
    return primitive


def _lowering(function):
    """Returns the rule that compiles a primitive as the function."""
    lower = mlir.lower_fun(function, multiple_results=False)

    def rule(ctx, *arguments, **how):
        # A compiled program does not track along which mapped axes its values vary.
        plain = [ShapedArray(each.shape, each.dtype) for each in ctx.avals_in]
        return lower(ctx.replace(avals_in=plain), *arguments, **how)

    return rule


conv_p = _primitive("strided_conv", _conv_shape, reference_conv, on_cpu=conv_on_cpu)
transpose_p = _primitive(
    "strided_conv_transpose",
    _transpose_shape,
    reference_conv_transpose,
    on_cpu=transpose_on_cpu,
)
weight_p = _primitive(
    "strided_conv_weight_gradient",
    _weight_shape,
    reference_weight_gradient,
    on_cpu=weight_gradient_on_cpu,
)

# The transposes. `ct` is the cotangent of the map's output.
ad.defbilinear(
    conv_p,
    lambda ct, x, w, **how: transpose_p.bind(ct, w, size=_image_size(x), **how),
    lambda ct, x, w, **how: weight_p.bind(x, ct, size=_kernel_size(w), **how),
)
ad.defbilinear(
    transpose_p,
    lambda ct, g, w, *, size, **how: conv_p.bind(ct, w, **how),
    lambda ct, g, w, *, size, **how: weight_p.bind(ct, g, size=_kernel_size(w), **how),
)
ad.defbilinear(
    weight_p,
    lambda ct, x, g, *, size, **how: transpose_p.bind(
        g, ct, size=_image_size(x), **how
    ),
    lambda ct, x, g, *, size, **how: conv_p.bind(x, ct, **how),
)


def _image_size(x: Any) -> Pair:
    # `x` may be the placeholder of an unknown linear argument, which has an aval only.
    return _aval(x).shape[1:3]


def _kernel_size(w: Any) -> Pair:
    return _aval(w).shape[:2]


def _aval(x: Any) -> Any:
    return x if isinstance(x, jax.Array) else x.aval


def _merge(x, axis: int, into: int, groups: int):
    """Merges a new axis into axis ``into``, in front of it or of each of its groups."""
    x = jnp.moveaxis(x, axis, 0)
    x = x.reshape(*x.shape[: into + 1], groups, -1, *x.shape[into + 2 :])
    x = jnp.moveaxis(x, 0, into + 1)
    return x.reshape(*x.shape[:into], -1, *x.shape[into + 3 :])


def _unmerge(y, count: int, axis: int, groups: int):
    """Inverts `_merge` on the output: the new axis ends up in front."""
    y = y.reshape(*y.shape[:axis], groups, count, -1, *y.shape[axis + 1 :])
    y = jnp.moveaxis(y, axis + 1, 0)
    return y.reshape(*y.shape[: axis + 1], -1, *y.shape[axis + 3 :])


class _Free(NamedTuple):
    """An axis of one argument that is not contracted with the other.

    Attributes:
        axis: its index in the argument.
        out: its index in the output.
        in_groups: whether the argument's axis spans all groups, one after another.
        out_in_groups: whether the output's axis does.
    """

    axis: int
    out: int
    in_groups: bool
    out_in_groups: bool


def _define_batching(primitive, left: _Free, right: _Free) -> None:
    """Defines ``vmap``: merges one argument into a free axis; loops over two."""

    def merged(free: _Free, bind, argument, dim, groups):
        count = argument.shape[dim]
        how = groups if free.in_groups else 1, groups if free.out_in_groups else 1
        y = bind(_merge(argument, dim, free.axis, how[0]))
        return _unmerge(y, count, free.out, how[1]), 0

    def rule(arguments, dims, *, groups, **how):
        (a, b), (da, db) = arguments, dims
        bind = partial(primitive.bind, groups=groups, **how)
        if db is None:
            return merged(left, lambda a: bind(a, b), a, da, groups)
        if da is None:
            return merged(right, lambda b: bind(a, b), b, db, groups)
        pairs = jnp.moveaxis(a, da, 0), jnp.moveaxis(b, db, 0)
        return lax.map(lambda pair: bind(*pair), pairs), 0

    batching.primitive_batchers[primitive] = rule


_EXAMPLES = _Free(0, 0, in_groups=False, out_in_groups=False)
_define_batching(conv_p, left=_EXAMPLES, right=_Free(3, 3, True, True))
_define_batching(transpose_p, left=_EXAMPLES, right=_Free(2, 3, False, True))
_define_batching(weight_p, left=_Free(3, 2, True, False), right=_Free(3, 3, True, True))


def conv(
    x: Float[Array, "b h w i"],
    w: Float[Array, "kh kw c o"],
    *,
    strides: Pair = (1, 1),
    padding: Padding = ((0, 0), (0, 0)),
    groups: int = 1,
) -> Float[Array, "b g q o"]:
    """Computes the strided convolution (cross-correlation) C(x, w).

    ``y[b, p, q, o] = sum_{i,j,c} x[b, p s + i - pad, q s + j - pad, c] w[i, j, c, o]``.

    Args:
        x: the images.
        w: the kernel, ``[kh kw i o]``, or ``[kh kw i/groups o]``.
        strides: along the height and the width.
        padding: zeros before and after, along each axis.
        groups: number of groups of channels, each convolved by itself.

    Raises:
        ValueError: if the channels do not fit the kernel and the groups.
    """
    _check_groups(x.shape[3], w, groups)
    how = {"strides": tuple(strides), "padding": _pairs(padding)}
    return conv_p.bind(*_varying_alike(x, w), groups=groups, **how)


def conv_transpose(
    g: Float[Array, "b g q o"],
    w: Float[Array, "kh kw c o"],
    *,
    size: Pair,
    strides: Pair = (1, 1),
    padding: Padding = ((0, 0), (0, 0)),
    groups: int = 1,
) -> Float[Array, "b h w i"]:
    """Computes the fractionally-strided convolution T(g, w), `conv`'s transpose in x.

    The kernel is laid out as for `conv`, which maps the result's channels ``i`` to the
    argument's channels ``o``.

    Raises:
        ValueError: if `conv` of an image of ``size`` would not have ``g``'s size, or
            the channels do not fit.
    """
    _check_groups(groups * w.shape[2], w, groups)
    sizes = zip(size, w.shape[:2], strides, padding, strict=True)
    expected = tuple(out_size(*each) for each in sizes)
    if expected != g.shape[1:3]:
        raise ValueError(
            f"An image of size {tuple(size)} becomes {expected} by strides {strides} "
            f"and padding {padding}, but the argument has size {g.shape[1:3]}."
        )
    how = {"strides": tuple(strides), "padding": _pairs(padding), "size": tuple(size)}
    return transpose_p.bind(*_varying_alike(g, w), groups=groups, **how)


def _varying_alike(*factors: Any) -> list[Any]:
    """Marks the factors as varying along the mapped axes along which either does."""
    along = [jax.typeof(each).manual_axis_type.varying for each in factors]
    missing = [tuple(frozenset.union(*along) - own) for own in along]
    return list(map(partial(lax.pcast, to="varying"), factors, missing))


def _check_groups(channels: int, w: Any, groups: int) -> None:
    if groups < 1 or channels != groups * w.shape[2] or w.shape[3] % groups:
        raise ValueError(
            f"{channels} channels do not go through a kernel {tuple(w.shape)} in "
            f"{groups} group(s). The kernel must be [kh kw i/groups o], and groups "
            "must divide i and o."
        )


def _pairs(padding: Sequence[Pair]) -> Padding:
    (top, bottom), (left, right) = padding
    return (top, bottom), (left, right)
