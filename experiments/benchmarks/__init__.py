"""Benchmarks: jaxgan beside plain Flax and PyTorch on the same work.

`throughput` races them, `input` times the data paths, `scaling` plots the cost of a
step against its sizes.
"""
