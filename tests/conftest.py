"""Eight virtual devices, and strict modes that turn silent broadcasting into errors."""

import gc
import tempfile
from pathlib import Path

import jax
import jaxtyping
import pytest

from tests import skips

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")
# The suite compiles much and runs little: it takes a third of the time this way. The
# commands that tests start as processes of their own are optimised as usual.
jax.config.update("jax_disable_most_optimizations", True)

jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
# A limit that is never reached, for the file lock that comes with it.
jax.config.update("jax_compilation_cache_max_size", 2**36)

_MOST_MAPS = 20_000


def pytest_addoption(parser):
    skips.add_option(parser)
    parser.addoption(
        "--optimized",
        action="store_true",
        help="with XLA's optimisations, which are otherwise off: for -m digest",
    )


def pytest_configure(config):
    skips.configure(config)
    _keep_programs(config)
    if config.getoption("--optimized"):
        jax.config.update("jax_disable_most_optimizations", False)


def _keep_programs(config):
    """Keeps what was compiled: many tests play the same game, in either worker."""
    if not hasattr(config, "workerinput"):
        folder = tempfile.TemporaryDirectory()
        config.add_cleanup(folder.cleanup)
        config.compiled = folder.name
    else:
        config.compiled = config.workerinput["compiled"]
    jax.config.update("jax_compilation_cache_dir", config.compiled)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    node.workerinput["compiled"] = node.config.compiled


@pytest.fixture(autouse=True, scope="module")
def _memory_maps():
    """Drops compiled programs before the process has as many memory maps as it may.

    XLA's compiler maps several regions for every program it compiles on a CPU. At
    Linux's usual limit of 65,530 (vm.max_map_count) it aborts the process, which a
    worker that plays half the suite would reach.
    """
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > _MOST_MAPS:
        jax.clear_caches()
        gc.collect()


@pytest.fixture
def no_type_checks():
    """Without the suite's checks, which come before the library's own."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def key():
    return jax.random.key(0)
