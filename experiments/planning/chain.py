"""The all-reduces of a step that wait for one another, read from its jaxpr.

XLA merges all-reduces that do not wait for one another. Batch norm's cannot be merged
like this: a layer's statistics wait for those of the layer before, and its gradients
for those of the layer after. No merging makes fewer calls than the longest chain has.
"""

from typing import Any

from jax.extend.core import ClosedJaxpr, Jaxpr, Var

_SUMS = ("psum", "psum_invariant")


def longest_chain(jaxpr: ClosedJaxpr) -> int:
    """Returns the length of the longest chain of sums over devices before an output.

    A lower bound: it counts one round of a loop, and nothing of a branch or while loop.

    Example:
        >>> import jax
        >>> twice = lambda x: jax.lax.psum(jax.lax.psum(x, "i") ** 2, "i")
        >>> longest_chain(jax.make_jaxpr(twice, axis_env=[("i", 2)])(1.0))
        2
    """
    inner = jaxpr.jaxpr
    return max(_depths(inner, [0] * len(inner.invars)), default=0)


def _depths(jaxpr: Jaxpr, inputs: list[int]) -> list[int]:
    """Returns the longest chain before each output, given that before each input."""
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
