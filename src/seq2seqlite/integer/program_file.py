"""Reading and writing of program files, which contain arrays and JSON but no executable content."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.archive import Header, archive_digest, header_text, read_archive, write_archive
from seq2seqlite.errors import InputError
from seq2seqlite.integer.lifetime_table import Reduction
from seq2seqlite.integer.lowering import lower
from seq2seqlite.integer.program import SPEC_VERSION, TAU_CODES, Affine, GruStep, Program
from seq2seqlite.integer.ranges import accumulators
from seq2seqlite.models import ActivationFormats, Format, load_model
from seq2seqlite.models.model_file import read_axis, read_name

__all__ = ["SUFFIX", "load_program", "program_digest", "read_program", "write_program"]

FORMAT = "seq2seqlite integer program"
FORMAT_VERSION = 2
WEIGHTS = (
    *(f"{part}/{array}" for part in ("encoder", "decoder") for array in ("kernel", "recurrent", "bias")),
    "head/kernel",
    "head/bias",
)
MAX_EXPONENT = 64
SUFFIX = ".program"


def write_program(path: str | Path, program: Program, /) -> None:
    """Write a program file; equal programs give identical files.

    The header includes the required width of each accumulator, as a proof that no accumulator overflows.
    :func:`read_program` verifies it.

    See Also
    --------
    read_program : Read a program file.
    """
    write_archive(path, _header(program), _arrays(program))


def program_digest(program: Program, /) -> str:
    """Return the SHA-256 digest of a program, computed from the whole content of its file.

    See Also
    --------
    write_program : Write a program file; equal programs give identical files.
    seq2seqlite.models.model_digest :
        Return the SHA-256 digest of a model, computed from the whole content of its file.
    """
    return archive_digest(header_text(_header(program)), _arrays(program))


def _header(program: Program) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "spec_version": SPEC_VERSION,
        **program.facts,
        "accumulator_bits": {name: reach.bits for name, reach in accumulators(program).items()},
    }


def _arrays(program: Program) -> dict[str, NDArray[Any]]:
    return {name: codes.astype(np.int32) for name, codes in program.arrays.items()}


def load_program(name_or_path: str | Path, /) -> Program:
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
    return lower(load_model(name_or_path))


def read_program(path: str | Path, /) -> Program:
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
        versions={"format_version": FORMAT_VERSION, "spec_version": SPEC_VERSION},
        remedy="lower the model again",
    )
    try:
        return _checked(header, arrays)
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(header.where) else f"{header.where}: {text}") from None


def _checked(header: Header, arrays: Mapping[str, NDArray[Any]]) -> Program:
    if set(arrays) != {*WEIGHTS, TAU_CODES}:
        header.refuse("its arrays are not those of a program")
    for name, codes in arrays.items():
        if codes.dtype != np.int32:
            header.refuse(f"array {name} must be int32, not {codes.dtype}")
        if codes.ndim != (1 if name == TAU_CODES else 2):
            header.refuse(f"array {name} has shape {codes.shape}")
    program = _built(header, arrays)
    if header.values != _header(program):
        widths = header["accumulator_bits"] != _header(program)["accumulator_bits"]
        header.refuse(
            "its accumulator widths do not match its weights" if widths else "its header has unexpected keys"
        )
    return program


def _built(header: Header, arrays: Mapping[str, NDArray[Any]]) -> Program:
    weights = header.table("weights")

    def affine(name: str) -> Affine:
        return Affine(arrays[name].astype(np.int64), _format(header, weights, name))

    def step(part: str) -> GruStep:
        return GruStep(*(affine(f"{part}/{name}") for name in ("kernel", "recurrent", "bias")))

    axis = read_axis(header)
    formats = header.table("formats")
    return Program(
        name=read_name(header),
        model_sha256=header.text("model_sha256"),
        instrument=header.text("instrument"),
        axis=axis,
        rising_edge_ns=header.number("rising_edge_ns", 0.0, axis.period_ns),
        n_baseline=header.integer("n_baseline", 1, axis.n_gates - 1),
        formats=ActivationFormats(
            input=_format(header, formats, "input"),
            state=_format(header, formats, "state"),
            gate=_format(header, formats, "gate"),
            candidate=_format(header, formats, "candidate"),
            product=_format(header, formats, "product"),
            output=_format(header, formats, "output"),
        ),
        encoder=step("encoder"),
        decoder=step("decoder"),
        head_kernel=affine("head/kernel"),
        head_bias=affine("head/bias"),
        reduction=Reduction(
            axis.n_gates, arrays[TAU_CODES].astype(np.int64), header.integer("tau_fraction_bits", 0, 16)
        ),
    )


def _format(header: Header, table: Mapping[str, Any], name: str) -> Format:
    plain = table.get(name)
    if not isinstance(plain, list) or len(plain) != 3 or not all(type(part) is int for part in plain):
        header.refuse(f"format of {name} must be [signed, integer bits, fraction bits]")
    signed, integer_bits, fraction_bits = plain
    if signed not in {0, 1} or max(abs(integer_bits), abs(fraction_bits)) > MAX_EXPONENT:
        header.refuse(f"format {plain} of {name} is out of range")
    return Format(bool(signed), integer_bits, fraction_bits)
