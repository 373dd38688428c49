"""The generated ECPIX-5 system, from the pins of Ethernet to a core that echoes, in Verilator."""

import struct
import zlib

import numpy as np
import pytest

from seq2seqlite.hardware.boards.board import find_board
from seq2seqlite.hardware.boards.project import write_board
from seq2seqlite.hardware.boards.soc import SystemOptions
from seq2seqlite.hardware.cosim.executable import Executable
from seq2seqlite.hardware.eda.verilator import Compilation, compile_model

from .systems import HERE, echo_core

pytestmark = pytest.mark.hardware_full
BOARD_IP, HOST_IP = bytes([192, 168, 1, 50]), bytes([192, 168, 1, 7])
HOST_MAC, BROADCAST = bytes.fromhex("02005e000107"), b"\xff" * 6
BOARD_PORT, HOST_PORT = 6000, 51515
PREAMBLE = b"\x55" * 7 + b"\xd5"


def on_wire(content, *, damage=0):
    """Return a frame with preamble, padding and check sequence, of which the lowest bits can be inverted."""
    padded = content.ljust(60, b"\0")
    return PREAMBLE + padded + struct.pack("<I", zlib.crc32(padded) ^ damage)


def content_of(frame):
    """Return the content of a frame; check its preamble and its check sequence."""
    assert frame.startswith(PREAMBLE)
    content, check = frame[8:-4], frame[-4:]
    assert struct.unpack("<I", check)[0] == zlib.crc32(content), "the frame is damaged"
    return content


def arp(operation, board_mac=bytes(6)):
    target = BROADCAST if operation == 1 else board_mac
    return (
        target + HOST_MAC + bytes.fromhex("0806 0001 0800 06 04") + struct.pack(">H", operation)
        + HOST_MAC + HOST_IP + board_mac + BOARD_IP
    )  # fmt: skip


def checksum(header):
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def udp(board_mac, payload, *, port=BOARD_PORT, damage=0):
    datagram = struct.pack(">HHHH", HOST_PORT, port, 8 + len(payload), 0) + payload
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(datagram), 7, 0, 64, 17, 0) + HOST_IP + BOARD_IP
    header = header[:10] + struct.pack(">H", checksum(header) ^ damage) + header[12:]
    return board_mac + HOST_MAC + b"\x08\x00" + header + datagram


@pytest.fixture(scope="module")
def talk(tmp_path_factory, tiny):
    """Return a function that sends frames, with idle bytes before each, and returns those of the board."""
    folder, board = tmp_path_factory.mktemp("ethernet"), find_board("ecpix5")
    options = SystemOptions(60.0, 50.0, "192.168.1.50", BOARD_PORT)
    project = write_board(board, board.part(None), echo_core(tiny), options, folder / "project")
    program = compile_model(
        [*project.verilog, HERE / "ecp5_cells.v"],
        top="ecpix5",
        harness=HERE / "ethernet.cpp",
        out_dir=folder / "simulation",
        compilation=Compilation(optimisation="-O0", verilator=("-Wno-fatal",)),
    )

    def run(frames):
        stimulus = b"".join(struct.pack("<II", idle, len(frame)) + frame for idle, frame in frames)
        stimulus += struct.pack("<II", 12_000, 0)
        record, _ = Executable(program, 8, 8).simulate(stimulus, time_limit_s=300)
        found = []
        while record:
            length = struct.unpack("<I", record[:4])[0]
            found.append(content_of(record[4 : 4 + length]))
            record = record[4 + length :]
        return found

    return run


def test_datagrams_of_the_port_return_and_damaged_ones_do_not(talk):
    rng = np.random.default_rng(0)
    (answer,) = talk([(2000, on_wire(arp(1)))])
    board_mac, operation = answer[6:12], answer[20:22]
    assert (answer[:6], operation, answer[28:32]) == (HOST_MAC, b"\0\2", BOARD_IP)
    assert board_mac == bytes.fromhex("025332530132")
    payloads = {length: rng.bytes(length) for length in (20, 24, 400, 1472)}
    good = {length: on_wire(udp(board_mac, payload)) for length, payload in payloads.items()}
    frames = [
        (2000, good[20]),
        (400, on_wire(arp(2, board_mac))),  # the board asks for the address of the host
        (1200, on_wire(udp(board_mac, payloads[400]), damage=1)),  # check sequence of the frame
        (12, on_wire(udp(board_mac, payloads[400], damage=1))),  # checksum of the IP header
        (12, on_wire(udp(board_mac, payloads[400], port=6001))),
        (12, on_wire(udp(board_mac, payloads[400] + b"\1"))),  # not a multiple of 4
        (12, good[24]),
        (12, good[1472]),
        (12, on_wire(udp(board_mac, bytes(16)))),  # too short
        (12, good[400]),
    ]
    request, *answers = talk(frames)
    assert (request[:6], request[20:22], request[38:42]) == (BROADCAST, b"\0\1", HOST_IP)
    for answer, length in zip(answers, [20, 24, 1472, 400], strict=True):
        assert answer[:12] == HOST_MAC + board_mac
        assert checksum(answer[14:34]) == 0
        assert (answer[26:30], answer[30:34]) == (BOARD_IP, HOST_IP)
        ports_and_length = struct.unpack(">HHH", answer[34:40])
        assert ports_and_length == (BOARD_PORT, HOST_PORT, 8 + length)
        assert answer[42 : 42 + length] == payloads[length]
