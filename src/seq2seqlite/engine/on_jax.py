"""A program in JAX, so that a GPU runs it: the interpreter's own step, compiled by XLA."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import ArrayLike

from seq2seqlite.decay import Lifetimes
from seq2seqlite.engine.counts import checked_shape, whole_counts
from seq2seqlite.errors import InputError
from seq2seqlite.integer import (
    Program,
    ProgramPredictor,
    Result,
    accumulators,
    fits_float32,
    lifetimes_from_codes,
)
from seq2seqlite.integer.interpreter import advanced, checked_counts, head, prepared

__all__ = ["JaxPredictor"]

BATCH = 16384  # every batch has this size, the last one too: XLA compiles once


class JaxPredictor(ProgramPredictor):
    """An integer program on JAX's default device: equal to :func:`seq2seqlite.integer.run` bit for bit.

    Parameters
    ----------
    program : Program
        Program. Its integers are held by float32 where the ranges prove that to be exact, else by int32.

    Raises
    ------
    InputError
        If an accumulator does not fit 32 bits.
    """

    def __init__(self, program: Program, /) -> None:
        reach = {name: one.magnitude for name, one in accumulators(program).items() if name != "reduction"}
        widest = max(reach, key=lambda name: reach[name])
        if reach[widest] >= 2**31:
            raise InputError(
                f"program {program.name}: accumulator {widest} does not fit 32 bits; "
                "only the interpreter runs it"
            )
        super().__init__(program)
        self.kind = f"integer program, JAX on {jax.default_backend()}"
        self._sfd = jax.jit(partial(_sfd, program, jnp.float32 if fits_float32(program) else jnp.int32))

    def run(self, tpsf: ArrayLike, /, *, min_photons: int = 0) -> Result:
        """Run the program; parameters, result and errors as :func:`seq2seqlite.integer.run`."""
        counts = checked_counts(self.program, tpsf)
        sfd = np.empty((len(counts), 3, self.program.n_gates), np.int64)
        dark = np.empty(len(counts), np.bool_)
        for start in range(0, len(counts), BATCH):
            part = counts[start : start + BATCH]
            padded = np.zeros((BATCH, counts.shape[1]), np.int32)
            padded[: len(part)] = part
            codes, nothing = self._sfd(padded)
            sfd[start : start + BATCH] = np.asarray(codes)[: len(part)]
            dark[start : start + BATCH] = np.asarray(nothing)[: len(part)]
        photons = counts.sum(axis=1)
        dark |= photons < min_photons
        return Result(sfd, self.program.reduction.reduce(sfd).darkened(dark), photons, dark)

    def lifetimes(self, tpsf: ArrayLike, /) -> Lifetimes:
        """Return lifetimes, shape (n,), of counts, shape (n, n_gates)."""
        counts = whole_counts(checked_shape(tpsf, self.axis, self.name))
        return lifetimes_from_codes(self.program, self.run(counts).lifetimes)


def _sfd(program: Program, kind: Any, counts: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the SFD's codes, shape (n, 3, n_gates), and which pixels are dark."""
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


def _normalised(program: Program, counts: jax.Array) -> jax.Array:
    """Return :func:`~seq2seqlite.decay.normalise_to_codes` in 32 bits."""
    n = program.n_baseline
    signal = jnp.maximum(n * counts - counts[:, :n].sum(axis=1, keepdims=True), 0)
    peak = signal.max(axis=1, keepdims=True)
    codes = (2 * signal * program.formats.input.high_code + peak) // jnp.maximum(2 * peak, 1)
    return jnp.where(peak > 0, codes, 0)
