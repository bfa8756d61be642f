"""PyTorch's counts of operations, where a penalty differentiates."""

import pytest

torch = pytest.importorskip("torch")
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils.flop_counter import flop_registry  # noqa: E402


def resamples(args):
    """Whether a convolution is depthwise, which `flops` does not count."""
    weights = [a for a in args if isinstance(a, torch.Tensor) and a.ndim == 4]
    return any(w.shape[1:] == (1, 4, 4) for w in weights)


class Counter(TorchDispatchMode):
    """PyTorch's own counts; its FlopCounterMode cannot follow autograd.grad."""

    total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry and not resamples(args):
            self.total += operations(func.overloadpacket, args, kwargs or {}, out)
        return out


def operations(packet, args, kwargs, out):
    """Of a product, or of a convolution; of that in groups PyTorch counts too many.

    It takes the gradient by the weights as if every channel met every other one.
    """
    count = flop_registry[packet]
    if packet is not torch.ops.aten.convolution_backward:
        return count(*args, **kwargs, out_val=out)
    *rest, groups, (by_input, by_weights, _) = args
    one = lambda *mask: count(*rest, groups, mask, out_val=out)
    return one(by_input, False, False) + one(False, by_weights, False) // groups
