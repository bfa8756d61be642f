"""Residual networks in PyTorch, with the weights of ours: for the tests' comparison.

`torch` is an argument, since it need not be installed.
"""

import jax
import numpy as np


def tensors(torch, tree):
    """A tree of arrays as tensors that gradients are taken by."""
    as_tensor = lambda a: torch.tensor(np.array(a, np.float64), requires_grad=True)
    return jax.tree.map(as_tensor, tree)


def gradients(tree):
    """The gradients by a tree of tensors, as arrays."""
    return jax.tree.map(lambda t: t.grad.numpy(), tree)


def normalised(torch, p, u):
    """Parameters with each kernel divided by u'Wv, after one power iteration from u."""

    def divided(kernel, u, out_axis):
        w = kernel.movedim(out_axis, 0).flatten(1)
        with torch.no_grad():
            v = w.T @ u
            v = v / v.norm()
            u = w @ v
            u = u / u.norm()
        return kernel / (u @ w @ v)

    if "u" not in u:
        return {n: normalised(torch, p[n], u[n]) if n in u else p[n] for n in p}
    return {
        name: divided(value, u["u"], 0 if name == "embedding" else -1)
        if name in ("kernel", "embedding")
        else value
        for name, value in p.items()
    }


def conv(torch, p, x):
    """A same-size convolution; the kernel is ours, [k k in out]."""
    kernel = p["kernel"].permute(3, 2, 0, 1)
    return torch.nn.functional.conv2d(
        x, kernel, p["bias"], padding=kernel.shape[-1] // 2
    )


def halved(torch, x):
    return torch.nn.functional.avg_pool2d(x, 2)


def batch_norm(torch, p, x):
    """By the batch's statistics."""
    how = {"training": True, "eps": 1e-5}
    return torch.nn.functional.batch_norm(x, None, None, p["scale"], p["bias"], **how)


def conditional_batch_norm(torch, p, x, label):
    y = torch.nn.functional.batch_norm(x, None, None, training=True, eps=1e-5)
    of_label = lambda name: p[name]["kernel"][label][:, :, None, None]
    return y * (1 + of_label("gain")) + of_label("bias")


def up_block(torch, p, x, label, upsample):
    """The shortcut is upsampled before its convolution, as the papers have it."""

    def norm(name, x):
        if label is None:
            return batch_norm(torch, p[name], x)
        return conditional_batch_norm(torch, p[name], x, label)

    y = conv(torch, p["conv_1"], upsample(torch.relu(norm("norm_1", x))))
    y = conv(torch, p["conv_2"], torch.relu(norm("norm_2", y)))
    return y + conv(torch, p["shortcut"], upsample(x))


def block(torch, p, x, *, first, halve, norm=None):
    """The shortcut is halved after its convolution, as the papers have it."""
    norms = iter(sorted(name for name in p if name.startswith("LayerNorm")))

    def rectified(x):
        return torch.relu(norm(torch, p[next(norms)], x) if norm else x)

    y = x if first else rectified(x)
    y = conv(torch, p["conv_2"], rectified(conv(torch, p["conv_1"], y)))
    y = halved(torch, y) if halve else y
    if "shortcut" in p:
        x = conv(torch, p["shortcut"], x)
        x = halved(torch, x) if halve else x
    return y + x


def layer_norm(torch, p, x):
    """Over a whole image, with a gain and a bias for each channel."""
    y = torch.nn.functional.layer_norm(x, x.shape[1:], eps=1e-6)
    wide = lambda name: p[name][None, :, None, None]
    return y * wide("scale") + wide("bias")


def generator(torch, p, z, label=None, *, base, upsample):
    """``z [b z] -> image [b h w c]``."""
    x = z @ p["dense"]["kernel"] + p["dense"]["bias"]
    x = x.reshape(len(z), base, base, -1).permute(0, 3, 1, 2)
    for name in sorted(name for name in p if name.startswith("block")):
        x = up_block(torch, p[name], x, label, upsample)
    x = torch.relu(batch_norm(torch, p["norm"], x))
    return torch.tanh(conv(torch, p["image"], x)).permute(0, 2, 3, 1)


def discriminator(torch, p, x, label=None, *, halvings, pool, norm=None):
    """``image [b h w c] -> logits [b]``."""
    x = x.permute(0, 3, 1, 2)
    for i, name in enumerate(sorted(name for name in p if name.startswith("block"))):
        how = {"first": i == 0, "halve": i < halvings, "norm": norm if i else None}
        x = block(torch, p[name], x, **how)
    h = getattr(torch.relu(x), pool)(dim=(2, 3))
    logits = (h @ p["logit"]["kernel"] + p["logit"]["bias"])[:, 0]
    if label is not None:
        logits = logits + (p["embedding"]["embedding"][label] * h).sum(dim=1)
    return logits
