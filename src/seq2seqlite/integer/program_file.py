"""Program files: arrays and JSON, nothing that runs."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seq2seqlite.decay import TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done
from seq2seqlite.integer.lowering import lower
from seq2seqlite.integer.program import SPEC_VERSION, TAU_CODES, Affine, GruStep, Program
from seq2seqlite.integer.ranges import accumulators
from seq2seqlite.integer.reduction import Reduction
from seq2seqlite.models import ActivationFormats, Format, load_model
from seq2seqlite.outputs import check_archive

__all__ = ["SUFFIX", "load_program", "read_program", "write_program"]

FORMAT = "seq2seqlite integer program"
FORMAT_VERSION = 1
HEADER = "header"
SUFFIX = ".program"


def write_program(path: str | Path, program: Program, /) -> None:
    """Write a program; equal programs give equal bytes.

    The header names, beside what the program is, the width that each accumulator needs: the proof that
    nothing overflows, which reading repeats.
    """
    header = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "spec_version": SPEC_VERSION,
        **program.facts,
        "accumulator_bits": {name: reach.bits for name, reach in accumulators(program).items()},
        "sha256": program.sha256,
    }
    arrays: dict[str, Any] = {HEADER: np.array(json.dumps(header))}
    arrays.update({name: codes.astype(np.int32) for name, codes in program.arrays.items()})
    check_archive(path, member=HEADER, keys={"format": FORMAT}, what=FORMAT)
    with replace_when_done(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_program(name_or_path: str | Path, /) -> Program:
    """Return the program of a shipped model, a model file or a program file.

    Raises
    ------
    InputError
        If there is none, it is not valid, or the model is not quantised throughout.
    """
    if Path(name_or_path).suffix == SUFFIX:
        return read_program(name_or_path)
    return lower(load_model(name_or_path))


def read_program(path: str | Path, /) -> Program:
    """Read a program file.

    Raises
    ------
    InputError
        If it is missing, cut short, altered, or of another format or version.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"program file {file} does not exist")
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            header = json.loads(str(archive[HEADER]))
            arrays = {name: archive[name] for name in archive.files if name != HEADER}
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{file} is not a seq2seqlite program, or was cut short ({error}); copy it again"
        ) from None
    try:
        return _checked(header, arrays)
    except InputError as error:
        raise InputError(f"program file {file}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"program file {file}: its header is not valid ({error!r}); lower the model again"
        ) from None


def _checked(header: Any, arrays: Mapping[str, Any]) -> Program:
    if not isinstance(header, dict):
        raise InputError(f"its header is a {type(header).__name__}, not an object; lower the model again")
    kind = tuple(header.get(key) for key in ("format", "format_version", "spec_version"))
    if kind != (FORMAT, FORMAT_VERSION, SPEC_VERSION):
        raise InputError(
            f"format {kind[0]!r} version {kind[1]!r} of specification {kind[2]!r} is not the one read here "
            f"({FORMAT!r} version {FORMAT_VERSION} of {SPEC_VERSION}); lower the model again"
        )
    for name, codes in arrays.items():
        if codes.dtype != np.int32:
            raise InputError(f"array {name} must be int32, not {codes.dtype}")
        if codes.ndim != (1 if name == TAU_CODES else 2):
            raise InputError(f"array {name} has shape {codes.shape}; lower the model again")
    program = _built(header, arrays)
    if set(arrays) != set(program.arrays):
        raise InputError("its arrays are not those of a program; lower the model again")
    if program.sha256 != header["sha256"]:
        raise InputError(
            "it was altered: its content does not have the recorded SHA-256; lower the model again"
        )
    if header["accumulator_bits"] != {name: reach.bits for name, reach in accumulators(program).items()}:
        raise InputError("its accumulator widths are not those of its weights; lower the model again")
    return program


def _built(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> Program:
    def affine(name: str) -> Affine:
        return Affine(arrays[name].astype(np.int64), _format(header["weights"][name]))

    def step(part: str) -> GruStep:
        return GruStep(*(affine(f"{part}/{name}") for name in ("kernel", "recurrent", "bias")))

    formats = ActivationFormats(
        **{name: _format(value) for name, value in header["formats"].items()},
        write_back=header["write_back"],
        residual_bits=header["residual_bits"],
    )
    axis = TimeAxis(header["n_gates"], header["gate_width_ns"], header["period_ns"], header["gate_length_ns"])
    tau_codes = arrays[TAU_CODES].astype(np.int64)
    return Program(
        name=header["name"],
        model_sha256=header["model_sha256"],
        instrument=header["instrument"],
        axis=axis,
        rising_edge_ns=header["rising_edge_ns"],
        n_baseline=header["n_baseline"],
        formats=formats,
        encoder=step("encoder"),
        decoder=step("decoder"),
        head_kernel=affine("head/kernel"),
        head_bias=affine("head/bias"),
        reduction=Reduction(axis.n_gates, tau_codes, header["tau_fraction_bits"]),
    )


def _format(plain: list[int]) -> Format:
    signed, integer_bits, fraction_bits = plain
    return Format(bool(signed), integer_bits, fraction_bits)
