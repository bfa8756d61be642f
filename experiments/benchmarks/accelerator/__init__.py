"""The benchmark of an accelerator: correctness, repeatability, speed.

``python -m experiments.benchmarks.accelerator`` runs on whatever device JAX finds, with
only jax, flax, optax, orbax-checkpoint, numpy, scipy and jaxtyping installed (and
PyTorch, to race against it). See `__main__` for what it does.
"""
