"""Judges: pure maths on samples, features or labels."""

from jaxgan.metrics import neighbours

__all__ = ["neighbours"]
