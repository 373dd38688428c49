"""Camera, front end and engines with LiteDRAM and its model of a DDR3 memory, in Verilator."""

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.lib.wiring import In, Out
from tests.hardware.link.camera_boards import PIXELS, beats_of, expected_of, images_of, series_of
from tests.hardware.link.test_camera_link import (
    PEER,
    SESSION,
    answers_of,
    opening,
    read,
    subscription,
    words_of,
)

from seq2seqlite.hardware.board_core import camera_core_plan
from seq2seqlite.hardware.boards.dram_training import DRAM_TRAINING, DramTraining
from seq2seqlite.hardware.cosim.board import BoardPacket, BoardSimulator
from seq2seqlite.hardware.cosim.camera import CameraFeed
from seq2seqlite.hardware.cosim.executable import compile_harness
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.eda.verilator import Compilation
from seq2seqlite.hardware.link.camera_core import memory_ports
from seq2seqlite.hardware.link.camera_port import camera_ports
from seq2seqlite.hardware.link.link import packet_ports
from seq2seqlite.hardware.plan import BuildPlan
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.hardware.wire.link_packets import Kind, LinkStatus, packet
from seq2seqlite.hardware.wire.memory_status import LaneTraining, MemoryStatus

from .dram_model import ADDRESS_BITS, bench, model_files

pytestmark = pytest.mark.hardware_full
CLOCK_HZ, PORT_BITS = 80e6, 16  # a cycle of the memory has 6,250 ps; the model truncates to whole ones
WINDOWS = ({(1, 2), (1, 3), (1, 4)}, {(2, 0), (2, 1), (3, 5), (3, 6), (3, 7)})


def core_ports(series):
    """Return the ports of a core with a camera."""
    return {
        "aclk": In(1), "aresetn": In(1), **packet_ports(), **camera_ports(PORT_BITS),
        "camera_wanted": Out(1), **memory_ports(series), "memory_status": In(32),
    }  # fmt: skip


@pytest.fixture(scope="module")
def board(odd_program, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dram")
    design = make_design(odd_program(1, n_gates=11), find_target("ecp5-85f"), DesignOptions(lanes=2))
    series = series_of(design, data_bits=128, tile_pixels=64, address_bits=ADDRESS_BITS)
    verilog, program = model_files(CLOCK_HZ, WINDOWS)
    plan = camera_core_plan(design, series, port_bits=PORT_BITS)
    training = rtlil.convert(DramTraining(program), name=DRAM_TRAINING, emit_src=False)
    files = {
        "dram.v": verilog,
        "bench.v": bench(core_ports(series)),
        **BuildPlan({**plan.files, "training.il": training}, plan.kept).execute(),
    }
    paths = []
    for name, text in files.items():
        paths.append(folder / name)
        paths[-1].write_text(text)
    executable = compile_harness(
        "board_harness.cpp",
        paths,
        top="dram_board",
        in_bits=32,
        out_bits=32,
        out_dir=folder / "simulation",
        defines={"MEMORY_BITS": series.data_bits, "PORT_BITS": PORT_BITS},
        compilation=Compilation(verilator=("-Wno-fatal",)),
    )
    return design.program, BoardSimulator(executable, PORT_BITS)


@pytest.mark.parametrize(("waits", "n"), [(True, 6), (False, 40)])
def test_results_are_those_of_the_program(board, waits, n):
    """Frames that come before the memory is trained wait, or are dropped and counted."""
    program, simulator = board
    images = images_of(program, n)
    feed = CameraFeed(beats_of(images), clock=0.9, waits=waits)
    late = [packet(Kind.STATUS, [0])] * 75
    requests = [
        *opening(wait=waits), subscription(n), packet(Kind.STATUS, [0], sequence=7), *late,
        packet(Kind.STATUS, [0], sequence=9),
        read("FRAMES_IN", "FRAMES_OUT", "FRAMES_DROPPED", "MEMORY_ERRORS"),
    ]  # fmt: skip
    run = simulator.run([BoardPacket(data, PEER) for data in requests], camera=feed, gaps=0.995)
    assert run.violations == 0
    others, frames = answers_of(run)
    early, trained = (
        MemoryStatus.from_word(LinkStatus.from_body(other.body).memory)
        for other in others
        if other.sequence in {7, 9}
    )
    assert not early.ready
    assert trained == MemoryStatus(True, False, (LaneTraining(3, 1, 3), LaneTraining(6, 3, 5)))
    begun, delivered, dropped, errors = others[-1].body.tolist()
    assert errors == 0
    expected = expected_of(program, images)
    order = []
    for number, ((session, frame), parts) in enumerate(frames.items()):
        assert (session, frame) == (SESSION, number)
        words = words_of(parts)
        order += [at for at in range(n) if np.array_equal(expected[at], words)]
    assert len(order) == len(frames)
    assert order == sorted(set(order))
    if waits:
        assert order == list(range(n))
    else:
        assert dropped > 0
        assert 5 < len(order) < n
        assert begun >= delivered + dropped
    assert expected.shape[1] == PIXELS
