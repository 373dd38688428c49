"""Generation of the kernels of a program as C++ functions with da4ml.

This is the only HLS module that uses da4ml.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.integer import Affine, AnyProgram, DirectProgram, EncoderProgram, GruStep
from seq2seqlite.models import ActivationFormats, Format

__all__ = ["Function", "ap_types_folder", "bit_shift_header", "function_names", "trace_functions"]

WIDEST = 64
"""Integer bits that no sum needs."""


def function_names(program: AnyProgram, /) -> tuple[str, ...]:
    """Return the names of the functions of a program."""
    decoder = () if isinstance(program, DirectProgram) else ("decoder_step",)
    return ("encoder_step", *decoder, "head")


@dataclass(frozen=True)
class Function:
    """Generated C++ function.

    Parameters
    ----------
    name : str
        Name of the function.
    code : str
        ``template <typename inp_t, typename out_t> void name(inp_t model_inp[], out_t model_out[])``. The
        function is exact if the types can represent all values.
    n_inputs, n_outputs : int
        Lengths of the arrays. The inputs of a step are the state and, in the encoder, the input code and the
        codes of the response.
    operations : int
        Number of operations in the da4ml trace.
    lut_estimate : float
        LUT estimate of da4ml, with multipliers implemented in LUTs.
    """

    name: str
    code: str
    n_inputs: int
    n_outputs: int
    operations: int
    lut_estimate: float


def trace_functions(program: AnyProgram, /) -> tuple[Function, ...]:
    """Generate the functions of a program, in the order of :func:`function_names`.

    Parameters
    ----------
    program : Program or DirectProgram
        Program.

    Returns
    -------
    tuple of Function
        Functions that are bit-exact with :mod:`seq2seqlite.integer.interpreter`. The head of a direct program
        gives its sums, which are neither rounded nor saturated.

    Examples
    --------
    >>> from seq2seqlite.integer import load_program
    >>> functions = trace_functions(load_program("seq2seqlite-tcspc-80mhz-tiny"))
    >>> [(function.name, function.n_inputs, function.n_outputs) for function in functions]
    [('encoder_step', 9, 8), ('decoder_step', 8, 8), ('head', 8, 3)]
    """
    units, encoder = program.units, program.encoder
    functions = [
        _function("encoder_step", units + encoder.n_inputs, lambda values: _step(program, encoder, values))
    ]
    if not isinstance(program, DirectProgram):
        decoder = program.decoder
        functions.append(_function("decoder_step", units, lambda values: _step(program, decoder, values)))
    functions.append(_function("head", units, lambda values: _head(program, values)))
    return tuple(functions)


def bit_shift_header() -> str:
    """Return the da4ml header with ``bit_shift``, which the generated functions call."""
    return (_sources() / "vitis_bitshift.hh").read_text(encoding="utf-8")


def ap_types_folder() -> Path:
    """Return the folder of the arbitrary-precision types (ap_fixed.h) included in da4ml."""
    return _sources() / "ap_types" / "include"


def _sources() -> Path:
    from da4ml.codegen import hls

    return Path(hls.__file__).parent / "source"


def _function(name: str, n_inputs: int, outputs: Callable[[Any], Any]) -> Function:
    from da4ml.codegen.hls import hls_logic_and_bridge_gen
    from da4ml.trace import FixedVariableArrayInput, HWConfig, comb_trace

    variables = FixedVariableArrayInput((n_inputs,), hwconf=HWConfig(1, -1, -1))
    traced = comb_trace(variables, outputs(variables))
    pragmas = [
        "#pragma HLS ARRAY_PARTITION variable=model_inp complete",
        "#pragma HLS ARRAY_PARTITION variable=model_out complete",
        "#pragma HLS PIPELINE II=1",
    ]
    code, _bridge = hls_logic_and_bridge_gen(traced, name, "vitis", pragmas)
    return Function(name, code, n_inputs, traced.shape[1], len(traced.ops), float(traced.cost))


def _step(program: EncoderProgram, gru: GruStep, variables: Any) -> Any:
    formats, units = program.formats, program.units
    state = variables[:units].quantize(*_kif(formats.state))
    operand, inputs = _leading_bits(formats, state), _inputs(formats, variables[units:])
    gates, candidate = slice(0, 2 * units), slice(2 * units, None)
    gate = _gate(formats, _affine(gru, gates, [operand, *inputs]) * 0.5 + 0.5)
    update, reset = gate[:units], gate[units:]
    product = _quantised(reset * operand, formats.product)
    new = _quantised(_affine(gru, candidate, [product, *inputs]), formats.candidate)
    wide = new + update * (state - new)
    if formats.candidate.fraction_bits > formats.state.fraction_bits:
        return _quantised(wide, formats.state)
    # The new state lies between candidate and old state and cannot overflow, so wrapping is safe and free.
    return wide.quantize(*_kif(formats.state), overflow_mode="WRAP", round_mode="RND")


def _inputs(formats: ActivationFormats, variables: Any) -> list[Any]:
    """Return the input code and the codes of the response, as far as a step has them."""
    inputs = [variables[:1].quantize(*_kif(formats.input))] if len(variables) else []
    if len(variables) > 1:
        assert formats.response is not None, "a program with columns of the response has their format"
        inputs.append(variables[1:].quantize(*_kif(formats.response)))
    return inputs


def _leading_bits(formats: ActivationFormats, state: Any) -> Any:
    """Return the state as an operand of the matrix products."""
    return state if formats.operand is None else state.quantize(*_kif(formats.operand))


def _gate(formats: ActivationFormats, values: Any) -> Any:
    if not formats.full_gate:
        return _quantised(values, formats.gate)
    rounded = values.quantize(1, WIDEST, formats.gate.fraction_bits, round_mode="RND")
    return np.minimum(np.maximum(rounded, 0), 1)


def _head(program: AnyProgram, variables: Any) -> Any:
    formats = program.formats
    state = variables.quantize(*_kif(formats.state))
    direct = isinstance(program, DirectProgram)
    operand = state if direct else _leading_bits(formats, state)
    total = operand @ _values(program.head_kernel) + _values(program.head_bias)[0]
    return total if direct else _quantised(total, formats.output)


def _affine(gru: GruStep, columns: slice, operands: list[Any]) -> Any:
    rows = np.concatenate([_values(gru.recurrent), _values(gru.kernel)])[:, columns]
    return np.concatenate(operands) @ rows + _values(gru.bias)[0, columns]


def _values(affine: Affine) -> NDArray[np.float64]:
    return affine.codes * np.float64(affine.format.step)


def _quantised(values: Any, fmt: Format) -> Any:
    return values.quantize(*_kif(fmt), overflow_mode="SAT_SYM", round_mode="RND")


def _kif(fmt: Format) -> tuple[int, int, int]:
    return int(fmt.signed), fmt.integer_bits, fmt.fraction_bits
