"""Checkpoints by Orbax: asynchronous, atomic, the last few kept; never unpickled."""

import hashlib
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from jaxgan.checks import InputError
from jaxgan.gan import GANState


class Checkpoints:
    """The checkpoints of one run, by the number of finished G-updates.

    Args:
        directory: made if missing.
        keep: how many of the newest are kept.
    """

    def __init__(self, directory: Path, *, keep: int = 3):
        self.directory = directory.absolute()
        options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=True)
        self._manager = ocp.CheckpointManager(self.directory, options=options)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._manager.wait_until_finished()
        self._manager.close()

    @property
    def latest(self) -> int | None:
        """The newest checkpoint's step."""
        return self._manager.latest_step()

    def save(self, state: GANState) -> None:
        """Starts writing; the state may be donated at once, it has been copied.

        Raises:
            FloatingPointError: if the state is not finite. Nothing is written then,
                and the older checkpoints stay.
        """
        if not is_finite(state):
            bad = [
                jax.tree_util.keystr(path)
                for path, leaf in jax.tree_util.tree_leaves_with_path(state)
                if not np.isfinite(leaf).all()
            ]
            raise FloatingPointError(
                f"After step {int(state.step)} the state is not finite, first in "
                f"{bad[0]}; it was not saved."
            )
        step = int(state.step)
        if step != self.latest:
            self._manager.save(step, args=ocp.args.StandardSave(state))

    def restore(self, like: GANState) -> GANState:
        """The newest checkpoint.

        Args:
            like: a state of the same game, such as the initial one.

        Raises:
            InputError: if the checkpoint is of another game.
        """
        target = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        try:
            args: Any = ocp.args.StandardRestore(target)
            return cast(GANState, self._manager.restore(self.latest, args=args))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"The checkpoint of step {self.latest} in {self.directory} is damaged "
                f"or of another game: {str(error).splitlines()[0]} If it is damaged, "
                "move its folder away, and the same command continues from the one "
                "before. "
                "If the code changed, use that of its run's config.json, or choose "
                "another --workdir."
            ) from error


@jax.jit
def _is_finite(leaves):
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all()


def is_finite(state: GANState) -> bool:
    """Whether every number of the state is finite."""
    return bool(_is_finite(jax.tree.leaves(state)))


def digest(state: GANState) -> str:
    """SHA-256 of the state's leaves, in tree order: equal for equal bits."""
    sha = hashlib.sha256()
    for leaf in jax.tree.leaves(state):
        sha.update(np.ascontiguousarray(leaf).tobytes())
    return sha.hexdigest()
