"""The networks of a game: Linen modules, their calls, and what they look at."""

import dataclasses
import inspect
import sys
from typing import Any

import flax.linen as nn

from jaxgan.checks import InputError
from jaxgan.typing import Variables

OF_WEIGHTS = ("spectral_norm",)
"""The collections that depend on the weights alone, not on a network's inputs.

All calls of one update start from the same value, and one new value is kept. So they
change once per update, whatever the number of calls, microbatches, shards and devices.
"""


def of_weights(variables: Variables) -> dict[str, Any]:
    """Returns a network's collections that depend on the weights alone."""
    return {name: value for name, value in variables.items() if name in OF_WEIGHTS}


def check_module(name: str, module: Any) -> None:
    """Raises InputError unless a player is a Linen module, saying how to wrap it."""
    if not isinstance(module, nn.Module):
        raise InputError(
            f"The {name} must be a flax.linen.Module, got {module!r}. Wrap an NNX "
            "module, whose call takes train=, with flax.nnx.bridge.to_linen(Class, "
            "...), and a function by calling it in the __call__ of a flax.linen.Module."
        )


def builds_anew(module: nn.Module) -> bool:
    """Returns whether every call initialises all parameters again.

    A wrapped NNX module does, and then replaces them by those that it is given.
    """
    nnx = sys.modules.get("flax.nnx")  # slow to import; an NNX module has imported it
    return nnx is not None and isinstance(module, nnx.bridge.ToLinen)


def takes_train(module: Any) -> bool:
    """Returns whether a network's call has the argument ``train``.

    A `flax.linen.Sequential` passes it to its first layer.
    """
    if isinstance(module, nn.Sequential):
        return takes_train(module.layers[0])
    call = type(module).__call__ if isinstance(module, nn.Module) else module
    parameters = inspect.signature(call).parameters.values()
    return any(p.name == "train" or p.kind is p.VAR_KEYWORD for p in parameters)


def mode(module: nn.Module, *, train: bool) -> dict[str, Any]:
    """Returns the keyword arguments for a call in training or in test mode."""
    return {"train": train} if takes_train(module) else {}


def check_call(name: str, module: nn.Module, inputs: tuple) -> None:
    """Raises InputError unless ``module(*inputs)`` fits the signature of its call."""
    signature = inspect.signature(type(module).__call__)
    train = mode(module, train=True)
    try:
        signature.bind(module, *inputs, **train)
    except TypeError as error:
        raise InputError(
            f"The {name} is called as {type(module).__name__}(...)({len(inputs)} "
            f"input(s){', train=...' if train else ''}), but its signature is "
            f"{signature}: {error}. Write its __call__ for these inputs, with "
            "defaults for all others, or wrap it in a module that has one."
        ) from error


def group_of(module: nn.Module) -> int:
    """Returns how many consecutive examples of a batch a network looks at together.

    Minibatch standard deviation, PacGAN and attention over the batch couple examples.
    A module that does so within groups declares it in a field ``group: int``.
    """
    return getattr(module, "group", None) or 1


def over_axis(module: nn.Module, axis_name: str | None) -> nn.Module:
    """Returns the network for a batch spread over ``axis_name``.

    A network that looks across the whole batch (batch normalisation) has a field
    ``axis_name: str | None = None``. One without it is returned unchanged.
    """
    return module.clone(axis_name=axis_name) if spans_devices(module) else module


def spans_devices(module: nn.Module) -> bool:
    """Returns whether a network can look across a batch spread over devices."""
    return "axis_name" in {field.name for field in dataclasses.fields(module)}


def refuse_own_share(next_call: Any, args: tuple, kwargs: dict, context: Any) -> Any:
    """Refuses batch norm over one device's share, for `flax.linen.intercept_methods`.

    Raises:
        InputError: if a batch norm computes statistics, but not over all devices.
    """
    module = context.module
    if isinstance(module, nn.BatchNorm) and context.method_name == "__call__":
        names = "x", "use_running_average"
        given = {**dict(zip(names, args, strict=False)), **kwargs}.get(names[1])
        frozen = module.use_running_average if given is None else given
        if module.axis_name is None and not frozen:
            raise InputError(
                f"The batch norm {'/'.join(module.path)} has no axis_name, so each "
                "device would normalise by its own share of the batch. Give the "
                "network a field `axis_name: str | None = None`, and pass it on to "
                "nn.BatchNorm."
            )
    if builds_anew(module) and "batch_stats" in module.variables:
        raise InputError(
            f"The NNX module {module.nnx_class.__name__} keeps batch statistics, which "
            "each device would take over its own share of the batch. Write it in "
            "Linen, with nn.BatchNorm(axis_name=...), or play on one device."
        )
    return next_call(*args, **kwargs)
