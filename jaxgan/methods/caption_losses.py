"""The losses of a game on captions; see `jaxgan.methods.gan_cls`."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan import penalties
from jaxgan.checks import InputError
from jaxgan.examples import check_fits
from jaxgan.gan import GAN, judge, latents, penalty, pointwise
from jaxgan.means import in_float32
from jaxgan.methods.matching import wording
from jaxgan.turn import Nets, Turn
from jaxgan.typing import Array, Batch, Key


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Terms:
    """The losses' settings that a GAN does not have.

    Attributes:
        captions: the batch's entry that holds the captions.
        mismatch: the weight m.
        interpolated: the weight i.
        matching_aware: the weight of the matching-aware penalty.
    """

    captions: str = "captions"
    mismatch: float = 0.5
    interpolated: float = 0.0
    matching_aware: float = 0.0


def discriminator_loss(gan: GAN, terms: Terms, nets: Nets, batch: Batch, turn: Turn):
    """Computes D's loss: real pairs against fakes and against wrong captions."""
    image, text = batch["image"], embedded(terms, nets, batch, turn)
    fake = nets("generator", latents(gan, turn), text)
    check_fits(fake, image)
    play = functools.partial(judge, gan, nets, turn=turn)
    real_logits = play(image, (text,), which="real")
    fake_logits = play(fake, (text,), which="fake")
    outputs = {"real_logit": real_logits, "fake_logit": fake_logits}
    half = functools.partial(pointwise, gan.loss.discriminator, real_logits)
    loss = (1 - terms.mismatch) * half(fake_logits)
    if terms.mismatch:
        outputs["wrong_logit"] = play(image, (wrong(nets, turn),), which="real")
        loss = loss + terms.mismatch * half(outputs["wrong_logit"])
    if gan.penalties:
        outputs["penalty"] = penalty(gan, nets, image, fake, (text,), turn)
        loss = loss + outputs["penalty"]
    if terms.matching_aware:
        outputs["matching_aware"] = matching_aware(gan, nets, image, text, turn)
        loss = loss + terms.matching_aware * outputs["matching_aware"]
    return loss, outputs


def generator_loss(gan: GAN, terms: Terms, nets: Nets, batch: Batch, turn: Turn):
    """Computes G's loss: fakes for captions, and for means of right and wrong ones."""
    image, text = batch["image"], embedded(terms, nets, batch, turn)
    play = functools.partial(judge, gan, nets, turn=turn)
    real_logits = None
    if gan.loss.uses_real:
        real_logits = play(image, (text,), which="real")

    def fools(z: Array, text: Array, which: str) -> tuple[Array, Array]:
        logits = play(nets("generator", z, text), (text,), which=which)
        against = logits if real_logits is None else real_logits
        return pointwise(gan.loss.generator, against, logits), logits

    loss, fake_logits = fools(latents(gan, turn), text, "fake")
    outputs = {"fake_logit": fake_logits}
    if real_logits is not None:
        outputs["real_logit"] = real_logits
    if terms.interpolated:
        between = (text + wrong(nets, turn)) / 2
        own = jax.vmap(lambda key: gan.prior(key, gan.latent_dim))
        more, _ = fools(own(turn.draws("latent_between")), between, "fake_between")
        loss = loss + terms.interpolated * more
    return loss, outputs


def embedded(terms: Terms, nets: Nets, batch: Batch, turn: Turn) -> Array:
    """Returns the embedding ``[b d]`` of one caption of each example.

    Raises:
        InputError: the batch has no captions.
    """
    if terms.captions not in batch:
        raise InputError(
            f'The game draws from "{terms.captions}", but the batch holds only '
            f"{sorted(batch)}. Use a set with captions, see "
            "jaxgan.data.load_captioned."
        )
    return embed(nets, wording(jnp.asarray(batch[terms.captions]), turn))


def wrong(nets: Nets, turn: Turn) -> Array:
    """Returns the embedding ``[b d]`` of a wrong caption, drawn for each example."""
    others = turn.memory["others"]
    pick = jax.vmap(lambda key: jax.random.randint(key, (), 0, len(others)))
    return embed(nets, others[pick(turn.draws("wrong"))])


def embed(nets: Nets, captions: Array) -> Array:
    """Returns the embeddings of captions; embeddings are returned as they are."""
    words = jnp.issubdtype(captions.dtype, jnp.integer)
    return nets("text", captions) if words else captions


def matching_aware(gan: GAN, nets: Nets, image: Any, text: Array, turn: Turn) -> Array:
    """Computes ``|| grad_(x, t) D(x, t) ||^6`` of each image and caption, ``[b]``.

    The norm is that of both gradients together, as in the authors' code; the paper
    writes the sum of their norms, which is up to the square root of 2 times as large.
    """
    play = nets.alone("discriminator")

    def one(key: Key, image: Any, text: Array) -> Array:
        def critic(pair: Any) -> Array:
            seen = gan.seen(jax.tree.map(lambda x: x[None], pair[0]), key[None], turn)
            output = play(key, jax.tree.map(lambda x: x[0], seen), pair[1])
            logits = output["logits"] if isinstance(output, dict) else output
            return in_float32(logits).mean()

        pairs = jax.tree.map(lambda x: x[None], (image, text))
        return penalties.r1(critic, pairs, pairs, key)[0] ** 3

    return jax.vmap(one)(turn.draws("matching_aware"), image, text)
