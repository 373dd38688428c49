"""The networks of other families: weights, prediction in JAX, and operations."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["BASELINES", "Baseline"]

Array = jax.Array
Shapes = Mapping[str, tuple[int, ...]]
# Channels of the output.
OUTPUTS = 3
# Range of the time constants of recurrent units at the start, in gates.
TIME_CONSTANTS = (1.5, 100.0)
# Factor of a residual layer, so that the sum of all layers starts small.
RESIDUAL = 0.3


@dataclass(frozen=True)
class Product:
    """Product with a constant matrix, one of the operations of a network.

    Parameters
    ----------
    kernel, bias : str
        Names of the weights.
    repeats : callable
        Number of products per decay, of the number of gates.
    """

    kernel: str
    bias: str
    repeats: Callable[[int], int]


@dataclass(frozen=True)
class Baseline:
    """A network that maps normalised TPSFs to SFDs.

    Parameters
    ----------
    name : str
        Name in the key ``baseline`` of a study.
    shapes : mapping of str to tuple of int
        Shapes of the weights. The last axis of a kernel is its outputs, and the others are its operands.
    predict : callable
        Function of weights and inputs, shape (n, n_gates), that returns SFDs, shape (n_gates, n, 3).
    products : tuple of Product
        Products of a decay with constant weights.
    elementwise : callable
        Number of other multiplications per decay, of the number of gates.

    See Also
    --------
    seq2seqlite.studies.baselines.objective.train_baseline : Train such a network.
    """

    name: str
    shapes: Shapes
    predict: Callable[[Mapping[str, Any], Array], Array]
    products: tuple[Product, ...]
    elementwise: Callable[[int], int] = lambda n_gates: 0  # noqa: ARG005

    @property
    def n_parameters(self) -> int:
        """Number of weights."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def macs(self, n_gates: int, /) -> int:
        """Return the multiplications per decay."""
        products = sum(math.prod(self.shapes[one.kernel]) * one.repeats(n_gates) for one in self.products)
        return products + self.elementwise(n_gates)

    def start(self, seed: int, /) -> dict[str, Any]:
        """Return random starting weights, scaled by the number of operands; time constants are spread."""
        rng = np.random.default_rng((seed, 41))
        start = {}
        for name, shape in self.shapes.items():
            if name.endswith("kernel"):
                value = rng.normal(size=shape) * np.sqrt(2 / math.prod(shape[:-1]))
            elif name.endswith("rate"):
                value = np.log(np.geomspace(*TIME_CONSTANTS, math.prod(shape)))
            elif name.endswith("gate/bias"):
                value = -np.log(np.geomspace(*TIME_CONSTANTS, math.prod(shape)) - 1)
            else:
                value = np.zeros(shape)
            start[name] = value.astype(np.float32)
        return start


def _convolved(
    weights: Mapping[str, Any], name: str, x: Array, *, stride: int = 1, dilation: int = 1
) -> Array:
    """Return the convolution of ``x``, shape (n, time, channels), with zeros beyond its ends."""
    y = jax.lax.conv_general_dilated(
        x,
        weights[f"{name}/kernel"],
        (stride,),
        "SAME",
        rhs_dilation=(dilation,),
        dimension_numbers=("NWC", "WIO", "NWC"),
    )
    return jnp.asarray(y + weights[f"{name}/bias"])


def _dense(weights: Mapping[str, Any], name: str, x: Array) -> Array:
    kernel = weights[f"{name}/kernel"]
    # One two-dimensional product: batched products of XLA are several times slower on CPUs.
    y = x.reshape(-1, x.shape[-1]) @ kernel
    return jnp.asarray(y.reshape(*x.shape[:-1], kernel.shape[-1]) + weights[f"{name}/bias"])


def _layer(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}/kernel": shape, f"{name}/bias": shape[-1:]}


def _product(name: str, repeats: Callable[[int], int]) -> Product:
    return Product(f"{name}/kernel", f"{name}/bias", repeats)


def _cnn() -> Baseline:
    """Return an hourglass: three strided convolutions, and three with repeated samples back."""
    channels = (8, 16, 24)
    shapes = {
        **_layer("down0", 9, 1, channels[0]),
        **_layer("down1", 5, channels[0], channels[1]),
        **_layer("down2", 5, channels[1], channels[2]),
        **_layer("middle", 5, channels[2], channels[2]),
        **_layer("up0", 5, channels[2], channels[1]),
        **_layer("up1", 5, channels[1], channels[0]),
        **_layer("up2", 9, channels[0], channels[0]),
        **_layer("head", channels[0], OUTPUTS),
    }

    def predict(weights: Mapping[str, Any], inputs: Array) -> Array:
        x, lengths = inputs[..., None], []
        for index in range(3):
            lengths.append(x.shape[1])
            x = jax.nn.relu(_convolved(weights, f"down{index}", x, stride=3))
        x = jax.nn.relu(_convolved(weights, "middle", x))
        for index in range(3):
            x = jnp.repeat(x, 3, axis=1)[:, : lengths.pop()]
            x = jax.nn.relu(_convolved(weights, f"up{index}", x))
        return _dense(weights, "head", x).transpose(1, 0, 2)

    def rows(level: int) -> Callable[[int], int]:
        return lambda n_gates: -(-n_gates // 3**level)

    levels = {"down0": 1, "down1": 2, "down2": 3, "middle": 3, "up0": 2, "up1": 1, "up2": 0, "head": 0}
    return Baseline(
        "cnn", shapes, predict, tuple(_product(name, rows(level)) for name, level in levels.items())
    )


def _tcn() -> Baseline:
    """Return residual layers of convolutions of three samples, each twice as far apart as before."""
    width, depth = 20, 7
    shapes = {**_layer("in", 3, 1, width), **_layer("head", width, OUTPUTS)}
    for index in range(depth):
        shapes |= _layer(f"layer{index}", 3, width, width)

    def predict(weights: Mapping[str, Any], inputs: Array) -> Array:
        x = jax.nn.relu(_convolved(weights, "in", inputs[..., None]))
        for index in range(depth):
            x = x + RESIDUAL * jax.nn.relu(_convolved(weights, f"layer{index}", x, dilation=2**index))
        return _dense(weights, "head", x).transpose(1, 0, 2)

    names = ("in", *(f"layer{index}" for index in range(depth)), "head")
    return Baseline("tcn", shapes, predict, tuple(_product(name, lambda n: n) for name in names))


UNITS = 40


def _decoder() -> dict[str, tuple[int, ...]]:
    return {
        **_layer("middle", UNITS, UNITS),
        **_layer("target", UNITS, UNITS),
        "decoder/rate": (UNITS,),
        **_layer("head", UNITS, OUTPUTS),
    }


def _decoded(weights: Mapping[str, Any], state: Array, n_gates: int) -> Array:
    """Return the SFD: a linear map of states that decay at fixed rates."""
    first = _dense(weights, "target", jax.nn.relu(_dense(weights, "middle", state)))
    decay = jnp.exp(-jnp.exp(-weights["decoder/rate"]))
    powers = decay ** jnp.arange(n_gates, dtype=state.dtype)[:, None]
    return _dense(weights, "head", powers[:, None] * first)


DECODER_PRODUCTS = (
    _product("middle", lambda n: 1),  # noqa: ARG005
    _product("target", lambda n: 1),  # noqa: ARG005
    _product("head", lambda n: n),
)


def _recurrence(share: Array, x: Array) -> Array:
    """Return h with ``h[t] = share[t] * h[t - 1] + x[t]`` along the first axis."""

    def joined(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]:
        return first[0] * second[0], second[0] * first[1] + second[1]

    states: Array = jax.lax.associative_scan(joined, (share, x))[1]
    return states


def _mingru() -> Baseline:
    """Return two layers of minGRU (Feng et al., arXiv:2410.01201): only inputs determine the gate."""
    shapes = _decoder()
    for index, n_inputs in enumerate((1, UNITS)):
        shapes |= _layer(f"layer{index}/gate", n_inputs, UNITS) | _layer(f"layer{index}", n_inputs, UNITS)

    def predict(weights: Mapping[str, Any], inputs: Array) -> Array:
        x = inputs.T[..., None]
        for index in range(2):
            gate = jax.nn.sigmoid(_dense(weights, f"layer{index}/gate", x))
            x = _recurrence(1 - gate, gate * _dense(weights, f"layer{index}", x))
        return _decoded(weights, x[-1], inputs.shape[1])

    names = [f"layer{index}{part}" for index in range(2) for part in ("/gate", "")]
    products = tuple(_product(name, lambda n: n) for name in names)
    return Baseline("mingru", shapes, predict, products + DECODER_PRODUCTS, lambda n: 3 * UNITS * n)


def _linear() -> Baseline:
    """Return two layers of a real diagonal linear recurrence, after Orvieto et al. (arXiv:2303.06349)."""
    shapes = _decoder()
    for index, n_inputs in enumerate((1, UNITS)):
        shapes |= _layer(f"layer{index}", n_inputs, UNITS) | {f"layer{index}/rate": (UNITS,)}
    shapes |= _layer("mixed", UNITS, UNITS)

    def predict(weights: Mapping[str, Any], inputs: Array) -> Array:
        x = inputs.T[..., None]
        for index in range(2):
            share = jnp.exp(-jnp.exp(-weights[f"layer{index}/rate"]))
            driven = (1 - share) * _dense(weights, f"layer{index}", x)
            x = _recurrence(jnp.broadcast_to(share, driven.shape), driven)
            if index == 0:
                x = x + jax.nn.relu(_dense(weights, "mixed", x))
        return _decoded(weights, x[-1], inputs.shape[1])

    products = tuple(_product(name, lambda n: n) for name in ("layer0", "layer1", "mixed"))
    return Baseline("linear", shapes, predict, products + DECODER_PRODUCTS, lambda n: 3 * UNITS * n)


BASELINES: Mapping[str, Baseline] = {one.name: one for one in (_cnn(), _tcn(), _mingru(), _linear())}
"""Networks by name: convolutional hourglass, temporal convolution, minGRU, diagonal linear recurrence."""
