"""jaxgan's contestants: the training loop's own chunks, populations, sampling.

No generator is averaged, as the others average none; the metrics are computed and
fetched, as in a run.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.benchmarks import (
    families,
    ours_super_resolution,
    ours_text_to_image,
    ours_translation,
    random_data,
    super_resolution,
    text_to_image,
    translation,
    works,
)
from experiments.benchmarks.works import Work
from jaxgan import (
    GAN,
    Game,
    compiled,
    data,
    init,
    losses,
    nets,
    parallel,
    penalties,
    sample,
    scan,
)
from jaxgan.chunks import make_chunk
from jaxgan.rounds import Move, make_train_step

CHUNK = 100
"""The most steps in one call: as many as a run takes between two lines of metrics."""


def start(spec: Mapping[str, Any]) -> Callable[[int], None]:
    """Returns a function that does a number of units of the work."""
    compiled.keep(Path(spec["cache"]))
    work = works.from_json(spec["work"])
    if work.samples:
        return _sampling(work)
    return population(work) if work.members > 1 else _training(work)


def make_game(work: Work) -> Game:
    """Returns the work's game."""
    games = {
        translation: ours_translation,
        super_resolution: ours_super_resolution,
        text_to_image: ours_text_to_image,
    }
    family = families.of(work)
    return make_gan(work) if family is None else games[family].make_game(work)


def make_gan(work: Work) -> GAN:
    """Returns the game of a work that makes images, or points, from latents."""
    generator, discriminator = _networks(work)
    terms = (
        (work.r1, penalties.r1),
        (work.r2, penalties.r2),
        (work.gp, penalties.wgan_gp()),
    )
    adam = optax.adam(work.learning_rate, b1=work.beta1, b2=work.beta2)
    return GAN(
        generator=generator,
        discriminator=discriminator,
        loss=getattr(losses, work.loss),
        penalties=tuple(term for term in terms if term[0]),
        g_optimizer=adam,
        d_optimizer=adam,
        latent_dim=work.latent_dim,
        ema_half_life=0,
        ema_ramp_up=None,
    )


def _networks(work: Work) -> tuple[Any, Any]:
    """Returns the generator and the discriminator."""
    how: dict[str, Any] = {"dtype": jnp.bfloat16 if work.bfloat16 else jnp.float32}
    if work.network == "mlp":
        images = len(work.image_shape) == 3
        how["width"] = work.width
        generator = nets.mlp.Generator(work.image_shape, bounded=images, **how)
        return generator, nets.mlp.Discriminator(**how)
    size, _, channels = work.image_shape
    if work.network == "r3gan":
        how |= {"widths": work.widths, "blocks": 1, "group_size": work.group_size}
        generator = nets.r3gan.Generator(size, channels, **how)
        return generator, nets.r3gan.Discriminator(**how)
    if work.network == "sngan":
        generator = nets.sngan.Generator(size, channels, width=work.width, **how)
        return generator, nets.sngan.Discriminator(width=work.width // 2, **how)
    how["width"] = work.width
    generator = nets.dcgan.Generator(size, channels, **how)
    return generator, nets.dcgan.Discriminator(batch_norm=work.batch_norm, **how)


def _schedule(work: Work) -> tuple[str | Move, ...]:
    """Returns a step's updates; the generator's may have a batch of its own."""
    return (*["d"] * work.d_steps, Move(objective="g", fresh=work.g_reals))


def _training(work: Work) -> Callable[[int], None]:
    game = make_game(work)
    columns = random_data.tables(work)
    chunk = make_chunk(game, resident=True, schedule=_schedule(work))
    key = jax.random.key(0)
    state = init(game, key, {name: column[:1] for name, column in columns.items()})
    state, key, table = parallel.put_shared((state, key, columns))
    # A batch is split between several devices, as in `jaxgan.feed`.
    several = jax.device_count() > 1
    put = lambda rows: (
        parallel.put_split(rows, batch_axis=2) if several else parallel.put_shared(rows)
    )
    place = 0

    def run(count: int) -> None:
        nonlocal state, place
        while count:
            steps = min(count, CHUNK)
            rows = np.zeros((CHUNK, work.batches, work.batch_size), np.int32)
            rows[:steps] = data.batch_indices(
                0,
                start=place,
                steps=steps,
                d_steps=work.batches,
                batch_size=work.batch_size,
                n=work.examples,
            )
            length = parallel.put_shared(np.int32(steps))
            state, metrics = chunk(state, table, put(rows), length, key)
            jax.device_get(metrics)
            place, count = place + steps, count - steps

    return run


def population(work: Work) -> Callable[[int], None]:
    """Returns the loop of `jaxgan.population.train`, in a form that can continue."""
    keys = jax.vmap(jax.random.key)(np.arange(work.members, dtype=np.uint32))
    return _drawing(work, keys, jax.vmap)


def alone(work: Work) -> Callable[[int], None]:
    """Returns the same loop for one game, not as a member of a population of one."""
    return _drawing(work, jax.random.key(0), lambda play, axes=0: play)


def _drawing(work: Work, keys: Any, spread: Callable) -> Callable[[int], None]:
    """Returns a loop whose games, one for each key, draw their rows on the device."""
    gan = make_gan(work)
    table = jnp.asarray(random_data.table(work))
    train_step = make_train_step(gan, schedule=_schedule(work))
    batch = {"image": table[:1]}
    states = jax.jit(spread(lambda key: init(gan, key, batch)))(keys)
    shape = (work.batches, work.batch_size)

    def play(state, key, first, count, table):
        draw = lambda i: {"image": table[scan.rows(key, i, shape, len(table))]}
        return scan.play(train_step, state, draw, key, steps=count, first=first)

    axes = (0, 0, None, None, None)
    many = jax.jit(spread(play, axes), donate_argnums=0)
    place = 0

    def run(count: int) -> None:
        nonlocal states, place
        states, metrics = many(states, keys, np.int32(place), np.int32(count), table)
        jax.device_get(metrics)
        place += count

    return run


def _sampling(work: Work) -> Callable[[int], None]:
    gan = make_gan(work)
    state = init(gan, jax.random.key(0), {"image": random_data.table(work)[:1]})
    how = {"count": work.samples, "batch_size": work.sample_batch}
    drawn = 0

    def run(count: int) -> None:
        nonlocal drawn
        for _ in range(count):
            jax.device_get(sample(gan, state, jax.random.key(drawn), **how))
            drawn += 1

    return run
