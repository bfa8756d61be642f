"""The all-reduces of a step that wait for one another, read from its jaxpr.

XLA merges all-reduces of which none waits for another. Batch norm's cannot be merged
so: a layer's statistics wait for those of the layer before, and its gradients for those
of the layer after. No merging makes fewer calls than the longest chain has.
"""

from typing import Any

from jax.extend.core import ClosedJaxpr, Jaxpr, Var

_SUMS = ("psum", "psum_invariant")


def longest_chain(jaxpr: ClosedJaxpr) -> int:
    """The most sums over devices, each waiting for the one before, before an output.

    At least: of a loop it counts one round, of a branch or a while loop nothing.

    Example:
        >>> import jax
        >>> twice = lambda x: jax.lax.psum(jax.lax.psum(x, "i") ** 2, "i")
        >>> longest_chain(jax.make_jaxpr(twice, axis_env=[("i", 2)])(1.0))
        2
    """
    inner = jaxpr.jaxpr
    return max(_depths(inner, [0] * len(inner.invars)), default=0)


def _depths(jaxpr: Jaxpr, inputs: list[int]) -> list[int]:
    """The longest chain before each output, given that before each input."""
    known = dict(zip(jaxpr.invars, inputs, strict=True))
    depth = lambda atom: known.get(atom, 0) if isinstance(atom, Var) else 0
    for eqn in jaxpr.eqns:
        after = _after(eqn, [depth(atom) for atom in eqn.invars])
        known.update(zip(eqn.outvars, after, strict=True))
    return [depth(atom) for atom in jaxpr.outvars]


def _after(eqn: Any, before: list[int]) -> list[int]:
    if eqn.primitive.name in _SUMS:
        return [depth + 1 for depth in before]
    bodies = [getattr(value, "jaxpr", value) for value in eqn.params.values()]
    bodies = [body for body in bodies if isinstance(body, Jaxpr)]
    if len(bodies) == 1 and len(bodies[0].invars) == len(before):
        return _depths(bodies[0], before)
    return [max(before, default=0)] * len(eqn.outvars)
