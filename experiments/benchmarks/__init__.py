"""Benchmarks: jaxgan beside plain Flax and PyTorch on the same work.

`throughput` races them, `input` times the data paths, `scaling` draws what a step costs
against what it is made of.
"""
