"""SRResNet and its discriminator: Ledig et al. 2017, arXiv:1609.04802.

The generator works at the size of the small image: a convolution, residual blocks of
two 3x3 convolutions, one more with a skip connection over all blocks. Then sub-pixel
convolutions (Shi et al. 2016, arXiv:1609.05158) double the size as often as needed:
each is 3x3, to four times as many channels, which become 2x2 pixels. The result of a
last convolution is added to a bicubic enlargement of the input, so that only the
difference has to be learnt, whatever the size of the weights.

A GAN can learn to cover smooth areas with a grid in place of grain, as sub-pixel
convolutions can turn a flat map into any pattern of 2x2 pixels. With ``resize``, maps
are doubled by nearest neighbours and then convolved, as in ESRGAN (Wang et al. 2018,
arXiv:1809.00219; Odena et al. 2016, distill.pub/2016/deconv-checkerboard), at the same
cost: what is flat stays flat.

Unlike the paper's, these networks have no batch norm, whose batch statistics leave
artefacts in images (Wang et al. 2018, arXiv:1809.00219). Instead the last convolution
of each block starts with small weights, and that of the image with such small ones that
the image is at first almost the bicubic one. The sub-pixel kernels start equal for all
2x2 pixels, which avoids a checkerboard (Aitken et al. 2017, arXiv:1707.02937).
"""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jaxgan.checks import InputError
from jaxgan.layers.dense import Dense
from jaxgan.layers.resample import upsample_nearest
from jaxgan.layers.weight import Weight
from jaxgan.nets.conv import Conv

SLOPE = 0.2
"""LeakyReLU's slope for negative inputs."""

_USUAL = nn.initializers.variance_scaling(2.0, "fan_in", "normal")
_SMALL = nn.initializers.variance_scaling(0.1, "fan_in", "normal")
_FAINT = nn.initializers.variance_scaling(1e-3, "fan_in", "normal")
_KEYS = -0.5  # a of Keys' cubic kernel: Pillow's, and the one of third order
_JUDGED = 16  # least side that leaves D's last map, after four halvings, a pixel
_REACH = 2  # pixels of the small image on either side that the cubic kernel covers


class Generator(nn.Module):
    """``image [b h w channels] -> image [b s·h s·w channels]``, of any h and w.

    Both images are scaled to [-1, 1]; the result is not bounded.

    Attributes:
        scale: s, a power of two.
        width: channels of all maps but the image; 64 in the paper.
        blocks: residual blocks; 16 in the paper.
        ends: height and width of the first and of the last kernel, odd; 9 in the paper.
        prelu: whether each activation learns its slope for negative inputs, as in the
            paper, starting at 0.25; else LeakyReLU.
        resize: whether maps are doubled by nearest neighbours and convolved; else by
            sub-pixel convolutions, as in the paper.
        dtype: dtype of the computation; parameters and images are float32.

    Raises:
        InputError: for another scale, or an even ``ends``.

    Example:
        >>> import jax
        >>> network, image = Generator(4), jnp.zeros((1, 12, 20, 3))
        >>> init = lambda key: network.init_with_output(key, image)[0]
        >>> jax.eval_shape(init, jax.random.key(0)).shape, network.radius
        ((1, 48, 80, 3), 14)
    """

    scale: int = 4
    width: int = 32
    blocks: int = 5
    ends: int = 3
    prelu: bool = False
    resize: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b g q c"]:
        _check(self.scale, self.ends)
        conv = lambda features, name, kernel=3, init=_USUAL: Conv(
            features,
            kernel=kernel,
            stride=1,
            kernel_init=init,
            dtype=self.dtype,
            name=name,
        )
        y = first = self._activated(conv(self.width, "first", self.ends)(x), "first")
        for i in range(self.blocks):
            z = self._activated(conv(self.width, f"block_{i}_1")(y), f"block_{i}")
            y = y + conv(self.width, f"block_{i}_2", init=_SMALL)(z)
        y = first + conv(self.width, "last_block", init=_SMALL)(y)
        for i in range(_doublings(self.scale)):
            name = f"double_{i}"
            if self.resize:
                y = conv(self.width, name)(upsample_nearest(y))
            else:
                y = to_pixels(conv(4 * self.width, name, init=alike(_USUAL))(y))
            y = self._activated(y, name)
        channels = x.shape[-1]
        y = conv(channels, "image", self.ends, _FAINT)(y).astype(jnp.float32)
        return enlarge(x.astype(jnp.float32), self.scale) + y

    def _activated(self, x: Array, name: str) -> Array:
        if not self.prelu:
            return nn.leaky_relu(x, SLOPE)
        slope = self.param(f"{name}_slope", nn.initializers.constant(0.25), ())
        return jnp.where(x > 0, x, slope.astype(x.dtype) * x)

    @property
    def radius(self) -> int:
        """The radius of an output pixel's receptive field, in pixels of the input.

        It is measured from the input pixel that the output pixel lies in.
        """
        return radius(self.scale, self.blocks, self.ends, resize=self.resize)


class Discriminator(nn.Module):
    """``image [b h w c] -> {"logits": [b], "features": {...}}``, as in the paper.

    Eight 3x3 convolutions with 1, 1, 2, 2, 4, 4, 8 and 8 times ``width`` channels,
    every second of stride 2, each followed by LeakyReLU; then a dense layer with 16
    times ``width`` units, LeakyReLU and a dense layer to the logit. The features are
    the maps of stride 2, "map_1" to "map_4".

    Attributes:
        width: channels of the first convolution; 64 in the paper.
        flatten: whether the dense layers see all pixels of the last map, as in the
            paper, so that images must be of one size; else the mean over them.
        norm: makes the norm after each convolution but the first, or None. It must not
            mix examples. The paper has batch norm.
        weight: transformation of all weights, such as `jaxgan.layers.spectral_norm`,
            or None.
        dtype: dtype of the computation; parameters and logits are float32.

    Example:
        >>> import jax
        >>> judge, image = Discriminator(width=4), jnp.zeros((2, 48, 48, 3))
        >>> init = lambda key: judge.init_with_output(key, image)[0]
        >>> judged = jax.eval_shape(init, jax.random.key(0))
        >>> judged["logits"].shape, judged["features"]["map_4"].shape
        ((2,), (2, 3, 3, 32))
    """

    width: int = 64
    flatten: bool = False
    norm: Callable[[], Any] | None = None
    weight: Weight | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> dict[str, Any]:
        if min(x.shape[1:3]) < _JUDGED:
            raise InputError(
                f"The discriminator halves its images four times: they need {_JUDGED} "
                f"or more pixels a side, not {x.shape[1]}x{x.shape[2]} (height x "
                "width). Use larger ones; in experiments.srgan they are the --part."
            )
        how = {"dtype": self.dtype, "weight": self.weight}
        norm, features = self.norm, {}
        y = x
        for i in range(8):
            layer = {"kernel": 3, "stride": 1 + i % 2, "kernel_init": _USUAL}
            y = Conv(self.width * 2 ** (i // 2), name=f"conv_{i}", **layer, **how)(y)
            if norm is not None and i > 0:
                y = norm()(y)
            y = nn.leaky_relu(y, SLOPE)
            if i % 2:
                features[f"map_{i // 2 + 1}"] = y.astype(jnp.float32)
        y = y.reshape(len(y), -1) if self.flatten else y.mean(axis=(1, 2))
        y = nn.leaky_relu(Dense(16 * self.width, name="hidden", **how)(y), SLOPE)
        logits = Dense(1, name="logit", **how)(y)
        return {"logits": logits[:, 0].astype(jnp.float32), "features": features}


def alike(init: nn.initializers.Initializer) -> nn.initializers.Initializer:
    """Returns an initialiser of kernels ``[k k i 4f]``, equal for all 2x2 pixels."""

    def drawn(key, shape, dtype=jnp.float32):
        one = init(key, (*shape[:-1], shape[-1] // 4), dtype)
        return jnp.tile(one, 4)

    return drawn


def to_pixels(x: Float[Array, "b h w c"]) -> Float[Array, "b g q o"]:
    """Rearranges 4 f channels into 2x2 pixels of f: ``[b h w 4f] -> [b 2h 2w f]``.

    The channels are those of the upper left pixel, then the upper right, the lower left
    and the lower right.

    Example:
        >>> print(to_pixels(jnp.arange(4.0).reshape(1, 1, 1, 4))[0, :, :, 0])
        [[0. 1.]
         [2. 3.]]
    """
    b, h, w, c = x.shape
    pixels = x.reshape(b, h, w, 2, 2, c // 4).transpose(0, 1, 3, 2, 4, 5)
    return pixels.reshape(b, 2 * h, 2 * w, c // 4)


def enlarge(x: Float[Array, "b h w c"], scale: int) -> Float[Array, "b g q c"]:
    """Enlarges images bicubically by an integer factor, like Pillow for floats.

    Keys 1981, Cubic Convolution Interpolation, with a = -1/2. There are no pixels
    beyond the border: the weights of those inside are scaled to a sum of 1.

    Args:
        x: images.
        scale: the factor.

    Example:
        >>> x = jnp.array([0.0, 8.0, 8.0, 8.0]).reshape(1, 1, 4, 1)
        >>> print(enlarge(x, 2)[0, 0, 3:5, 0])
        [8.5625 8.1875]
    """
    for axis in (1, 2):
        x = _enlarged(x, axis, scale)
    return x


def _enlarged(x: Array, axis: int, scale: int) -> Array:
    """Interleaves sums of shifted images, one for each place between two pixels."""
    length, phases = x.shape[axis], []
    ends = [(0, 0, 0)] * x.ndim
    ends[axis] = (_REACH, _REACH, 0)
    wide = lax.pad(x, jnp.zeros((), x.dtype), ends)
    inside = np.pad(np.ones(length), _REACH)
    for phase in range(scale):
        place = (phase + 0.5) / scale - 0.5
        shifts = math.floor(place) + np.arange(-1, 3)
        taps = _keys(place - shifts)
        starts = [_REACH + int(shift) for shift in shifts]
        cut = lambda start: lax.slice_in_dim(wide, start, start + length, axis=axis)
        total = sum(
            t * inside[s : s + length] for t, s in zip(taps, starts, strict=True)
        )
        sums = sum(float(t) * cut(s) for t, s in zip(taps, starts, strict=True))
        shape = [1] * x.ndim
        shape[axis] = length
        phases.append(sums / jnp.asarray(total, x.dtype).reshape(shape))
    y = jnp.stack(phases, axis + 1)
    return y.reshape(*x.shape[:axis], scale * length, *x.shape[axis + 1 :])


def _keys(distance: np.ndarray) -> np.ndarray:
    """Returns the values of Keys' cubic kernel at distances in pixels."""
    d, a = np.abs(distance), _KEYS
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d < 1, near, np.where(d < 2, far, 0.0))


def radius(scale: int, blocks: int, ends: int, *, resize: bool = False) -> int:
    """Computes `Generator.radius` of a network with these fields.

    The receptive field is traced from the image back to the input, for each place that
    an output pixel can have within its pixel of the input.

    Example:
        >>> radius(4, 16, 9), radius(2, 5, 3), radius(4, 5, 3, resize=True)
        (40, 14, 13)
    """
    furthest, fine, coarse = _REACH, int(resize), int(not resize)
    for phase in range(scale):
        low, high = phase - ends // 2, phase + ends // 2
        for _ in range(_doublings(scale)):
            low, high = (low - fine) // 2 - coarse, (high + fine) // 2 + coarse
        reach = 2 * blocks + 1 + ends // 2
        furthest = max(furthest, reach - low, reach + high)
    return furthest


def _doublings(scale: int) -> int:
    return scale.bit_length() - 1


def _check(scale: int, ends: int) -> None:
    if scale < 2 or scale & (scale - 1):
        raise InputError(f"The scale must be 2, 4 or 8, got {scale}.")
    if ends < 1 or ends % 2 == 0:
        raise InputError(
            f"The first and last kernels need a middle: give an odd size, such as 3 or "
            f"9, got {ends}."
        )
