"""The integer program: weight codes and formats of one student, and nothing else.

``docs/spec/integer.md`` specifies what it computes; :mod:`seq2seqlite.integer.interpreter` computes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.integer.lifetime_table import Reduction
from seq2seqlite.models import ActivationFormats, Format

__all__ = ["COUNT_BITS", "SPEC_VERSION", "TAU_CODES", "Affine", "GruStep", "Program"]

SPEC_VERSION = 1
"""Version of docs/spec/integer.md that a program follows."""

TAU_CODES = "reduction/tau_codes"
"""Name of the table of lifetimes among a program's arrays."""

COUNT_BITS = 16
"""Width of a gate's count: what detectors and buses deliver."""

MAX_UNITS = 4096
"""Largest number of units; far above any useful network."""

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Affine:
    """Rows of codes that multiply one operand.

    Parameters
    ----------
    codes : ndarray of int64, shape (n_inputs, n_outputs)
        Weight codes.
    format : Format
        Their format.
    """

    codes: Codes
    format: Format

    def check(self, name: str, shape: tuple[int, ...], /) -> None:
        """Raise InputError unless the codes have a shape and fit their format."""
        if self.codes.shape != shape:
            raise InputError(f"array {name} has shape {self.codes.shape} and must have {shape}")
        low, high = self.format.low_code, self.format.high_code
        if self.codes.size and (self.codes.min() < low or self.codes.max() > high):
            raise InputError(
                f"array {name} has codes from {self.codes.min()} to {self.codes.max()}; "
                f"its format holds {low} to {high}"
            )


@dataclass(frozen=True)
class GruStep:
    """Weights of one recurrent step; columns are update gate, reset gate, candidate.

    Parameters
    ----------
    kernel : Affine, shape (n_inputs, 3 units)
        Multiplies the input; the decoder has no input and no rows.
    recurrent : Affine, shape (units, 3 units)
        Multiplies the state (gates) or the product of reset gate and state (candidate).
    bias : Affine, shape (1, 3 units)
        Added.
    """

    kernel: Affine
    recurrent: Affine
    bias: Affine

    @property
    def units(self) -> int:
        """Number of units."""
        return int(self.recurrent.codes.shape[0])

    @property
    def n_inputs(self) -> int:
        """Number of inputs: 1 for the encoder, 0 for the decoder."""
        return int(self.kernel.codes.shape[0])


@dataclass(frozen=True)
class Program:
    """One student as integers.

    Parameters
    ----------
    name : str
        Name of the model that it was lowered from.
    model_sha256 : str
        SHA-256 of that model, header and arrays.
    instrument : str
        Name of the instrument.
    axis : TimeAxis
        Gates of the TPSF that it takes.
    rising_edge_ns : float
        Where the rising edge has to be, from the first gate, in ns.
    n_baseline : int
        Leading gates of which the baseline is taken.
    formats : ActivationFormats
        Format of everything that is not a weight; the write-back is ``round``.
    encoder, decoder : GruStep
        The two steps.
    head_kernel, head_bias : Affine, shapes (units, 3) and (1, 3)
        From state to total, short and long.
    reduction : Reduction
        Lifetimes from the SFD's codes.
    """

    name: str
    model_sha256: str
    instrument: str
    axis: TimeAxis
    rising_edge_ns: float
    n_baseline: int
    formats: ActivationFormats
    encoder: GruStep
    decoder: GruStep
    head_kernel: Affine
    head_bias: Affine
    reduction: Reduction

    def __post_init__(self) -> None:
        units = self.units
        if self.formats.write_back != "round":
            raise InputError(
                f"a program writes its state back by rounding, not by {self.formats.write_back!r}; compress "
                "the model with write_back = 'round'"
            )
        if not 1 <= units <= MAX_UNITS:
            raise InputError(f"a program has {units} units and must have 1 to {MAX_UNITS}")
        for name, array, shape in self._shaped(units):
            array.check(name, shape)
        if not 1 <= self.n_baseline < self.axis.n_gates:
            raise InputError(
                f"n_baseline={self.n_baseline} must be at least 1 and less than n_gates={self.axis.n_gates}"
            )

    def _shaped(self, units: int) -> Iterator[tuple[str, Affine, tuple[int, ...]]]:
        for part, step, n_inputs in (("encoder", self.encoder, 1), ("decoder", self.decoder, 0)):
            yield f"{part}/kernel", step.kernel, (n_inputs, 3 * units)
            yield f"{part}/recurrent", step.recurrent, (units, 3 * units)
            yield f"{part}/bias", step.bias, (1, 3 * units)
        yield "head/kernel", self.head_kernel, (units, 3)
        yield "head/bias", self.head_bias, (1, 3)

    @property
    def units(self) -> int:
        """Number of units of encoder and decoder."""
        return self.encoder.units

    @property
    def n_gates(self) -> int:
        """Number of gates of a TPSF."""
        return self.axis.n_gates

    @property
    def n_parameters(self) -> int:
        """Number of parameters of the network, the unused input kernel of its decoder included."""
        return sum(affine.codes.size for affine in self.affines.values()) + 3 * self.units

    @property
    def affines(self) -> dict[str, Affine]:
        """All weights by the name that they have in a program file."""
        return {name: array for name, array, _ in self._shaped(self.units)}

    @property
    def arrays(self) -> dict[str, Codes]:
        """All arrays by the name that they have in a program file."""
        return {name: affine.codes for name, affine in self.affines.items()} | {
            TAU_CODES: self.reduction.tau_codes
        }

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values for JSON."""
        formats = {
            name: _plain(getattr(self.formats, name))
            for name in ("input", "state", "gate", "candidate", "product", "output")
        }
        return {
            "name": self.name,
            "model_sha256": self.model_sha256,
            "instrument": self.instrument,
            "n_gates": self.axis.n_gates,
            "gate_width_ns": self.axis.gate_width_ns,
            "period_ns": self.axis.period_ns,
            "gate_length_ns": self.axis.gate_length_ns,
            "rising_edge_ns": self.rising_edge_ns,
            "n_baseline": self.n_baseline,
            "formats": formats,
            "weights": {name: _plain(affine.format) for name, affine in self.affines.items()},
            "tau_fraction_bits": self.reduction.tau_fraction_bits,
        }

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the program: that of its file's header and arrays."""
        from seq2seqlite.integer.program_file import program_digest

        return program_digest(self)


def _plain(fmt: Format) -> list[int]:
    return [int(fmt.signed), fmt.integer_bits, fmt.fraction_bits]
