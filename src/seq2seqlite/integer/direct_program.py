"""Integer program of a direct network: an encoder, and a head that is applied once to its last state.

``docs/spec/integer.md`` specifies its semantics, which :mod:`seq2seqlite.integer.direct` implements.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from seq2seqlite.errors import InputError
from seq2seqlite.integer.program import Affine, Codes, EncoderProgram
from seq2seqlite.integer.ranges import Accumulator, Operand, normaliser, step_accumulators, sum_of
from seq2seqlite.integer.standard_errors import ERROR_BITS, LOG_FRACTION_BITS, N_OCTAVES
from seq2seqlite.models import ErrorScale
from seq2seqlite.models.architecture import DIRECT_OUTPUTS

__all__ = [
    "ERROR_FACTORS",
    "DirectProgram",
    "factor_codes",
]

ERROR_FACTORS = "errors/factors"
"""Name of the table of factors among a program's arrays."""

N_OUTPUTS = 2 * len(DIRECT_OUTPUTS)


def factor_codes(scale: ErrorScale, /) -> Codes:
    """Return the factors of the errors as logarithms, for an unknown and for a given response, by octave.

    Parameters
    ----------
    scale : ErrorScale
        Factors by counts.

    Returns
    -------
    ndarray of int64, shape (2, 34, 4)
        Logarithms to base 2, in steps of ``2**-8``, for counts of 1, 2, 4, ….

    See Also
    --------
    DirectProgram : Program with these factors.
    """
    counts = 2.0 ** np.arange(N_OCTAVES + 1)
    factors = [scale.factors(counts, response_given=given) for given in (False, True)]
    codes = np.rint((1 << LOG_FRACTION_BITS) * np.log2(np.stack(factors)))
    return np.asarray(codes, np.int64)


@dataclass(frozen=True)
class DirectProgram(EncoderProgram):
    """Integer program of a direct network, which may get the response of the instrument.

    Parameters
    ----------
    name, model_sha256, instrument, axis, rising_edge_ns, n_baseline, formats, encoder
        See :class:`EncoderProgram`. The format ``output`` is that of the lifetimes.
    response_lifetimes_ns : tuple of float
        Columns of the response (:func:`~seq2seqlite.models.response_columns`).
    head_kernel, head_bias : Affine, shapes (units, 8) and (1, 8)
        Weights of the head: mean, short and long lifetime, fraction, and the logarithm of the error of each.
    tau_low, tau_high : int
        Lowest and highest code of a lifetime.
    factors : ndarray of int64, shape (2, 34, 4)
        Logarithms to base 2 of the factors of the errors, in steps of ``2**-8``: for an unknown and for a
        given response, at the ends of the octaves of the counts, for each quantity.
    max_background : float
        Largest share of background in the counts in the training. It does not affect the computation.

    See Also
    --------
    seq2seqlite.integer.run_direct : Run a program on raw counts.
    """

    response_lifetimes_ns: tuple[float, ...]
    head_kernel: Affine
    head_bias: Affine
    tau_low: int
    tau_high: int
    factors: Codes
    max_background: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_baseline:
            raise InputError(f"n_baseline={self.n_baseline} of a direct program must be 0")
        self._check_training(self.response_lifetimes_ns, self.max_background)
        if not 1 <= self.tau_low < self.tau_high <= self.formats.output.high_code:
            raise InputError(
                f"tau_low={self.tau_low} and tau_high={self.tau_high} must be ascending codes from 1 to "
                f"{self.formats.output.high_code}"
            )
        shape = (2, N_OCTAVES + 1, len(DIRECT_OUTPUTS))
        if self.factors.shape != shape:
            raise InputError(f"array {ERROR_FACTORS} must have shape {shape}, not {self.factors.shape}")
        if np.abs(self.factors).max() >= 1 << (ERROR_BITS - 1):
            raise InputError(f"array {ERROR_FACTORS} must have codes of {ERROR_BITS} bits")

    def _shaped(self, units: int) -> Iterator[tuple[str, Affine, tuple[int, ...]]]:
        yield from super()._shaped(units)
        yield "head/kernel", self.head_kernel, (units, N_OUTPUTS)
        yield "head/bias", self.head_bias, (1, N_OUTPUTS)

    @property
    def spec_version(self) -> int:
        """Version of the specification that the program needs: 2."""
        return 2

    @property
    def arrays(self) -> dict[str, Codes]:
        """All arrays, by their names in a program file."""
        return {name: affine.codes for name, affine in self.affines.items()} | {ERROR_FACTORS: self.factors}

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Metadata and formats (everything except the arrays), as plain values for JSON."""
        return {
            **super().facts,
            "response_lifetimes_ns": list(self.response_lifetimes_ns),
            "tau_low": self.tau_low,
            "tau_high": self.tau_high,
            "max_background": self.max_background,
        }

    @cached_property
    def accumulators(self) -> dict[str, Accumulator]:
        """Range of every accumulator, by name.

        ``encoder.<gates|candidate|product|update>``, ``head``, ``normaliser``.
        """
        found = step_accumulators("encoder", self.encoder, self.formats)
        state = self.formats.state
        operand = Operand(state.fraction_bits, state.low_code, state.high_code)
        found["head"] = sum_of([(self.head_kernel, operand)], self.head_bias, slice(None))
        found["normaliser"] = normaliser(self)
        return found

    @property
    def encoder_accumulators(self) -> dict[str, Accumulator]:
        """Those without the head, which is computed in 64 bits, once a pixel."""
        return {name: reach for name, reach in self.accumulators.items() if name != "head"}

    @cached_property
    def sha256(self) -> str:
        """SHA-256 digest of the program, computed from header and arrays of its file."""
        from seq2seqlite.integer.program_file import program_digest

        return program_digest(self)
