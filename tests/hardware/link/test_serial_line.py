"""The driver on a serial line: a pseudo-terminal, whose other end forwards packets to a simulated board."""

import os
import select
import socket
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.host import Board, BoardError
from seq2seqlite.hardware.host.transport import host_and_port
from seq2seqlite.hardware.stimulus import made_up_counts
from seq2seqlite.hardware.wire.results import words_from_records
from seq2seqlite.hardware.wire.serial_frames import FrameDecoder, encode_frame

PATIENT_S = 200.0  # tests must not depend on the load of the machine


@contextmanager
def line_to(address, *, damage_every):
    """Connect a pseudo-terminal with a board; flip a bit of each n-th frame. Yield address and decoder."""
    import tty

    near, far = os.openpty()
    tty.setraw(near)
    tty.setraw(far)
    stop, decoder = threading.Event(), FrameDecoder()

    def forward():
        frames = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as board:
            board.connect(host_and_port(address))
            while not stop.is_set():
                for ready in select.select([near, board], [], [], 0.05)[0]:
                    if ready is board:
                        frames += 1
                        frame = bytearray(encode_frame(board.recv(2000)))
                        if frames % damage_every == 0:
                            frame[len(frame) // 2] ^= 1
                        os.write(near, frame)
                    else:
                        for packet in decoder.feed(os.read(near, 4096)):
                            board.send(packet)

    thread = threading.Thread(target=forward)
    thread.start()
    try:
        yield f"serial://{os.ttyname(far)}", decoder
    finally:
        stop.set()
        thread.join()
        os.close(near)
        os.close(far)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize("damage_every", [10_000, 5])
def test_a_board_on_a_serial_line(decoder_board, damage_every):
    project, simulator = decoder_board
    counts = made_up_counts(project.program, 150, seed=1)
    with simulator.serve() as served, line_to(served.address, damage_every=damage_every) as (line, decoder):
        direct = Board.open(served.address, program=project.program, timeout_s=PATIENT_S)
        expected = direct.results(project.program, counts)
        direct.close()
        with Board.open(line, program=project.program, timeout_s=PATIENT_S) as board:
            found = board.results(project.program, counts)
            counters = board.counters()
    assert np.array_equal(words_from_records(found), words_from_records(expected))
    assert decoder.dropped == 0
    assert damage_every > 5 or counters["packets_repeated"] > 0


@pytest.mark.parametrize(
    ("address", "error", "text"),
    [
        ("serial://", InputError, "address='serial://' has no device, e.g. serial:///dev/ttyUSB0"),
        ("serial:///dev/no-such-device", BoardError, "no-such-device.*check the address"),
        ("tcp://host", InputError, "must be udp://host:port or serial://DEVICE"),
    ],
)
def test_bad_addresses(address, error, text):
    with pytest.raises(error, match=text):
        Board.open(address)
