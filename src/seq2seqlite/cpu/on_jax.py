"""JAX back end: integer programs and float networks on GPUs or CPUs."""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.cpu.counts import whole_counts
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
from seq2seqlite.integer.direct import direct_results, known_responses
from seq2seqlite.integer.interpreter import advanced, checked_counts, head, prepared
from seq2seqlite.integer.ranges import Accumulator, exact_in_float32
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

    Raises
    ------
    UnfitError
        If an accumulator does not fit 32 bits.
    """

    def __init__(self, program: Program, /) -> None:
        reach = accumulators(program)
        _check_32_bits(program.name, {name: one for name, one in reach.items() if name != "reduction"})
        super().__init__(program)
        self.kind = f"integer program, JAX on {jax.default_backend()}"
        self._sfd = jax.jit(partial(_sfd, program, jnp.float32 if fits_float32(program) else jnp.int32))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the program; compiled code belongs to one process and one device."""
        return type(self), (self.program,)

    def run(self, tpsf: ArrayLike, /, *, min_photons: int = 0) -> Result:
        """Run the program; see :func:`seq2seqlite.integer.run` for parameters, result and errors."""
        counts = checked_counts(self.program, tpsf)
        sfd = np.empty((len(counts), 3, self.program.n_gates), np.int64)
        dark = np.empty(len(counts), np.bool_)
        for start in range(0, len(counts), BATCH):
            part = counts[start : start + BATCH]
            codes, nothing = self._sfd(_padded(part.astype(np.int32), BATCH))
            sfd[start : start + BATCH] = np.asarray(codes)[: len(part)]
            dark[start : start + BATCH] = np.asarray(nothing)[: len(part)]
        photons = counts.sum(axis=1)
        dark |= photons < min_photons
        return Result(sfd, self.program.reduction.reduce(sfd).darkened(dark), photons, dark)

    def counts(self, tpsf: ArrayLike, /) -> NDArray[np.integer]:
        """Return TPSFs as 16-bit counts, the input of the program."""
        return whole_counts(counts_for(tpsf, axis=self.axis, name=self.name))


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

    def _results(
        self,
        counts: NDArray[np.integer],
        bank: NDArray[np.int64],
        index: NDArray[np.int64],
        min_photons: int,
        exponent: NDArray[np.int64],
    ) -> DirectResult:
        states = np.empty((len(counts), self.program.units), np.int64)
        dark = np.empty(len(counts), np.bool_)
        for start in range(0, len(counts), BATCH):
            part = counts[start : start + BATCH]
            here = np.zeros(BATCH, np.int32)
            here[: len(part)] = index[start : start + BATCH]
            found, flat = self._states(_padded(part.astype(np.int32), BATCH), bank.astype(np.int32), here)
            states[start : start + BATCH] = np.asarray(found)[: len(part)]
            dark[start : start + BATCH] = np.asarray(flat)[: len(part)]
        return direct_results(
            self.program,
            states,
            counts=counts.sum(axis=1, dtype=np.int64),
            dark=dark,
            given=known_responses(bank)[index],
            min_photons=min_photons,
            count_exponent=exponent,
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


def _sfd(program: Program, kind: Any, counts: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the codes of the SFD, shape (n, 3, n_gates), and which pixels are below threshold."""
    codes = _normalised(program, counts)
    encoder, decoder = (prepared(program, step, kind) for step in (program.encoder, program.decoder))
    zeros = jnp.zeros((len(counts), program.units), kind)

    def encode(carry: Any, code: jax.Array) -> tuple[Any, None]:
        return advanced(program, encoder, carry, code[:, None]), None

    def decode(carry: Any, _: None) -> tuple[Any, jax.Array]:
        state = advanced(program, decoder, carry, None)
        return state, head(program, state)

    # TF32 and bfloat16 would round.
    with jax.default_matmul_precision("highest"):
        state, _ = lax.scan(encode, zeros, codes.T.astype(kind))
        _, outputs = lax.scan(decode, state, None, length=program.n_gates)
    return outputs.transpose(1, 2, 0).astype(jnp.int32), ~codes.any(axis=1)


def _last_states(
    program: DirectProgram, kind: Any, counts: jax.Array, bank: jax.Array, index: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the last states of the encoder, shape (n, units), and which decays are flat."""
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
    return state.astype(jnp.int32), codes.min(axis=1) == codes.max(axis=1)


def _normalised(program: EncoderProgram, counts: jax.Array) -> jax.Array:
    """Return :func:`~seq2seqlite.decay.normalise_to_codes` in 32 bits."""
    n = program.n_baseline
    signal = jnp.maximum(max(n, 1) * counts - counts[:, :n].sum(axis=1, keepdims=True), 0)
    peak = signal.max(axis=1, keepdims=True)
    codes = (2 * signal * program.formats.input.high_code + peak) // jnp.maximum(2 * peak, 1)
    return jnp.where(peak > 0, codes, 0)
