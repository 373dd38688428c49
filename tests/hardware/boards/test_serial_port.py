"""Frames on a serial line, in Python and in gateware."""

import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.boards.serial_port import SerialPort
from seq2seqlite.hardware.wire.serial_frames import FrameDecoder, encode_frame

from .ports import simulate

# Bytes with a meaning in SLIP, alone and in sequences.
SPECIAL = bytes([0xC0, 0xDB, 0xDC, 0xDD, 0xDB, 0xDC, 0xDB, 0xDD, 0xC0, 0xC0, 0xDB, 0xDB])
PACKETS = [SPECIAL + bytes(range(8)), bytes(range(0xB0, 0xE4)), bytes(20)]


def words_of(packet):
    return np.frombuffer(packet, "<u4").tolist()


def test_frames_of_any_bytes_are_decoded_in_any_pieces():
    rng = np.random.default_rng(0)
    packets = [*PACKETS, rng.bytes(1472), SPECIAL * 122 + SPECIAL[:8]]
    stream = b"noise" + b"".join(map(encode_frame, packets))
    for size in (1, 7, len(stream)):
        decoder = FrameDecoder()
        pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
        assert [packet for piece in pieces for packet in decoder.feed(piece)] == packets
        assert decoder.dropped == 1  # the noise before the first delimiter


@pytest.mark.parametrize("place", range(1, 26))
def test_a_damaged_byte_loses_one_frame_only(place):
    frame = bytearray(encode_frame(bytes(range(20))))
    frame[place] ^= 1 << place % 8
    decoder = FrameDecoder()
    assert list(decoder.feed(bytes(frame) + encode_frame(PACKETS[0]))) == [PACKETS[0]]
    assert decoder.dropped >= 1


def test_endless_bytes_without_a_delimiter_take_no_memory():
    decoder = FrameDecoder()
    for _ in range(100):
        assert list(decoder.feed(bytes(10_000))) == []
    assert len(decoder._content) < 3000
    assert list(decoder.feed(encode_frame(PACKETS[0]))) == [PACKETS[0]]
    assert decoder.dropped == 1


@pytest.mark.parametrize("length", [0, 16, 21, 1476])
def test_packets_of_a_wrong_length_have_no_frame(length):
    with pytest.raises(
        InputError, match=rf"packet has {length} bytes; it must have 20 to 1472, a multiple of 4"
    ):
        encode_frame(bytes(length))


def through_gateware(line):
    """Return the packets that the core received from a line, the bytes that it sent, and the drops."""
    port, sent = SerialPort(), bytearray()

    async def feed(ctx):
        for byte in line:
            ctx.set(port.i_byte, byte)
            ctx.set(port.i_valid, 1)
            await ctx.tick("network")
            ctx.set(port.i_valid, 0)
            await ctx.tick("network").repeat(3)

    simulator, received, dropped = simulate(
        port, feed, until=lambda: sent.count(0xC0) == 2 * len(received), idle_clocks=400
    )

    async def transmitter(ctx):
        while True:
            _, _, valid, byte = await ctx.tick("network").sample(port.o_valid, port.o_byte)
            ctx.set(port.o_ready, int(bool(valid) and not ctx.get(port.o_ready)))
            if valid and ctx.get(port.o_ready):
                sent.append(byte)

    simulator.add_testbench(transmitter, background=True)
    simulator.run()
    return received, bytes(sent), dropped[0]


def test_gateware_and_python_agree_on_frames():
    received, sent, dropped = through_gateware(b"noise" + b"".join(map(encode_frame, PACKETS)))
    assert received == [(0, words_of(packet)) for packet in PACKETS]
    assert sent == b"".join(map(encode_frame, PACKETS))
    assert dropped == 1


def test_gateware_drops_damaged_frames_and_counts_them():
    frame = encode_frame(bytes(range(20)))
    damaged = [
        frame[:5] + b"\x77" + frame[6:],  # CRC
        frame[:5] + b"\xdb\x01" + frame[6:],  # invalid escape sequence
        frame[:-2] + b"\xdb\xc0",  # unfinished escape sequence
        frame[:5] + frame[-1:],  # too short
        frame[:9] + frame[10:],  # not a multiple of 4
        b"\xc0\x01\xc0",
    ]
    received, sent, dropped = through_gateware(b"".join(damaged) + encode_frame(PACKETS[0]))
    assert received == [(0, words_of(PACKETS[0]))]
    assert sent == encode_frame(PACKETS[0])
    decoder = FrameDecoder()
    assert list(decoder.feed(b"".join(damaged))) == []
    assert dropped == decoder.dropped == len(damaged)
