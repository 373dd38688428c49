"""A design as a folder: Verilog, constraints, descriptions, and the program that it computes."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_folder_when_done, replace_when_done
from seq2seqlite.hardware.design import Design, DesignOptions
from seq2seqlite.hardware.gateware.shape import Shape
from seq2seqlite.hardware.ip_xact import component_xml
from seq2seqlite.hardware.targets import Target, find_target
from seq2seqlite.integer import Program, read_program, write_program
from seq2seqlite.json_text import json_text
from seq2seqlite.provenance import provenance

__all__ = ["Project", "read_project", "write_project"]

FORMAT = "seq2seqlite hardware project"
FORMAT_VERSION = 1
PROGRAM_FILE = "integer.program"
FRAME_PIXELS = 250_000
"""The frame of 500 x 500 pixels that frames a second are stated for."""


@dataclass(frozen=True)
class Project:
    """A design on disk.

    Parameters
    ----------
    folder : pathlib.Path
        Where it is.
    program : Program
        What it computes.
    target : Target
        FPGA.
    options : DesignOptions
        Choices.
    shape : Shape
        Widths and lengths of the gateware.
    facts : mapping
        What ``design.json`` says.
    """

    folder: Path
    program: Program
    target: Target
    options: DesignOptions
    shape: Shape
    facts: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """Digest of the Verilog: what is measured is measured of this."""
        return _digest(json.dumps(self.facts["sha256"], sort_keys=True))

    def record(self, name: str, result: Mapping[str, Any], /) -> None:
        """Keep what a tool measured of the project, for its report."""
        with replace_when_done(self.folder / f"{name}.json") as temporary:
            temporary.write_text(json_text({**result, "design_sha256": self.sha256}), encoding="utf-8")

    def recorded(self, name: str, /) -> dict[str, Any] | None:
        """Return what :meth:`record` kept; None where there is nothing, or it is of an earlier build.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        path = self.folder / f"{name}.json"
        if not path.is_file():
            return None
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return found if found["design_sha256"] == self.sha256 else None
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is damaged ({error!r}); run the command that writes it again") from None

    @property
    def verilog(self) -> list[Path]:
        """Verilog files."""
        return [self.folder / name for name in self.facts["sha256"]]


def write_project(design: Design, folder: Path, /) -> Project:
    """Write a design to a folder, all of it or nothing.

    Parameters
    ----------
    design : Design
        Design.
    folder : pathlib.Path
        Folder; made, or replaced where it holds a project already.

    Raises
    ------
    InputError
        If the folder holds something else, or cannot be written.
    """
    if (
        folder.exists()
        and not (folder / "design.json").is_file()
        and (not folder.is_dir() or any(folder.iterdir()))
    ):
        raise InputError(f"{folder} is not empty and no hardware project; name a new folder")
    with replace_folder_when_done(folder) as temporary:
        for name, text in (design.verilog | _papers(design)).items():
            (temporary / name).write_text(text, encoding="utf-8")
        write_program(temporary / PROGRAM_FILE, design.program)
    return read_project(folder)


def read_project(folder: Path, /) -> Project:
    """Read a project.

    Raises
    ------
    InputError
        If there is none, or a file of it was altered.
    """
    paper = folder / "design.json"
    if not paper.is_file():
        raise InputError(f"{folder} is no hardware project; make one with seq2seqlite hardware build")
    try:
        facts = json.loads(paper.read_text(encoding="utf-8"))
        if (facts["format"], facts["format_version"]) != (FORMAT, FORMAT_VERSION):
            raise InputError(f"{paper} is of another version; build the project again")
        options, target = DesignOptions(**facts["options"]), find_target(facts["target"])
        sums, slots, head = facts["sha256"], int(facts["slots"]), int(facts["head_latency"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{paper} is damaged ({error!r}); build the project again") from None
    program = read_program(folder / PROGRAM_FILE)
    if program.sha256 != facts["program_sha256"]:
        raise InputError(f"{folder / PROGRAM_FILE} is not the program of this project; build it again")
    for name, digest in sums.items():
        file = folder / name
        if not file.is_file() or _digest(file.read_text(encoding="utf-8")) != digest:
            raise InputError(f"{file} is missing or was altered; build the project again")
    shape = Shape(program, slots, head, options.input_lanes, options.output)
    return Project(folder, program, target, options, shape, facts)


def _papers(design: Design) -> dict[str, str]:
    """Return everything that is written beside the Verilog."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from seq2seqlite.hardware.gateware.top import TOP

    environment = Environment(  # noqa: S701  (no HTML)
        loader=PackageLoader("seq2seqlite.hardware"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    target, options = design.target, design.options
    values = {
        "name": design.program.name,
        "top": TOP,
        "part": target.part,
        "target": target.name,
        "family": target.family,
        "period_ns": 1e3 / design.clock_mhz,
        "clock_mhz": design.clock_mhz,
        "engines": options.engines,
        "units": design.program.units,
        "slots": design.shape.slots,
        "latency": design.latency_clocks,
        "clocks_per_pixel": design.clocks_per_pixel,
        "frames_per_second": design.frames_per_second(frame_pixels=FRAME_PIXELS),
        "tau_fraction_bits": design.program.reduction.tau_fraction_bits,
        "program_file": PROGRAM_FILE,
        "verilog": list(design.verilog),
    }
    templates = {"README.md": "readme.md.j2"}
    if target.family == "xc7":
        templates |= {"vivado.tcl": "vivado.tcl.j2", "constraints.xdc": "constraints.xdc.j2"}
    else:
        templates |= {"constraints.lpf": "constraints.lpf.j2"}
    papers = {name: environment.get_template(file).render(values) for name, file in templates.items()}
    return papers | {"component.xml": component_xml(design), "design.json": json_text(_facts(design))}


def _facts(design: Design) -> dict[str, Any]:
    kernels = (design.kernels.encoder, design.kernels.decoder, design.kernels.head)
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
            for kernel in kernels
        },
        "sha256": {name: _digest(text) for name, text in design.verilog.items()},
        "provenance": provenance(),
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
