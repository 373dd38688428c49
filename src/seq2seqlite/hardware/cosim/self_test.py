"""Self-test of a simulated board through the driver, over UDP."""

from dataclasses import dataclass

import numpy as np

from seq2seqlite.hardware.cosim.board import BoardSimulator, Faults
from seq2seqlite.hardware.cosim.inputs import DirectInputs
from seq2seqlite.hardware.host import Board
from seq2seqlite.hardware.project import Project
from seq2seqlite.hardware.stimulus import made_up_bank, made_up_counts
from seq2seqlite.hardware.wire.results import records_from_result, words_from_records
from seq2seqlite.integer import DirectProgram, run

__all__ = ["SelfTest", "self_test"]

N_RESPONSES = 4
FRAMES = 4
MIN_PHOTONS = 100
TIMEOUT_S = 300.0


@dataclass(frozen=True)
class SelfTest:
    """Result of a self-test.

    Parameters
    ----------
    pixels : int
        Pixels that were sent.
    mismatches : int
        Pixels whose result differs from the integer program.
    packets_lost : int
        Datagrams that the simulated network lost, in both directions.
    packets_duplicated, packets_reordered : int
        Datagrams that it sent twice, or that were overtaken.
    packets_repeated : int
        Requests that the driver repeated.
    pixels_flagged : int
        Pixels that the design flagged as malformed or without response.
    latency_cycles : int
        Median of the clock cycles from the last word of a request to the last word of its answer.
    clock_cycles : int
        Clock cycles of the simulation.
    violations : int
        Violations of the rules of the packet ports.

    See Also
    --------
    self_test : Run the test.
    """

    pixels: int
    mismatches: int
    packets_lost: int
    packets_duplicated: int
    packets_reordered: int
    packets_repeated: int
    pixels_flagged: int
    latency_cycles: int
    clock_cycles: int
    violations: int


def self_test(
    project: Project, simulator: BoardSimulator, /, *, n: int, seed: int, faults: Faults
) -> SelfTest:
    """Send synthetic pixels to a simulated board in frames, and compare the results with its program.

    Parameters
    ----------
    project : Project
        Project of the board.
    simulator : BoardSimulator
        Its compiled simulation.
    n : int
        Number of pixels.
    seed : int
        Seed of the pixels.
    faults : Faults
        Faults of the network.

    Raises
    ------
    BoardError
        If the board does not answer.

    See Also
    --------
    seq2seqlite.hardware.cosim.board.compile_board : Compile a board.
    """
    program, count_bits = project.program, project.shape.count_bits
    counts = made_up_counts(program, n, seed=seed, count_bits=count_bits)
    counts[: n // 2] = np.minimum(counts[: n // 2], 255)  # packets with 8 bits
    bank, index, exponent = None, np.zeros(n, np.int64), np.zeros(n, np.int64)
    if isinstance(program, DirectProgram):
        bank = made_up_bank(program, min(N_RESPONSES, project.shape.responses or 1))
        index, exponent = np.arange(n) % len(bank), np.arange(n) % 8 - 6
        inputs = DirectInputs(bank, index, exponent)
        expected = records_from_result(inputs.expected(program, counts, min_photons=MIN_PHOTONS))
    else:
        expected = records_from_result(run(program, counts, min_photons=MIN_PHOTONS))
    wanted, mismatches = words_from_records(expected), 0
    with simulator.serve(faults=faults) as served:
        with Board.open(served.address, program=program, timeout_s=TIMEOUT_S) as board:
            for part in np.array_split(np.arange(n), FRAMES):
                found = board.results(
                    program,
                    counts[part],
                    bank=bank,
                    index=index[part],
                    count_exponent=exponent[part],
                    min_photons=MIN_PHOTONS,
                )
                found.number[:] = part
                mismatches += int((words_from_records(found) != wanted[part]).any(axis=1).sum())
            driver = board.counters()
        network = served.statistics()
    return SelfTest(
        n,
        mismatches,
        network["requests_lost"] + network["answers_lost"],
        network["duplicated"],
        network["reordered"],
        int(driver["packets_repeated"]),
        int(driver["pixels_flagged"]),
        network["latency_cycles"],
        network["clock_cycles"],
        network["violations"],
    )
