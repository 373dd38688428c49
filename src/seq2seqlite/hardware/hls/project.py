"""HLS project folder: C++ functions, top level, test bench, script and integer program."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_folder_when_done
from seq2seqlite.hardware.hls.functions import FUNCTIONS, Function, bit_shift_header, trace_functions
from seq2seqlite.hardware.project_files import check_folder, read_facts, templates
from seq2seqlite.hardware.stimulus import made_up_counts
from seq2seqlite.hardware.targets import TARGETS, Target, find_target
from seq2seqlite.hardware.wire.results import sfd_word_bits
from seq2seqlite.integer import Program, load_program, normalise, run, write_program
from seq2seqlite.json_text import json_text
from seq2seqlite.models import Format
from seq2seqlite.provenance import provenance

__all__ = ["PIXELS_IN_FLIGHT", "HlsProject", "codes_text", "read_hls", "sfd_text", "write_hls"]

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


@dataclass(frozen=True)
class HlsProject:
    """HLS project on disk.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the project.
    program : Program
        Program that the C++ computes.
    facts : mapping
        Content of the manifest ``hls.json``.

    See Also
    --------
    write_hls : Write a program as a Vitis HLS project.
    read_hls : Read the HLS project in a folder.
    """

    folder: Path
    program: Program
    facts: Mapping[str, Any]

    @property
    def sources(self) -> list[Path]:
        """C++ files except the test bench, ordered by decreasing compile time."""
        return [self.folder / name for name in _sources()]


def write_hls(
    program: Program,
    folder: Path,
    /,
    *,
    target: Target | None = None,
    pixels_in_flight: int = PIXELS_IN_FLIGHT,
) -> HlsProject:
    """Write a program as a Vitis HLS project. The folder is written completely or not at all.

    Parameters
    ----------
    program : Program
        Program with the write-back ``round``.
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
        If the write-back is not supported, the target is not an AMD FPGA, ``pixels_in_flight`` is out of
        range, or the folder contains other files or cannot be written.

    See Also
    --------
    read_hls : Read the HLS project in a folder.
    simulate_hls : Compile an HLS project, simulate raw counts, and compare the SFD codes with its program.
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
    program = load_program(folder / PROGRAM_FILE)
    if program.sha256 != facts.get("program_sha256"):
        raise InputError(
            f"{folder / PROGRAM_FILE} is not the program of this project; write the project again"
        )
    return HlsProject(folder, program, facts)


def codes_text(codes: NDArray[np.int64], /) -> str:
    """Return input codes (n, n_gates) in the text format of the test bench: one line per pixel."""
    return "".join(" ".join(map(str, row)) + "\n" for row in codes.tolist())


def sfd_text(sfd: NDArray[np.int64], /) -> str:
    """Return SFD codes (n, 3, n_gates) in the text format of the test bench: one line per pixel, by gate."""
    return codes_text(sfd.transpose(0, 2, 1).reshape(len(sfd), -1))


def _sources() -> list[str]:
    return [*(f"{name}.cc" for name in FUNCTIONS), f"{TOP}.cc"]


def _files(program: Program, target: Target, pixels: int) -> dict[str, str]:
    """Return the text of all files except the program, by name."""
    environment = templates("seq2seqlite.hardware.hls")
    values = _values(program, target, pixels)

    def rendered(template: str, **more: Any) -> str:
        return environment.get_template(f"{template}.j2").render(values, **more)

    functions = trace_functions(program)
    files = {name: rendered(name) for name in (f"{TOP}.hh", f"{TOP}.cc", "testbench.cc", "vitis.tcl")}
    for function in functions:
        files[f"{function.name}.cc"] = rendered(
            "kernel.cc",
            function=function,
            input_type="operand_t" if function.name == "encoder_step" else "state_t",
            output_type="output_t" if function.name == "head" else "state_t",
        )
    counts = made_up_counts(program, pixels)
    return files | {
        "README.md": rendered("readme.md"),
        "bit_shift.hh": bit_shift_header(),
        "inputs.txt": codes_text(normalise(program, counts)),
        "expected.txt": sfd_text(run(program, counts).sfd),
        PAPER: json_text(_facts(program, target, pixels, functions)),
    }


def _values(program: Program, target: Target, pixels: int) -> dict[str, Any]:
    formats = program.formats
    state, x = formats.state, formats.input
    operand = Format(
        signed=True,
        integer_bits=max(state.integer_bits, x.integer_bits),
        fraction_bits=max(state.fraction_bits, x.fraction_bits),
    )
    return {
        "name": program.name,
        "sha256": program.sha256,
        "da4ml": metadata.version("da4ml"),
        "program_file": PROGRAM_FILE,
        "n_gates": program.n_gates,
        "units": program.units,
        "pixels": pixels,
        "types": {
            "input": _type(x),
            "state": _type(state),
            "operand": _type(operand),
            "output": _type(formats.output),
        },
        "bits": {
            "input": x.bits,
            "output": formats.output.bits,
            "input_word": -(-x.bits // 8) * 8,
            "sfd_word": sfd_word_bits(program),
        },
        "signed_output": formats.output.signed,
        "target": target.name,
        "part": target.part,
        "clock_mhz": target.clock_mhz,
        "period_ns": 1e3 / target.clock_mhz,
        "sources": _sources(),
    }


def _type(fmt: Format) -> str:
    sign = int(fmt.signed)
    return f"ap_{'' if sign else 'u'}fixed<{fmt.bits}, {sign + fmt.integer_bits}>"


def _facts(program: Program, target: Target, pixels: int, functions: tuple[Function, ...]) -> dict[str, Any]:
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
