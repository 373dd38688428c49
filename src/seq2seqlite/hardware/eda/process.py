"""Execution of external tools with a log file, a time limit, a heartbeat, and one-line error messages."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from seq2seqlite.errors import InputError

__all__ = ["Heartbeat", "ToolError", "ToolRun", "run_tool", "run_tools"]

Heartbeat = Callable[[str, float, str], None]
"""Called every second with the tool's name, the seconds that it has run, and the last line of its log."""

POLL_S = 0.02
HEARTBEAT_S = 1.0
TAIL_BYTES = 1 << 20  # last part of a log that is searched for the cause of a failure
# The word "error" followed by a colon, as compilers, Verilator, Yosys and nextpnr write it, but not as a part
# of a signal name.
ERROR_LINE = re.compile(r"(?:^|[\s%])(?:fatal )?error(?:-\w+)?:\s", re.IGNORECASE)


class ToolError(InputError):
    """Error of an external tool that is missing, failed or exceeded its time limit, as a single line.

    See Also
    --------
    run_tool : Run one command of a tool; see ``run_tools``.
    """


@dataclass(frozen=True)
class ToolRun:
    """Resources used by a run of a tool.

    Parameters
    ----------
    seconds : float
        Wall-clock time.
    peak_memory_bytes : int
        Largest peak memory of its processes.
    log : pathlib.Path
        Log of its output.

    See Also
    --------
    run_tool : Run one command of a tool; see ``run_tools``.
    """

    seconds: float
    peak_memory_bytes: int
    log: Path


def run_tool(
    name: str,
    command: Sequence[str | os.PathLike[str]],
    /,
    *,
    log: Path,
    time_limit_s: float,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    heartbeat: Heartbeat | None = None,
) -> ToolRun:
    r"""Run one command of a tool; see :func:`run_tools`.

    See Also
    --------
    run_tools : Run commands of a tool in parallel, and wait for all of them.

    Examples
    --------
    >>> import sys, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = Path(folder) / "log.txt"
    ...     run = run_tool("Python", [sys.executable, "-c", "print(1)"], log=log, time_limit_s=60)
    ...     log.read_text()
    '1\n'
    """
    return run_tools(
        name,
        [command],
        log=log,
        time_limit_s=time_limit_s,
        cwd=cwd,
        environment=environment,
        heartbeat=heartbeat,
    )


def run_tools(
    name: str,
    commands: Sequence[Sequence[str | os.PathLike[str]]],
    /,
    *,
    log: Path,
    time_limit_s: float,
    jobs: int = 1,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    heartbeat: Heartbeat | None = None,
) -> ToolRun:
    """Run commands of a tool in parallel, and wait for all of them.

    Parameters
    ----------
    name : str
        Name of the tool in error messages.
    commands : sequence of command lines
        Commands to run, without a shell.
    log : pathlib.Path
        Log file for the output of all commands; overwritten.
    time_limit_s : float
        Time limit for all commands together, in seconds.
    jobs : int
        Maximum number of commands to run at a time.
    cwd : pathlib.Path, optional
        Working directory.
    environment : mapping of str, optional
        Environment variables to set in addition to those of this process.
    heartbeat : callable, optional
        Called every second.

    Returns
    -------
    ToolRun

    Raises
    ------
    InputError
        If the time limit is not above 0.
    ToolError
        If a command is missing, fails, or exceeds the time limit. All processes are terminated first, also
        after Ctrl-C.

    See Also
    --------
    run_tool : Run one command of a tool; see ``run_tools``.
    ToolRun : Resources used by a run of a tool.
    """
    if not time_limit_s > 0:
        raise InputError(f"time_limit_s={time_limit_s} must be > 0, in seconds (e.g. 7200)")
    started = time.monotonic()
    waiting, running, peak = list(commands), _Running(), 0
    next_beat = started + HEARTBEAT_S
    log.parent.mkdir(parents=True, exist_ok=True)
    with _interrupted_by_sigterm(), log.open("wb") as output:
        try:
            while waiting or running.processes:
                while waiting and len(running.processes) < jobs:
                    with _interrupts_deferred():
                        running.start(name, waiting.pop(0), output, cwd=cwd, environment=environment)
                with _interrupts_deferred():
                    ended = running.ended()
                for process, memory in ended:
                    peak = max(peak, memory)
                    if process.returncode:
                        raise ToolError(_failure(name, process.returncode, log))
                now = time.monotonic()
                if now - started > time_limit_s:
                    raise ToolError(
                        f"{name} ran longer than time_limit_s={time_limit_s:g}; raise the limit or choose a "
                        f"smaller design (log: {log})"
                    )
                if heartbeat is not None and now >= next_beat:
                    heartbeat(name, now - started, _last_line(log))
                    next_beat = now + HEARTBEAT_S
                time.sleep(POLL_S if running.processes else 0)
        finally:
            with _interrupts_deferred():
                running.kill()
    return ToolRun(time.monotonic() - started, peak, log)


class _Running:
    """Running processes, each in its own process group, so that its children are terminated with it."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(
        self,
        name: str,
        command: Sequence[str | os.PathLike[str]],
        output: BinaryIO,
        *,
        cwd: Path | None,
        environment: Mapping[str, str] | None,
    ) -> None:
        try:
            process = subprocess.Popen(
                [os.fspath(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise ToolError(
                f"cannot start {name} ({os.fspath(command[0])}): {reason}; "
                "run: pip install 'seq2seqlite[hardware]'"
            ) from error
        self.processes.append(process)

    def ended(self) -> list[tuple[subprocess.Popen[bytes], int]]:
        """Return the processes that ended since the last call, with their peak memory in bytes."""
        found = []
        for process in list(self.processes):
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                self.processes.remove(process)
                found.append((process, usage.ru_maxrss * 1024))
        return found

    def kill(self) -> None:
        for process in self.processes:
            os.killpg(process.pid, signal.SIGKILL)
        for process in self.processes:
            process.wait()
        self.processes.clear()


@contextmanager
def _interrupts_deferred() -> Generator[None]:
    """Defer SIGINT and SIGTERM to the end of the block.

    An exception between the start of a process and the registration of its PID would leave the process
    running. An exception between its end and its removal could kill another process that reuses the PID.
    """
    if threading.current_thread() is not threading.main_thread():  # only the main thread runs handlers
        yield
        return
    received: list[signal.Signals] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(signal.Signals(number))

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    deferred = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number in deferred:
            signal.signal(number, note)
        yield
    finally:
        for number, handler in deferred.items():
            signal.signal(number, handler)
        for number in received:
            signal.raise_signal(number)


@contextmanager
def _interrupted_by_sigterm() -> Generator[None]:
    """Convert SIGTERM to an exception, so that running tools are terminated with this process."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # only the main thread may set handlers
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _failure(name: str, code: int, log: Path) -> str:
    line = _reason(log)
    detail = f": {line}" if line else ""
    if code == -signal.SIGKILL:
        return f"{name} was killed, probably because it ran out of memory; free memory{detail} (log: {log})"
    if code < 0:
        return f"{name} crashed with {signal.Signals(-code).name}{detail} (log: {log})"
    return f"{name} failed with exit code {code}{detail} (log: {log})"


def _reason(log: Path) -> str:
    """Return the first line of a log that contains an error, or its last line."""
    lines = _tail(log)
    return next((line for line in lines if ERROR_LINE.search(line)), lines[-1] if lines else "")


def _last_line(log: Path) -> str:
    lines = _tail(log, 4096)
    return lines[-1] if lines else ""


def _tail(log: Path, n_bytes: int = TAIL_BYTES) -> list[str]:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - n_bytes))
        text = file.read().decode(errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()]
