"""Games of several players, in the new terms: what the papers say, and nothing else."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxgan import EMA, Game, Memory, Objective, Player, losses, nets

# Not Adam, whose first steps are signs: rounding, another on every number of devices,
# would decide those of a bias before batch norm.
SGD = optax.sgd(0.1)
LATENT = 4
ns = losses.non_saturating


class Pair(nn.Module):
    """BiGAN's judge: ``(x [b ...], code [b z]) -> [b]``."""

    @nn.compact
    def __call__(self, x, code, *, train):
        h = jnp.concatenate([x.reshape(len(x), -1), code], axis=-1)
        return nn.Dense(1)(nn.leaky_relu(nn.Dense(16)(h)))[:, 0]


class Encoder(nn.Module):
    """``x [b ...] -> code [b z]``, with noise of its own stream."""

    noise: float = 0.0

    @nn.compact
    def __call__(self, x, *, train):
        code = nn.Dense(LATENT)(nn.relu(nn.Dense(16)(x.reshape(len(x), -1))))
        noise = jax.random.normal(self.make_rng("noise"), code.shape)
        return code + self.noise * noise


class Patches(nn.Module):
    """A judge of patches: ``[b h w c] -> [b h w]``, batch-normalised."""

    axis_name: str | None = None

    @nn.compact
    def __call__(self, x, *, train):
        h = nn.Conv(8, (3, 3))(x)
        h = nn.BatchNorm(use_running_average=not train, axis_name=self.axis_name)(h)
        return nn.Conv(1, (3, 3))(nn.leaky_relu(h))[..., 0]


class Translator(nn.Module):
    """``[b h w c] -> [b h w c]``."""

    @nn.compact
    def __call__(self, x, *, train):
        return jnp.tanh(nn.Conv(x.shape[-1], (3, 3))(nn.relu(nn.Conv(8, (3, 3))(x))))


def classical(gan) -> Game:
    """The game of `jaxgan.GAN`, without penalties, for comparison."""

    def d_loss(nets, batch, turn):
        condition = batch["label"] if gan.condition else None
        z = jax.vmap(lambda key: gan.prior(key, gan.latent_dim))(turn.draws("latent"))
        fake = nets("generator", z, condition)
        real_logits = nets("discriminator", batch["image"], condition)
        fake_logits = nets("discriminator", fake, condition)
        loss = gan.loss.discriminator(real_logits, fake_logits)
        return loss, {"real_logit": real_logits, "fake_logit": fake_logits}

    def g_loss(nets, batch, turn):
        condition = batch["label"] if gan.condition else None
        z = jax.vmap(lambda key: gan.prior(key, gan.latent_dim))(turn.draws("latent"))
        logits = nets("discriminator", nets("generator", z, condition), condition)
        return gan.loss.generator(logits, logits), {"fake_logit": logits}

    ema = EMA(half_life=gan.ema_half_life, ramp_up=gan.ema_ramp_up)
    g = Player(module=gan.generator, optimizer=gan.g_optimizer, ema=ema)
    d = Player(module=gan.discriminator, optimizer=gan.d_optimizer)
    return Game(
        players={"generator": g, "discriminator": d},
        objectives={
            "d": Objective(players=("discriminator",), loss=d_loss),
            "g": Objective(players=("generator",), loss=g_loss),
        },
        clock="g",
    )


def new_images(nets, keys, condition):
    """The generator's of Gaussian latents: what to look at of `bigan`."""
    z = jax.vmap(lambda key: jax.random.normal(key, (LATENT,)))(keys)
    return nets("generator", z)


def bigan(noise: float = 0.0) -> Game:
    """Donahue et al. 2017: an encoder moves with the generator."""

    def logits(nets, batch, turn):
        x, z = batch["image"], turn.normal("latent", (LATENT,))
        real = nets("discriminator", x, nets("encoder", x))
        return real, nets("discriminator", nets("generator", z), z)

    def d_loss(nets, batch, turn):
        return ns.discriminator(*logits(nets, batch, turn)), {}

    def g_loss(nets, batch, turn):
        real, fake = logits(nets, batch, turn)
        return ns.generator(real, fake) + ns.generator(fake, -real), {"real": real}

    return Game(
        players={
            "generator": Player(
                module=nets.mlp.Generator((8, 8, 1), width=16),
                optimizer=SGD,
                ema=EMA(half_life=100),
            ),
            "encoder": Player(module=Encoder(noise), optimizer=SGD, streams=("noise",)),
            "discriminator": Player(module=Pair(), optimizer=SGD),
        },
        objectives={
            "d": Objective(players=("discriminator",), loss=d_loss),
            "g": Objective(players=("generator", "encoder"), loss=g_loss),
        },
        clock="g",
        sample=new_images,
    )


POOL = 8


def translations(nets, keys, condition):
    """Both ways, of a condition ``{"a": [b ...], "b": [b ...]}``, for `cyclegan`."""
    return {"b": nets("ab", condition["a"]), "a": nets("ba", condition["b"])}


def cyclegan() -> Game:
    """Zhu et al. 2017: four networks, and a pool of old fakes for one judge."""

    def per_example(half, real, fake):
        points = half(real.ravel(), fake.ravel())
        return points.reshape(len(real), -1).mean(axis=1)

    def d_loss(nets, batch, turn):
        a, b = batch["a"], batch["b"]
        fake_b = nets("ab", a)
        # Half of what the judge sees was made before.
        old = turn.memory["pool"][turn.draws.index % POOL]
        shown = jnp.where((turn.draws.index % 2 == 0)[:, None, None, None], old, fake_b)
        square = losses.least_squares.discriminator
        loss = per_example(square, nets("judge_b", b), nets("judge_b", shown))
        fake_a = nets("judge_a", nets("ba", b))
        loss = loss + per_example(square, nets("judge_a", a), fake_a)
        return loss, {"fake_b": fake_b}

    def g_loss(nets, batch, turn):
        a, b = batch["a"], batch["b"]
        fake_b, fake_a = nets("ab", a), nets("ba", b)
        cycle = jnp.abs(nets("ba", fake_b) - a) + jnp.abs(nets("ab", fake_a) - b)
        cycle = cycle.mean(axis=(1, 2, 3))
        square = losses.least_squares.generator
        for judge, fake in (("judge_a", fake_a), ("judge_b", fake_b)):
            logits = nets(judge, fake)
            cycle = cycle + 0.1 * per_example(square, logits, logits)
        return cycle, {"cycle": cycle}

    player = lambda module: Player(module=module, optimizer=SGD)
    pool = Memory(
        init=lambda: jnp.zeros((POOL, 8, 8, 1)),
        update=lambda pool, outputs, turn: outputs["fake_b"][:POOL],
        after=("d",),
        whole=("fake_b",),
    )
    return Game(
        players={
            **{name: player(Translator()) for name in ("ab", "ba")},
            **{name: player(Patches()) for name in ("judge_a", "judge_b")},
        },
        objectives={
            "d": Objective(players=("judge_a", "judge_b"), loss=d_loss),
            "g": Objective(players=("ab", "ba"), loss=g_loss),
        },
        clock="g",
        memory={"pool": pool},
        sample=translations,
    )
