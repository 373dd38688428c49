"""The door to Yosys (package pyosys, which has no program: each run is a Python process of its own)."""

import importlib.util
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from seq2seqlite.hardware.tools.process import Heartbeat, ToolError, ToolRun, run_tool

__all__ = ["quoted", "run_script", "verilog_from_rtlil"]

# In a process of its own a crash or an endless run of Yosys is one line here, not the end of this process.
CHILD = "import sys; from pyosys import libyosys as y; y.run_pass('script ' + sys.argv[1], y.Design())"
# What Amaranth says to other tools about its own source.
NOISE = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")
# Amaranth gives every signal its initial value; on a wire it says nothing, and synthesis tools warn.
UNUSED_INIT = re.compile(r"^ *\(\* init = [^*]* \*\)\n(?= *wire\b)", re.MULTILINE)


def run_script(
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
        One command an entry; names of files through :func:`quoted`.
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
    if importlib.util.find_spec("pyosys") is None:
        raise ToolError("Yosys is not installed; run: pip install 'seq2seqlite[hardware]'")
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


def quoted(path: Path, /) -> str:
    """Return a file's name as a command of Yosys takes it, blanks included.

    Examples
    --------
    >>> print(quoted(Path("/a folder/b.v")))
    "/a folder/b.v"
    """
    return f'"{path.absolute()}"'


def verilog_from_rtlil(rtlil: str, /, *, time_limit_s: float = 300) -> str:
    """Return RTLIL as Verilog: what ``amaranth.back.verilog`` does where there is a program ``yosys``.

    Parameters
    ----------
    rtlil : str
        Text of RTLIL, as ``amaranth.back.rtlil.convert`` gives it. Modules that it instantiates and does not
        hold stay instances.
    time_limit_s : float
        Limit in seconds.

    Returns
    -------
    str
        Verilog with the attributes of the design, such as ``keep_hierarchy``, but without those that say
        where in the Python source a line comes from.

    Raises
    ------
    ToolError
        If Yosys is missing or refuses the text.
    """
    removed = " ".join(f"-remove {name}" for name in NOISE)
    with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as name:
        folder = Path(name)
        (folder / "in.il").write_text(rtlil)
        commands = [
            f"read_rtlil {quoted(folder / 'in.il')}",
            "proc -nomux -norom",
            "memory_collect",
            f"attrmap {removed}",
            f"attrmap -modattr {removed}",
            f"write_verilog -norename {quoted(folder / 'out.v')}",
        ]
        run_script(commands, script=folder / "to.ys", log=folder / "log.txt", time_limit_s=time_limit_s)
        return UNUSED_INIT.sub("", (folder / "out.v").read_text())
