"""Compiled programs, kept on disk: a second start compiles nothing."""

import tempfile
import warnings
from pathlib import Path
from typing import Any

import jax


def keep(folder: Path) -> None:
    """Lets JAX keep what it compiles in ``folder``, and take it from there.

    An entry's key is made of the program, the compiler's options, the versions and the
    device, so no other program finds it. A folder that the user chose
    (``JAX_COMPILATION_CACHE_DIR``) is kept, and so is the choice of none
    (``JAX_ENABLE_COMPILATION_CACHE=false``).

    Args:
        folder: made if missing; it may be deleted at any time. Where it cannot be
            written, nothing is kept, with a warning.
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
        # Otherwise JAX would warn of every single program.
        warnings.warn(
            f"Compiled programs are not kept, so that every start compiles anew: "
            f"{folder} cannot be written ({error.strerror}). Another folder can be "
            "given as JAX_COMPILATION_CACHE_DIR.",
            stacklevel=2,
        )
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # A run compiles many small programs: together they take as long as the large ones.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
