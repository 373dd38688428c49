"""Running a whole design in Verilator through its real buses: AXI4-Stream in and out, AXI4-Lite."""

import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.eda.process import Heartbeat, run_tool
from seq2seqlite.hardware.eda.verilator import Compilation, compile_model
from seq2seqlite.hardware.wire.beats import Beats
from seq2seqlite.hardware.wire.bitpack import n_words

__all__ = ["Access", "StreamRun", "StreamSimulator", "check_pauses", "compile_stream"]

HARNESS = Path(__file__).with_name("stream_harness.cpp")
ENDS: tuple[Literal["done", "stalled", "out of clocks", "registers hang"], ...] = (
    "done",
    "stalled",
    "out of clocks",
    "registers hang",
)
ANSWERS = ("okay", "exokay", "slverr", "decerr")


class Access(NamedTuple):
    """Access to a register over AXI4-Lite: a write, or a read where there is nothing to write.

    Parameters
    ----------
    address : int
        Address in bytes.
    write : int, optional
        32 bits to write.
    """

    address: int
    write: int | None = None


@dataclass(frozen=True)
class StreamRun:
    """What a simulation saw; clocks are counted from its start, the reset included.

    Parameters
    ----------
    out : Beats
        Beats that the design delivered.
    out_clock : ndarray of int64, shape (n_out,)
        Clock in which each was taken.
    in_clock : ndarray of int64, shape (n_in,)
        Clock in which each beat in was taken; shorter than the stimulus where the run did not get through.
    clocks : int
        Clocks in all.
    end : str
        ``"done"``; ``"stalled"``: nothing moved for ``idle_limit`` clocks; ``"out of clocks"``; ``"registers
        hang"``: an access to a register had no answer.
    unstable : int
        Clocks in which a beat that was offered and not taken had changed or gone. 0 in a correct design.
    registers : tuple of int
        Answers to the accesses in their order: what was read, or for a write what was written.
    responses : tuple of str
        AXI's response to each: ``"okay"``, ``"slverr"``, …
    seconds : float
        Time that the simulation took.
    """

    out: Beats
    out_clock: NDArray[np.int64]
    in_clock: NDArray[np.int64]
    clocks: int
    end: Literal["done", "stalled", "out of clocks", "registers hang"]
    unstable: int
    registers: tuple[int, ...]
    responses: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class StreamSimulator:
    """A compiled design.

    Parameters
    ----------
    program : pathlib.Path
        What :func:`compile_stream` made.
    in_bits, out_bits : int
        Widths of ``s_axis_tdata`` and ``m_axis_tdata``.
    """

    program: Path
    in_bits: int
    out_bits: int

    def run(
        self,
        beats: Beats,
        /,
        *,
        n_expected: int = 0,
        before: Sequence[Access] = (),
        after: Sequence[Access] = (),
        gaps: float = 0.0,
        stalls: float = 0.0,
        seed: int = 0,
        reset_clocks: int = 4,
        drain_clocks: int = 1000,
        idle_limit: int = 100_000,
        clock_limit: int = 10**12,
        time_limit_s: float = 3600,
        heartbeat: Heartbeat | None = None,
    ) -> StreamRun:
        """Send beats and take what comes.

        Parameters
        ----------
        beats : Beats
            What is sent.
        n_expected : int
            Beats out that are awaited; those that come within the drain are recorded, too.
        before, after : sequence of Access
            Accesses to registers before the first beat and after the last.
        gaps : float
            Probability that nothing is offered in a clock although there is a beat to send.
        stalls : float
            Probability that nothing is taken in a clock.
        seed : int
            Seed of gaps, stalls and the registers that the reset leaves alone.
        reset_clocks : int
            Clocks of reset at the start.
        drain_clocks : int
            The stream ends so many clocks after the last beat in or out.
        idle_limit : int
            The design is stalled if nothing moves for so many clocks.
        clock_limit : int
            Most clocks in all.
        time_limit_s : float
            Limit for the simulation, in seconds.
        heartbeat : callable, optional
            Called every second.

        Returns
        -------
        StreamRun
            Also of a design that hangs: see its ``end``.

        Raises
        ------
        InputError
            If the beats do not fit the design, a probability is not in 0..1 (1 excluded), or the simulation
            fails.
        """
        _check_stimulus(self, beats, gaps, stalls)
        settings = (
            *(len(beats), n_expected, len(before), len(after)),
            *(int(gaps * 2**32), int(stalls * 2**32)),
            *(seed, reset_clocks, drain_clocks, idle_limit, clock_limit),
        )
        with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as name:
            folder = Path(name)
            _write_stimulus(folder / "stimulus", settings, (*before, *after), beats)
            took = run_tool(
                "the simulation",
                [self.program, folder / "stimulus", folder / "record"],
                log=folder / "log.txt",
                time_limit_s=time_limit_s,
                heartbeat=heartbeat,
            )
            return _read_record(folder / "record", n_words(self.out_bits), took.seconds)


def compile_stream(
    files: Sequence[Path],
    /,
    *,
    top: str,
    in_bits: int,
    out_bits: int,
    out_dir: Path,
    compilation: Compilation | None = None,
    time_limit_s: float = 3600,
    heartbeat: Heartbeat | None = None,
) -> StreamSimulator:
    """Compile a design with the ports of ``docs/spec/hardware.md``.

    Parameters
    ----------
    files : sequence of pathlib.Path
        Verilog.
    top : str
        Name of the design's module.
    in_bits, out_bits : int
        Widths of ``s_axis_tdata`` and ``m_axis_tdata``.
    out_dir : pathlib.Path
        Folder for what is compiled; the other parameters, too, are those of
        :func:`~seq2seqlite.hardware.eda.verilator.compile_model`.

    Returns
    -------
    StreamSimulator

    Raises
    ------
    ToolError
        If a tool is missing, fails, or the time is up.
    """
    program = compile_model(
        files,
        top=top,
        harness=HARNESS,
        out_dir=out_dir,
        defines={"IN_BITS": in_bits, "OUT_BITS": out_bits},
        compilation=compilation,
        time_limit_s=time_limit_s,
        heartbeat=heartbeat,
    )
    return StreamSimulator(program, in_bits, out_bits)


def check_pauses(*, gaps: float, stalls: float) -> None:
    """Raise InputError unless the probabilities of pauses are from 0 to below 1."""
    for name, value in (("gaps", gaps), ("stalls", stalls)):
        if not 0 <= value < 1:
            raise InputError(f"{name}={value} must be a probability from 0 to below 1")


def _check_stimulus(simulator: StreamSimulator, beats: Beats, gaps: float, stalls: float) -> None:
    wide = n_words(simulator.in_bits)
    if beats.words.shape[1] != wide:
        raise InputError(
            f"beats of {beats.words.shape[1]} words do not fit s_axis_tdata of {simulator.in_bits} bits, "
            f"which takes {wide}"
        )
    check_pauses(gaps=gaps, stalls=stalls)


def _write_stimulus(path: Path, settings: Sequence[int], accesses: Sequence[Access], beats: Beats) -> None:
    with path.open("wb") as file:
        file.write(struct.pack(f"<{len(settings)}Q", *settings))
        for address, data in accesses:
            file.write(struct.pack("<3I", data is not None, address, data or 0))
        file.write(np.ascontiguousarray(beats.words, "<u4").tobytes())
        file.write(np.ascontiguousarray(beats.last, np.uint8).tobytes())


def _read_record(path: Path, out_words: int, seconds: float) -> StreamRun:
    raw = path.read_bytes()
    end, clocks, unstable, n_in, n_out, n_answers = struct.unpack_from("<6Q", raw)
    offset = 6 * 8

    def take(dtype: str, count: int) -> NDArray[np.generic]:
        nonlocal offset
        found: NDArray[np.generic] = np.frombuffer(raw, dtype, count, offset)
        offset += found.nbytes
        return found

    in_clock, out_clock = (take("<u8", count).astype(np.int64) for count in (n_in, n_out))
    words = take("<u4", n_out * out_words).astype(np.uint32).reshape(n_out, out_words)
    answers = take("<u4", 2 * n_answers).astype(np.uint32).reshape(n_answers, 2).tolist()
    return StreamRun(
        out=Beats(words, take("u1", n_out).astype(np.bool_)),
        out_clock=out_clock,
        in_clock=in_clock,
        clocks=clocks,
        end=ENDS[end],
        unstable=unstable,
        registers=tuple(data for _, data in answers),
        responses=tuple(ANSWERS[code] for code, _ in answers),
        seconds=seconds,
    )
