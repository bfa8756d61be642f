"""Eight virtual devices, and strict modes that turn silent broadcasting into errors."""

import tempfile

import jax
import pytest

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")
# The suite compiles much and runs little: it takes a third of the time this way.
jax.config.update("jax_disable_most_optimizations", True)

# Runs that differ in nothing but their workdir compile the same programs.
_compiled = tempfile.TemporaryDirectory()
jax.config.update("jax_compilation_cache_dir", _compiled.name)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


@pytest.fixture
def key():
    return jax.random.key(0)
