"""Models of images without a game: autoencoders, and a Gaussian mixture.

All log-densities are in nats, for rows of pixels in [0, 1], so they can be compared
with each other, and with a Parzen window's.
"""

# pyright: reportIncompatibleVariableOverride=false

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from jaxgan import keys as streams
from jaxgan import nets, scan
from jaxgan.typing import Key

Objective = Callable[[Any, dict[str, Array], Key], Array]
"""``(params, batch, key) -> losses [b]``."""


class Perceptron(nn.Module):
    """``[b d] -> [b outputs]``; `hidden` stops before the last layer."""

    outputs: int
    width: int
    depth: int = 2

    def setup(self):
        self.layers = [nn.Dense(self.width) for _ in range(self.depth)]
        self.last = nn.Dense(self.outputs)

    def hidden(self, x: Float[Array, "b d"]) -> Float[Array, "b width"]:
        """Returns the last hidden layer."""
        for layer in self.layers:
            x = nn.relu(layer(x))
        return x

    def __call__(self, x: Float[Array, "b d"]) -> Float[Array, "b outputs"]:
        return self.last(self.hidden(x))


@dataclasses.dataclass(frozen=True)
class Coder:
    """An encoder and a decoder; the decoder is the network of a GAN's generator.

    Attributes:
        shape: ``(h, w, c)`` of an image.
        latent_dim: the code's size.
        width: units of each of the two hidden layers.
    """

    shape: tuple[int, ...]
    latent_dim: int
    width: int

    def init(self, key: Key) -> Any:
        """Returns parameters; "log_std" is that of the Gaussian decoder."""
        encoder_key, decoder_key = jax.random.split(key)
        rows = jnp.zeros((1, math.prod(self.shape)))
        codes = jnp.zeros((1, self.latent_dim))
        return {
            "encoder": self._encoder.init(encoder_key, rows),
            "decoder": self._decoder.init(decoder_key, codes, train=True),
            "log_std": jnp.log(0.5),
        }

    def encode(self, params: Any, rows: Array) -> tuple[Array, Array]:
        """Returns means and logarithms of standard deviations of codes, ``[b z]``."""
        both: Any = self._encoder.apply(params["encoder"], rows)
        return both[:, : self.latent_dim], both[:, self.latent_dim :]

    def decode(self, params: Any, codes: Array) -> Array:
        """Decodes codes ``[b z]`` into rows of pixels in [0, 1]."""
        image: Any = self._decoder.apply(params["decoder"], codes, train=True)
        return (image.reshape(len(codes), -1) + 1) / 2

    def squared_error(self, params: Any, batch: dict[str, Array], key: Key) -> Array:
        """Computes an autoencoder's loss, ||x - decode(encode(x))||^2."""
        rows = as_rows(batch["image"])
        return ((rows - self.decode(params, self.encode(params, rows)[0])) ** 2).sum(1)

    def minus_elbo(self, params: Any, batch: dict[str, Array], key: Key) -> Array:
        """Computes a variational autoencoder's loss, an upper bound on -log p(x).

        E_q[-log N(x; decode(z), s^2 I)] + KL(q || N(0, I)) with one z of q(z | x), and
        s learned, one for all pixels.

        References:
            Kingma & Welling 2014, arXiv:1312.6114.
        """
        rows = as_rows(batch["image"])
        mean, log_std = self.encode(params, rows)
        z = mean + jnp.exp(log_std) * jax.random.normal(key, mean.shape)
        kl = (mean**2 + jnp.exp(2 * log_std) - 1 - 2 * log_std).sum(axis=1) / 2
        squared = ((rows - self.decode(params, z)) ** 2).sum(axis=1)
        log_s = params["log_std"]
        constant = rows.shape[1] * (log_s + math.log(2 * math.pi) / 2)
        return squared * jnp.exp(-2 * log_s) / 2 + constant + kl

    @property
    def _encoder(self) -> Perceptron:
        return Perceptron(2 * self.latent_dim, self.width)

    @property
    def _decoder(self) -> nets.mlp.Generator:
        return nets.mlp.Generator(self.shape, width=self.width)


def as_rows(images: Array) -> Float[Array, "b d"]:
    """Converts uint8 images to rows in [0, 1]."""
    return images.reshape(len(images), -1).astype(jnp.float32) / 255


@partial(jax.jit, static_argnums=(0, 4, 5, 6))
def descend(
    objective: Objective,
    params: Any,
    data: dict[str, Array],
    key: Key,
    steps: int,
    batch: int,
    learning_rate: float,
) -> Any:
    """Minimises an objective by Adam, whose rate decays to 0 along a cosine.

    Args:
        objective: its mean over a batch is minimised.
        params: the initial parameters.
        data: arrays of equally many examples.
        key: for the batches, drawn with replacement, and for the objective's noise.
        steps: updates.
        batch: examples in each.
        learning_rate: the initial one.
    """
    adam = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))
    count = len(jax.tree.leaves(data)[0])

    def draw(i):
        index = scan.rows(key, i, (batch,), count)
        rows = jax.tree.map(lambda leaf: leaf[index], data)
        return rows, streams.stream(key, "noise", i)

    loss = lambda params, drawn: objective(params, *drawn).mean()
    return scan.descend(loss, params, adam, draw, steps=steps)


@dataclasses.dataclass(frozen=True, eq=False)
class SubspaceMixture:
    """Gaussians in the data's first principal components, white noise in the others.

    p(x) = sum_k w_k N(B (x - m); mu_k, S_k) N(the rest of x - m; 0, s^2 I): a density
    of all pixels, whose parameters are those of maximum likelihood given B.
    """

    mean: np.ndarray
    basis: Float[np.ndarray, "k d"]
    mixture: Any
    std: float

    @property
    def parameters(self) -> int:
        """The number of fitted parameters."""
        n, k = self.mixture.means_.shape
        return n * (1 + k + k * (k + 1) // 2) + self.basis.size + self.mean.size

    def log_density(self, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """Computes the exact log-density in nats."""
        apart = np.asarray(rows, np.float64) - self.mean
        inside = apart @ self.basis.T
        rest = (apart**2).sum(axis=1) - (inside**2).sum(axis=1)
        free = len(self.mean) - len(self.basis)
        noise = rest / self.std**2 + free * math.log(2 * math.pi * self.std**2)
        return self.mixture.score_samples(inside) - noise / 2

    def sample(self, count: int) -> Float[np.ndarray, "n d"]:
        """Draws rows; some of their pixels lie outside [0, 1]."""
        random = np.random.default_rng(self.mixture.random_state)
        inside, _ = self.mixture.sample(count)
        random.shuffle(inside)  # they come component by component
        noise = self.std * random.standard_normal((count, len(self.mean)))
        noise -= (noise @ self.basis.T) @ self.basis
        return self.mean + inside @ self.basis + noise


def fit_mixture(
    rows: Float[np.ndarray, "n d"], *, components: int, dimensions: int, seed: int
) -> SubspaceMixture:
    """Fits a mixture by scikit-learn's expectation maximisation, started at k-means."""
    from sklearn.mixture import GaussianMixture  # a second to import

    rows = np.asarray(rows, np.float64)
    mean = rows.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(rows, rowvar=False, bias=True))
    values, basis = values[::-1], vectors[:, ::-1][:, :dimensions].T
    mixture = GaussianMixture(
        components, tol=0.05, reg_covar=1e-5, max_iter=200, random_state=seed
    )
    mixture.fit((rows - mean) @ basis.T)
    std = math.sqrt(values[dimensions:].mean())
    return SubspaceMixture(mean, basis, mixture, std)
