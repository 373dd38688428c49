"""Co-simulation of a design with Verilator through its AXI4-Stream and AXI4-Lite ports."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.executable import Executable, compile_harness
from seq2seqlite.hardware.cosim.memory import MemoryModel, MemoryTraffic
from seq2seqlite.hardware.eda.process import Heartbeat
from seq2seqlite.hardware.eda.verilator import Compilation
from seq2seqlite.hardware.wire.beats import Beats
from seq2seqlite.hardware.wire.bitpack import n_words

__all__ = ["Access", "StreamRun", "StreamSimulator", "check_pauses", "compile_stream"]

ENDS: tuple[Literal["done", "stalled", "clock limit", "registers hang"], ...] = (
    "done",
    "stalled",
    "clock limit",
    "registers hang",
)
ANSWERS = ("okay", "exokay", "slverr", "decerr")


class Access(NamedTuple):
    """CSR access over AXI4-Lite: a write, or a read if ``write`` is None.

    Parameters
    ----------
    address : int
        Byte address.
    write : int, optional
        Value to write, 32 bits.
    until : int
        Bits of which one must be 1 in the value that is read: the read is repeated until then. 0: one read.
    after_beats : int
        Input beats that are accepted before an access during the stream starts.

    See Also
    --------
    StreamSimulator : Compiled co-simulation of a design.
    """

    address: int
    write: int | None = None
    until: int = 0
    after_beats: int = 0


@dataclass(frozen=True)
class StreamRun:
    """Result of a co-simulation. Clock cycles are numbered from its start, including the reset.

    Parameters
    ----------
    out : Beats
        Output beats.
    out_clock : ndarray of int64, shape (n_out,)
        Clock cycle in which each output beat was accepted.
    in_clock : ndarray of int64, shape (n_in,)
        Clock cycle in which each input beat was accepted. Shorter than the stimulus if the run was aborted.
    clocks : int
        Total clock cycles.
    end : str
        ``"done"``; ``"stalled"``: no beat was accepted for ``idle_limit`` clock cycles; ``"clock limit"``:
        ``clock_limit`` was reached; ``"registers hang"``: a CSR access got no response.
    unstable : int
        Clock cycles in which TVALID, TDATA or TLAST changed before TREADY. 0 in a correct design.
    registers : tuple of int
        Value that each access read or wrote, in order.
    responses : tuple of str
        AXI response to each access: ``"okay"``, ``"slverr"``, …
    seconds : float
        Run time in seconds.
    traffic : MemoryTraffic
        Transfers between the AXI4 manager and the memory; all 0 without a memory.

    See Also
    --------
    StreamSimulator : Compiled co-simulation of a design.
    """

    out: Beats
    out_clock: NDArray[np.int64]
    in_clock: NDArray[np.int64]
    clocks: int
    end: Literal["done", "stalled", "clock limit", "registers hang"]
    unstable: int
    registers: tuple[int, ...]
    responses: tuple[str, ...]
    seconds: float
    traffic: MemoryTraffic


@dataclass(frozen=True)
class StreamSimulator:
    """Compiled co-simulation of a design.

    Parameters
    ----------
    executable : Executable
        Executable that :func:`compile_stream` built. Its ports are ``s_axis_tdata`` and ``m_axis_tdata``.
    user_bits : int
        Width of ``s_axis_tuser``; 0 if the design has no such port.

    See Also
    --------
    compile_stream : Compile a design with the ports of ``docs/spec/hardware.md``.
    StreamRun : Result of a co-simulation.
    """

    executable: Executable
    user_bits: int = 0

    def run(
        self,
        beats: Beats,
        /,
        *,
        n_expected: int = 0,
        before: Sequence[Access] = (),
        during: Sequence[Access] = (),
        after: Sequence[Access] = (),
        gaps: float = 0.0,
        stalls: float = 0.0,
        seed: int = 0,
        reset_clocks: int = 4,
        drain_clocks: int = 1000,
        idle_limit: int = 100_000,
        clock_limit: int = 10**12,
        memory: MemoryModel | None = None,
        time_limit_s: float = 3600,
        heartbeat: Heartbeat | None = None,
    ) -> StreamRun:
        """Send beats and record the output.

        Parameters
        ----------
        beats : Beats
            Input beats.
        n_expected : int
            Number of output beats to wait for. Further beats during the drain time are recorded as well.
        before, after : sequence of Access
            CSR accesses before the first beat and after the last.
        during : sequence of Access
            CSR accesses while beats are transferred, one after another.
        gaps : float
            Source throttling: probability per cycle that the source deasserts TVALID.
        stalls : float
            Sink throttling: probability per cycle that the sink deasserts TREADY.
        seed : int
            Seed of the throttling and of the initial values of registers without reset.
        reset_clocks : int
            Duration of the initial reset in clock cycles.
        drain_clocks : int
            Clock cycles to simulate after the last input or output beat.
        idle_limit : int
            Clock cycles without a transfer after which the design is considered stalled.
        clock_limit : int
            Maximum total clock cycles.
        memory : MemoryModel, optional
            Memory at the AXI4 manager of a design that was compiled with ``memory_bits``. By default it has
            1 MiB and no latency.
        time_limit_s : float
            Time limit for the simulation, in seconds.
        heartbeat : callable, optional
            Called every second.

        Returns
        -------
        StreamRun
            Result, also of a design that hangs; see its ``end``.

        Raises
        ------
        InputError
            If the beats do not fit the design, a probability is not in [0, 1), or the simulation fails.
        """
        _check_stimulus(self.executable, beats, gaps, stalls)
        settings = (
            *(len(beats), n_expected, len(before), len(during), len(after)),
            *(int(gaps * 2**32), int(stalls * 2**32)),
            *(seed, reset_clocks, drain_clocks, idle_limit, clock_limit),
            *(memory or MemoryModel()).settings,
        )
        stimulus = _stimulus(settings, (*before, *during, *after), beats, has_user=self.user_bits > 0)
        record, seconds = self.executable.simulate(stimulus, time_limit_s=time_limit_s, heartbeat=heartbeat)
        return _run_from_record(record, n_words(self.executable.out_bits), seconds)


def compile_stream(
    files: Sequence[Path],
    /,
    *,
    top: str,
    in_bits: int,
    out_bits: int,
    user_bits: int = 0,
    out_dir: Path,
    memory_bits: int = 0,
    compilation: Compilation | None = None,
    time_limit_s: float = 3600,
    heartbeat: Heartbeat | None = None,
) -> StreamSimulator:
    """Compile a design, or a front end, with the ports of ``docs/spec/hardware.md``.

    Parameters
    ----------
    files : sequence of pathlib.Path
        Verilog files.
    top : str
        Name of the top module.
    in_bits, out_bits : int
        Widths of ``s_axis_tdata`` and ``m_axis_tdata``.
    user_bits : int
        Width of ``s_axis_tuser``; 0 if the design has no such port. It is driven by ``user`` of the beats.
    out_dir : pathlib.Path
        Build folder. This and the parameters that are not described here are those of
        :func:`~seq2seqlite.hardware.eda.verilator.compile_model`.
    memory_bits : int
        Width of the data of an AXI4 manager ``m_axi_*``, to which a memory is connected; 0 without one.

    Returns
    -------
    StreamSimulator

    Raises
    ------
    ToolError
        If a tool is missing, fails, or exceeds the time limit.

    See Also
    --------
    StreamSimulator : Compiled co-simulation of a design.
    seq2seqlite.hardware.cosim.design.compile_project : Compile the Verilog of a project with Verilator.
    """
    defines = {"MEMORY_BITS": memory_bits} if memory_bits else {}
    executable = compile_harness(
        "stream_harness.cpp",
        files,
        top=top,
        in_bits=in_bits,
        out_bits=out_bits,
        out_dir=out_dir,
        defines={"USER_BITS": user_bits, **defines},
        compilation=compilation,
        time_limit_s=time_limit_s,
        heartbeat=heartbeat,
    )
    return StreamSimulator(executable, user_bits)


def check_pauses(*, gaps: float, stalls: float) -> None:
    """Check that the throttling probabilities are in [0, 1); raise `InputError` otherwise.

    See Also
    --------
    StreamSimulator : Compiled co-simulation of a design.
    """
    for name, value in (("gaps", gaps), ("stalls", stalls)):
        if not 0 <= value < 1:
            raise InputError(f"{name}={value} must be a probability, at least 0 and below 1")


def _check_stimulus(executable: Executable, beats: Beats, gaps: float, stalls: float) -> None:
    in_words = n_words(executable.in_bits)
    if beats.words.shape[1] != in_words:
        raise InputError(
            f"beats of {beats.words.shape[1]} words do not fit s_axis_tdata of {executable.in_bits} bits, "
            f"which has {in_words} words of 32 bits"
        )
    check_pauses(gaps=gaps, stalls=stalls)


def _stimulus(settings: Sequence[int], accesses: Sequence[Access], beats: Beats, *, has_user: bool) -> bytes:
    words = beats.words
    if has_user:  # the last word of a beat
        user = np.zeros(len(beats), np.uint32) if beats.user is None else beats.user
        words = np.concatenate([words, user[:, None]], axis=1)
    return b"".join(
        [
            struct.pack(f"<{len(settings)}Q", *settings),
            *(
                struct.pack(
                    "<4IQ", one.write is not None, one.address, one.write or 0, one.until, one.after_beats
                )
                for one in accesses
            ),
            np.ascontiguousarray(words, "<u4").tobytes(),
            np.ascontiguousarray(beats.last, np.uint8).tobytes(),
        ]
    )


def _run_from_record(raw: bytes, out_words: int, seconds: float) -> StreamRun:
    end, clocks, unstable, n_in, n_out, n_answers = struct.unpack_from("<6Q", raw)
    traffic = MemoryTraffic(*struct.unpack_from("<5Q", raw, 6 * 8))
    offset = 11 * 8

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
        traffic=traffic,
    )
