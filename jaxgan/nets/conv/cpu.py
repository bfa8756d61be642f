"""The three maps by the fastest method on the CPU for their sizes."""

from jaxgan.nets.conv import winograd
from jaxgan.nets.conv.cells import transpose_by_cells, weight_gradient_by_cells
from jaxgan.nets.conv.reference import out_size, reference_conv


def conv_on_cpu(x, w, *, strides, padding):
    """C(x, w) by the fewest products, or by XLA's own convolution."""
    how = {"strides": strides, "padding": padding}
    sizes = zip(x.shape[1:3], w.shape[:2], strides, padding, strict=True)
    high, wide = (out_size(*each) for each in sizes)
    out = high, wide
    if winograd.applies(x.dtype, w.shape, out=out, strides=strides):
        return winograd.conv_by_winograd(x, w, out=out, **how)
    return reference_conv(x, w, **how)


def transpose_on_cpu(g, w, *, strides, **how):
    """T(g, w) by the fewest products."""
    fewest = winograd.applies(g.dtype, w.shape, out=g.shape[1:3], strides=strides)
    by = winograd.transpose_by_winograd if fewest else transpose_by_cells
    return by(g, w, strides=strides, **how)


def weight_gradient_on_cpu(x, g, *, strides, size, **how):
    """W(x, g) by the fewest products."""
    kernel = (*size, x.shape[3], g.shape[3])
    fewest = winograd.applies(x.dtype, kernel, out=g.shape[1:3], strides=strides)
    by = winograd.weight_gradient_by_winograd if fewest else weight_gradient_by_cells
    return by(x, g, strides=strides, size=size, **how)
