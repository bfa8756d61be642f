"""A test, on random inputs, of whether a network's examples see each other."""

import functools
import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import networks
from jaxgan.checks import InputError
from jaxgan.player import Player
from jaxgan.typing import Variables

# The probe runs once: optimising it would take longer than running it.
_RUNS_ONCE: dict[str, Any] = {"xla_backend_optimization_level": 0}


def check_uncoupled(name: str, player: Player, inputs: Any, group: int) -> None:
    """Raises InputError if an example's output depends on those of other groups.

    The network is applied in training mode to a group of examples together with a copy
    of it, then with other examples: the group's outputs must not change. A copy adds no
    variance, and the others are larger, so that even a faint dependence shows, such as
    one plane of minibatch standard deviation among hundreds. The parameters are random:
    a last layer initialised with zeros would hide the layers before it.

    Args:
        name: the player's name, for the message.
        player: the network.
        inputs: the shapes and dtypes of its inputs, for any number of examples.
        group: number of consecutive examples that may see each other; 1: none.
    """
    module, random = player.module, np.random.default_rng(0)
    how = networks.mode(module, train=True)
    judged, others = (_draw(random, inputs, group, scale) for scale in (1, 10))
    join = lambda *parts: jax.tree.map(lambda *p: np.concatenate(p), *parts)

    def of_judged(variables, together):
        index = jnp.arange(2 * group, dtype=jnp.int32)
        mutable = [each for each in variables if each != "params"]
        output, _ = module.apply(
            variables,
            *together,
            rngs=player.rngs(jax.random.key(0), index),
            mutable=mutable,
            **how,
        )
        return jax.tree.map(lambda leaf: leaf[:group], output)

    variables = random_variables(player, random, join(judged, others))
    play = compiled(of_judged, variables, join(judged, others))
    once, again = (
        jax.tree.leaves(play(variables, join(judged, beside)))
        for beside in (judged, others)
    )
    # Both calls round alike: independent outputs are equal, mostly to the bit.
    same = functools.partial(np.allclose, rtol=1e-5, atol=1e-6, equal_nan=True)
    if not all(map(same, once, again)):
        raise InputError(_message(name, module, group))


def check_declared(name: str, module: nn.Module, group: int) -> None:
    """Raises InputError if a network's declared groups would be split."""
    if group % networks.group_of(module):
        raise InputError(_message(name, module, group))


def _message(name: str, module: nn.Module, group: int) -> str:
    what = f"{type(module).__name__} (the {name})"
    if 1 < group == networks.group_of(module):
        return (
            f"{what} declares group={group}, but its examples depend on examples "
            f"outside their group of {group} consecutive ones. Correct the field or "
            "the grouping."
        )
    return (
        f"A gradient penalty needs a network that judges each example by itself, but "
        f"in {what} the examples of a batch see each other (batch normalisation, "
        "minibatch standard deviation, or the like). Build it without, or use no "
        "penalty. If it looks at groups of consecutive examples, declare a field "
        "`group: int` and use jaxgan.penalties.summed(penalty)."
    )


def random_variables(
    player: Player, random: np.random.Generator, inputs: tuple
) -> Variables:
    """Returns a network's variables, its parameters drawn from normal distributions.

    Kernels are scaled by their fan-in, so that deep networks neither vanish nor
    overflow.
    """
    how = networks.mode(player.module, train=False)
    shape = lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
    inputs = jax.tree.map(shape, inputs)

    def others(key):
        rngs: Any = dict.fromkeys((*player.streams, "params"), key)
        variables = player.module.lazy_init(rngs, *inputs, **how)
        return {k: v for k, v in variables.items() if k != "params"}, variables

    shapes = jax.eval_shape(lambda key: others(key)[1], jax.random.key(0))
    collections = {}
    if set(shapes) != {"params"}:
        collections = compiled(lambda: others(jax.random.key(0))[0])()
    params = jax.tree.map(lambda leaf: _normal(random, leaf), shapes["params"])
    return {**collections, "params": params}


def compiled(function: Callable[..., Any], *inputs: Any) -> Callable[..., Any]:
    """Returns the function compiled ahead of time for inputs like these.

    It then also runs inside a trace, such as a population's, or under JAX_DISABLE_JIT.
    """

    def run(*inputs):
        with jax.disable_jit(False):
            return program(*inputs)

    with jax.disable_jit(False):
        lowered = jax.jit(function).lower(*inputs)
        program = lowered.compile(compiler_options=_RUNS_ONCE)
    return run


def _normal(random: np.random.Generator, leaf: Any) -> np.ndarray:
    fan_in = math.prod(leaf.shape[:-1]) if len(leaf.shape) > 1 else 1
    drawn = random.standard_normal(leaf.shape, np.float32)
    return np.asarray(drawn / math.sqrt(max(fan_in, 1)), leaf.dtype)


def _draw(random: np.random.Generator, inputs: Any, examples: int, scale: float) -> Any:
    """Draws inputs of ``examples`` examples; labels, of unknown range, are 0."""

    def draw(leaf):
        shape = (examples, *leaf.shape[1:])
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return np.zeros(shape, leaf.dtype)
        return random.uniform(-scale, scale, shape).astype(leaf.dtype)

    return jax.tree.map(draw, inputs)
