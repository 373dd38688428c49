"""Project folder of a design: Verilog, constraints, scripts, manifest and integer program."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_folder_when_done, replace_when_done
from seq2seqlite.hardware.design import Design, DesignOptions, make_shape, verilog_files
from seq2seqlite.hardware.eda.process import Heartbeat
from seq2seqlite.hardware.gateware.parameters import Shape, tau_fraction_bits
from seq2seqlite.hardware.gateware.register_map import VERSION, registers
from seq2seqlite.hardware.ip_xact import bus_interfaces, component_xml
from seq2seqlite.hardware.link_header import link_header
from seq2seqlite.hardware.project_files import check_folder, read_facts, templates
from seq2seqlite.hardware.register_header import register_header
from seq2seqlite.hardware.system_rdl import system_rdl
from seq2seqlite.hardware.targets import Target, find_target
from seq2seqlite.hardware.testbench import testbench_files
from seq2seqlite.integer import AnyProgram, DirectProgram, load_any_program, write_program
from seq2seqlite.json_text import json_text
from seq2seqlite.outputs import OutputSet
from seq2seqlite.provenance import provenance

__all__ = ["FRAME_PIXELS", "PAPER", "Project", "read_project", "write_project"]

FORMAT = "seq2seqlite hardware project"
FORMAT_VERSION = 2
PAPER = "design.json"
PROGRAM_FILE = "integer.program"
REMEDY = "build the project again"
NUMBERS: Mapping[str, Any] = {
    "slots": int,
    "latency_clocks": int,
    "clocks_per_pixel": int | float,
    "clock_mhz_stated": int | float,
}
"""Entries of the manifest that must be numbers above 0."""
IP_VERSION = f"{VERSION}.0"
"""Version of a design as IP: that of the hardware specification."""
FRAME_PIXELS = 250_000
"""Frame size for which frame rates are stated: 500 x 500 pixels."""


@dataclass(frozen=True)
class Project:
    """Project of a design on disk.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the project.
    program : Program or DirectProgram
        Program that the design computes.
    target : Target
        FPGA.
    options : DesignOptions
        Options of the design.
    shape : Shape
        Parameters of the gateware.
    facts : mapping
        Content of the manifest ``design.json``.

    See Also
    --------
    read_project : Read the project in a folder.
    write_project : Write the project of a design.
    """

    folder: Path
    program: AnyProgram
    target: Target
    options: DesignOptions
    shape: Shape
    facts: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """SHA-256 of the Verilog, which identifies the design in recorded results."""
        return _digest(json.dumps(self.facts["sha256"], sort_keys=True))

    def record(self, name: str, result: Mapping[str, Any], /) -> None:
        """Store the result of a tool in the project folder, for the report."""
        with replace_when_done(self.folder / f"{name}.json") as temporary:
            temporary.write_text(json_text({**result, "design_sha256": self.sha256}), encoding="utf-8")

    def recorded(self, name: str, /) -> dict[str, Any] | None:
        """Return the result stored by :meth:`record`; None if missing or from an earlier build.

        Raises
        ------
        InputError
            If the file cannot be read.
        """
        path = self.folder / f"{name}.json"
        if not path.is_file():
            return None
        remedy = "run the command that writes it again"
        found = read_facts(path, remedy=remedy)
        if "design_sha256" not in found:
            raise InputError(f"{path} is damaged (design_sha256 is missing); {remedy}")
        return found if found["design_sha256"] == self.sha256 else None

    @property
    def verilog(self) -> list[Path]:
        """Paths of the Verilog files."""
        return [self.folder / name for name in self.facts["sha256"]]


def write_project(design: Design, folder: Path, /, *, heartbeat: Heartbeat | None = None) -> Project:
    """Write the project of a design. Yosys runs once, to generate the Verilog.

    The folder is written completely or not at all.

    Parameters
    ----------
    design : Design
        Design to write.
    folder : pathlib.Path
        Folder. It is created, or replaced if it contains a project; files of that project which the new one
        does not have are removed.
    heartbeat : callable, optional
        Called every second.

    Raises
    ------
    InputError
        If the folder contains other files, or cannot be written.
    ToolError
        If Yosys is not installed or fails.

    See Also
    --------
    seq2seqlite.hardware.design.make_design :
        Build a design: compile the kernels, and derive the parameters of the gateware.
    read_project : Read the project in a folder.
    seq2seqlite.hardware.cosim.design.compile_project : Compile the Verilog of a project with Verilator.
    """
    check_folder(folder, manifest=PAPER, kind="a hardware project")
    outputs = OutputSet(folder, {PAPER: ("format", "sha256")})
    with replace_folder_when_done(folder, prepare=outputs.remove_stale) as temporary:
        verilog = design.plan().execute(heartbeat=heartbeat)
        for name, text in (verilog | _project_files(design, verilog)).items():
            (temporary / name).write_text(text, encoding="utf-8")
        write_program(temporary / PROGRAM_FILE, design.program)
    return read_project(folder)


def read_project(folder: Path, /) -> Project:
    """Read the project in a folder.

    Raises
    ------
    InputError
        If the folder does not contain a project, or a file was modified.

    See Also
    --------
    write_project : Write the project of a design.
    """
    manifest = folder / PAPER
    if not manifest.is_file():
        raise InputError(
            f"{folder} is not a hardware project ({PAPER} is missing); "
            "create one with write_project or seq2seqlite hardware build"
        )
    facts = read_facts(manifest, remedy=REMEDY)
    if (facts.get("format"), facts.get("format_version")) != (FORMAT, FORMAT_VERSION):
        raise InputError(f"{manifest} was written by an incompatible version; {REMEDY}")
    program = load_any_program(folder / PROGRAM_FILE)
    try:
        options, target = DesignOptions(**facts["options"]), find_target(facts["target"])
        _check_facts(facts, program)
    except InputError as error:
        raise InputError(f"{manifest} is damaged ({error}); {REMEDY}") from None
    except (KeyError, TypeError) as error:
        raise InputError(f"{manifest} is damaged ({error!r}); {REMEDY}") from None
    if program.sha256 != facts["program_sha256"]:
        raise InputError(f"{folder / PROGRAM_FILE} is not the program of this project; {REMEDY}")
    for name, digest in facts["sha256"].items():
        file = folder / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise InputError(f"{file} is missing or was modified; {REMEDY}")
    shape = make_shape(program, options, facts["slots"], facts["head_latency"])
    return Project(folder, program, target, options, shape, facts)


def _check_facts(facts: Mapping[str, Any], program: AnyProgram) -> None:
    """Check the entries of a manifest; raise `InputError` if invalid, `KeyError` if missing."""
    if not isinstance(facts["head_latency"], int) or facts["head_latency"] < 0:
        raise InputError(f"head_latency={facts['head_latency']!r} must be a whole number, at least 0")
    for name, kind in NUMBERS.items():
        value = facts[name]
        if not isinstance(value, kind) or not 0 < value < math.inf:
            what = "whole number" if kind is int else "number"
            raise InputError(f"{name}={value!r} must be a {what} above 0")
    names = verilog_files(program)
    if not isinstance(facts["sha256"], dict) or set(facts["sha256"]) != set(names):
        raise InputError(f"sha256={facts['sha256']!r} must contain exactly {', '.join(names)}")
    if not isinstance(facts["program_sha256"], str):
        raise InputError(f"program_sha256={facts['program_sha256']!r} must be text")


def _project_files(design: Design, verilog: Mapping[str, str]) -> dict[str, str]:
    """Return the text of all files besides the Verilog and the program, by name."""
    target, options = design.target, design.options
    values = {
        "name": design.program.name,
        "top": options.top,
        "part": target.part,
        "target": target.name,
        "family": target.family,
        "period_ns": 1e3 / design.clock_mhz,
        "clock_mhz": design.clock_mhz,
        "engines": options.engines,
        "count_bits": options.count_bits,
        "lanes": design.shape.lanes,
        "units": design.program.units,
        "slots": design.shape.slots,
        "latency": design.latency_clocks,
        "clocks_per_pixel": design.clocks_per_pixel,
        "frames_per_second": design.frames_per_second(frame_pixels=FRAME_PIXELS),
        "tau_fraction_bits": tau_fraction_bits(design.program),
        "direct": isinstance(design.program, DirectProgram),
        "responses": design.shape.responses,
        "program_file": PROGRAM_FILE,
        "verilog": list(verilog),
        "buses": bus_interfaces(design),
        "registers": registers(design.shape),
        "ip_version": IP_VERSION,
    }
    files = {"README.md": "readme.md.j2"}
    if target.family != "ecp5":
        files |= {"vivado.tcl": "vivado.tcl.j2", "constraints.xdc": "constraints.xdc.j2"}
    else:
        files |= {"constraints.lpf": "constraints.lpf.j2"}
    environment = templates("seq2seqlite.hardware")
    texts = {name: environment.get_template(file).render(values) for name, file in files.items()}
    texts |= testbench_files(design)
    texts |= {
        "component.xml": component_xml(design),
        "registers.h": register_header(design),
        "registers.rdl": system_rdl(design),
        "link.h": link_header(),
    }
    names = sorted([*verilog, *texts, PROGRAM_FILE, PAPER])
    return texts | {PAPER: json_text({**_facts(design, verilog), "files": names})}


def _facts(design: Design, verilog: Mapping[str, str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "model": design.program.name,
        "program_sha256": design.program.sha256,
        "target": design.target.name,
        "options": asdict(design.options),
        "slots": design.shape.slots,
        "head_latency": design.shape.head_latency,
        "latency_clocks": design.latency_clocks,
        "clocks_per_pixel": design.clocks_per_pixel,
        "clock_mhz_stated": design.clock_mhz,
        "kernels": {
            kernel.name: {
                "latency": kernel.latency,
                "register_bits": kernel.register_bits,
                "adder_bits": kernel.adder_bits,
                "multipliers": kernel.multipliers,
            }
            for kernel in design.kernels.all
        },
        "sha256": {name: _digest(text) for name, text in verilog.items()},
        "provenance": provenance(),
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
