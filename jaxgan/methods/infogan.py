"""InfoGAN, Chen et al. 2016 (arXiv:1606.03657): interpretable latents.

Some of a latent's dimensions are codes c, which a third network Q recovers from the
image. Section 5:

    L_I(G, Q) = E log Q(c | G(z, c)) + H(c)    eq. 5, at most the mutual information
    D minimises       the GAN's loss
    G and Q minimise  the GAN's loss - lambda L_I(G, Q)    eq. 6

Q returns logits for a categorical code, and for a continuous one the mean and the log
standard deviation of a Gaussian. Its input is the discriminator's last hidden layer, so
that it costs almost nothing; only D's updates change the shared layers.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax.scipy.stats import norm

from jaxgan.checks import InputError
from jaxgan.examples import logits_of
from jaxgan.game import Game, Objective
from jaxgan.gan import GAN, judge, pointwise
from jaxgan.means import in_float32
from jaxgan.methods.derived import Derived
from jaxgan.player import Player, at
from jaxgan.turn import Nets, Turn
from jaxgan.typing import Array, Batch, Key, Scalar, Schedule

Parts = Mapping[str, Array]
"""A latent's "noise" [n], "categorical" classes [m] and "continuous" codes [k]."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Codes:
    """The parts of a latent; by default those of the paper for MNIST.

    Attributes:
        noise: number of unstructured dimensions, from N(0, I).
        categorical: number of classes of each uniform categorical code.
        continuous: number of continuous codes, from U(-1, 1).

    Example:
        >>> codes = Codes(noise=2, categorical=(3,), continuous=1)
        >>> codes.latent_dim, codes.q_dim
        (6, 5)
    """

    noise: int = 62
    categorical: tuple[int, ...] = (10,)
    continuous: int = 2

    @property
    def latent_dim(self) -> int:
        """The latent's size: a categorical code takes one number per class."""
        return self.noise + sum(self.categorical) + self.continuous

    @property
    def q_dim(self) -> int:
        """The size of Q's output: logits, then means, then log standard deviations."""
        return sum(self.categorical) + 2 * self.continuous

    def draw(self, key: Key) -> dict[str, Array]:
        """Draws the parts of one latent."""
        noise, labels, numbers = jax.random.split(key, 3)
        shape, classes = (len(self.categorical),), jnp.int32(self.categorical)
        uniform = functools.partial(jax.random.uniform, minval=-1.0, maxval=1.0)
        return {
            "noise": jax.random.normal(noise, (self.noise,)),
            "categorical": jax.random.randint(labels, shape, 0, classes),
            "continuous": uniform(numbers, (self.continuous,)),
        }

    def latent(self, parts: Parts) -> Array:
        """Concatenates the parts: noise, one-hot classes, continuous codes, ``[z]``."""
        pairs = zip(parts["categorical"], self.categorical, strict=True)
        ones = [jax.nn.one_hot(label, classes) for label, classes in pairs]
        return jnp.concatenate([parts["noise"], *ones, parts["continuous"]])

    def information(self, q: Array, parts: Parts) -> dict[str, Array]:
        """Computes ``log Q(c | x) + H(c)`` for either kind of code, in nats, ``[b]``.

        Args:
            q: Q's output, ``[b q_dim]``.
            parts: the latents' parts, ``[b ...]``.
        """
        k, n = sum(self.categorical), self.continuous
        logits, mean, log_std = jnp.split(in_float32(q), [k, k + n], axis=1)
        ends, labels = itertools.accumulate(self.categorical), parts["categorical"].T
        known = jnp.zeros(len(q))
        for classes, end, label in zip(self.categorical, ends, labels, strict=True):
            logs = jax.nn.log_softmax(logits[:, end - classes : end])
            own = jnp.take_along_axis(logs, label[:, None], axis=1)[:, 0]
            known = known + own + math.log(classes)
        logs = norm.logpdf(parts["continuous"], mean, jnp.exp(log_std))
        return {
            "categorical": known,
            "continuous": logs.sum(axis=1) + n * math.log(2),
        }


def infogan(
    *,
    generator: nn.Module,
    discriminator: nn.Module,
    q: nn.Module,
    codes: Codes = Codes(),
    g_optimizer: optax.GradientTransformation = optax.adam(1e-3, b1=0.5),  # noqa: B008
    d_optimizer: optax.GradientTransformation = optax.adam(2e-4, b1=0.5),  # noqa: B008
    categorical: Scalar | Schedule = 1.0,
    continuous: Scalar | Schedule = 0.1,
    features: str | None = "features",
    **settings: Any,
) -> Game:
    """Makes the game of "generator", "discriminator" and "q", for Algorithm 1.

    A batch is ``{"image": [b ...]}``. `jaxgan.sample` takes given parts of the latents
    as its condition, such as ``{"categorical": [b m]}``, and draws the others.

    Args:
        generator: latents ``[b codes.latent_dim]`` to images.
        discriminator: images to ``{"logits": [b ...], "features": [b ...]}``.
        q: the discriminator's features, ``[b ...]``, to ``[b codes.q_dim]``.
        codes: the parts of a latent.
        g_optimizer: the optimizer of generator and Q.
        d_optimizer: the discriminator's optimizer.
        categorical: lambda for categorical codes, or a schedule of the images seen.
        continuous: lambda for continuous codes; the paper advises a smaller one.
        features: the name of Q's input among the discriminator's outputs; None: the
            images are its input, and the discriminator may return logits alone.
        settings: further settings of `jaxgan.GAN`: ``loss``, ``penalties``, ...

    Example:
        >>> import flax.linen as nn, jaxgan
        >>> class Judge(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x):
        ...         features = nn.tanh(nn.Dense(8)(x))
        ...         return {"logits": nn.Dense(1)(features), "features": features}
        >>> codes = Codes(noise=2, categorical=(3,), continuous=1)
        >>> game = infogan(
        ...     generator=nn.Dense(2),
        ...     discriminator=Judge(),
        ...     q=nn.Dense(codes.q_dim),
        ...     codes=codes,
        ... )
        >>> batch = {"image": jnp.ones((4, 2))}
        >>> state = jaxgan.init(game, jax.random.key(0), batch)
        >>> classes = {"categorical": jnp.array([[0], [1], [2]])}
        >>> made = jaxgan.sample(game, state, jax.random.key(1), 3, condition=classes)
        >>> print(made.shape)
        (3, 2)
    """
    gan = GAN(
        generator=generator,
        discriminator=discriminator,
        g_optimizer=g_optimizer,
        d_optimizer=d_optimizer,
        latent_dim=codes.latent_dim,
        prior=lambda key, latent_dim: codes.latent(codes.draw(key)),
        condition=None,
        **settings,
    )
    weights = {"categorical": categorical, "continuous": continuous}
    loss = functools.partial(
        informative_loss, gan, codes=codes, weights=weights, features=features
    )
    return Derived(
        base=gan,
        players={**gan.players, "q": Player(module=q, optimizer=g_optimizer)},
        objectives={
            **gan.objectives,
            "g": Objective(players=("generator", "q"), loss=loss),
        },
        clock="g",
        memory=gan.memory,
        sample=functools.partial(sample, codes),
    )


def informative_loss(
    gan: GAN,
    nets: Nets,
    batch: Batch,
    turn: Turn,
    *,
    codes: Codes,
    weights: Mapping[str, Scalar | Schedule],
    features: str | None,
):
    """Computes the GAN's generator loss minus ``lambda L_I(G, Q)``, ``[b]``."""
    parts = jax.vmap(codes.draw)(turn.draws("latent"))
    fake = nets("generator", jax.vmap(codes.latent)(parts))
    seen = gan.seen(fake, turn.draws("fake_view"), turn)
    output = nets("discriminator", seen)

    real_logits = fake_logits = logits_of(output, fake)
    outputs = {"fake_logit": fake_logits}
    if gan.loss.uses_real:
        real_logits = judge(gan, nets, batch["image"], (), turn, "real")
        outputs["real_logit"] = real_logits
    loss = pointwise(gan.loss.generator, real_logits, fake_logits)
    for weight, term in gan.generator_terms:
        loss = loss + at(weight, turn.images) * term(fake, batch)

    q = nets("q", fake if features is None else named(output, features))
    if jnp.shape(q) != (len(turn.draws.index), codes.q_dim):
        raise InputError(
            f"q must return [b {codes.q_dim}] for these codes, got {jnp.shape(q)}."
        )
    for kind, information in codes.information(q, parts).items():
        outputs[f"{kind}_information"] = information
        loss = loss - at(weights[kind], turn.images) * information
    return loss, outputs


def named(output: Any, features: str) -> Any:
    """Returns the discriminator's output of this name."""
    if not isinstance(output, Mapping) or features not in output:
        raise InputError(
            f"InfoGAN's q takes the discriminator's {features!r}, but it returned "
            f'{type(output).__name__}. Return a dict of "logits" and {features!r} '
            "from it, or use features=None."
        )
    return output[features]


def sample(codes: Codes, nets: Nets, keys: Key, condition: Any) -> Any:
    """Generates images from latents with the given parts; the others are drawn."""
    drawn = jax.vmap(codes.draw)(keys)
    given = {} if condition is None else dict(condition)
    shapes = lambda parts: {name: jnp.shape(part) for name, part in parts.items()}
    known = {name: part for name, part in drawn.items() if name in given}
    if shapes(given) != shapes(known):
        raise InputError(
            f"The condition gives parts of the latents, {shapes(drawn)} for "
            f"{len(keys)} images; got {shapes(given)}."
        )
    return nets("generator", jax.vmap(codes.latent)({**drawn, **given}))
