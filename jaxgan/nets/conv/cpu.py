"""The three maps by the fastest method on the CPU for their sizes."""

from jaxgan.nets.conv import grouped, pointwise, unstrided, winograd
from jaxgan.nets.conv.cells import transpose_by_cells, weight_gradient_by_cells
from jaxgan.nets.conv.reference import out_size, reference_conv


def conv_on_cpu(x, w, *, strides, padding, groups):
    """C(x, w) by the fewest products, or by XLA's own convolution."""
    how = {"strides": strides, "padding": padding}
    if pointwise.applies(w.shape[:2], groups=groups, **how):
        return pointwise.conv_of_pixels(x, w)
    if groups > 1:
        return grouped.conv_in_groups(x, w, groups=groups, **how)
    sizes = zip(x.shape[1:3], w.shape[:2], strides, padding, strict=True)
    high, wide = (out_size(*each) for each in sizes)
    out = high, wide
    if winograd.applies(x.dtype, w.shape, out=out, strides=strides):
        return winograd.conv_by_winograd(x, w, out=out, **how)
    return reference_conv(x, w, **how)


def transpose_on_cpu(g, w, *, strides, padding, groups, **how):
    """T(g, w) by the fewest products."""
    how |= {"strides": strides, "padding": padding}
    if pointwise.applies(w.shape[:2], strides, padding, groups):
        return pointwise.transpose_of_pixels(g, w)
    if groups > 1:
        return grouped.transpose_in_groups(g, w, groups=groups, **how)
    if winograd.applies(g.dtype, w.shape, out=g.shape[1:3], strides=strides):
        return winograd.transpose_by_winograd(g, w, **how)
    if strides == (1, 1):
        return unstrided.transpose_unstrided(g, w, **how)
    return transpose_by_cells(g, w, **how)


def weight_gradient_on_cpu(x, g, *, strides, padding, size, groups):
    """W(x, g) by the fewest products."""
    how = {"strides": strides, "padding": padding, "size": size}
    if pointwise.applies(size, strides, padding, groups):
        return pointwise.weight_gradient_of_pixels(x, g)
    if groups > 1:
        return grouped.weight_gradient_in_groups(x, g, groups=groups, **how)
    kernel = (*size, x.shape[3], g.shape[3])
    if winograd.applies(x.dtype, kernel, out=g.shape[1:3], strides=strides):
        return winograd.weight_gradient_by_winograd(x, g, **how)
    if strides == (1, 1):
        return unstrided.weight_gradient_unstrided(x, g, **how)
    return weight_gradient_by_cells(x, g, **how)
