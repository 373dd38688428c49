"""A student's C++ as a folder: functions, top, test, script, and the program that it computes."""

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
from seq2seqlite.integer import Program, normalise, read_program, run, write_program
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
"""Pixels that are interleaved: more than the clocks of a step of 32 units, and the depth of a LUT memory."""
MAX_PIXELS_IN_FLIGHT = 1024


@dataclass(frozen=True)
class HlsProject:
    """C++ on disk.

    Parameters
    ----------
    folder : pathlib.Path
        Where it is.
    program : Program
        What it computes.
    facts : mapping
        What ``hls.json`` says.
    """

    folder: Path
    program: Program
    facts: Mapping[str, Any]

    @property
    def sources(self) -> list[Path]:
        """C++ files but the test, the longest to compile first."""
        return [self.folder / name for name in _sources()]


def write_hls(
    program: Program,
    folder: Path,
    /,
    *,
    target: Target | None = None,
    pixels_in_flight: int = PIXELS_IN_FLIGHT,
) -> HlsProject:
    """Write a program as a Vitis HLS project to a folder, all of it or nothing.

    Parameters
    ----------
    program : Program
        Program; its write-back must be ``round``.
    folder : pathlib.Path
        Folder; made, or replaced where it holds such a project already.
    target : Target, optional
        FPGA of AMD whose part and clock the script names; by default xc7k410t.
    pixels_in_flight : int
        Pixels that are interleaved, 2 to 1024. A step starts every clock if it takes no more clocks.

    Returns
    -------
    HlsProject

    Raises
    ------
    InputError
        If the program's write-back is another, the target is not AMD's, the number of pixels is out of its
        range, or the folder holds something else or cannot be written.
    """
    target = target or find_target("xc7k410t")
    if target.family != "xc7":
        names = ", ".join(name for name, other in TARGETS.items() if other.family == "xc7")
        raise InputError(
            f"target {target.name} is not made by AMD, whose HLS this is for; choose one of {names}"
        )
    if not 2 <= pixels_in_flight <= MAX_PIXELS_IN_FLIGHT:
        raise InputError(f"pixels_in_flight={pixels_in_flight} must be 2 to {MAX_PIXELS_IN_FLIGHT}")
    check_folder(folder, manifest=PAPER, kind="HLS project")
    files = _files(program, target, pixels_in_flight)
    with replace_folder_when_done(folder) as temporary:
        for name, text in files.items():
            (temporary / name).write_text(text, encoding="utf-8")
        write_program(temporary / PROGRAM_FILE, program)
    return read_hls(folder)


def read_hls(folder: Path, /) -> HlsProject:
    """Read an HLS project.

    Raises
    ------
    InputError
        If there is none, or its program was altered.
    """
    paper = folder / PAPER
    if not paper.is_file():
        raise InputError(f"{folder} is no HLS project; make one with seq2seqlite hardware hls")
    facts = read_facts(paper, remedy="write the project again")
    if (facts.get("format"), facts.get("format_version")) != (FORMAT, FORMAT_VERSION):
        raise InputError(f"{paper} is of another version; write the project again")
    program = read_program(folder / PROGRAM_FILE)
    if program.sha256 != facts.get("program_sha256"):
        raise InputError(f"{folder / PROGRAM_FILE} is not the program of this project; write it again")
    return HlsProject(folder, program, facts)


def codes_text(codes: NDArray[np.int64], /) -> str:
    """Return input codes (n, n_gates) as the test reads them: a line a pixel."""
    return "".join(" ".join(map(str, row)) + "\n" for row in codes.tolist())


def sfd_text(sfd: NDArray[np.int64], /) -> str:
    """Return SFD codes (n, 3, n_gates) as the test reads them: a line a pixel, gate after gate."""
    return codes_text(sfd.transpose(0, 2, 1).reshape(len(sfd), -1))


def _sources() -> list[str]:
    return [*(f"{name}.cc" for name in FUNCTIONS), f"{TOP}.cc"]


def _files(program: Program, target: Target, pixels: int) -> dict[str, str]:
    """Return the texts of all files but the program's."""
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
    both = Format(
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
            "operand": _type(both),
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
