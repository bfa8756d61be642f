"""JAX's own ceiling: products of two square matrices, one after another."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp


def start(spec: Mapping[str, Any]) -> Callable[[int], None]:
    """Returns a run of products of square matrices of ``spec["size"]`` rows."""
    size = spec["size"]
    product = jax.jit(jnp.matmul)
    a = jax.random.normal(jax.random.key(0), (size, size))

    def run(count: int) -> None:
        for _ in range(count):
            product(a, a).block_until_ready()

    return run
