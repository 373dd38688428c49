"""Cocotb on the simulator that pip installs: no program on the path, no make, no set-up."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seq2seqlite.hardware.design import Design
from seq2seqlite.hardware.eda.process import run_tool
from seq2seqlite.hardware.eda.verilator import Compilation, compile_model

HERE = Path(__file__).parent
collect_ignore = ["response_bench.py"]  # it imports the bench beside it, which only a simulation can


def compile_bench(files: Sequence[Path], *, top: str, out_dir: Path) -> Path:
    """Compile a design with cocotb in the place of a harness; return the program."""
    from cocotb_tools import config

    libraries = config.libs_dir
    out_dir.mkdir(parents=True, exist_ok=True)
    # The benches see the ports alone: were all signals public, Verilator could not simplify anything.
    public = out_dir / "public.vlt"
    ports = ("aclk", "aresetn", "s_axis_*", "m_axis_*", "s_axil_*", "irq*")
    lines = [f'public_flat_rw -module "{top}" -var "{port}"' for port in ports]
    public.write_text("\n".join(["`verilator_config", *lines]) + "\n")
    return compile_model(
        [public, *files],
        top=top,
        harness=Path(config.share_dir) / "lib" / "verilator" / "verilator.cpp",
        out_dir=out_dir,
        compilation=Compilation(
            verilator=("--vpi",),
            linker=(f"-Wl,-rpath,{libraries}", f"-L{libraries}", "-lcocotbvpi_verilator"),
            runtime=("verilated_vpi",),
        ),
    )


def run_bench(program: Path, *, top: str, module: str, facts: Mapping[str, Any]) -> dict[str, str | None]:
    """Run the cocotb tests of a module beside this file; return of each None, or why it failed."""
    import os
    import sys

    import find_libpython
    from cocotb_tools import config

    results = program.parent / "results.xml"
    results.unlink(missing_ok=True)
    run_tool(
        "cocotb",
        [program],
        log=program.parent / "cocotb.log",
        time_limit_s=600,
        cwd=program.parent,
        # What cocotb's own runner sets; it can run only what it has built with make.
        environment={
            "PATH": os.pathsep.join([os.environ["PATH"], str(config.libs_dir)]),
            "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
            "PYGPI_PYTHON_BIN": sys.executable,
            "GPI_USERS": f"{find_libpython.find_libpython()};{config.pygpi_entry_point()}",
            "COCOTB_TOPLEVEL": top,
            "COCOTB_TEST_MODULES": module,
            "COCOTB_RESULTS_FILE": str(results),
            "COCOTB_TRUST_INERTIAL_WRITES": "1",
            "COCOTB_ANSI_OUTPUT": "0",
            "COCOTB_LOG_LEVEL": "WARNING",  # the bus models write a line for each packet
            "COCOTB_RANDOM_SEED": "1",
            "TOPLEVEL_LANG": "verilog",
            **{f"BENCH_{name.upper()}": str(value) for name, value in facts.items()},
        },
    )
    cases = ET.parse(results).iter("testcase")  # noqa: S314 (cocotb wrote it just now)
    return {str(case.get("name")).rpartition(".")[2]: _why(case) for case in cases}


def _why(case: ET.Element) -> str | None:
    """Return why a test failed: what it says in its result, whole."""
    wrong = [child for child in case if child.tag in {"failure", "error", "skipped"}]
    return "\n".join(f"{child.get('message', '')}\n{child.text or ''}" for child in wrong) if wrong else None


def write_verilog(design: Design, folder: Path) -> list[Path]:
    """Write a design's Verilog to a folder; return its files."""
    files = []
    for name, text in design.plan().execute().items():
        (folder / name).write_text(text)
        files.append(folder / name)
    return files
