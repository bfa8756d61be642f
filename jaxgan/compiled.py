"""A cache of compiled programs on disk: a second start compiles nothing."""

import tempfile
import warnings
from pathlib import Path
from typing import Any

import jax


def keep(folder: Path) -> None:
    """Sets ``folder`` as JAX's cache of compiled programs.

    An entry's key covers the program, the compiler's options, the versions and the
    device, so no other program finds it. A folder that the user has chosen
    (``JAX_COMPILATION_CACHE_DIR``) stays in use, and so does the choice of no cache
    (``JAX_ENABLE_COMPILATION_CACHE=false``).

    Args:
        folder: created if missing; it may be deleted at any time. If it cannot be
            written, nothing is cached, with a warning.
    """
    config: Any = jax.config
    chosen = config.jax_compilation_cache_dir is not None
    if chosen or not config.jax_enable_compilation_cache:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        # Otherwise JAX would warn about every single program.
        warnings.warn(
            "Compiled programs are not kept, so every start compiles them again: "
            f"{folder} cannot be written ({error.strerror}). To use another folder, "
            "set JAX_COMPILATION_CACHE_DIR to it.",
            stacklevel=2,
        )
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # A run compiles many small programs: together they take as long as the large ones.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
