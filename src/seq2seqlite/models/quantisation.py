"""Fixed-point formats, rounding, and the formats of a network's tensors."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError

__all__ = [
    "WRITE_BACKS",
    "ActivationFormats",
    "Format",
    "Quantisation",
    "leading_bits",
    "quantise",
    "quantised_gate",
]

WRITE_BACKS = ("round", "error-feedback", "residual-bits")
MAX_BITS = 24  # significand of a float32
MAX_EXPONENT = 64


@dataclass(frozen=True)
class Format:
    """Fixed-point format: multiples of ``2**-fraction_bits`` with symmetric saturation.

    Parameters
    ----------
    signed : bool
        Whether values may be negative. The lowest value is minus the highest, so negation cannot overflow.
    integer_bits, fraction_bits : int
        Number of bits left and right of the binary point, without the sign; either may be negative.

    See Also
    --------
    quantise : Return values rounded to the nearest step of a format (ties upwards) and saturated.
    Quantisation : Fixed-point formats of the weights and activations of a network.

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
                f"integer_bits={self.integer_bits} and fraction_bits={self.fraction_bits} must be between "
                f"-{MAX_EXPONENT} and {MAX_EXPONENT}"
            )
        if not 1 <= self.bits <= MAX_BITS or self.integer_bits + self.fraction_bits < 1:
            raise InputError(
                f"integer_bits={self.integer_bits} plus fraction_bits={self.fraction_bits} must be between 1 "
                f"and {MAX_BITS - self.signed}"
            )

    @property
    def bits(self) -> int:
        """Width of a code in bits, including the sign."""
        return int(self.signed) + self.integer_bits + self.fraction_bits

    @property
    def step(self) -> float:
        """Value of the lowest bit."""
        return 2.0**-self.fraction_bits

    @property
    def high_code(self) -> int:
        """Highest code: :attr:`high` divided by :attr:`step`."""
        return int(2 ** (self.integer_bits + self.fraction_bits)) - 1

    @property
    def low_code(self) -> int:
        """Lowest code: :attr:`low` divided by :attr:`step`."""
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
    """Return values rounded to the nearest step of a format (ties upwards) and saturated.

    Parameters
    ----------
    values : array_like
        Floating-point values, of any shape.
    fmt : Format
        Target format.

    Returns
    -------
    ndarray
        Rounded values, in the floating-point type of ``values``.

    See Also
    --------
    Format : Fixed-point format.

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


def quantised_gate(values: NDArray[Any], formats: "ActivationFormats", /) -> NDArray[Any]:
    """Return gates, 0 to 1, rounded to their format.

    See Also
    --------
    quantise : The same for the other tensors.
    """
    kind = values.dtype.type
    scale = kind(2.0**formats.gate.fraction_bits)
    rounded = np.floor(values * scale + kind(0.5)) / scale
    return np.asarray(np.minimum(rounded, kind(formats.gate_high)))


def leading_bits(state: NDArray[Any], formats: "ActivationFormats", /) -> NDArray[Any]:
    """Return a state as an operand of the matrix products: its leading bits.

    See Also
    --------
    ActivationFormats : Formats of state and operand.
    """
    if formats.operand is None:
        return state
    scale = state.dtype.type(2.0**formats.operand.fraction_bits)
    return np.asarray(np.floor(state * scale) / scale)


@dataclass(frozen=True)
class ActivationFormats:
    """Formats of the activations of a ``lite`` network.

    Parameters
    ----------
    input : Format
        Normalised TPSF: unsigned, without integer bits.
    state : Format
        State.
    gate : Format
        Update and reset gate: unsigned, without integer bits.
    candidate : Format
        Candidate state.
    product : Format
        Product of reset gate and state.
    output : Format
        SFD; of a direct network, the lifetimes in ns.
    write_back : str
        Conversion of the new state, which has more fraction bits, to the format of the state. ``round``:
        round to nearest. ``error-feedback``: the rounding error is added to the next new state.
        ``residual-bits``: the rounding error is stored below the lowest bit of the state; the update gate
        multiplies it, but the matrix products do not use it. The decoder starts with a residue of zero.
    residual_bits : int
        Width of the stored rounding error, a truncated two's complement number; 0 for ``round``.
    operand : Format, optional
        State as an operand of the matrix products: its leading bits, without rounding. By default the whole
        state.
    response : Format, optional
        Columns of the response, of a network that gets it: unsigned.
    full_gate : bool
        Whether a gate can be exactly 1, with a code of ``2**fraction_bits``. Otherwise its highest code is
        one less, and a state that should be kept decays by a step of the gate at each time gate.

    See Also
    --------
    Quantisation : Fixed-point formats of the weights and activations of a network.
    seq2seqlite.compression.formats.activation_formats :
        Return the formats of the activations, which need no calibration because the cell bounds their range.
    """

    input: Format
    state: Format
    gate: Format
    candidate: Format
    product: Format
    output: Format
    write_back: str = "round"
    residual_bits: int = 0
    operand: Format | None = None
    response: Format | None = None
    full_gate: bool = False

    def __post_init__(self) -> None:
        for name in ("input", "gate"):
            fmt = getattr(self, name)
            if fmt.signed or fmt.integer_bits != 0:
                raise InputError(
                    f"{name}={getattr(self, name)} must be unsigned with integer_bits=0 (range 0 to 1)"
                )
        for name in ("state", "candidate", "product"):
            fmt = getattr(self, name)
            if not fmt.signed or fmt.integer_bits != 0:
                raise InputError(
                    f"{name}={getattr(self, name)} must be signed with integer_bits=0 (range -1 to 1)"
                )
        if self.write_back not in WRITE_BACKS:
            raise InputError(
                f"write_back={self.write_back!r} is unknown; choose one of {', '.join(WRITE_BACKS)}"
            )
        if (self.write_back == "round") != (self.residual_bits == 0) or not 0 <= self.residual_bits <= 8:
            raise InputError(
                f"residual_bits={self.residual_bits} must be 0 with write_back='round' and 1 to 8 otherwise"
            )
        if self.operand is not None and (
            self.operand.bits > self.state.bits or not self.operand.signed or self.operand.integer_bits
        ):
            raise InputError(
                f"operand={self.operand} must be signed with integer_bits=0, and not finer than {self.state}"
            )
        if self.response is not None and self.response.signed:
            raise InputError(f"response={self.response} must be unsigned")

    @property
    def gate_high_code(self) -> int:
        """Highest code of a gate."""
        return self.gate.high_code + int(self.full_gate)

    @property
    def gate_high(self) -> float:
        """Highest value of a gate."""
        return self.gate_high_code * self.gate.step

    @property
    def state_operand(self) -> Format:
        """Format of the state as an operand of the matrix products."""
        return self.operand or self.state

    @property
    def operand_low_code(self) -> int:
        """Lowest code of this operand; that of leading bits is one lower than that of rounded values."""
        return self.state.low_code if self.operand is None else -self.operand.high_code - 1

    @property
    def state_bits(self) -> int:
        """Number of bits stored per unit: the state and the retained rounding error."""
        return self.state.bits + self.residual_bits

    @property
    def residue_step(self) -> float:
        """Value of the lowest bit of the retained rounding error."""
        return self.state.step * 2.0**-self.residual_bits


@dataclass(frozen=True)
class Quantisation:
    """Fixed-point formats of the weights and activations of a network.

    Parameters
    ----------
    weights : mapping of str to Format
        Format of each weight array: the finest grid of its values.
    activations : ActivationFormats, optional
        Formats of the activations; None for floating-point activations (weight-only quantisation).
    weight_bits : mapping of str to ndarray of uint8, optional
        Bit width of each weight, for learned widths; by default all weights have the width of their format.

    See Also
    --------
    ActivationFormats : Formats of the activations of a ``lite`` network.
    Format : Fixed-point format: multiples of ``2**-fraction_bits`` with symmetric saturation.
    seq2seqlite.compression.ptq.quantise_network : Return a float network after post-training quantisation.
    """

    weights: Mapping[str, Format]
    activations: ActivationFormats | None = None
    weight_bits: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the formats as plain values for JSON; ``weight_bits`` is stored separately, as arrays."""
        activations = None if self.activations is None else asdict(self.activations)
        if activations is not None:  # keys with these defaults are not written: older files stay as they were
            extra = {"operand": None, "response": None, "full_gate": False}
            activations = {k: v for k, v in activations.items() if k not in extra or v != extra[k]}
        return {
            "weights": {name: asdict(fmt) for name, fmt in self.weights.items()},
            "activations": activations,
        }

    @classmethod
    def from_dict(
        cls, table: Mapping[str, Any], /, *, weight_bits: Mapping[str, NDArray[np.uint8]]
    ) -> "Quantisation":
        """Return the formats described by a result of :meth:`to_dict`.

        Raises KeyError, TypeError or InputError for any other content.
        """
        weights = {str(name): _format(value) for name, value in table["weights"].items()}
        plain = table["activations"]
        if plain is None:
            return cls(weights, None, weight_bits)
        formats = {f.name: _format(plain[f.name]) for f in fields(ActivationFormats) if f.type is Format}
        formats |= {name: _format(plain[name]) for name in ("operand", "response") if plain.get(name)}
        if set(plain) - {f.name for f in fields(ActivationFormats)}:
            raise TypeError(f"activations has unknown keys {sorted(plain)}")
        full_gate = plain.get("full_gate", False)
        if type(full_gate) is not bool:
            raise TypeError(f"full_gate={full_gate!r:.80} must be true or false")
        return cls(
            weights,
            ActivationFormats(
                **formats,
                write_back=plain["write_back"],
                residual_bits=plain["residual_bits"],
                full_gate=full_gate,
            ),
            weight_bits,
        )

    def bits_of(self, name: str, values: NDArray[Any], /) -> NDArray[np.int64]:
        """Return the bit width of each weight of an array; 0 for a weight of zero."""
        width = self.weight_bits.get(name, self.weights[name].bits)
        return np.where(values == 0, 0, width).astype(np.int64)

    def check(self, parameters: Mapping[str, NDArray[Any]], /) -> None:
        """Raise InputError unless every weight can be represented in its format."""
        if set(self.weights) != set(parameters):
            raise InputError("its quantisation does not have the same arrays as the network")
        for name, value in parameters.items():
            if not np.array_equal(quantise(value, self.weights[name]), value):
                raise InputError(
                    f"array {name} has values that cannot be represented in its format {self.weights[name]}"
                )
            bits = self.weight_bits.get(name)
            if bits is not None and (bits.shape != value.shape or bits.max(initial=0) > MAX_BITS):
                raise InputError(f"bit widths of array {name} must have its shape and be <= {MAX_BITS}")

    def exact_in_float32(self, parameters: Mapping[str, NDArray[Any]], /) -> bool:
        """Return whether float32 computes a step exactly, except for the rounding of the quantisers.

        This is the case if every sum is less than 2**24 times its finest step.
        """
        formats = self.activations
        if formats is None:
            return False
        gate = 2.0 ** -(formats.gate.fraction_bits + formats.residual_bits)
        if 4.0 / (gate * min(formats.state.step, formats.candidate.step)) > 2.0**24:
            return False
        used = [formats.state_operand, formats.product, formats.input, formats.response or formats.input]
        for name, value in parameters.items():
            if name.endswith("bias"):
                continue
            operands = [formats.state] if name == "head/kernel" and value.shape[1] > 3 else used
            reach, finest = max(2.0**fmt.integer_bits for fmt in operands), min(fmt.step for fmt in operands)
            bias_name = name.rsplit("/", 1)[0] + "/bias"
            step = min(self.weights[name].step * finest, self.weights[bias_name].step)
            total = np.abs(value).sum(axis=0).max() * reach + np.abs(parameters[bias_name]).max()
            if name.endswith("recurrent_kernel"):
                kernel = name.replace("recurrent_kernel", "kernel")
                total += np.abs(parameters[kernel]).sum(axis=0).max() * reach
                step = min(step, self.weights[kernel].step * finest)
            # The hard sigmoid halves the sum and adds one half: one more bit for each.
            if (total + 1) * 4 / step > 2.0**24:
                return False
        return True


def _format(plain: Mapping[str, Any]) -> Format:
    """Return a format from plain values; raise TypeError for values of other types."""
    signed, integer_bits, fraction_bits = (plain[key] for key in ("signed", "integer_bits", "fraction_bits"))
    if type(signed) is not bool or type(integer_bits) is not int or type(fraction_bits) is not int:
        raise TypeError(f"format {plain!r:.80} must be a bool and two integers")
    return Format(signed, integer_bits, fraction_bits)
