"""The door to Yosys (package pyosys, which has no program: each run is a Python process of its own)."""

import importlib.util
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.eda.cells import FAMILIES, Family, Resources, cells_of_stat, resources_of_cells
from seq2seqlite.hardware.eda.process import Heartbeat, ToolError, ToolRun, run_tool

__all__ = ["Synthesis", "SynthesisResult", "simulation_files", "synthesize", "verilog_from_rtlil"]

# In a process of its own a crash or an endless run of Yosys is one line here, not the end of this process.
CHILD = "import sys; from pyosys import libyosys as y; y.run_pass('script ' + sys.argv[1], y.Design())"
# What Amaranth says to other tools about its own source.
NOISE = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")
# Cells that Yosys knows by their ports alone.
WITHOUT_MODEL = {"RAMB36E1", "RAMB18E1", "DP16KD", "MULT18X18D", "MULT9X9D", "ALU54B"}
# Amaranth gives every signal its initial value; on a wire it says nothing, and synthesis tools warn.
UNUSED_INIT = re.compile(r"^ *\(\* init = [^*]* \*\)\n(?= *wire\b)", re.MULTILINE)

# The variable that Yosys reads in each combinational process, so that it runs at time 0. SystemVerilog
# (IEEE 1800, 6.8) initialises variables before any process starts, which is not an event. A non-blocking
# assignment is one, in Verilog and SystemVerilog, and takes place when all processes wait for it.
WAKE_UP = re.compile(r"^( *)reg (\\\$auto\$verilog_backend\S*dump_module\$\d+ ) *= 0;$", re.MULTILINE)


def _run_script(
    commands: Sequence[str],
    /,
    *,
    script: Path,
    log: Path,
    time_limit_s: float,
    heartbeat: Heartbeat | None = None,
) -> ToolRun:
    """Run commands of Yosys.

    Parameters
    ----------
    commands : sequence of str
        One command an entry; names of files through :func:`_quoted`.
    script : pathlib.Path
        File that they are written to: it can be run again with any Yosys.
    log : pathlib.Path
        File that takes what Yosys says.
    time_limit_s : float
        Limit in seconds.
    heartbeat : callable, optional
        Called every second.

    Returns
    -------
    ToolRun

    Raises
    ------
    ToolError
        If Yosys is missing, fails, or the time is up.
    """
    _share()
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text("\n".join(commands) + "\n")
    # The name of the script as a whole: Yosys takes no quotes for it, but it does take a relative name.
    return run_tool(
        "Yosys",
        [sys.executable, "-c", CHILD, script.name],
        log=log.absolute(),
        time_limit_s=time_limit_s,
        cwd=script.parent,
        heartbeat=heartbeat,
    )


def _quoted(path: Path, /) -> str:
    """Return a file's name as a command of Yosys takes it, blanks included.

    Examples
    --------
    >>> print(_quoted(Path("/a folder/b.v")))
    "/a folder/b.v"
    """
    return f'"{path.absolute()}"'


@dataclass(frozen=True)
class Synthesis:
    """How a design is synthesised.

    Parameters
    ----------
    flatten : bool
        Whether modules are dissolved into those that hold them, but for those that are kept.
    keep : tuple of str
        Modules that are kept: however often one is there, it is synthesised once. Modules with the attribute
        ``keep_hierarchy`` are kept, too.
    block_ram, dsp, shift_registers : bool
        Whether block RAMs, DSP blocks, and (xc7) LUTs as shift registers may be used.
    options : tuple of str
        Further options of ``synth_xilinx`` or ``synth_ecp5``.
    """

    flatten: bool = True
    keep: tuple[str, ...] = ()
    block_ram: bool = True
    dsp: bool = True
    shift_registers: bool = True
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class SynthesisResult:
    """A synthesised design.

    Parameters
    ----------
    family : str
        Family of devices.
    resources : Resources
        What it takes.
    cells : dict of int
        Cells by type, those of a module that is there n times n times.
    modules : dict of Resources
        What one instance of each module that was kept takes, the top included.
    netlist_json : pathlib.Path
        For nextpnr.
    netlist_verilog : pathlib.Path
        For a simulation of the netlist; see :func:`simulation_files`.
    seconds : float
        Time that it took.
    peak_memory_bytes : int
        Memory that it took.
    log : pathlib.Path
        What Yosys said.
    """

    family: Family
    resources: Resources
    cells: dict[str, int]
    modules: dict[str, Resources]
    netlist_json: Path
    netlist_verilog: Path
    seconds: float
    peak_memory_bytes: int
    log: Path


def synthesize(
    files: Sequence[Path],
    /,
    *,
    top: str,
    family: Family,
    out_dir: Path,
    synthesis: Synthesis | None = None,
    time_limit_s: float = 7200,
    heartbeat: Heartbeat | None = None,
) -> SynthesisResult:
    """Synthesise Verilog for a family of devices.

    Parameters
    ----------
    files : sequence of pathlib.Path
        Verilog.
    top : str
        Name of the top module.
    family : {"xc7", "ecp5"}
        Family.
    out_dir : pathlib.Path
        Folder for script, log, counts and netlists, all named after ``top`` and ``family``.
    synthesis : Synthesis, optional
        How it is synthesised.
    time_limit_s : float
        Limit in seconds.
    heartbeat : callable, optional
        Called every second.

    Returns
    -------
    SynthesisResult

    Raises
    ------
    InputError
        If the family is unknown or a file is missing.
    ToolError
        If Yosys is missing, fails, or the time is up.
    """
    if family not in FAMILIES:
        raise InputError(f"family={family!r} is unknown; choose one of {', '.join(FAMILIES)}")
    for path in files:
        if not path.is_file():
            raise InputError(f"there is no file {path}; name an existing one")
    stem = out_dir / f"{top}_{family}"
    json_file, verilog, stat, log = (
        stem.with_name(stem.name + end) for end in (".json", "_netlist.v", "_stat.json", "_yosys.log")
    )
    how = synthesis or Synthesis()
    commands = [
        *(f"read_verilog -sv {_quoted(path)}" for path in files),
        f"hierarchy -check -top {top}",
        *(f"setattr -mod -set keep_hierarchy 1 {name}" for name in how.keep),
        _synthesis_command(family, top, how),
        f"tee -q -o {_quoted(stat)} stat -json",
        # nextpnr takes one level only, and modules that are kept are there to be counted.
        *(() if family == "xc7" else ("setattr -mod -unset keep_hierarchy", "flatten", "clean")),
        f"write_json {_quoted(json_file)}",
        f"write_verilog -noattr {_quoted(verilog)}",
    ]
    script = stem.with_name(stem.name + ".ys")
    took = _run_script(commands, script=script, log=log, time_limit_s=time_limit_s, heartbeat=heartbeat)
    cells, modules = cells_of_stat(stat, top)
    return SynthesisResult(
        family=family,
        resources=resources_of_cells(cells, family),
        cells=cells,
        modules={name: resources_of_cells(each, family) for name, each in modules.items()},
        netlist_json=json_file,
        netlist_verilog=verilog,
        seconds=took.seconds,
        peak_memory_bytes=took.peak_memory_bytes,
        log=log,
    )


def simulation_files(result: SynthesisResult, /) -> list[Path]:
    """Return the Verilog that a simulation of a netlist takes: the netlist and the models of its cells.

    Raises
    ------
    InputError
        If Yosys has no model of one of the cells: synthesise with ``block_ram=False``, for ECP5 with
        ``dsp=False``, too.
    """
    unknown = sorted(set(result.cells) & WITHOUT_MODEL)
    if unknown:
        raise InputError(
            f"Yosys has no model of {', '.join(unknown)} for a simulation; synthesise with block_ram=False "
            "and, for ecp5, dsp=False"
        )
    name = {"xc7": "xilinx", "ecp5": "ecp5"}[result.family]
    return [result.netlist_verilog, _share() / name / "cells_sim.v"]


def _synthesis_command(family: Family, top: str, how: Synthesis) -> str:
    refused = [("-nobram", how.block_ram), ("-nodsp", how.dsp)]
    words = {"xc7": ["synth_xilinx", "-family", "xc7", "-noiopad"], "ecp5": ["synth_ecp5"]}[family]
    if family == "xc7":
        refused.append(("-nosrl", how.shift_registers))
        words += ["-flatten"] if how.flatten else []
    else:
        words += [] if how.flatten else ["-noflatten"]
    words += [option for option, allowed in refused if not allowed]
    return " ".join([*words, "-top", top, *how.options])


def _share() -> Path:
    spec = importlib.util.find_spec("pyosys")
    if spec is None or not spec.submodule_search_locations:
        raise ToolError("Yosys is not installed; run: pip install 'seq2seqlite[hardware]'")
    return Path(spec.submodule_search_locations[0]) / "share"


def verilog_from_rtlil(
    rtlil: Mapping[str, str], /, *, time_limit_s: float = 300, heartbeat: Heartbeat | None = None
) -> dict[str, str]:
    """Convert RTLIL to Verilog in one run of Yosys.

    It does what ``amaranth.back.verilog`` does with a program ``yosys``.

    Parameters
    ----------
    rtlil : mapping of str
        Text of RTLIL by name, as ``amaranth.back.rtlil.convert`` returns it. The texts are separate designs;
        modules that one instantiates and does not define remain instances.
    time_limit_s : float
        Time limit, in seconds.
    heartbeat : callable, optional
        Called every second.

    Returns
    -------
    dict of str
        Verilog by name, with the attributes of the design, such as ``keep_hierarchy``, but without those for
        positions in the Python source.

    Raises
    ------
    ToolError
        If Yosys is not installed, fails, or exceeds the time limit.
    """
    removed = " ".join(f"-remove {name}" for name in NOISE)
    with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as temporary:
        folder = Path(temporary)
        commands = []
        for name, text in rtlil.items():
            (folder / f"{name}.il").write_text(text)
            commands += [
                f"read_rtlil {_quoted(folder / f'{name}.il')}",
                "proc -nomux -norom",
                "memory_collect",
                f"attrmap {removed}",
                f"attrmap -modattr {removed}",
                f"write_verilog -norename {_quoted(folder / f'{name}.v')}",
                "design -reset",
            ]
        _run_script(
            commands,
            script=folder / "to.ys",
            log=folder / "log.txt",
            time_limit_s=time_limit_s,
            heartbeat=heartbeat,
        )
        return {name: _portable((folder / f"{name}.v").read_text()) for name in rtlil}


def _portable(verilog: str) -> str:
    """Return Yosys' Verilog without what simulators and synthesis tools read differently."""
    return WAKE_UP.sub(r"\1reg \2;\n\1initial \2<= 0;", UNUSED_INIT.sub("", verilog))
