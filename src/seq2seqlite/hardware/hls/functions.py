"""Generation of the three kernels of a program as C++ functions with da4ml.

This is the only HLS module that uses da4ml.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.integer import Affine, GruStep, Program
from seq2seqlite.models import Format

__all__ = ["FUNCTIONS", "Function", "ap_types_folder", "bit_shift_header", "trace_functions"]

FUNCTIONS = ("encoder_step", "decoder_step", "head")
"""Names of the functions."""


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
        Lengths of the arrays. The inputs of a step are the state and, in the encoder, the input code.
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


def trace_functions(program: Program, /) -> tuple[Function, ...]:
    """Generate the functions of a program, in the order of :data:`FUNCTIONS`.

    Parameters
    ----------
    program : Program
        Program of version 1 of the specification.

    Returns
    -------
    tuple of Function
        Functions that are bit-exact with :mod:`seq2seqlite.integer.interpreter`.

    Raises
    ------
    InputError
        If the program needs version 2.

    Examples
    --------
    >>> from seq2seqlite.integer import load_program
    >>> functions = trace_functions(load_program("seq2seqlite-tcspc-80mhz-tiny"))
    >>> [(function.name, function.n_inputs, function.n_outputs) for function in functions]
    [('encoder_step', 9, 8), ('decoder_step', 8, 8), ('head', 8, 3)]
    """
    if program.spec_version > 1:
        raise InputError(
            f"program {program.name} needs version {program.spec_version} of the specification, but HLS code "
            "is generated for version 1; use the RTL (hardware build)"
        )
    units = program.units
    encoder = _function("encoder_step", units + 1, lambda values: _step(program, program.encoder, values))
    decoder = _function("decoder_step", units, lambda values: _step(program, program.decoder, values))
    return encoder, decoder, _function("head", units, lambda values: _head(program, values))


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


def _step(program: Program, gru: GruStep, variables: Any) -> Any:
    formats, units = program.formats, program.units
    state = variables[:units].quantize(*_kif(formats.state))
    inputs = variables[units:].quantize(*_kif(formats.input)) if gru.n_inputs else None
    gates, candidate = slice(0, 2 * units), slice(2 * units, None)
    gate = _quantised(_affine(gru, gates, state, inputs) * 0.5 + 0.5, formats.gate)
    update, reset = gate[:units], gate[units:]
    product = _quantised(reset * state, formats.product)
    new = _quantised(_affine(gru, candidate, product, inputs), formats.candidate)
    wide = new + update * (state - new)
    if formats.candidate.fraction_bits > formats.state.fraction_bits:
        return _quantised(wide, formats.state)
    # The new state lies between candidate and old state and cannot overflow, so wrapping is safe and free.
    return wide.quantize(*_kif(formats.state), overflow_mode="WRAP", round_mode="RND")


def _head(program: Program, variables: Any) -> Any:
    state = variables.quantize(*_kif(program.formats.state))
    total = state @ _values(program.head_kernel) + _values(program.head_bias)[0]
    return _quantised(total, program.formats.output)


def _affine(gru: GruStep, columns: slice, state: Any, inputs: Any | None) -> Any:
    rows, bias = _values(gru.recurrent)[:, columns], _values(gru.bias)[0, columns]
    if inputs is None:
        return state @ rows + bias
    return np.concatenate([state, inputs]) @ np.concatenate([rows, _values(gru.kernel)[:, columns]]) + bias


def _values(affine: Affine) -> NDArray[np.float64]:
    return affine.codes * np.float64(affine.format.step)


def _quantised(values: Any, fmt: Format) -> Any:
    return values.quantize(*_kif(fmt), overflow_mode="SAT_SYM", round_mode="RND")


def _kif(fmt: Format) -> tuple[int, int, int]:
    return int(fmt.signed), fmt.integer_bits, fmt.fraction_bits
