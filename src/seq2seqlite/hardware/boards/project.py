"""Project folder of a board system, its synthesis, place and route, and bitstream."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from amaranth.back import rtlil

from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_folder_when_done
from seq2seqlite.hardware.boards.board import BOARDS, Board, CameraPins, Part
from seq2seqlite.hardware.boards.packet_port import PACKET_PORT, PacketPort
from seq2seqlite.hardware.boards.serial_port import SERIAL_PORT, SerialPort
from seq2seqlite.hardware.boards.soc import CONSTRAINTS, SystemOptions, generate_system
from seq2seqlite.hardware.eda.cells import Resources
from seq2seqlite.hardware.eda.nextpnr import PlaceAndRouteResult, bitstream, check_request, place_and_route
from seq2seqlite.hardware.eda.process import Heartbeat
from seq2seqlite.hardware.eda.yosys import Synthesis, SynthesisResult, synthesize
from seq2seqlite.hardware.implementation import SYNTHESIS_OPTIONS, device_share
from seq2seqlite.hardware.plan import BuildPlan
from seq2seqlite.hardware.project_files import check_folder, templates
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.integer import AnyProgram, write_program
from seq2seqlite.json_text import json_text
from seq2seqlite.outputs import OutputSet
from seq2seqlite.provenance import provenance

__all__ = [
    "BoardProject",
    "Core",
    "RoutedBoard",
    "SynthesisedBoard",
    "camera_pins",
    "route_board",
    "synthesize_board",
    "write_board",
]

FORMAT, FORMAT_VERSION = "seq2seqlite board project", 1
MANIFEST = "board.json"
PROGRAM_FILE = "integer.program"
RESOURCES = ("lut", "ff", "dsp", "bram36")


@dataclass(frozen=True)
class Core:
    """Engines and link of a board system, as one Verilog module.

    Parameters
    ----------
    program : Program or DirectProgram
        Program that the engines compute.
    plan : BuildPlan
        Plan of the Verilog.
    module, link : str
        Names of the module, and of the module of the link in it.
    front_end : tuple of str
        Names of the modules of a front end for a camera in it; empty: there is none.
    facts : mapping
        Further entries of the manifest.

    See Also
    --------
    write_board : Write the project of a board.
    """

    program: AnyProgram
    plan: BuildPlan
    module: str
    link: str
    front_end: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BoardProject:
    """Project of a board system on disk.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the project.
    board : Board
        Board.
    part : Part
        FPGA of the board.
    core : Core
        Engines and link.
    verilog : tuple of pathlib.Path
        Verilog files.
    facts : mapping
        Content of the manifest ``board.json``.

    See Also
    --------
    write_board : Write the project of a board.
    """

    folder: Path
    board: Board
    part: Part
    core: Core
    verilog: tuple[Path, ...]
    facts: Mapping[str, Any]

    @property
    def kept(self) -> tuple[str, ...]:
        """Modules whose utilisation is reported: core, link, port to the network, front end and memory."""
        port = PACKET_PORT if self.board.link == "udp" else SERIAL_PORT
        memory = (self.board.memory.module,) if self.core.front_end and self.board.memory else ()
        return self.core.module, self.core.link, port, *self.core.front_end, *memory


@dataclass(frozen=True)
class SynthesisedBoard:
    """Synthesis report of a board system.

    Parameters
    ----------
    project : BoardProject
        Project.
    result : SynthesisResult
        Result of Yosys.

    See Also
    --------
    synthesize_board : Synthesise a board system with Yosys.
    """

    project: BoardProject
    result: SynthesisResult

    def parts(self) -> dict[str, dict[str, float]]:
        """Return the utilisation by part: LUTs, flip-flops, DSP blocks and block memory.

        The engine includes its CSRs and streams, the link the packets and the buffers up to the network. The
        front end includes the port of the camera.
        """
        project, modules = self.project, self.result.modules
        core, link, port, *others = (modules[name] for name in project.kept)
        front_end, memory = others[:-1], others[-1:]
        network = "Ethernet" if project.board.link == "udp" else "serial line"
        parts = {
            "engine": _sum((core, 1), *((part, -1) for part in (link, *front_end))),
            "link": _sum((link, 1), (port, 1)),
            "front end": _sum(*((part, 1) for part in front_end)),
            "memory controller": _sum(*((part, 1) for part in memory)),
            network: _sum((self.result.resources, 1), *((part, -1) for part in (core, port, *memory))),
        }
        return {**parts, "all": _sum((self.result.resources, 1))}

    def to_dict(self) -> dict[str, Any]:
        """Return the utilisation as a JSON-compatible dictionary."""
        resources = self.result.resources
        return {
            **asdict(resources),
            "device_share": device_share(resources, find_target(self.project.part.target)),
            "parts": self.parts(),
            "synthesis_seconds": self.result.seconds,
        }


@dataclass(frozen=True)
class RoutedBoard:
    """Place-and-route report of a board system.

    Parameters
    ----------
    result : PlaceAndRouteResult
        Result of nextpnr.
    bitstream : pathlib.Path or None
        Bitstream; None if a net could not be routed.

    See Also
    --------
    route_board : Place and route a board system, and pack its bitstream.
    """

    result: PlaceAndRouteResult
    bitstream: Path | None

    @property
    def timing_met(self) -> bool:
        """Whether all nets are routed, and all clock domains reach the frequencies of the board.

        Paths between clock domains have no constraint of their own. The codes that cross them in asynchronous
        FIFOs change one bit at a time, and stay consistent if the paths between two domains are shorter
        than the periods of both.
        """
        short = self.result.crossing_share < 1
        return self.result.routed and short and all(clock.met for clock in self.result.clock_domains.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a JSON-compatible dictionary."""
        result = self.result
        return {
            "timing_met": self.timing_met,
            "routed": result.routed,
            "clock_domains": {
                name: {**asdict(clock), "met": clock.met} for name, clock in result.clock_domains.items()
            },
            "crossing_ns": result.crossing_ns,
            "crossing_share": result.crossing_share,
            "use": {name: asdict(use) for name, use in result.use.items() if use.used},
            "bitstream": self.bitstream,
            "route_seconds": result.seconds,
            "log": result.log,
        }


def camera_pins(board: Board, options: SystemOptions) -> CameraPins:
    """Return the pins of a board for a camera.

    Raises
    ------
    InputError
        If the board has no supported memory, or its memory does not work at the clock of the engines.

    See Also
    --------
    write_board : Write the project of a board.
    """
    if board.camera is None or board.memory is None:
        raise InputError(
            f"board {board.name} has no supported memory, which a camera requires; choose one of "
            f"{', '.join(name for name, one in BOARDS.items() if one.camera)}"
        )
    low, high = board.memory.min_mhz, board.memory.max_mhz
    if not low <= options.engine_clock_mhz <= high:
        raise InputError(
            f"engine_clock_mhz={options.engine_clock_mhz:g} must be {low:g} to {high:g} with a camera, "
            f"because the controller of the memory of board {board.name} has the same clock"
        )
    return board.camera


def write_board(
    board: Board,
    part: Part,
    core: Core,
    options: SystemOptions,
    folder: Path,
    /,
    *,
    heartbeat: Heartbeat | None = None,
) -> BoardProject:
    """Write the project of a board. LiteX and Yosys run once each, to generate the Verilog.

    The folder is written completely or not at all.

    Parameters
    ----------
    board : Board
        Board.
    part : Part
        FPGA of the board.
    core : Core
        Engines and link.
    options : SystemOptions
        Clock frequencies and addresses.
    folder : pathlib.Path
        Folder. It is created, or replaced if it contains the project of a board.
    heartbeat : callable, optional
        Called every second.

    Raises
    ------
    InputError
        If the folder contains other files, or the PLL cannot make the frequencies.
    ToolError
        If Yosys is not installed or fails.

    See Also
    --------
    synthesize_board : Synthesise a board system with Yosys.
    """
    check_folder(folder, manifest=MANIFEST, kind="a board project")
    camera = camera_pins(board, options) if core.front_end else None
    system = generate_system(board, part, options, core=core.module, camera=camera)
    port_name, port = (PACKET_PORT, PacketPort()) if board.link == "udp" else (SERIAL_PORT, SerialPort())
    files = {f"{port_name}.il": rtlil.convert(port, name=port_name, emit_src=False), **core.plan.files}
    files |= system.memory
    facts = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "board": board.name,
        "part": part.name,
        "model": core.program.name,
        "program_sha256": core.program.sha256,
        "sys_clock_mhz": system.sys_clock_mhz,
        "engine_clock_mhz": system.engine_clock_mhz,
        **core.facts,
        **({"ip_address": options.ip_address, "udp_port": options.udp_port} if board.link == "udp" else {}),
    }
    outputs = OutputSet(folder, {MANIFEST: ("format",)})
    with replace_folder_when_done(folder, prepare=outputs.remove_stale) as temporary:
        verilog = BuildPlan(files, core.plan.kept).execute(heartbeat=heartbeat)
        verilog[f"{board.name}.v"] = system.verilog
        values = {**facts, "title": board.title, "link": board.link, "verilog": list(verilog)}
        values |= {"tools": board.tools, "constraints": f"{board.name}{CONSTRAINTS[board.tools]}"}
        readme = templates("seq2seqlite.hardware").get_template("board.md.j2").render(values)
        texts = {**verilog, values["constraints"]: system.constraints, "README.md": readme}
        if board.tools == "vivado":
            script = templates("seq2seqlite.hardware").get_template("board.tcl.j2")
            texts["vivado.tcl"] = script.render(values)
        names = sorted([*texts, PROGRAM_FILE, MANIFEST])
        facts |= {"provenance": provenance(), "files": names}
        for name, text in {**texts, MANIFEST: json_text(facts)}.items():
            (temporary / name).write_text(text, encoding="utf-8")
        write_program(temporary / PROGRAM_FILE, core.program)
    written = tuple(folder / name for name in verilog)
    return BoardProject(folder, board, part, core, written, json.loads(json_text(facts)))


def synthesize_board(
    project: BoardProject, /, *, time_limit_s: float = 7200, heartbeat: Heartbeat | None = None
) -> SynthesisedBoard:
    """Synthesise a board system with Yosys; the results are written to its folder ``synthesis``.

    Raises
    ------
    InputError
        If the system does not fit the FPGA.
    ToolError
        If Yosys is missing or fails.

    See Also
    --------
    route_board : Place and route a board system, and pack its bitstream.
    """
    family = find_target(project.part.target).family
    result = synthesize(
        project.verilog,
        top=project.board.name,
        family=family,
        out_dir=project.folder / "synthesis",
        synthesis=Synthesis(keep=project.kept, options=SYNTHESIS_OPTIONS[family]),
        time_limit_s=time_limit_s,
        heartbeat=heartbeat,
    )
    for name, share in device_share(result.resources, find_target(project.part.target)).items():
        if share > 1:
            raise InputError(
                f"the design needs {share:.0%} of the {name} of {project.part.name}; use a smaller model "
                "or a larger part"
            )
    return SynthesisedBoard(project, result)


def route_board(
    synthesised: SynthesisedBoard,
    /,
    *,
    seed: int = 1,
    time_limit_s: float = 7200,
    heartbeat: Heartbeat | None = None,
) -> RoutedBoard:
    """Place and route a board system, and pack its bitstream, in the folder ``place-and-route``.

    Raises
    ------
    InputError
        If the seed is invalid, or the FPGA is not an ECP5.
    ToolError
        If nextpnr or ecppack is missing or fails.

    See Also
    --------
    synthesize_board : Synthesise a board system with Yosys.
    """
    project = synthesised.project
    part, facts = project.part, project.facts
    if project.board.tools != "open":
        raise InputError(
            f"board {project.board.name} has no FPGA that nextpnr supports; run vivado.tcl of "
            f"{project.folder} with Vivado"
        )
    freq_mhz = max(facts["sys_clock_mhz"], facts["engine_clock_mhz"])
    check_request(device=part.device, speed=part.speed, freq_mhz=freq_mhz, seed=seed)
    result = place_and_route(
        synthesised.result.netlist_json,
        device=part.device,
        speed=part.speed,
        freq_mhz=freq_mhz,  # of a clock without a constraint; the others follow from the inputs and the PLL
        out_dir=project.folder / "place-and-route",
        lpf=project.folder / f"{project.board.name}.lpf",
        package=part.package,
        seed=seed,
        time_limit_s=time_limit_s,
        heartbeat=heartbeat,
    )
    return RoutedBoard(result, bitstream(result.textcfg) if result.routed else None)


def _sum(*terms: tuple[Resources, int]) -> dict[str, float]:
    """Return the sum of resources with signs."""
    return {name: sum(sign * getattr(each, name) for each, sign in terms) for name in RESOURCES}
