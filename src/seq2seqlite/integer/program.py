"""Integer program: the weight codes and formats of one student.

``docs/spec/integer.md`` specifies its semantics, which :mod:`seq2seqlite.integer.interpreter` implements.
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
from seq2seqlite.integer.standard_errors import ERROR_TABLE, ErrorCodes
from seq2seqlite.models import ActivationFormats, Format

__all__ = [
    "COUNT_BITS",
    "MAX_BANK",
    "SPEC_VERSIONS",
    "TAU_CODES",
    "Affine",
    "EncoderProgram",
    "GruStep",
    "Program",
]

SPEC_VERSIONS = (1, 2)
"""Versions of docs/spec/integer.md: 1 is enough for a program that uses nothing that version 2 added."""

TAU_CODES = "reduction/tau_codes"
"""Name of the lifetime table among a program's arrays."""

COUNT_BITS = 16
"""Bit width of the count of a gate."""
MAX_BANK = 64
"""Maximum number of responses in a bank."""

MAX_UNITS = 4096
"""Maximum number of units, far above any useful network."""

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Affine:
    """Weight matrix of codes that is multiplied by one operand.

    Parameters
    ----------
    codes : ndarray of int64, shape (n_inputs, n_outputs)
        Weight codes.
    format : Format
        Format of the codes.

    See Also
    --------
    GruStep : Weights of one recurrent step; the columns are update gate, reset gate and candidate.
    Program : Integer program of one student: a fully quantised network in integer arithmetic.
    """

    codes: Codes
    format: Format

    def check(self, name: str, shape: tuple[int, ...], /) -> None:
        """Raise InputError unless the codes have the given shape and are in the range of their format."""
        if self.codes.shape != shape:
            raise InputError(f"array {name} must have shape {shape}, not {self.codes.shape}")
        low, high = self.format.low_code, self.format.high_code
        if self.codes.size and (self.codes.min() < low or self.codes.max() > high):
            raise InputError(
                f"array {name} has codes from {self.codes.min()} to {self.codes.max()}; "
                f"its format allows {low} to {high}"
            )


@dataclass(frozen=True)
class GruStep:
    """Weights of one recurrent step; the columns are update gate, reset gate and candidate.

    Parameters
    ----------
    kernel : Affine, shape (n_inputs, 3 units)
        Multiplied by the input; without rows for the decoder, which has no input.
    recurrent : Affine, shape (units, 3 units)
        Multiplied by the state (gates) or by the product of reset gate and state (candidate).
    bias : Affine, shape (1, 3 units)
        Biases.

    See Also
    --------
    Affine : Weight matrix of codes that is multiplied by one operand.
    Program : Integer program of one student: a fully quantised network in integer arithmetic.
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
        """Number of inputs: 1 and the columns of the response for the encoder, 0 for the decoder."""
        return int(self.kernel.codes.shape[0])


@dataclass(frozen=True)
class EncoderProgram:
    """What all integer programs have: metadata, formats, and the encoder.

    Parameters
    ----------
    name : str
        Name of the model from which the program was lowered.
    model_sha256 : str
        SHA-256 digest of that model, computed from header and arrays.
    instrument : str
        Name of the instrument.
    axis : TimeAxis
        Time axis of the TPSFs that the program accepts.
    rising_edge_ns : float
        Required position of the rising edge, relative to the first gate, in ns.
    n_baseline : int
        Number of leading gates averaged as baseline; 0 for no subtraction (version 2).
    formats : ActivationFormats
        Formats of the activations; the write-back is ``round``.
    encoder : GruStep
        Weights of the encoder step.

    See Also
    --------
    Program : Integer program of a student with a decoder.
    seq2seqlite.integer.DirectProgram : Integer program of a direct network.
    """

    name: str
    model_sha256: str
    instrument: str
    axis: TimeAxis
    rising_edge_ns: float
    n_baseline: int
    formats: ActivationFormats
    encoder: GruStep

    def __post_init__(self) -> None:
        units = self.units
        if self.formats.write_back != "round":
            raise InputError(
                f"write_back={self.formats.write_back!r} must be 'round' for an integer program; compress "
                "the model with write_back = 'round'"
            )
        if not 1 <= units <= MAX_UNITS:
            raise InputError(f"units={units} of a program must be between 1 and {MAX_UNITS}")
        for name, array, shape in self._shaped(units):
            array.check(name, shape)
        if not 0 <= self.n_baseline < self.axis.n_gates:
            raise InputError(
                f"n_baseline={self.n_baseline} must be at least 0 and less than n_gates={self.axis.n_gates}"
            )
        if (self.formats.response is None) != (self.n_columns == 0):
            raise InputError("a program must have a format of the response if its encoder has such inputs")

    def _check_training(self, response_lifetimes_ns: tuple[float, ...], max_background: float) -> None:
        """Check the columns of the response and the share of background."""
        if len(response_lifetimes_ns) != self.n_columns:
            raise InputError(
                f"response_lifetimes_ns={list(response_lifetimes_ns)} must have one lifetime for each "
                f"of the {self.n_columns} columns of the response"
            )
        if not 0 <= max_background <= 1:
            raise InputError(f"max_background={max_background} must be between 0 and 1")

    def _shaped(self, units: int) -> Iterator[tuple[str, Affine, tuple[int, ...]]]:
        yield from _shaped_step("encoder", self.encoder, self.encoder.n_inputs, units)

    @property
    def units(self) -> int:
        """Number of units."""
        return self.encoder.units

    @property
    def n_gates(self) -> int:
        """Number of gates of a TPSF."""
        return self.axis.n_gates

    @property
    def n_columns(self) -> int:
        """Number of columns of the response among the inputs."""
        return self.encoder.n_inputs - 1

    @property
    def spec_version(self) -> int:
        """Version of the specification that the program needs."""
        formats = self.formats
        added = formats.full_gate or formats.operand is not None or self.n_columns or not self.n_baseline
        return 2 if added else 1

    @property
    def affines(self) -> dict[str, Affine]:
        """All weights, by their names in a program file."""
        return {name: array for name, array, _ in self._shaped(self.units)}

    @property
    def n_parameters(self) -> int:
        """Number of parameters of the network."""
        return sum(affine.codes.size for affine in self.affines.values())

    @property
    def facts(self) -> dict[str, Any]:
        """Metadata and formats (everything except the arrays), as plain values for JSON."""
        names = ("input", "state", "gate", "candidate", "product", "output", "operand", "response")
        formats = {name: _plain(fmt) for name in names if (fmt := getattr(self.formats, name)) is not None}
        plain = {
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
        }
        return plain | ({"full_gate": self.formats.full_gate} if self.spec_version > 1 else {})


@dataclass(frozen=True)
class Program(EncoderProgram):
    """Integer program of a student with a decoder: a fully quantised network in integer arithmetic.

    Parameters
    ----------
    name, model_sha256, instrument, axis, rising_edge_ns, n_baseline, formats, encoder
        See :class:`EncoderProgram`.
    decoder : GruStep
        Weights of the decoder step.
    head_kernel, head_bias : Affine, shapes (units, 3) and (1, 3)
        Weights of the head, which maps the state to total, short and long.
    reduction : Reduction
        Computation of the lifetimes from the codes of the SFD.
    response_lifetimes_ns : tuple of float
        Columns of the response (:func:`~seq2seqlite.models.response_columns`); empty without a response.
    errors : ErrorCodes, optional
        Table of the standard errors, of a program that gets the response.
    max_background : float
        Largest share of background in the counts in the training. It does not affect the computation.
    tau_range_ns : tuple of float, optional
        Range of the lifetimes in the training, of a program that gets the response. It does not affect the
        computation.

    See Also
    --------
    seq2seqlite.integer.lower : Return the integer program of a student.
    seq2seqlite.integer.load_program : Return the program of a shipped model, a model file or a program file.
    seq2seqlite.integer.ProgramPredictor :
        Integer program run by the interpreter; implements ``SfdPredictor``.
    """

    decoder: GruStep
    head_kernel: Affine
    head_bias: Affine
    reduction: Reduction
    response_lifetimes_ns: tuple[float, ...] = ()
    errors: ErrorCodes | None = None
    max_background: float = 1.0
    tau_range_ns: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_training(self.response_lifetimes_ns, self.max_background)
        has_response = self.n_columns > 0
        if (self.errors is not None) != has_response or (self.tau_range_ns is not None) != has_response:
            raise InputError(
                f"a program with a decoder and {self.n_columns} columns of the response must have a table of "
                "errors and the range of the lifetimes if it has such columns, and only then"
            )
        limits = self.tau_range_ns
        if limits is not None and not 0 < limits[0] < limits[1]:
            raise InputError(f"tau_range_ns={list(limits)} must be [low, high] with 0 < low < high")

    def _shaped(self, units: int) -> Iterator[tuple[str, Affine, tuple[int, ...]]]:
        yield from super()._shaped(units)
        yield from _shaped_step("decoder", self.decoder, 0, units)
        yield "head/kernel", self.head_kernel, (units, 3)
        yield "head/bias", self.head_bias, (1, 3)

    @property
    def n_parameters(self) -> int:
        """Number of parameters of the network, including the unused input kernel of its decoder."""
        return super().n_parameters + 3 * self.units

    @property
    def arrays(self) -> dict[str, Codes]:
        """All arrays, by their names in a program file."""
        found = {name: affine.codes for name, affine in self.affines.items()}
        found[TAU_CODES] = self.reduction.tau_codes
        return found if self.errors is None else found | {ERROR_TABLE: self.errors.table}

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Metadata and formats (everything except the arrays), as plain values for JSON."""
        found = {**super().facts, "tau_fraction_bits": self.reduction.tau_fraction_bits}
        if self.errors is None or self.tau_range_ns is None:
            return found
        return found | {
            "response_lifetimes_ns": list(self.response_lifetimes_ns),
            "max_background": self.max_background,
            "tau_range_ns": list(self.tau_range_ns),
            "error_octave": self.errors.octave,
            "error_half_octave": self.errors.half_octave,
        }

    @cached_property
    def sha256(self) -> str:
        """SHA-256 digest of the program, computed from header and arrays of its file."""
        from seq2seqlite.integer.program_file import program_digest

        return program_digest(self)


def _shaped_step(
    part: str, step: GruStep, n_inputs: int, units: int
) -> Iterator[tuple[str, Affine, tuple[int, ...]]]:
    yield f"{part}/kernel", step.kernel, (n_inputs, 3 * units)
    yield f"{part}/recurrent", step.recurrent, (units, 3 * units)
    yield f"{part}/bias", step.bias, (1, 3 * units)


def _plain(fmt: Format) -> list[int]:
    return [int(fmt.signed), fmt.integer_bits, fmt.fraction_bits]
