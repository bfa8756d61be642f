"""What an accelerator makes of jaxgan: right, repeatable, and how fast.

``python -m experiments.benchmarks.accelerator`` runs on whatever device JAX finds, with
only jax, flax, optax, orbax-checkpoint, numpy, scipy and jaxtyping installed (and
PyTorch, to race it). `__main__` tells what it does.
"""
