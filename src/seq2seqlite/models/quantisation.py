"""Fixed point: formats, rounding, and which tensor of a network has which format."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError

__all__ = ["WRITE_BACKS", "ActivationFormats", "Format", "Quantisation", "quantise"]

WRITE_BACKS = ("round", "error-feedback", "residual-bits")
MAX_BITS = 24  # a float32 holds no more
MAX_EXPONENT = 64


@dataclass(frozen=True)
class Format:
    """A fixed-point format: multiples of ``2**-fraction_bits`` that saturate symmetrically.

    Parameters
    ----------
    signed : bool
        Whether negative values exist; the lowest is minus the highest, so that no negation overflows.
    integer_bits, fraction_bits : int
        Bits left and right of the binary point, the sign not counted; either may be negative.

    Examples
    --------
    >>> state = Format(True, 0, 7)
    >>> state.bits, state.low, state.high
    (8, -0.9921875, 0.9921875)
    """

    signed: bool
    integer_bits: int
    fraction_bits: int

    def __post_init__(self) -> None:
        if max(abs(self.integer_bits), abs(self.fraction_bits)) > MAX_EXPONENT:
            raise InputError(
                f"integer_bits={self.integer_bits} and fraction_bits={self.fraction_bits} must lie between "
                f"-{MAX_EXPONENT} and {MAX_EXPONENT}"
            )
        if not 1 <= self.bits <= MAX_BITS or self.integer_bits + self.fraction_bits < 1:
            raise InputError(
                f"a format of {self.integer_bits} integer and {self.fraction_bits} fraction bits"
                f"{' and sign' if self.signed else ''} holds no number; give it 1 to {MAX_BITS} bits"
            )

    @property
    def bits(self) -> int:
        """Width of a code, the sign included."""
        return int(self.signed) + self.integer_bits + self.fraction_bits

    @property
    def step(self) -> float:
        """Value of the lowest bit."""
        return 2.0**-self.fraction_bits

    @property
    def high_code(self) -> int:
        """Highest code: :attr:`high` in steps."""
        return int(2 ** (self.integer_bits + self.fraction_bits)) - 1

    @property
    def low_code(self) -> int:
        """Lowest code: :attr:`low` in steps."""
        return -self.high_code if self.signed else 0

    @property
    def high(self) -> float:
        """Highest value."""
        return 2.0**self.integer_bits - self.step

    @property
    def low(self) -> float:
        """Lowest value."""
        return -self.high if self.signed else 0.0


def quantise(values: ArrayLike, fmt: Format, /) -> NDArray[Any]:
    """Return values in a format: rounded to the nearest step, ties upwards, and saturated.

    Parameters
    ----------
    values : array_like
        Floating-point values, of any shape.
    fmt : Format
        Format.

    Returns
    -------
    ndarray
        Of the floating-point type of ``values``.

    Examples
    --------
    >>> quantise([0.3, 0.375, -9.0], Format(True, 0, 2)).tolist()
    [0.25, 0.5, -0.75]
    """
    array = np.asarray(values)
    scale = array.dtype.type(2.0**fmt.fraction_bits)
    half = array.dtype.type(0.5)
    rounded = np.floor(array * scale + half) / scale
    return np.asarray(np.clip(rounded, fmt.low, fmt.high, dtype=array.dtype))


@dataclass(frozen=True)
class ActivationFormats:
    """Formats of everything in a ``lite`` network that is not a weight.

    Parameters
    ----------
    input : Format
        Normalised TPSF: unsigned, integer bits 0.
    state : Format
        State as the matrices see it.
    gate : Format
        Update and reset gate: unsigned, integer bits 0.
    candidate : Format
        Candidate state.
    product : Format
        Reset gate times state.
    output : Format
        SFD.
    write_back : str
        How the new state, which is wider, goes back into the state's format. ``round``: to the nearest.
        ``error-feedback``: what the rounding lost is added to the next new state. ``residual-bits``: what it
        lost is kept below the state's lowest bit, part of the state that the update gate multiplies, but not
        seen by the matrices. The decoder starts without what the encoder kept.
    residual_bits : int
        Bits of what is kept, a two's complement number cut off below its lowest; 0 for ``round``.
    """

    input: Format
    state: Format
    gate: Format
    candidate: Format
    product: Format
    output: Format
    write_back: str = "round"
    residual_bits: int = 0

    def __post_init__(self) -> None:
        for name in ("input", "gate"):
            fmt = getattr(self, name)
            if fmt.signed or fmt.integer_bits != 0:
                raise InputError(
                    f"the {name} lies between 0 and 1: its format must be unsigned without integer bits"
                )
        for name in ("state", "candidate", "product"):
            fmt = getattr(self, name)
            if not fmt.signed or fmt.integer_bits != 0:
                raise InputError(
                    f"the {name} lies between -1 and 1: its format must be signed without integer bits"
                )
        if self.write_back not in WRITE_BACKS:
            raise InputError(
                f"write_back={self.write_back!r} is unknown; choose one of {', '.join(WRITE_BACKS)}"
            )
        if (self.write_back == "round") != (self.residual_bits == 0) or not 0 <= self.residual_bits <= 8:
            raise InputError(
                f"residual_bits={self.residual_bits} must be 0 with write_back='round' and 1 to 8 otherwise"
            )

    @property
    def state_bits(self) -> int:
        """Bits of state that an implementation stores for a unit, what is kept of the rounding included."""
        return self.state.bits + self.residual_bits

    @property
    def residue_step(self) -> float:
        """Value of the lowest bit that is kept of the rounding."""
        return self.state.step * 2.0**-self.residual_bits


@dataclass(frozen=True)
class Quantisation:
    """Formats of a network's tensors.

    Parameters
    ----------
    weights : mapping of str to Format
        Format of each array of the architecture, the finest grid that its values lie on.
    activations : ActivationFormats, optional
        Everything else; without, it is computed in floating point (weight-only quantisation).
    weight_bits : mapping of str to ndarray of uint8, optional
        Width of each single weight where widths were learned; without, all have their format's.
    """

    weights: Mapping[str, Format]
    activations: ActivationFormats | None = None
    weight_bits: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the formats as plain values for JSON; ``weight_bits`` is kept apart, as arrays."""
        activations = None if self.activations is None else asdict(self.activations)
        return {
            "weights": {name: asdict(fmt) for name, fmt in self.weights.items()},
            "activations": activations,
        }

    @classmethod
    def from_dict(
        cls, table: Mapping[str, Any], /, *, weight_bits: Mapping[str, NDArray[np.uint8]]
    ) -> "Quantisation":
        """Return what :meth:`to_dict` gave; KeyError, TypeError or InputError if it is not that."""
        weights = {str(name): _format(value) for name, value in table["weights"].items()}
        plain = table["activations"]
        if plain is None:
            return cls(weights, None, weight_bits)
        formats = {f.name: _format(plain[f.name]) for f in fields(ActivationFormats) if f.type is Format}
        return cls(
            weights,
            ActivationFormats(
                **formats, write_back=plain["write_back"], residual_bits=plain["residual_bits"]
            ),
            weight_bits,
        )

    def bits_of(self, name: str, values: NDArray[Any], /) -> NDArray[np.int64]:
        """Return the width of each weight of an array; a zero has none."""
        width = self.weight_bits.get(name, self.weights[name].bits)
        return np.where(values == 0, 0, width).astype(np.int64)

    def check(self, parameters: Mapping[str, NDArray[Any]], /) -> None:
        """Raise InputError unless every weight is a value of its format."""
        if set(self.weights) != set(parameters):
            raise InputError("its quantisation does not name the network's arrays")
        for name, value in parameters.items():
            if not np.array_equal(quantise(value, self.weights[name]), value):
                raise InputError(
                    f"array {name} has values that its format {self.weights[name]} does not hold"
                )
            bits = self.weight_bits.get(name)
            if bits is not None and (bits.shape != value.shape or bits.max(initial=0) > MAX_BITS):
                raise InputError(f"array {name} has widths of another shape or above {MAX_BITS}")

    def exact_in_float32(self, parameters: Mapping[str, NDArray[Any]], /) -> bool:
        """Return whether float32 computes a step without rounding anywhere but in the quantisers.

        Every sum is then a multiple of its finest step, and smaller than 2**24 of them.
        """
        formats = self.activations
        if formats is None:
            return False
        gate = 2.0 ** -(formats.gate.fraction_bits + formats.residual_bits)
        if 4.0 / (gate * min(formats.state.step, formats.candidate.step)) > 2.0**24:
            return False
        reach = max(formats.state.high, formats.product.high, formats.input.high)
        finest = min(formats.state.step, formats.product.step, formats.input.step)
        for name, value in parameters.items():
            if name.endswith("bias"):
                continue
            bias_name = name.rsplit("/", 1)[0] + "/bias"
            step = min(self.weights[name].step * finest, self.weights[bias_name].step)
            total = np.abs(value).sum(axis=0).max() * reach + np.abs(parameters[bias_name]).max()
            if name.endswith("recurrent_kernel"):
                kernel = name.replace("recurrent_kernel", "kernel")
                total += np.abs(parameters[kernel]).sum(axis=0).max() * reach
                step = min(step, self.weights[kernel].step * finest)
            # Half of the sum is taken at the gates, and a half added: one more bit each.
            if (total + 1) * 4 / step > 2.0**24:
                return False
        return True


def _format(plain: Mapping[str, Any]) -> Format:
    """Return a format from plain values; TypeError for values of other types."""
    signed, integer_bits, fraction_bits = (plain[key] for key in ("signed", "integer_bits", "fraction_bits"))
    if type(signed) is not bool or type(integer_bits) is not int or type(fraction_bits) is not int:
        raise TypeError(f"format {plain!r:.80} must be a bool and two integers")
    return Format(signed, integer_bits, fraction_bits)
