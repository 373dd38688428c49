"""Self-test of a simulated board through the driver, over UDP."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.hardware.cosim.board import BoardSimulator, Faults
from seq2seqlite.hardware.cosim.camera import CameraFeed, camera_beats
from seq2seqlite.hardware.cosim.inputs import Inputs
from seq2seqlite.hardware.cosim.memory import MemoryModel
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.host import Board
from seq2seqlite.hardware.host.camera import CameraSettings
from seq2seqlite.hardware.project import Project
from seq2seqlite.hardware.stimulus import made_up_bank, made_up_counts
from seq2seqlite.hardware.wire.results import Records, records_from_result, words_from_records

__all__ = ["SelfTest", "camera_feed", "camera_self_test", "self_test"]

N_RESPONSES = 4
FRAMES = 4
MIN_PHOTONS = 100
TIMEOUT_S = 300.0
MEMORY = MemoryModel(
    1 << 25, stalls=0.1, latency_clocks=8, jitter_clocks=8, refresh_every=400, refresh_clocks=10
)
"""Memory of a board with a camera, in simulation."""


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
        Pixels that the design flagged as malformed or without response, or whose results were lost.
    latency_cycles : int
        Median of the clock cycles from the last word of a request to the last word of its answer; with a
        camera, from the last word of a frame to that of its results.
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
    bank = made_up_bank(program, min(N_RESPONSES, project.shape.responses or 1))
    index, exponent = np.arange(n) % len(bank), np.arange(n) % 8 - 6
    inputs = Inputs(bank, index, exponent)
    expected = records_from_result(inputs.expected(program, counts, min_photons=MIN_PHOTONS))
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
    return _found(n, mismatches, driver, network)


def camera_feed(
    project: Project, series: SeriesShape, /, *, port_bits: int, seed: int
) -> tuple[CameraFeed, NDArray[np.int64]]:
    """Return a camera that repeats synthetic frames for ever, with a memory that pauses; and its counts.

    Parameters
    ----------
    project : Project
        Project of the board.
    series : SeriesShape
        Its front end, for counts of 8 bits.
    port_bits : int
        Width of a word of the camera.
    seed : int
        Seed of the counts.

    Returns
    -------
    CameraFeed
        Camera, which waits for the board, and delivers frames on demand.
    ndarray of int64, shape (frames, pixels, n_gates)
        Counts.

    See Also
    --------
    camera_self_test : Compare the results with the program.
    """
    counts = np.minimum(made_up_counts(project.program, FRAMES * series.pixels, seed=seed), 255)
    frames = counts.reshape(FRAMES, series.pixels, series.n_gates).astype(np.int64)
    beats = camera_beats(frames.swapaxes(1, 2), bits=series.count_bits, port_bits=port_bits)
    feed = CameraFeed(
        beats,
        repeats=0,
        pixels=series.pixels,
        record_bits=project.shape.record_bits,
        memory=MEMORY,
    )
    return feed, frames


def camera_self_test(
    project: Project,
    simulator: BoardSimulator,
    series: SeriesShape,
    /,
    *,
    n: int,
    seed: int,
    faults: Faults,
) -> SelfTest:
    """Subscribe to the frames of a simulated camera, and compare the results with the program.

    Parameters
    ----------
    project : Project
        Project of the board.
    simulator : BoardSimulator
        Its compiled simulation.
    series : SeriesShape
        Its front end.
    n : int
        Least number of pixels; whole frames are received.
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
    self_test : The same for a board without a camera.
    """
    program = project.program
    feed, counts = camera_feed(project, series, port_bits=simulator.port_bits, seed=seed)
    flat, bank = counts.reshape(-1, series.n_gates), made_up_bank(program, 1)
    expected = records_from_result(Inputs(bank).expected(program, flat, min_photons=MIN_PHOTONS))
    wanted = _words_without_numbers(expected).reshape(FRAMES, series.pixels, -1)
    pixels = mismatches = missing = 0
    with simulator.serve(faults=faults, camera=feed) as served:
        with Board.open(served.address, program=program, timeout_s=TIMEOUT_S) as board:
            settings = CameraSettings(waits=True)
            frames = board.frames(program, settings=settings, bank=bank, min_photons=MIN_PHOTONS)
            for frame in frames:
                differs = (_words_without_numbers(frame.records) != wanted[frame.number % FRAMES]).any(axis=1)
                mismatches += int((differs & ~frame.missing).sum())
                missing += int(frame.missing.sum())
                pixels += series.pixels
                if pixels >= n:
                    break
            frames.close()
            driver = {**board.counters(), "pixels_flagged": missing}
        network = served.statistics()
    return _found(pixels, mismatches, driver, network)


def _words_without_numbers(records: Records) -> NDArray[np.uint32]:
    return words_from_records(replace(records, number=np.zeros_like(records.number)))


def _found(pixels: int, mismatches: int, driver: Mapping[str, float], network: Mapping[str, int]) -> SelfTest:
    return SelfTest(
        pixels,
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
