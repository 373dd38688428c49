"""JAX back end: integer programs and float networks on GPUs or CPUs."""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.cpu.counts import scaled_counts
from seq2seqlite.cpu.network_back_end import NetworkBackEnd
from seq2seqlite.cpu.packing import UnfitError
from seq2seqlite.decay import Lifetimes, counts_for, lifetimes_from_sfd
from seq2seqlite.integer import (
    DirectPredictor,
    DirectProgram,
    DirectResult,
    EncoderProgram,
    Program,
    ProgramPredictor,
    Result,
    accumulators,
    fits_float32,
)
from seq2seqlite.integer.direct import direct_results
from seq2seqlite.integer.interpreter import advanced, head, log_errors, photons_of, prepared
from seq2seqlite.integer.predictor import Inputs
from seq2seqlite.integer.ranges import Accumulator, exact_in_float32
from seq2seqlite.integer.responses import known_responses
from seq2seqlite.models import Architecture, Network
from seq2seqlite.models.jax_forward import predict_sfd_jax

__all__ = ["JaxDirectPredictor", "JaxNetwork", "JaxPredictor"]

# Every batch is padded to this size, the last one too, so that XLA compiles once and the results of a pixel
# do not depend on the number of pixels.
BATCH = 16384
# A network keeps the states of all gates: 0.2 GB for a batch of the 128 x 128 teacher.
NETWORK_BATCH = 1024


class JaxPredictor(ProgramPredictor):
    """Integer program on JAX's default device; equals :func:`seq2seqlite.integer.run` bit for bit.

    Parameters
    ----------
    program : Program
        Program. Its integers are represented by float32 if the ranges prove that this is exact, else by
        int32.
    response : array_like, shape (n_gates,), optional
        Response of the instrument on the axis of the program, for a program that gets it; by default unknown.

    Raises
    ------
    UnfitError
        If an accumulator does not fit 32 bits.
    """

    def __init__(self, program: Program, /, *, response: ArrayLike | None = None) -> None:
        reach = accumulators(program)
        _check_32_bits(program.name, {name: one for name, one in reach.items() if name != "reduction"})
        super().__init__(program, response=response)
        self.kind = f"integer program, JAX on {jax.default_backend()}"
        self._sfd = jax.jit(partial(_sfd, program, jnp.float32 if fits_float32(program) else jnp.int32))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the program; compiled code belongs to one process and one device."""
        return partial(type(self), response=self.response), (self.program,)

    def _scaled(self, tpsf: ArrayLike) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
        return scaled_counts(counts_for(tpsf, axis=self.axis, name=self.name))

    def _results(self, inputs: Inputs, min_photons: int) -> Result:
        shape, program = (len(inputs.counts), 3, self.program.n_gates), self.program
        sfd, dark = _in_batches(self._sfd, inputs, np.empty(shape, np.int64))
        sums = inputs.counts.sum(axis=1, dtype=np.int64)
        photons = photons_of(program, sums, inputs.exponent)
        dark |= photons < min_photons
        lifetimes = program.reduction.reduce(sfd).darkened(dark)
        given = known_responses(inputs.bank)[inputs.chosen]
        errors = log_errors(program, lifetimes, sums, given, count_exponent=inputs.exponent)
        return Result(sfd, lifetimes, photons, dark, errors)


class JaxDirectPredictor(DirectPredictor):
    """Program of a direct network on JAX's default device; equals ``run_direct`` bit for bit.

    Parameters
    ----------
    program : DirectProgram
        Program.
    response : array_like, shape (n_gates,), optional
        Response of the instrument on the axis of the program; by default unknown.

    Raises
    ------
    UnfitError
        If an accumulator of the encoder does not fit 32 bits.
    """

    def __init__(self, program: DirectProgram, /, *, response: ArrayLike | None = None) -> None:
        super().__init__(program, response=response)
        reach = program.encoder_accumulators
        _check_32_bits(program.name, reach)
        self.kind = f"integer program, JAX on {jax.default_backend()}"
        kind = jnp.float32 if exact_in_float32(reach) else jnp.int32
        self._states = jax.jit(partial(_last_states, program, kind))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the program; compiled code belongs to one process and one device."""
        return partial(type(self), response=self.response), (self.program,)

    def _results(self, inputs: Inputs, min_photons: int) -> DirectResult:
        empty = np.empty((len(inputs.counts), self.program.units), np.int64)
        states, dark = _in_batches(self._states, inputs, empty)
        return direct_results(
            self.program,
            states,
            counts=inputs.counts.sum(axis=1, dtype=np.int64),
            dark=dark,
            given=known_responses(inputs.bank)[inputs.chosen],
            min_photons=min_photons,
            count_exponent=inputs.exponent,
        )


class JaxNetwork(NetworkBackEnd):
    """Float network on JAX's default device; equals :class:`~seq2seqlite.models.Network` up to rounding.

    Parameters
    ----------
    network : Network
        Network whose activations are not quantised.

    Raises
    ------
    UnfitError
        If the activations of the network are quantised.
    """

    def __init__(self, network: Network, /) -> None:
        if network.formats is not None:
            raise UnfitError(_why_quantised_is_unfit(network))
        if network.architecture.direct:
            raise UnfitError(f"model {network.name} is a direct network; use backend 'cpu' or 'numpy'")
        super().__init__(network)
        self.kind = f"{network.kind}, JAX on {jax.default_backend()}"
        self._jitted = _jitted(network.architecture)
        self._parameters = {name: jnp.asarray(value) for name, value in network.content.parameters.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the network; compiled code belongs to one process and one device."""
        return type(self), (self.network,)

    def with_response(self, response: ArrayLike | None, /) -> "JaxNetwork":
        """Return this predictor for decays of another response; see :meth:`Network.with_response`."""
        return JaxNetwork(self.network.with_response(response))

    def sfd(self, tpsf: ArrayLike, /) -> NDArray[np.float32]:
        """Return decays without IRF; see :meth:`Network.sfd` for parameters, result and errors."""
        return self._predicted(tpsf)[0]

    def lifetimes(self, tpsf: ArrayLike, /) -> Lifetimes:
        """Return lifetimes, shape (n,), for counts of shape (n, n_gates)."""
        sfd, dark = self._predicted(tpsf)
        return self.network.with_errors(lifetimes_from_sfd(sfd, axis=self.axis), tpsf).without(dark)

    def _predicted(self, tpsf: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the SFDs, and a mask of decays without counts above the baseline."""
        inputs = self.network.input_columns(counts_for(tpsf, axis=self.axis, name=self.name))
        sfd = np.empty((len(inputs), 3, self.axis.n_gates), np.float32)
        for start in range(0, len(inputs), NETWORK_BATCH):
            part = inputs[start : start + NETWORK_BATCH]
            with jax.default_matmul_precision("highest"):  # TF32 and bfloat16 would round
                found = self._jitted(self._parameters, _padded(part, NETWORK_BATCH))
            sfd[start : start + NETWORK_BATCH] = np.asarray(found)[:, : len(part)].transpose(1, 2, 0)
        return sfd, np.ptp(inputs[..., 0], axis=1) == 0  # no counts, or the same in all gates


@lru_cache(maxsize=16)
def _jitted(architecture: Architecture) -> Any:
    """Return the compiled forward pass; networks that differ in weights or response share it."""
    return jax.jit(partial(predict_sfd_jax, architecture))


def _check_32_bits(name: str, reach: Mapping[str, Accumulator]) -> None:
    """Raise UnfitError if an accumulator does not fit JAX's integers."""
    widest = max(reach, key=lambda one: reach[one].magnitude)
    if reach[widest].magnitude >= 2**31:
        raise UnfitError(
            f"program {name}: accumulator {widest} does not fit 32 bits; only the interpreter runs it"
        )


def _why_quantised_is_unfit(network: Network) -> str:
    quantised = f"model {network.name} has fixed-point activations, but the JAX back end of networks is float"
    if len(network.architecture.layers) > 1:
        return f"{quantised}, and an integer program has one layer only; use backend 'numpy'"
    return f"{quantised}; use its integer program (load_predictor, or JaxPredictor of integer.lower)"


def _padded(rows: NDArray[Any], n: int) -> NDArray[Any]:
    """Return rows with zeros appended, ``n`` in total."""
    padded = np.zeros((n, *rows.shape[1:]), rows.dtype)
    padded[: len(rows)] = rows
    return padded


def _in_batches(
    function: Any, inputs: Inputs, found: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Fill an array with the results of a compiled function; return it, and which decays are flat."""
    flat, bank = np.empty(len(found), np.bool_), inputs.bank.astype(np.int32)
    for start in range(0, len(found), BATCH):
        part = slice(start, start + BATCH)
        n = len(inputs.counts[part])
        counts, index = (
            _padded(rows[part].astype(np.int32), BATCH) for rows in (inputs.counts, inputs.chosen)
        )
        result, same = function(counts, bank, index)
        found[part], flat[part] = np.asarray(result)[:n], np.asarray(same)[:n]
    return found, flat


def _sfd(
    program: Program, kind: Any, counts: jax.Array, bank: jax.Array, index: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the codes of the SFD, shape (n, 3, n_gates), and which decays are flat."""
    decoder = prepared(program, program.decoder, kind)

    def decode(carry: Any, _: None) -> tuple[Any, jax.Array]:
        state = advanced(program, decoder, carry, None)
        return state, head(program, state)

    initial, flat = _encoded(program, kind, counts, bank, index)
    with jax.default_matmul_precision("highest"):  # TF32 and bfloat16 would round
        _, outputs = lax.scan(decode, initial, None, length=program.n_gates)
    return outputs.transpose(1, 2, 0).astype(jnp.int32), flat


def _last_states(
    program: DirectProgram, kind: Any, counts: jax.Array, bank: jax.Array, index: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the last states of the encoder, shape (n, units), and which decays are flat."""
    state, flat = _encoded(program, kind, counts, bank, index)
    return state.astype(jnp.int32), flat


def _encoded(
    program: EncoderProgram, kind: Any, counts: jax.Array, bank: jax.Array, index: jax.Array
) -> tuple[jax.Array, jax.Array]:
    codes = _normalised(program, counts)
    encoder = prepared(program, program.encoder, kind)
    zeros = jnp.zeros((len(counts), program.units), kind)

    def encode(state: Any, here: Any) -> tuple[Any, None]:
        code, response = here
        inputs = jnp.concatenate([code[:, None], response[index]], axis=1)
        return advanced(program, encoder, state, inputs), None

    with jax.default_matmul_precision("highest"):  # TF32 and bfloat16 would round
        sequence = (codes.T.astype(kind), bank.transpose(1, 0, 2).astype(kind))
        state, _ = lax.scan(encode, zeros, sequence)
    return state, codes.min(axis=1) == codes.max(axis=1)


def _normalised(program: EncoderProgram, counts: jax.Array) -> jax.Array:
    """Return :func:`~seq2seqlite.decay.normalise_to_codes` in 32 bits."""
    n = program.n_baseline
    signal = jnp.maximum(max(n, 1) * counts - counts[:, :n].sum(axis=1, keepdims=True), 0)
    peak = signal.max(axis=1, keepdims=True)
    codes = (2 * signal * program.formats.input.high_code + peak) // jnp.maximum(2 * peak, 1)
    return jnp.where(peak > 0, codes, 0)
