"""The updates of Algorithm 1 (Goodfellow et al. 2014, arXiv:1406.2661).

Each is a pure function ``(state, batch, key) -> (state, metrics)``. ``key`` is the
run's, the same at every call: draws differ because the update counters do. Inside one
step, in this order: keys, latents, fakes, logits of real and fake separately (batch
norm must not mix them), loss, penalties, one mean, the mean over devices, optimizer.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan import ema, images, keys
from jaxgan.draws import Draws, apply
from jaxgan.gan import (
    GAN,
    GANState,
    NetworkState,
    check_penalties,
    condition_of,
    is_batch_normalised,
    over_axis,
    spans_devices,
)
from jaxgan.typing import Array, Batch, Key, Metrics, Variables
from jaxgan.updates import in_float32, update

Step = Callable[[GANState, Batch, Key], tuple[GANState, Metrics]]


def make_d_step(
    gan: GAN, *, axis_name: str | None = None, microbatches: int = 1
) -> Step:
    """One discriminator update; the generator stays as it is, to the bit.

    Minimises the mean over the batch of ``loss.discriminator(D(x), D(G(z)))`` plus the
    weighted penalties.

    Args:
        gan: the game.
        axis_name: the mapped axis over which the batch is spread, or None.
        microbatches: how many equal parts of a device's batch are played one after
            another, their gradients averaged: the same update in less memory. Batch
            norm alone tells the difference: it normalises each part by itself, and
            its running averages move once for each.

    Returns:
        ``d_step(state, batch, key) -> (state, metrics)`` with the metrics ``d_loss``
        (penalties included), ``d_real_logit``, ``d_fake_logit`` (means),
        ``d_grad_norm`` and, with penalties, ``d_penalty``.
    """
    generator = over_axis(gan.generator, axis_name)
    discriminator = over_axis(gan.discriminator, axis_name)

    @jax.named_scope("d_step")
    def d_step(state: GANState, batch: Batch, key: Key):
        check_penalties(gan, state.discriminator.variables)
        _check_synchronised(discriminator, state.discriminator, axis_name)
        sigma = _noise_level(gan, state)

        def objective(params, collections, batch, index):
            draw = Draws("d", key, state.discriminator.step, index)
            condition = condition_of(gan, batch)
            play = lambda module, variables, x, which: apply(
                module, variables, x, condition, draw.stream(f"{which}_dropout"), index
            )
            z = _latents(gan, draw)
            fake, _ = play(generator, state.generator.variables, z, "generator")
            real = _noisy(images.as_float(batch["image"]), sigma, draw, "real_noise")
            fake = _noisy(fake, sigma, draw, "fake_noise")

            old = {"params": params, **collections}
            real_logits, new = play(discriminator, old, real, "real")
            fake_logits, new = play(
                discriminator, {"params": params, **new}, fake, "fake"
            )
            loss = gan.loss.discriminator(
                in_float32(real_logits), in_float32(fake_logits)
            )
            metrics = {"d_real_logit": real_logits, "d_fake_logit": fake_logits}
            if gan.penalties:
                critic = _critic(discriminator, old)
                penalty = _penalty(gan, critic, real, fake, condition, draw("penalty"))
                loss = loss + penalty
                metrics["d_penalty"] = penalty
            return loss.mean(), (new, {**metrics, "d_loss": loss})

        d_state, metrics = update(
            state.discriminator, objective, "d", batch, axis_name, microbatches
        )
        return state.replace(discriminator=d_state), metrics

    return d_step


def make_g_step(
    gan: GAN, *, axis_name: str | None = None, microbatches: int = 1
) -> Step:
    """One generator update; the discriminator stays as it is, to the bit.

    Minimises the mean over the batch of ``loss.generator(D(x), D(G(z)))`` plus the
    weighted ``generator_terms``, and moves the averaged generator.

    Args:
        gan: the game.
        axis_name: the mapped axis over which the batch is spread, or None.
        microbatches: as for `make_d_step`.

    Returns:
        ``g_step(state, batch, key) -> (state, metrics)`` with the metrics ``g_loss``
        (terms included), ``g_fake_logit``, ``g_real_logit`` (where the loss reads it)
        and ``g_grad_norm``.
    """
    generator = over_axis(gan.generator, axis_name)
    discriminator = over_axis(gan.discriminator, axis_name)

    @jax.named_scope("g_step")
    def g_step(state: GANState, batch: Batch, key: Key):
        _check_synchronised(generator, state.generator, axis_name)
        sigma = _noise_level(gan, state)

        def objective(params, collections, batch, index):
            draw = Draws("g", key, state.generator.step, index)
            condition = condition_of(gan, batch)
            play = lambda module, variables, x, which: apply(
                module, variables, x, condition, draw.stream(f"{which}_dropout"), index
            )

            def judge(x, which):
                x = _noisy(x, sigma, draw, f"{which}_noise")
                return play(discriminator, state.discriminator.variables, x, which)[0]

            real = images.as_float(batch["image"])
            old = {"params": params, **collections}
            fake, new = play(generator, old, _latents(gan, draw), "generator")
            fake_logits = judge(fake, "fake")
            metrics = {"g_fake_logit": fake_logits}
            real_logits = fake_logits
            if gan.loss.uses_real:
                real_logits = judge(real, "real")
                metrics["g_real_logit"] = real_logits
            loss = gan.loss.generator(in_float32(real_logits), in_float32(fake_logits))
            for weight, term in gan.generator_terms:
                loss = loss + weight * term(fake, {**batch, "image": real})
            return loss.mean(), (new, {**metrics, "g_loss": loss})

        g_state, metrics = update(
            state.generator, objective, "g", batch, axis_name, microbatches
        )
        made = batch["image"].shape[0] * keys.axis_size(axis_name)
        average = _average(gan, state, g_state.variables, made)
        images_made = state.images + made
        return state.replace(
            generator=g_state, ema=average, images=images_made
        ), metrics

    return g_step


def make_train_step(
    gan: GAN, *, d_steps: int = 1, axis_name: str | None = None, microbatches: int = 1
) -> Step:
    """Algorithm 1: ``d_steps`` discriminator updates, then one of the generator.

    Args:
        gan: the game.
        d_steps: the paper's k.
        axis_name: the mapped axis over which the batch is spread, or None.
        microbatches: as for `make_d_step`.

    Returns:
        ``train_step(state, batch, key) -> (state, metrics)``. The batch's leaves are
        ``[k b ...]``, one batch for each D-update; the G-update conditions on the
        last. The D-metrics are means over its k updates.
    """
    if d_steps < 1:
        raise ValueError(f"d_steps must be at least 1, got {d_steps}.")
    d_step = make_d_step(gan, axis_name=axis_name, microbatches=microbatches)
    g_step = make_g_step(gan, axis_name=axis_name, microbatches=microbatches)

    def train_step(state: GANState, batch: Batch, key: Key):
        _check_leading(batch, d_steps)
        state, d_metrics = lax.scan(lambda s, b: d_step(s, b, key), state, batch)
        last = jax.tree.map(lambda x: x[-1], batch)
        state, g_metrics = g_step(state, last, key)
        return state, {**jax.tree.map(jnp.mean, d_metrics), **g_metrics}

    return train_step


def _latents(gan: GAN, draw: Draws) -> Array:
    return jax.vmap(lambda key: gan.prior(key, gan.latent_dim))(draw("latent"))


def _noise_level(gan: GAN, state: GANState) -> Any:
    return None if gan.instance_noise is None else gan.instance_noise(state.images)


def _noisy(x: Array, sigma: Any, draw: Draws, name: str) -> Array:
    return x if sigma is None else x + sigma * draw.normal(name, x.shape[1:])


def _critic(discriminator, variables: Variables):
    """The discriminator of one example, its condition and its key: a scalar."""

    def critic(x, condition, key):
        alone = None if condition is None else condition[None]
        index = jnp.zeros(1, jnp.int32)
        logits, _ = apply(discriminator, variables, x[None], alone, key, index)
        return in_float32(logits)[0]

    return critic


def _penalty(gan: GAN, critic, real, fake, condition, example_keys) -> Array:
    """The weighted sum of the penalties, each example with a critic of its own."""

    def one(real, fake, condition, key):
        key, dropout_key = jax.random.split(key)
        judge = lambda x: critic(x, condition, dropout_key)
        total = jnp.zeros(())
        for i, (weight, penalty) in enumerate(gan.penalties):
            value = penalty(judge, real[None], fake[None], jax.random.fold_in(key, i))
            total = total + weight * value[0]
        return total

    return jax.vmap(one)(real, fake, condition, example_keys)


def _average(gan: GAN, state: GANState, variables: Variables, made) -> Variables:
    return ema.update(
        state.ema,
        variables,
        images_per_step=made,
        half_life=gan.ema_half_life,
        ramp_up=gan.ema_ramp_up,
        images_seen=state.images,
    )


def _check_synchronised(module, network: NetworkState, axis_name: str | None) -> None:
    coupled = is_batch_normalised(network.variables)
    if axis_name is not None and coupled and not spans_devices(module):
        raise ValueError(
            f"{type(module).__name__} keeps batch statistics but has no field "
            "`axis_name`, so each device would normalise by its own share of the "
            "batch. Give it that field and pass it on to nn.BatchNorm."
        )


def _check_leading(batch: Batch, d_steps: int) -> None:
    for name, leaf in batch.items():
        if jnp.ndim(leaf) < 2 or jnp.shape(leaf)[0] != d_steps:
            raise ValueError(
                f'batch["{name}"] must have shape [d_steps={d_steps} b ...], one batch '
                f"for each discriminator step, got {jnp.shape(leaf)}."
            )
