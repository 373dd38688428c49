"""HLS project folder: C++ functions, top level, test bench, script and integer program."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_folder_when_done
from seq2seqlite.hardware.cosim.inputs import Inputs
from seq2seqlite.hardware.hls.functions import Function, bit_shift_header, function_names, trace_functions
from seq2seqlite.hardware.hls.vectors import expected_values, input_texts, numbers_text
from seq2seqlite.hardware.project_files import check_folder, read_facts, templates
from seq2seqlite.hardware.stimulus import made_up_bank, made_up_counts
from seq2seqlite.hardware.targets import TARGETS, Target, find_target
from seq2seqlite.hardware.wire.results import DIRECT_RECORD_BITS, check_lifetime_codes, sfd_word_bits
from seq2seqlite.integer import (
    FRACTION_BITS,
    MAX_BANK,
    AnyProgram,
    DirectProgram,
    load_any_program,
    write_program,
)
from seq2seqlite.integer.standard_errors import ERROR_BITS, LOG_COUNTS, LOG_FRACTION_BITS, N_OCTAVES
from seq2seqlite.json_text import json_text
from seq2seqlite.models import Format
from seq2seqlite.provenance import provenance

__all__ = ["PIXELS_IN_FLIGHT", "HlsProject", "read_hls", "write_hls"]

FORMAT = "seq2seqlite hls project"
FORMAT_VERSION = 1
PAPER = "hls.json"
PROGRAM_FILE = "integer.program"
TOP = "seq2seqlite_top"
PIXELS_IN_FLIGHT = 64
"""Default number of interleaved pixels.

It exceeds the latency of a step of 32 units, and is the depth of a LUT memory.
"""
MAX_PIXELS_IN_FLIGHT = 1024
N_RESPONSES = 4
"""Responses of the test vectors of a program that gets them; the first is unknown."""
MIN_PHOTONS = 100
"""Threshold of the test vectors of a direct program."""
COUNTER_BITS = 34
"""Least width of the arithmetic behind the head, which holds a logarithm of the counts."""


@dataclass(frozen=True)
class HlsProject:
    """HLS project on disk.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the project.
    program : Program or DirectProgram
        Program that the C++ computes.
    facts : mapping
        Content of the manifest ``hls.json``.

    See Also
    --------
    write_hls : Write a program as a Vitis HLS project.
    read_hls : Read the HLS project in a folder.
    """

    folder: Path
    program: AnyProgram
    facts: Mapping[str, Any]

    @property
    def sources(self) -> list[Path]:
        """C++ files except the test bench, ordered by decreasing compile time."""
        return [self.folder / name for name in _sources(self.program)]


def write_hls(
    program: AnyProgram,
    folder: Path,
    /,
    *,
    target: Target | None = None,
    pixels_in_flight: int = PIXELS_IN_FLIGHT,
) -> HlsProject:
    """Write a program as a Vitis HLS project. The folder is written completely or not at all.

    Parameters
    ----------
    program : Program or DirectProgram
        Program.
    folder : pathlib.Path
        Folder. It is created, or replaced if it contains an HLS project.
    target : Target, optional
        AMD FPGA whose part number and clock frequency the script uses; xc7k410t by default.
    pixels_in_flight : int
        Number of interleaved pixels, 2 to 1024. A step starts in every clock cycle if its latency in clock
        cycles does not exceed this number.

    Returns
    -------
    HlsProject

    Raises
    ------
    InputError
        If the target is not an AMD FPGA, ``pixels_in_flight`` is out of range, results do not hold the
        lifetimes of a direct program, or the folder contains other files or cannot be written.

    See Also
    --------
    read_hls : Read the HLS project in a folder.
    simulate_hls : Compile an HLS project, simulate raw counts, and compare the results with its program.
    seq2seqlite.hardware.project.write_project : Write the project of a design.
    """
    target = target or find_target("xc7k410t")
    if target.family == "ecp5":
        names = ", ".join(name for name, other in TARGETS.items() if other.family != "ecp5")
        raise InputError(
            f"target {target.name} is not an AMD FPGA, which Vitis HLS requires; choose one of {names}"
        )
    if not 2 <= pixels_in_flight <= MAX_PIXELS_IN_FLIGHT:
        raise InputError(f"pixels_in_flight={pixels_in_flight} must be 2 to {MAX_PIXELS_IN_FLIGHT}")
    if isinstance(program, DirectProgram):
        check_lifetime_codes(program)
    check_folder(folder, manifest=PAPER, kind="an HLS project")
    files = _files(program, target, pixels_in_flight)
    with replace_folder_when_done(folder) as temporary:
        for name, text in files.items():
            (temporary / name).write_text(text, encoding="utf-8")
        write_program(temporary / PROGRAM_FILE, program)
    return read_hls(folder)


def read_hls(folder: Path, /) -> HlsProject:
    """Read the HLS project in a folder.

    Raises
    ------
    InputError
        If the folder does not contain an HLS project, or its program was modified.

    See Also
    --------
    write_hls : Write a program as a Vitis HLS project.
    """
    manifest = folder / PAPER
    if not manifest.is_file():
        raise InputError(
            f"{folder} is not an HLS project ({PAPER} is missing); "
            "create one with write_hls or seq2seqlite hardware hls"
        )
    facts = read_facts(manifest, remedy="write the project again")
    if (facts.get("format"), facts.get("format_version")) != (FORMAT, FORMAT_VERSION):
        raise InputError(f"{manifest} was written by an incompatible version; write the project again")
    program = load_any_program(folder / PROGRAM_FILE)
    if program.sha256 != facts.get("program_sha256"):
        raise InputError(
            f"{folder / PROGRAM_FILE} is not the program of this project; write the project again"
        )
    return HlsProject(folder, program, facts)


def _sources(program: AnyProgram) -> list[str]:
    result = ("result",) if isinstance(program, DirectProgram) else ()
    return [f"{name}.cc" for name in (*function_names(program), *result, TOP)]


def _files(program: AnyProgram, target: Target, pixels: int) -> dict[str, str]:
    """Return the text of all files except the program, by name."""
    environment = templates("seq2seqlite.hardware.hls")
    vectors = _vectors(program, pixels)
    direct = isinstance(program, DirectProgram)
    values = _values(program, target, pixels) | {"vectors": list(vectors), "direct": direct}
    if isinstance(program, DirectProgram):
        values |= _direct_values(program, values)

    def rendered(template: str, **more: Any) -> str:
        return environment.get_template(f"{template}.j2").render(values, **more)

    functions = trace_functions(program)
    kind = "direct_" if direct else ""
    files = {
        f"{TOP}.hh": rendered(f"{TOP}.hh"),
        f"{TOP}.cc": rendered(f"{kind}top.cc"),
        "testbench.cc": rendered(f"{kind}testbench.cc"),
        "vitis.tcl": rendered("vitis.tcl"),
        "README.md": rendered(f"{kind}readme.md"),
        "bit_shift.hh": bit_shift_header(),
        **({"result.cc": rendered("result.cc")} if direct else {}),
        **vectors,
        PAPER: json_text(_facts(program, target, pixels, functions)),
    }
    outputs = "sum_t" if direct else "output_t"
    for function in functions:
        files[f"{function.name}.cc"] = rendered(
            "kernel.cc",
            function=function,
            input_type="operand_t" if function.name == "encoder_step" else "state_t",
            output_type=outputs if function.name == "head" else "state_t",
        )
    return files


def _vectors(program: AnyProgram, pixels: int) -> dict[str, str]:
    """Return the stimulus of the test bench and its results, by file."""
    counts, inputs = made_up_counts(program, pixels), None
    if isinstance(program, DirectProgram) or program.n_columns:
        bank = made_up_bank(program, N_RESPONSES)
        inputs = Inputs(bank, np.arange(pixels) % len(bank))
    expected = expected_values(program, counts, inputs, min_photons=MIN_PHOTONS)
    return input_texts(program, counts, inputs) | {"expected.txt": numbers_text(expected)}


def _values(program: AnyProgram, target: Target, pixels: int) -> dict[str, Any]:
    formats = program.formats
    operands = [formats.state, formats.input, *([formats.response] if formats.response else [])]
    operand = Format(
        signed=True,
        integer_bits=max(fmt.integer_bits for fmt in operands),
        fraction_bits=max(fmt.fraction_bits for fmt in operands),
    )
    x, response = formats.input, formats.response
    return {
        "name": program.name,
        "sha256": program.sha256,
        "da4ml": metadata.version("da4ml"),
        "program_file": PROGRAM_FILE,
        "n_gates": program.n_gates,
        "n_columns": program.n_columns,
        "units": program.units,
        "pixels": pixels,
        "n_responses": MAX_BANK,
        "types": {
            "input": _type(x),
            "state": _type(formats.state),
            "operand": _type(operand),
            "output": _type(formats.output),
            "response": _type(response) if response else "",
        },
        "bits": {
            "input": x.bits,
            "output": formats.output.bits,
            "input_word": -(-x.bits // 8) * 8,
            "sfd_word": 0 if isinstance(program, DirectProgram) else sfd_word_bits(program),
            "response": response.bits if response else 0,
        },
        "signed_output": formats.output.signed,
        "target": target.name,
        "part": target.part,
        "clock_mhz": target.clock_mhz,
        "period_ns": 1e3 / target.clock_mhz,
        "sources": _sources(program),
    }


def _direct_values(program: DirectProgram, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a direct program, whose results are not SFD codes."""
    head, tau_bits = program.accumulators["head"], program.formats.output.fraction_bits
    fraction = head.fraction_bits
    left = max(bits - fraction for bits in (tau_bits, FRACTION_BITS, LOG_FRACTION_BITS, 0))
    types = {"sum": f"ap_fixed<{head.bits}, {head.bits - fraction}>"}
    bits = {
        "sum": head.bits,
        "wide": max(head.bits + left + 1, COUNTER_BITS),
        "record": DIRECT_RECORD_BITS,
    }
    return {
        "types": values["types"] | types,
        "bits": values["bits"] | bits,
        "sum_fraction_bits": fraction,
        "tau_fraction_bits": tau_bits,
        "tau_low": program.tau_low,
        "tau_high": program.tau_high,
        "fraction_bits": FRACTION_BITS,
        "log_bits": LOG_FRACTION_BITS,
        "n_octaves": N_OCTAVES,
        "max_error": (1 << (ERROR_BITS - 1)) - 1,
        "log_counts": LOG_COUNTS.tolist(),
        "factors": program.factors.tolist(),
        "min_photons": MIN_PHOTONS,
    }


def _type(fmt: Format) -> str:
    sign = int(fmt.signed)
    return f"ap_{'' if sign else 'u'}fixed<{fmt.bits}, {sign + fmt.integer_bits}>"


def _facts(
    program: AnyProgram, target: Target, pixels: int, functions: tuple[Function, ...]
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "model": program.name,
        "program_sha256": program.sha256,
        "target": target.name,
        "part": target.part,
        "clock_mhz": target.clock_mhz,
        "pixels_in_flight": pixels,
        "functions": {
            function.name: {
                "operations": function.operations,
                "lut_estimate_of_da4ml": function.lut_estimate,
            }
            for function in functions
        },
        "provenance": provenance(),
    }
