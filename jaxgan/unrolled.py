"""Updates that take the opponent's next updates into account.

Metz et al. 2017, "Unrolled Generative Adversarial Networks" (arXiv:1611.02163): the
generator's loss is taken after k updates of the discriminator, and its gradient passes
through all of them. The discriminator itself is not changed.
"""

import jax
from jax import lax

from jaxgan.game import Game, GameState
from jaxgan.typing import Batch, Key
from jaxgan.update import Step, make_measure, make_update, move


def make_unrolled_update(
    game: Game,
    name: str = "g",
    *,
    through: str = "d",
    steps: int,
    axis_name: str | None = None,
) -> Step:
    """Makes an update whose loss is taken after differentiable updates of an opponent.

    Args:
        game: the game. The opponent's optimizer is differentiated too; Adam's square
            root has no derivative at 0, so give it ``eps_root=1e-8``.
        name: the objective to update.
        through: the opponent's objective.
        steps: the paper's k; 0 is `jaxgan.make_update`. Each step uses the same
            examples, with the draws of the opponent's next updates.
        axis_name: the mapped axis over which the batch is spread, or None.

    Returns:
        ``update(state, batch, key) -> (state, metrics)``, for
        ``make_train_step(game, updates={name: update})``.
    """
    answer = make_update(game, through, axis_name=axis_name)

    def foresee(state: GameState, batch: Batch, key: Key) -> GameState:
        # The game's new memory is dropped. With rematerialisation, only one step's
        # intermediate values are in memory at a time, not those of all k.
        play = jax.checkpoint(lambda state, _: (answer(state, batch, key)[0], None))
        return lax.scan(play, state, length=steps)[0]

    measure = make_measure(game, name, axis_name=axis_name, first=foresee)

    def update(state: GameState, batch: Batch, key: Key):
        found = measure(state, batch, key)
        return move(game, name, state, found, key), found.metrics(name)

    return update
