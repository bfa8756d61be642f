"""A network that learns: its module, its optimizer, its average, and its state."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import struct
from flax.training.train_state import TrainState

from jaxgan import ema, keys, networks
from jaxgan.checks import InputError
from jaxgan.example_keys import by_example
from jaxgan.typing import Array, Key, Scalar, Schedule, Variables


@dataclasses.dataclass(frozen=True, kw_only=True)
class EMA:
    """An exponential moving average of a player, by collection.

    Attributes:
        half_life: in images: a number, or a schedule of the images seen; 0: no average.
        ramp_up: the half-life is at most this share of the images seen; None: no limit.
        averaged: the collections that are averaged; all others are copied.
    """

    half_life: Scalar | Schedule = 10_000
    ramp_up: Scalar | None = 0.05
    averaged: tuple[str, ...] = ("params", "batch_stats")

    def update(
        self, average: Variables, variables: Variables, images: Array, made: int
    ) -> Variables:
        """Returns the average after ``made`` images beyond the ``images`` seen."""
        how = {"images_per_step": made, "images_seen": images}
        half_life = at(self.half_life, images)
        new = {}
        for name, value in variables.items():
            kept = name in self.averaged
            new[name] = ema.update(
                average[name],
                value,
                half_life=half_life if kept else 0,
                ramp_up=self.ramp_up if kept else None,
                **how,
            )
        return new


def at(value: Scalar | Schedule, images: Any) -> Any:
    """Returns a number as it is, or a schedule's value at this number of images."""
    return value(images) if callable(value) else value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Player:
    """A network that learns.

    Attributes:
        module: a Linen module, called as ``module(*inputs, train=...)``, or without
            ``train`` if it has no such argument.
        optimizer: its optax optimizer.
        ema: its average; None: no average.
        streams: names of the random streams that the module asks for by ``make_rng``
            if Flax needs them declared (in ``nn.scan`` and the like); others need no
            declaration. Each example has its own draws.
    """

    module: nn.Module
    optimizer: optax.GradientTransformation
    ema: EMA | None = None
    streams: tuple[str, ...] = ("dropout", "noise")

    def over(self, axis_name: str | None) -> "Player":
        """Returns the player for a batch spread over a mapped axis."""
        module = networks.over_axis(self.module, axis_name)
        return dataclasses.replace(self, module=module)

    def rngs(self, key: Key, index: Array) -> dict[str, Key]:
        """Returns the keys of the streams: row i draws as the example ``index[i]``."""
        # For a stream that is not declared, Flax draws from "params".
        streams = {n: keys.stream(key, n, 0) for n in (*self.streams, "params")}
        alike = {"params": networks.builds_anew(self.module)}
        return {
            name: by_example(key, index, others_alike=alike.get(name, False))
            for name, key in streams.items()
        }


class NetworkState(TrainState):
    """A flax TrainState that also carries the network's mutable collections."""

    # A transformation may put anything in a pytree (tracers, shapes), and params are no
    # longer a FrozenDict, as flax annotates them.
    step: Any
    params: Any = struct.field(pytree_node=True)
    collections: Any = struct.field(default_factory=dict)

    @property
    def variables(self) -> Variables:
        """The variables for ``module.apply``: parameters and collections."""
        return {"params": self.params, **self.collections}

    def apply_gradients(self, *, grads: Any, collections: Any = None, **seen: Any):
        """Returns the state after one step of the optimizer.

        Args:
            grads: the gradients, of the same structure as the parameters.
            collections: the new collections; None: as before.
            seen: further arguments of the optimizer: the loss, ``value`` (for
                `optax.polyak_sgd`), and ``images`` (for `jaxgan.schedules`).
        """
        update = _with_extra_args(self.tx).update
        updates, opt_state = update(grads, self.opt_state, self.params, **seen)
        return self.replace(
            step=self.step + 1,
            params=optax.apply_updates(self.params, updates),
            opt_state=opt_state,
            collections=self.collections if collections is None else collections,
        )


def start(name: str, player: Player, variables: Variables) -> NetworkState:
    """Returns a player's state before its first update.

    Raises:
        InputError: if its optimizer does not fit.
    """
    networks.check_module(name, player.module)
    _check_optimizer(name, player.optimizer, variables["params"])
    state = NetworkState.create(
        apply_fn=player.module.apply,
        params=variables["params"],
        tx=player.optimizer,
        collections={k: v for k, v in variables.items() if k != "params"},
    )
    # An array from the start: a Python int would make the second call compile again.
    return state.replace(step=jnp.zeros((), jnp.int32))


def _with_extra_args(optimizer: Any) -> optax.GradientTransformationExtraArgs:
    """Returns the optimizer with an update that takes all arguments of a step."""
    if isinstance(optimizer, optax.MultiSteps):
        # Its update passes them on, but its type does not say so.
        update: Any = optimizer.update
        return optax.GradientTransformationExtraArgs(optimizer.init, update)
    return optax.with_extra_args_support(optimizer)


def _check_optimizer(name: str, optimizer, params) -> None:
    """Raises InputError unless the optimizer takes the arguments of a step."""

    def step(params):
        update = _with_extra_args(optimizer).update
        zero = jnp.zeros(())
        return update(params, optimizer.init(params), params, value=zero, images=zero)

    try:
        jax.eval_shape(step, params)
    except (TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"The {name}'s optimizer does not fit: {error}. The steps call "
            "optimizer.init(params) and optimizer.update(grads, state, params, "
            "value=loss, images=images_seen); choose one that needs nothing else."
        ) from error
