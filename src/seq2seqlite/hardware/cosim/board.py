"""Simulated boards: a board core in Verilator, behind files of packets or a UDP socket."""

import json
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.board_core import BOARD_CORE, CAMERA_CORE, camera_link_plan, link_plan
from seq2seqlite.hardware.cosim.camera import CameraFeed
from seq2seqlite.hardware.cosim.executable import Executable, compile_harness
from seq2seqlite.hardware.cosim.stream import check_pauses
from seq2seqlite.hardware.eda.process import Heartbeat
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.project import Project

__all__ = ["BoardPacket", "BoardRun", "BoardSimulator", "Faults", "SimulatedBoard", "compile_board"]

HOST = "127.0.0.1"
END_S = 5.0


class BoardPacket(NamedTuple):
    """Packet at the ports of a board core.

    Parameters
    ----------
    data : bytes
        Contents, whole words. Empty: a reset of the board, after the packets before it.
    peer : int
        Sender or receiver: IPv4 address (31:0) and UDP port (47:32).

    See Also
    --------
    BoardSimulator : Simulation with packets.
    """

    data: bytes
    peer: int = 0


@dataclass(frozen=True)
class BoardRun:
    """Result of a simulation with packets.

    Parameters
    ----------
    answers : tuple of BoardPacket
        Packets that the board sent.
    clocks : int
        Total clock cycles.
    violations : int
        Violations of the rules of the ports for answers. 0 in a correct core.

    See Also
    --------
    BoardSimulator : Simulation with packets.
    """

    answers: tuple[BoardPacket, ...]
    clocks: int
    violations: int


@dataclass(frozen=True)
class Faults:
    """Faults of the network between a computer and a simulated board.

    Parameters
    ----------
    loss, duplicate, reorder : float
        Probabilities that a datagram in either direction is lost, sent twice, or overtaken by later ones.
    reset_after : int
        Number of the pixels request before which the board is reset; 0: never.
    seed : int
        Seed of the random numbers.

    Raises
    ------
    InputError
        If a probability is not in [0, 1).

    See Also
    --------
    BoardSimulator.serve : Simulated board with faults.
    """

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    reset_after: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("loss", "duplicate", "reorder"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise InputError(f"{name}={value} must be a probability, at least 0 and below 1")


@dataclass(frozen=True)
class SimulatedBoard:
    """Simulated board that is running behind a UDP socket.

    Parameters
    ----------
    process : subprocess.Popen
        Simulation.
    port : int
        Its UDP port.

    See Also
    --------
    BoardSimulator.serve : Start the simulation.
    """

    process: "subprocess.Popen[str]"
    port: int

    @property
    def address(self) -> str:
        """Address of the board, ``udp://host:port``."""
        return f"udp://{HOST}:{self.port}"

    def reset(self) -> None:
        """Reset the board, as if its power had failed."""
        self._command("reset")

    def statistics(self) -> dict[str, int]:
        """Return the counters of the simulated network, the clock cycles, and the median latency in them."""
        self._command("statistics")
        assert self.process.stdout is not None
        found: dict[str, int] = json.loads(self.process.stdout.readline())
        return found

    def _command(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()


@dataclass(frozen=True)
class BoardSimulator:
    """Compiled simulation of a board core.

    Parameters
    ----------
    executable : Executable
        Executable that :func:`compile_board` built.
    port_bits : int
        Width of a word of the camera; 0 if the core has no front end.

    See Also
    --------
    compile_board : Compile the board core of a project.
    """

    executable: Executable
    port_bits: int = 0

    def run(
        self,
        packets: Sequence[BoardPacket],
        /,
        *,
        gaps: float = 0.0,
        stalls: float = 0.0,
        seed: int = 0,
        camera: CameraFeed | None = None,
        time_limit_s: float = 600,
    ) -> BoardRun:
        """Send packets, one after another, and record the answers until the board is idle.

        Parameters
        ----------
        packets : sequence of BoardPacket
            Packets; any contents.
        gaps, stalls : float
            Source and sink throttling: probability per clock cycle that no word is offered, or accepted.
        seed : int
            Seed of the throttling and of the initial values of registers without reset.
        camera : CameraFeed, optional
            Camera and memory of a core with a front end; by default it has no camera.
        time_limit_s : float
            Time limit in seconds.

        Raises
        ------
        InputError
            If a probability is not in [0, 1), or the simulation fails.
        """
        check_pauses(gaps=gaps, stalls=stalls)
        settings = struct.pack("<4Q", len(packets), int(gaps * 2**32), int(stalls * 2**32), seed)
        parts = (struct.pack("<2Q", len(data) // 4, peer) + data for data, peer in packets)
        stimulus = settings + b"".join(parts) + self._feed(camera)
        record, _ = self.executable.simulate(stimulus, time_limit_s=time_limit_s)
        n, clocks, violations = struct.unpack_from("<3Q", record)
        offset, answers = 24, []
        for _ in range(n):
            words, peer = struct.unpack_from("<2Q", record, offset)
            start = offset + 16
            offset = start + 4 * words
            answers.append(BoardPacket(record[start:offset], peer))
        return BoardRun(tuple(answers), clocks, violations)

    @contextmanager
    def serve(
        self, *, port: int = 0, faults: Faults = Faults(), camera: CameraFeed | None = None
    ) -> Iterator[SimulatedBoard]:
        """Run the board behind a UDP socket of this computer, for the time of the context.

        Parameters
        ----------
        port : int
            UDP port; 0: a free one.
        faults : Faults
            Faults of the network.
        camera : CameraFeed, optional
            Camera and memory of a core with a front end; by default it has no camera.

        Raises
        ------
        InputError
            If the port is in use.
        """
        with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as folder:
            feed = Path(folder) / "camera"
            feed.write_bytes(self._feed(camera))
            with self._serve(port, faults, [feed] if self.port_bits else []) as board:
                yield board

    def _feed(self, camera: CameraFeed | None) -> bytes:
        return (camera or CameraFeed.none()).to_bytes() if self.port_bits else b""

    @contextmanager
    def _serve(self, port: int, faults: Faults, feed: list[Path]) -> Iterator[SimulatedBoard]:
        chances = (int(chance * 2**32) for chance in (faults.loss, faults.duplicate, faults.reorder))
        command = [self.executable.program, "serve", port, *chances, faults.seed, faults.reset_after, *feed]
        with subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for this process, which then ends the simulation
        ) as process:
            try:
                assert process.stdout is not None
                name, _, value = process.stdout.readline().strip().partition(" ")
                if name != "port":
                    raise InputError(
                        f"the simulated board cannot use port {port} ({value or 'it ended'}); choose another "
                        "one, or 0"
                    )
                yield SimulatedBoard(process, int(value))
            finally:
                assert process.stdin is not None
                process.stdin.close()  # ends the simulation
                try:
                    process.wait(END_S)
                except subprocess.TimeoutExpired:
                    process.kill()


def compile_board(
    project: Project,
    /,
    *,
    out_dir: Path,
    series: SeriesShape | None = None,
    port_bits: int = 16,
    heartbeat: Heartbeat | None = None,
    **options: Any,
) -> BoardSimulator:
    """Compile the board core of a project: its design, and the link to a computer.

    Parameters
    ----------
    project : Project
        Project that delivers lifetimes.
    out_dir : pathlib.Path
        Build folder.
    series : SeriesShape, optional
        Front end for a camera; by default the core has none.
    port_bits : int
        Width of a word of the camera.
    heartbeat : callable, optional
        Called every second.
    **options
        As for :func:`~seq2seqlite.hardware.eda.verilator.compile_model`.

    Raises
    ------
    InputError
        If the project delivers raw SFDs, its pixels do not fit a packet, or the front end does not fit it.
    ToolError
        If Yosys, Verilator or a C++ compiler is missing or fails.

    See Also
    --------
    BoardSimulator : Compiled simulation.
    seq2seqlite.hardware.board_core.board_core_plan : Files of a board core.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    files = list(project.verilog)
    shape = project.shape
    if series is None:
        plan, top = link_plan(shape, project.options), project.options.prefix + BOARD_CORE
    else:
        plan = camera_link_plan(series, shape, project.options, port_bits=port_bits)
        top, options["defines"] = CAMERA_CORE, {"MEMORY_BITS": series.data_bits, "PORT_BITS": port_bits}
    for name, text in plan.execute(heartbeat=heartbeat).items():
        files.append(out_dir / name)
        files[-1].write_text(text)
    executable = compile_harness(
        "board_harness.cpp",
        files,
        top=top,
        in_bits=32,
        out_bits=32,
        out_dir=out_dir / "simulation",
        heartbeat=heartbeat,
        **options,
    )
    return BoardSimulator(executable, 0 if series is None else port_bits)
