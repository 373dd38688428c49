"""Build plan of a design: the input files of the conversion to Verilog, and the explicit call of Yosys."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from seq2seqlite.hardware.eda.process import Heartbeat
from seq2seqlite.hardware.eda.yosys import verilog_from_rtlil

__all__ = ["BuildPlan", "with_port_order"]

RTLIL, VERILOG = ".il", ".v"


@dataclass(frozen=True)
class BuildPlan:
    """Files of a design's build, and how they become Verilog.

    Reading a plan starts no tool; :meth:`execute` runs Yosys, once.

    Parameters
    ----------
    files : mapping of str
        Text by file name: Verilog of the step kernels (``.v``), and RTLIL of the gateware (``.il``), which
        Yosys converts to a ``.v`` file of the same name.
    kept : tuple of str
        Modules that synthesis must not flatten: they are synthesised once for all their instances.
    headings : mapping of str
        Comment before the declaration of a port, by the name of the port.

    See Also
    --------
    seq2seqlite.hardware.design.Design : FPGA design in memory.
    """

    files: Mapping[str, str]
    kept: tuple[str, ...] = ()
    headings: Mapping[str, str] = field(default_factory=dict)

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each file, as hexadecimal text by file name."""
        return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in self.files.items()}

    @property
    def sha256(self) -> str:
        """SHA-256 of the whole plan."""
        text = json.dumps([self.digests, self.kept], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def verilog_names(self) -> tuple[str, ...]:
        """Names of the Verilog files that :meth:`execute` returns, in the order of ``files``."""
        return tuple(name.removesuffix(RTLIL).removesuffix(VERILOG) + VERILOG for name in self.files)

    def execute(self, *, time_limit_s: float = 300, heartbeat: Heartbeat | None = None) -> dict[str, str]:
        """Run Yosys once, and return the Verilog of the design by file name.

        Parameters
        ----------
        time_limit_s : float
            Time limit, in seconds.
        heartbeat : callable, optional
            Called every second.

        Returns
        -------
        dict of str
            The same text for the same plan and the same version of Yosys.

        Raises
        ------
        ToolError
            If Yosys is not installed, fails, or exceeds the time limit.
        """
        rtlil = {name.removesuffix(RTLIL): text for name, text in self.files.items() if name.endswith(RTLIL)}
        converted = verilog_from_rtlil(rtlil, time_limit_s=time_limit_s, heartbeat=heartbeat)
        found = {}
        for file, text in self.files.items():
            stem = file.removesuffix(RTLIL).removesuffix(VERILOG)
            verilog = converted.get(stem, text)
            for module in self.kept:
                if f"\nmodule {module}(" in verilog:
                    verilog = _with_kept_registers(_with_kept_hierarchy(verilog, module))
            found[stem + VERILOG] = _with_headings(verilog, self.headings)
        return found


def with_port_order(rtlil: str, module: str, names: Iterable[str], /) -> str:
    """Return RTLIL in which the ports of a module have the given order.

    Amaranth lists inputs before outputs, which separates the signals of a bus.

    See Also
    --------
    BuildPlan : Plan that converts the RTLIL to Verilog.
    """
    order = {name: number for number, name in enumerate(names, 1)}  # Yosys puts a port 0 last
    before, start, after = rtlil.partition(f"module \\{module}\n")
    body, end, others = after.partition("\nend\n")

    def numbered(match: re.Match[str]) -> str:
        return f"{match[1]}{order[match[3]]}{match[2]}{match[3]}"

    port = re.compile(r"^(\s*wire width \d+ (?:input|output) )\d+(\s+(?:signed )?\\)(\w+)$", re.MULTILINE)
    return before + start + port.sub(numbered, body) + end + others


def _with_headings(verilog: str, headings: Mapping[str, str]) -> str:
    """Write a comment before the declaration of ports."""
    for port, text in headings.items():
        declaration = rf"^(  (?:input|output) (?:\[\S+\] )?{port};)"
        verilog = re.sub(declaration, rf"  // {text}\n\1", verilog, count=1, flags=re.MULTILINE)
    return verilog


def _with_kept_registers(verilog: str) -> str:
    """Mark duplicated registers, so that synthesis does not merge them.

    Amaranth gives the attribute to the signal; Yosys looks for it at the flip-flop, made of the process.
    """
    kept = re.findall(r"\(\* keep = \S+ \*\)\s+reg (?:\[\S+\] )?(\w+)", verilog)
    processes = re.compile(rf"^( *)(always @\(posedge \S+\)\s+(?:{'|'.join(kept)}) <= )", re.MULTILINE)
    return processes.sub(r"\1(* keep *) \2", verilog) if kept else verilog


def _with_kept_hierarchy(verilog: str, module: str) -> str:
    """Mark a module that synthesis must not flatten."""
    return verilog.replace(f"\nmodule {module}(", f"\n(* keep_hierarchy *)\nmodule {module}(", 1)
