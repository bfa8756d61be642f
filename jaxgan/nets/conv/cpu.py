"""The three maps on the CPU, by the fastest method for their sizes."""

from functools import partial

from jaxgan.nets.conv import pointwise, unstrided, winograd
from jaxgan.nets.conv.cells import transpose_by_cells, weight_gradient_by_cells
from jaxgan.nets.conv.grouped import in_groups
from jaxgan.nets.conv.reference import out_size, reference_conv


def conv_on_cpu(x, w, *, groups=1, **how):
    """Computes C(x, w) by the fewest products, or by XLA's own convolution."""
    if groups > 1:
        return in_groups(partial(conv_on_cpu, **how), x, w, groups)
    strides, padding = how["strides"], how["padding"]
    if pointwise.applies(w.shape[:2], strides, padding):
        return pointwise.conv_of_pixels(x, w)
    sizes = zip(x.shape[1:3], w.shape[:2], strides, padding, strict=True)
    high, wide = (out_size(*each) for each in sizes)
    out = high, wide
    if winograd.applies(x.dtype, w.shape, out=out, strides=strides):
        return winograd.conv_by_winograd(x, w, out=out, **how)
    return reference_conv(x, w, **how)


def transpose_on_cpu(g, w, *, groups=1, **how):
    """Computes T(g, w) by the fewest products."""
    if groups > 1:
        return in_groups(partial(transpose_on_cpu, **how), g, w, groups)
    strides = how["strides"]
    if pointwise.applies(w.shape[:2], strides, how["padding"]):
        return pointwise.transpose_of_pixels(g, w)
    if winograd.applies(g.dtype, w.shape, out=g.shape[1:3], strides=strides):
        return winograd.transpose_by_winograd(g, w, **how)
    if strides == (1, 1):
        return unstrided.transpose_unstrided(g, w, **how)
    return transpose_by_cells(g, w, **how)


def weight_gradient_on_cpu(x, g, *, groups=1, **how):
    """Computes W(x, g) by the fewest products."""
    if groups > 1:
        return in_groups(partial(weight_gradient_on_cpu, **how), x, g, groups)
    strides, size = how["strides"], how["size"]
    if pointwise.applies(size, strides, how["padding"]):
        return pointwise.weight_gradient_of_pixels(x, g)
    kernel = (*size, x.shape[3], g.shape[3])
    if winograd.applies(x.dtype, kernel, out=g.shape[1:3], strides=strides):
        return winograd.weight_gradient_by_winograd(x, g, **how)
    if strides == (1, 1):
        return unstrided.weight_gradient_unstrided(x, g, **how)
    return weight_gradient_by_cells(x, g, **how)
