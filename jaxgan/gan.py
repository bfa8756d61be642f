"""The game as a value, and where it stands as a value."""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import struct
from flax.training.train_state import TrainState
from jax.core import Tracer

from jaxgan import ema, images, keys, losses
from jaxgan.checks import InputError
from jaxgan.penalties import Penalty
from jaxgan.typing import Array, Batch, Key, Scalar, Schedule, Variables

# Optimising the initialisation takes seconds, running it milliseconds.
_RUNS_ONCE = {"xla_backend_optimization_level": 0}

Term = Callable[[Array, Batch], Array]
Prior = Callable[[Key, int], Array]


def gaussian_prior(key: Key, latent_dim: int) -> Array:
    """One latent ``[z]`` of N(0, I)."""
    return jax.random.normal(key, (latent_dim,))


@dataclasses.dataclass(frozen=True, kw_only=True)
class GAN:
    """What is played. Static and hashable: a step closes over it.

    Attributes:
        generator: ``(z [b z], condition=None, *, train) -> [b ...]``.
        discriminator: ``(x [b ...], condition=None, *, train) -> logits [b]``.
        g_optimizer: the generator's optax optimizer.
        d_optimizer: the discriminator's; two time scales are two learning rates
            (Heusel et al. 2017, arXiv:1706.08500).
        loss: an `AdversarialLoss` pair.
        penalties: (weight, penalty) pairs, added to the discriminator's loss.
        latent_dim: the latent's size ``z``.
        prior: ``(key, latent_dim) -> [z]``, the distribution of one latent.
        condition: the batch's entry that conditions both networks, or None.
        generator_terms: (weight, term) pairs added to the generator's loss, where
            ``term(fake, batch) -> [b]`` sees the batch with its images as floats.
        instance_noise: a schedule from images seen to the standard deviation of the
            Gaussian noise on all that the discriminator sees (Sønderby et al. 2017,
            arXiv:1610.04490), or None.
        ema_half_life: half-life of the averaged generator, in images; 0: no average.
        ema_ramp_up: the half-life is at most this share of the images seen so far, so
            that the first random weights are forgotten soon; None: no ramp-up.

    Weights and half-lives may be traced, for `jaxgan.population`; such a game is no
    static argument.

    A network that looks across the examples of a batch (batch normalisation) has a
    field ``axis_name: str | None = None``, which the steps set, so that it looks
    across all devices.
    """

    generator: nn.Module
    discriminator: nn.Module
    g_optimizer: optax.GradientTransformation
    d_optimizer: optax.GradientTransformation
    loss: losses.AdversarialLoss = losses.non_saturating
    penalties: tuple[tuple[Scalar, Penalty], ...] = ()
    latent_dim: int = 64
    prior: Prior = gaussian_prior
    condition: str | None = None
    generator_terms: tuple[tuple[Scalar, Term], ...] = ()
    instance_noise: Schedule | None = None
    ema_half_life: Scalar = 10_000
    ema_ramp_up: Scalar | None = 0.05

    def __post_init__(self):
        for field in dataclasses.fields(self):
            parts = jax.tree.leaves(getattr(self, field.name))
            if any(isinstance(part, Tracer) for part in parts):
                continue  # a population's hyper-parameter: this game lives in a trace
            try:
                hash(getattr(self, field.name))
            except TypeError as error:
                raise TypeError(
                    f"GAN.{field.name} must be hashable, and all in it (tuples, not "
                    f"lists), got {getattr(self, field.name)!r}."
                ) from error


class NetworkState(TrainState):
    """A flax TrainState that also carries the network's mutable collections."""

    # Pytrees hold whatever a transformation puts there (tracers, shapes), and params
    # are no FrozenDict any more, as flax annotates them.
    step: Any
    params: Any = struct.field(pytree_node=True)
    collections: Any = struct.field(default_factory=dict)

    @property
    def variables(self) -> Variables:
        """What ``module.apply`` takes."""
        return {"params": self.params, **self.collections}

    def apply_gradients(self, *, grads: Any, value: Any = None, **changes: Any):
        """The state after one step of the optimizer.

        Args:
            grads: as the parameters.
            value: the loss, for optimizers that look at it, such as `optax.polyak_sgd`.
            changes: other fields of the new state.
        """
        update = optax.with_extra_args_support(self.tx).update
        updates, opt_state = update(grads, self.opt_state, self.params, value=value)
        params = optax.apply_updates(self.params, updates)
        step = self.step + 1
        return self.replace(step=step, params=params, opt_state=opt_state, **changes)


class GANState(struct.PyTreeNode):
    """Where the game stands: an immutable pytree.

    Attributes:
        generator: the generator's `NetworkState`; its ``step`` counts G-updates.
        discriminator: the discriminator's; its ``step`` counts D-updates.
        ema: the averaged generator's variables.
        images: how many images the finished G-updates made, over all devices.
    """

    generator: NetworkState
    discriminator: NetworkState
    ema: Any
    images: Any

    @property
    def step(self) -> Any:
        """The number of finished G-updates."""
        return self.generator.step


def init(gan: GAN, key: Key, batch: Batch) -> GANState:
    """The state before the first update.

    Args:
        gan: the game.
        key: the run's key; the networks' streams are derived from it.
        batch: one batch, for its shapes: "image" and what conditions the game.

    Raises:
        InputError: if the generator does not make what the batch holds, if the game
            is conditional and the batch has no such entry, or if a penalty is asked
            of a batch-normalised discriminator.
    """
    image = images.as_float(batch["image"][:1])
    condition = condition_of(gan, batch)
    condition = None if condition is None else condition[:1]

    def draw(key, image, condition):
        z = jnp.zeros((1, gan.latent_dim))
        return (
            _draw(gan.generator, gan.g_optimizer, key, "generator", z, condition),
            _draw(
                gan.discriminator,
                gan.d_optimizer,
                key,
                "discriminator",
                image,
                condition,
            ),
        )

    if not isinstance(key, Tracer):
        draw = jax.jit(draw, compiler_options=_RUNS_ONCE)
    generator, discriminator = draw(key, image, condition)
    check_shapes(gan, generator.variables, discriminator.variables, image, condition)
    check_penalties(gan, discriminator.variables)
    return GANState(
        generator=generator,
        discriminator=discriminator,
        ema=ema.init(generator.variables),
        images=jnp.zeros((), jnp.int32),
    )


def condition_of(gan: GAN, batch: Batch) -> Any:
    """The batch's entry that conditions the game; None for an unconditional one."""
    if gan.condition is None:
        return None
    if gan.condition not in batch:
        raise InputError(
            f'The game is conditional on "{gan.condition}", but the batch holds only '
            f"{sorted(batch)}. Use a data set that has it, or GAN(condition=None)."
        )
    return batch[gan.condition]


def spans_devices(module: nn.Module) -> bool:
    """Whether a network can look across a batch that is spread over devices."""
    return "axis_name" in {field.name for field in dataclasses.fields(module)}


def over_axis(module: nn.Module, axis_name: str | None) -> nn.Module:
    """The network with its batch spread over ``axis_name``.

    A network without the field works example by example and stays as it is.
    """
    return module.clone(axis_name=axis_name) if spans_devices(module) else module


def is_batch_normalised(variables: Variables) -> bool:
    """Whether a network keeps running means and variances of its batches.

    The collection "batch_stats" alone does not tell: spectral normalisation keeps its
    vectors there too.
    """
    paths = jax.tree_util.tree_leaves_with_path(variables.get("batch_stats", {}))
    return any(
        jax.tree_util.keystr(path[-1:], simple=True) == "mean" for path, _ in paths
    )


def check_penalties(gan: GAN, d_variables: Variables) -> None:
    """Raises InputError for a penalty on a discriminator that couples its examples.

    The gradient of one example's logit is then no function of that example, and what
    the penalty bounds is not what its paper says.
    """
    if gan.penalties and is_batch_normalised(d_variables):
        raise InputError(
            "Gradient penalties need a discriminator that judges each example by "
            f"itself, but {type(gan.discriminator).__name__} is batch-normalised. "
            "Build it without batch norm, or use GAN(penalties=())."
        )


def check_shapes(gan: GAN, g_variables, d_variables, image, condition) -> None:
    """Raises InputError unless the networks fit each other and the data."""
    z = jnp.zeros((1, gan.latent_dim))
    fake = _eval_shape(gan.generator, g_variables, z, condition)
    if fake.shape != image.shape:
        raise InputError(
            f"The generator makes examples of shape {fake.shape[1:]}, but the data has "
            f"{image.shape[1:]}. Build the generator for the data's shape, or resize "
            "the data."
        )
    logits = _eval_shape(gan.discriminator, d_variables, image, condition)
    if logits.shape != (1,):
        raise InputError(
            "The discriminator must map [b ...] to one logit an example, [b]; for one "
            f"example of shape {image.shape[1:]} it returned shape {logits.shape}."
        )


def _draw(
    module: nn.Module, optimizer, key: Key, name: str, x, condition
) -> NetworkState:
    params_key, dropout_key = jax.random.split(keys.stream(key, f"init/{name}", 0))
    rngs = {"params": params_key, "dropout": dropout_key}
    variables = module.init(rngs, x, condition, train=False)
    _check_optimizer(name, optimizer, variables["params"])
    state = NetworkState.create(
        apply_fn=module.apply,
        params=variables["params"],
        tx=optimizer,
        collections={k: v for k, v in variables.items() if k != "params"},
    )
    # An array from the start: a Python int would make the second call compile anew.
    return state.replace(step=jnp.zeros((), jnp.int32))


def _check_optimizer(name: str, optimizer, params) -> None:
    """Raises InputError unless it takes parameters, gradients and the loss's value."""

    def step(params):
        update = optax.with_extra_args_support(optimizer).update
        return update(params, optimizer.init(params), params, value=jnp.zeros(()))

    try:
        jax.eval_shape(step, params)
    except (TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"The {name}'s optimizer does not fit: {error}. The steps call "
            "optimizer.init(params) and optimizer.update(grads, state, params, "
            "value=loss); choose one that needs no more."
        ) from error


def _eval_shape(module: nn.Module, variables, x, condition):
    apply = lambda: module.apply(variables, x, condition, train=False)
    return jax.eval_shape(apply)
