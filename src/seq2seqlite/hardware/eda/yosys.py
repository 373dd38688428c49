"""Adapter of Yosys. The package pyosys has no executable, so each run is a separate Python process."""

import importlib.util
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.eda.cells import FAMILIES, Family, Resources, cells_of_stat, resources_of_cells
from seq2seqlite.hardware.eda.process import Heartbeat, ToolError, ToolRun, run_tool

__all__ = [
    "Proof",
    "Synthesis",
    "SynthesisResult",
    "prove",
    "simulation_files",
    "synthesize",
    "verilog_from_rtlil",
]

# In a separate process, a crash or a hang of Yosys becomes an error message instead of ending this process.
CHILD = "import sys; from pyosys import libyosys as y; y.run_pass('script ' + sys.argv[1], y.Design())"
# Attributes by which Amaranth refers to its source code.
NOISE = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")
# Cells that a design may instantiate, such as PLLs.
CELLS = {
    "ecp5": "+/ecp5/cells_sim.v +/ecp5/cells_bb.v",
    "xilinx": "+/xilinx/cells_sim.v +/xilinx/cells_xtra.v",
}
# Cells without a simulation model in Yosys.
WITHOUT_MODEL = {"RAMB36E1", "RAMB18E1", "RAMB36E2", "RAMB18E2", "DP16KD", "MULT18X18D", "MULT9X9D", "ALU54B"}
# Amaranth adds an initial value to every signal. On a wire it has no effect, and synthesis tools warn.
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
    """Run Yosys commands.

    Parameters
    ----------
    commands : sequence of str
        Commands, with file names quoted by :func:`_quoted`.
    script : pathlib.Path
        Script file for the commands, which can be rerun with any Yosys.
    log : pathlib.Path
        Log file for the output of Yosys.
    time_limit_s : float
        Time limit in seconds.
    heartbeat : callable, optional
        Called every second.

    Returns
    -------
    ToolRun

    Raises
    ------
    ToolError
        If Yosys is missing, fails, or exceeds the time limit.
    """
    _share()
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text("\n".join(commands) + "\n")
    # Yosys does not accept quotes around the script name, but it accepts a relative name.
    return run_tool(
        "Yosys",
        [sys.executable, "-c", CHILD, script.name],
        log=log.absolute(),
        time_limit_s=time_limit_s,
        cwd=script.parent,
        heartbeat=heartbeat,
    )


def _quoted(path: Path, /) -> str:
    """Quote a file name for a Yosys command.

    Examples
    --------
    >>> print(_quoted(Path("/a folder/b.v")))
    "/a folder/b.v"
    """
    return f'"{path.absolute()}"'


@dataclass(frozen=True)
class Synthesis:
    """Options of a synthesis with Yosys.

    Parameters
    ----------
    flatten : bool
        Whether to flatten the hierarchy, except for the modules in ``keep``.
    keep : tuple of str
        Modules to keep in the hierarchy: each is synthesised once for all its instances. Modules with the
        attribute ``keep_hierarchy`` are also kept.
    block_ram, dsp, shift_registers : bool
        Whether to use block RAMs, DSP blocks, and (xc7) LUTs as shift registers.
    options : tuple of str
        Additional options of ``synth_xilinx`` or ``synth_ecp5``.

    See Also
    --------
    synthesize : Synthesise Verilog for an FPGA family.
    """

    flatten: bool = True
    keep: tuple[str, ...] = ()
    block_ram: bool = True
    dsp: bool = True
    shift_registers: bool = True
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class SynthesisResult:
    """Resources and netlist of a synthesis with Yosys.

    Parameters
    ----------
    family : str
        FPGA family.
    resources : Resources
        Utilisation of the whole design.
    cells : dict of int
        Number of cells by type, including all instances.
    modules : dict of Resources
        Utilisation of one instance of each kept module, including the top module.
    netlist_json : pathlib.Path
        Netlist for nextpnr.
    netlist_verilog : pathlib.Path
        Netlist for simulation; see :func:`simulation_files`.
    seconds : float
        Run time in seconds.
    peak_memory_bytes : int
        Peak memory of the process.
    log : pathlib.Path
        Log of Yosys.

    See Also
    --------
    synthesize : Synthesise Verilog for an FPGA family.
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
    """Synthesise Verilog for an FPGA family.

    Parameters
    ----------
    files : sequence of pathlib.Path
        Verilog files.
    top : str
        Name of the top module.
    family : {"xc7", "xcup", "ecp5"}
        FPGA family.
    out_dir : pathlib.Path
        Folder for script, log, statistics and netlists, which are named after ``top`` and ``family``.
    synthesis : Synthesis, optional
        Synthesis options.
    time_limit_s : float
        Time limit in seconds.
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
        If Yosys is missing, fails, or exceeds the time limit.

    See Also
    --------
    seq2seqlite.hardware.eda.nextpnr.place_and_route : Place and route a netlist on an ECP5.
    seq2seqlite.hardware.implementation.synthesize_project :
        Synthesise a project with Yosys; the results are written to its folder ``synthesis``.
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
        # The check of the hierarchy comes before synthesis, which reads them, too.
        f"read_verilog -lib {CELLS['ecp5' if family == 'ecp5' else 'xilinx']}",
        *(f"read_verilog -sv {_quoted(path)}" for path in files),
        f"hierarchy -check -top {top}",
        *(f"setattr -mod -set keep_hierarchy 1 {name}" for name in how.keep),
        _synthesis_command(family, top, how),
        f"tee -q -o {_quoted(stat)} stat -json",
        # The kept modules were only needed for the statistics: nextpnr requires a flat netlist.
        *(() if family != "ecp5" else ("setattr -mod -unset keep_hierarchy", "flatten", "clean")),
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
    """Return the Verilog files to simulate a netlist: the netlist and the models of its cells.

    Raises
    ------
    InputError
        If Yosys does not have a model of a cell. To avoid these cells, synthesise with ``block_ram=False``
        and, for ECP5, ``dsp=False``.

    See Also
    --------
    synthesize : Synthesise Verilog for an FPGA family.
    """
    unknown = sorted(set(result.cells) & WITHOUT_MODEL)
    if unknown:
        raise InputError(
            f"Yosys has no simulation model of {', '.join(unknown)}; synthesise with block_ram=False "
            "and, for ecp5, dsp=False"
        )
    name = "ecp5" if result.family == "ecp5" else "xilinx"
    return [result.netlist_verilog, _share() / name / "cells_sim.v"]


def _synthesis_command(family: Family, top: str, how: Synthesis) -> str:
    refused = [("-nobram", how.block_ram), ("-nodsp", how.dsp)]
    words = ["synth_ecp5"] if family == "ecp5" else ["synth_xilinx", "-family", family, "-noiopad"]
    if family != "ecp5":
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

    It is equivalent to ``amaranth.back.verilog``, which needs an executable ``yosys``.

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

    See Also
    --------
    synthesize : Synthesise Verilog for an FPGA family.
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
    """Return the Verilog of Yosys without constructs that tools interpret differently."""
    return WAKE_UP.sub(r"\1reg \2;\n\1initial \2<= 0;", UNUSED_INIT.sub("", verilog))


@dataclass(frozen=True)
class Proof:
    """Result of a formal check.

    Parameters
    ----------
    outcome : str
        ``"proved"``: the assertions hold in all clock cycles, by induction; ``"bounded"``: in the first
        ``steps`` clock cycles, from the initial values; ``"refuted"``: an assertion fails.
    steps : int
        Clock cycles: the length of the induction, the bound, or the length of the counterexample.
    seconds : float
        Run time in seconds.
    log : str
        Output of Yosys, with the counterexample.

    See Also
    --------
    prove : Check the assertions of a module by Yosys' SAT solver.
    """

    outcome: Literal["proved", "bounded", "refuted"]
    steps: int
    seconds: float
    log: str


def prove(
    rtlil: str, /, *, top: str, steps: int, induction: bool = False, time_limit_s: float = 600
) -> Proof:
    """Check the assertions of a module by Yosys' SAT solver (command ``sat``).

    Parameters
    ----------
    rtlil : str
        Module with one clock, assertions and assumptions, as RTLIL. Its inputs have any value in each clock
        cycle that the assumptions allow, its registers and memories their initial values in the first one.
    top : str
        Name of the module.
    steps : int
        Clock cycles to unroll.
    induction : bool
        Whether to prove the assertions by induction over at most ``steps`` clock cycles, instead of for the
        first ``steps`` clock cycles only.
    time_limit_s : float
        Time limit in seconds.

    Returns
    -------
    Proof

    Raises
    ------
    ToolError
        If Yosys is missing, fails, exceeds the time limit, or finds no proof by induction.

    See Also
    --------
    Proof : Result of a formal check.
    """
    how = "-tempinduct" if induction else "-tempinduct-baseonly"
    with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as name:
        folder = Path(name)
        (folder / "design.il").write_text(rtlil)
        commands = [
            "read_rtlil design.il",
            f"hierarchy -check -top {top}",
            *("proc", "flatten", "memory -nomap", "memory_map", "opt -full", "async2sync"),
            "chformal -lower",
            f"sat -prove-asserts -set-assumes -show-all -maxsteps {steps} {how}",
        ]
        log = folder / "formal.log"
        run = _run_script(commands, script=folder / "formal.ys", log=log, time_limit_s=time_limit_s)
        text = log.read_text()
    if "proof finished - model found for base case: FAIL!" in text:
        outcome: Literal["proved", "bounded", "refuted"] = "refuted"
    elif "Induction step proven: SUCCESS!" in text:
        outcome = "proved"
    elif f"proved base case for {steps} steps: SUCCESS!" in text:
        outcome = "bounded"
    else:
        raise ToolError(f"Yosys found neither a proof nor a counterexample within {steps} clock cycles")
    solved = re.findall(r"\[(?:base case|induction step) (\d+)\] Solving", text)
    return Proof(outcome, int(solved[-1]), run.seconds, text)
