"""The checkpoints that are mutated are those of the tests of checkpoints."""

from tests.checkpoint.conftest import like, saved

__all__ = ["like", "saved"]
