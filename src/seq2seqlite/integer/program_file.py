"""Reading and writing of program files, which contain arrays and JSON but no executable content."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.archive import Header, archive_digest, header_text, read_archive, write_archive
from seq2seqlite.errors import InputError
from seq2seqlite.integer.direct_program import ERROR_FACTORS, DirectProgram
from seq2seqlite.integer.lifetime_table import Reduction
from seq2seqlite.integer.lowering import lower, lower_direct
from seq2seqlite.integer.program import SPEC_VERSIONS, TAU_CODES, Affine, GruStep, Program
from seq2seqlite.integer.ranges import accumulators
from seq2seqlite.integer.standard_errors import ERROR_TABLE, ErrorCodes
from seq2seqlite.models import ActivationFormats, Format, load_model
from seq2seqlite.models.model_file import MAX_PERIOD_NS, read_axis, read_name

__all__ = [
    "SUFFIX",
    "AnyProgram",
    "load_any_program",
    "load_program",
    "program_digest",
    "read_program",
    "write_program",
]

FORMAT = "seq2seqlite integer program"
FORMAT_VERSION = 2
ENCODER = tuple(f"encoder/{array}" for array in ("kernel", "recurrent", "bias"))
DECODER = tuple(f"decoder/{array}" for array in ("kernel", "recurrent", "bias"))
HEAD = ("head/kernel", "head/bias")
NAMES = {*ENCODER, *DECODER, *HEAD, TAU_CODES}
DIRECT_NAMES = {*ENCODER, *HEAD, ERROR_FACTORS}
# Numbers of dimensions of the arrays that are not matrices.
DIMENSIONS = {TAU_CODES: 1, ERROR_FACTORS: 3, ERROR_TABLE: 4}
MAX_COLUMNS = 15
AnyProgram = Program | DirectProgram
MAX_EXPONENT = 64
SUFFIX = ".program"


def write_program(path: str | Path, program: AnyProgram, /) -> None:
    """Write a program file; equal programs give identical files.

    The header includes the required width of each accumulator, as a proof that no accumulator overflows.
    :func:`read_program` verifies it.

    See Also
    --------
    read_program : Read a program file.
    """
    write_archive(path, _header(program), _arrays(program))


def program_digest(program: AnyProgram, /) -> str:
    """Return the SHA-256 digest of a program, computed from the whole content of its file.

    See Also
    --------
    write_program : Write a program file; equal programs give identical files.
    seq2seqlite.models.model_digest :
        Return the SHA-256 digest of a model, computed from the whole content of its file.
    """
    return archive_digest(header_text(_header(program)), _arrays(program))


def _header(program: AnyProgram) -> dict[str, Any]:
    found = program.accumulators if isinstance(program, DirectProgram) else accumulators(program)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "spec_version": program.spec_version,
        **program.facts,
        "accumulator_bits": {name: reach.bits for name, reach in found.items()},
    }


def _arrays(program: AnyProgram) -> dict[str, NDArray[Any]]:
    return {name: codes.astype(np.int32) for name, codes in program.arrays.items()}


def load_program(name_or_path: str | Path, /) -> Program:
    """Return the program of a shipped model, a model file or a program file, of a network with a decoder.

    Raises
    ------
    InputError
        If the program or model does not exist or is invalid, the model is not fully quantised, or it is a
        direct network.

    See Also
    --------
    load_any_program : The same, also for direct networks.
    read_program : Read a program file only.
    """
    found = load_any_program(name_or_path)
    if isinstance(found, DirectProgram):
        raise InputError(
            f"program {found.name} is that of a direct network, which is not supported here; choose one of a "
            "network with a decoder"
        )
    return found


def load_any_program(name_or_path: str | Path, /) -> AnyProgram:
    """Return the program of a shipped model, a model file or a program file.

    Raises
    ------
    InputError
        If the program or model does not exist or is invalid, or the model is not fully quantised.

    See Also
    --------
    read_program : Read a program file only.
    """
    if Path(name_or_path).suffix == SUFFIX:
        return read_program(name_or_path)
    network = load_model(name_or_path)
    return lower_direct(network) if network.direct else lower(network)


def read_program(path: str | Path, /) -> AnyProgram:
    """Read a program file.

    Raises
    ------
    InputError
        If the file is missing, damaged or altered, or has an unsupported format or version.

    See Also
    --------
    write_program : Write a program file.
    """
    header, arrays = read_archive(
        path,
        what="program",
        form=FORMAT,
        versions={"format_version": FORMAT_VERSION},
        remedy="lower the model again",
    )
    try:
        return _checked(header, arrays)
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(header.where) else f"{header.where}: {text}") from None


def _checked(header: Header, arrays: Mapping[str, NDArray[Any]]) -> AnyProgram:
    version = header["spec_version"]
    if type(version) is not int or version not in SPEC_VERSIONS:
        header.refuse(
            f"spec_version={version!r:.60} is not one of those supported by this version "
            f"({', '.join(map(str, SPEC_VERSIONS))})",
            remedy=f"{header.remedy}, or install the seq2seqlite that wrote it",
        )
    if set(arrays) not in (NAMES, NAMES | {ERROR_TABLE}, DIRECT_NAMES):
        header.refuse("its arrays are not those of a program")
    for name, codes in arrays.items():
        if codes.dtype != np.int32:
            header.refuse(f"array {name} must be int32, not {codes.dtype}")
        if codes.ndim != DIMENSIONS.get(name, 2):
            header.refuse(f"array {name} has shape {codes.shape}")
    program: AnyProgram
    program = _direct(header, arrays) if ERROR_FACTORS in arrays else _built(header, arrays)
    if header.values != _header(program):
        widths = header["accumulator_bits"] != _header(program)["accumulator_bits"]
        header.refuse(
            "its accumulator widths do not match its weights" if widths else "its header has unexpected keys"
        )
    return program


def _built(header: Header, arrays: Mapping[str, NDArray[Any]]) -> Program:
    common, axis = _common(header, arrays), read_axis(header)
    if ERROR_TABLE in arrays:
        common |= _with_response(header, arrays[ERROR_TABLE].astype(np.int64))
    return Program(
        **common,
        decoder=_step(header, arrays, "decoder"),
        head_kernel=_affine(header, arrays, "head/kernel"),
        head_bias=_affine(header, arrays, "head/bias"),
        reduction=Reduction(
            axis.n_gates, arrays[TAU_CODES].astype(np.int64), header.integer("tau_fraction_bits", 0, 16)
        ),
    )


def _with_response(header: Header, table: NDArray[np.int64]) -> dict[str, Any]:
    """Return what a program with a decoder has that gets the response."""
    limits = _numbers(header, "tau_range_ns", 2)
    if len(limits) != 2:
        header.refuse(f"tau_range_ns={list(limits)} must be [low, high]")
    return {
        "response_lifetimes_ns": _numbers(header, "response_lifetimes_ns", MAX_COLUMNS),
        "errors": ErrorCodes(
            header.integer("error_octave", 0, MAX_EXPONENT),
            header.integer("error_half_octave", 0, MAX_EXPONENT),
            table,
        ),
        "max_background": header.number("max_background", -1.0, 1.0),
        "tau_range_ns": limits,
    }


def _numbers(header: Header, key: str, most: int) -> tuple[float, ...]:
    values = header[key]
    if (
        not isinstance(values, list)
        or len(values) > most
        or not all(type(value) in (int, float) and 0 <= value <= MAX_PERIOD_NS for value in values)
    ):
        header.refuse(f"{key}={values!r:.60} must be at most {most} numbers from 0 to {MAX_PERIOD_NS:g}")
    return tuple(values)


def _direct(header: Header, arrays: Mapping[str, NDArray[Any]]) -> DirectProgram:
    top = 2**MAX_EXPONENT
    return DirectProgram(
        **_common(header, arrays),
        response_lifetimes_ns=_numbers(header, "response_lifetimes_ns", MAX_COLUMNS),
        head_kernel=_affine(header, arrays, "head/kernel"),
        head_bias=_affine(header, arrays, "head/bias"),
        tau_low=header.integer("tau_low", 0, top),
        tau_high=header.integer("tau_high", 0, top),
        factors=arrays[ERROR_FACTORS].astype(np.int64),
        max_background=header.number("max_background", -1.0, 1.0),
    )


def _common(header: Header, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Return what all programs have."""
    axis, formats = read_axis(header), header.table("formats")
    names = ("input", "state", "gate", "candidate", "product", "output")
    found: dict[str, Any] = {name: _format(header, formats, name) for name in names}
    found |= {name: _format(header, formats, name) for name in ("operand", "response") if name in formats}
    if header["spec_version"] > 1:
        full_gate = header["full_gate"]
        if type(full_gate) is not bool:
            header.refuse(f"full_gate={full_gate!r:.60} must be true or false")
        found["full_gate"] = full_gate
    return {
        "name": read_name(header),
        "model_sha256": header.text("model_sha256"),
        "instrument": header.text("instrument"),
        "axis": axis,
        "rising_edge_ns": header.number("rising_edge_ns", 0.0, axis.period_ns),
        "n_baseline": header.integer("n_baseline", 0, axis.n_gates - 1),
        "formats": ActivationFormats(**found),
        "encoder": _step(header, arrays, "encoder"),
    }


def _affine(header: Header, arrays: Mapping[str, NDArray[Any]], name: str) -> Affine:
    return Affine(arrays[name].astype(np.int64), _format(header, header.table("weights"), name))


def _step(header: Header, arrays: Mapping[str, NDArray[Any]], part: str) -> GruStep:
    return GruStep(*(_affine(header, arrays, f"{part}/{name}") for name in ("kernel", "recurrent", "bias")))


def _format(header: Header, table: Mapping[str, Any], name: str) -> Format:
    plain = table.get(name)
    if not isinstance(plain, list) or len(plain) != 3 or not all(type(part) is int for part in plain):
        header.refuse(f"format of {name} must be [signed, integer bits, fraction bits]")
    signed, integer_bits, fraction_bits = plain
    if signed not in {0, 1} or max(abs(integer_bits), abs(fraction_bits)) > MAX_EXPONENT:
        header.refuse(f"format {plain} of {name} is out of range")
    return Format(bool(signed), integer_bits, fraction_bits)
