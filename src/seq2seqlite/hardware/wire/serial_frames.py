"""Frames of packets on a serial line: SLIP with a CRC, as docs/spec/serial-link.md specifies."""

import zlib
from collections.abc import Iterator

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.wire.link_packets import MIN_WORDS, PACKET_BYTES

__all__ = ["BAUD_RATE", "FrameDecoder", "encode_frame"]

BAUD_RATE = 3_000_000
"""Bit rate of the line, in bit/s."""
END, ESCAPE, END_MARK, ESCAPE_MARK = 0xC0, 0xDB, 0xDC, 0xDD
"""Bytes of SLIP (RFC 1055): end of a frame, start of an escape sequence, and its second byte for each."""
CRC_BYTES = 4
DELIMITER = bytes([END])
ESCAPES = {ESCAPE: bytes([ESCAPE, ESCAPE_MARK]), END: bytes([ESCAPE, END_MARK])}
MOST_ENCODED = 2 * (PACKET_BYTES + CRC_BYTES)
"""Longest content of a frame between its delimiters."""


def encode_frame(packet: bytes, /) -> bytes:
    r"""Return the frame of a packet.

    Parameters
    ----------
    packet : bytes
        Packet of 20 to 1,472 bytes, a multiple of 4.

    Raises
    ------
    InputError
        If the packet has another length.

    See Also
    --------
    FrameDecoder : Return the packets of a stream of bytes.

    Examples
    --------
    >>> encode_frame(bytes(20)).hex(" ", 4)
    'c000 00000000 00000000 00000000 00000000 0000008d 9bd50fc0'
    """
    if not _is_length(len(packet)):
        raise InputError(
            f"packet has {len(packet)} bytes; it must have {4 * MIN_WORDS} to {PACKET_BYTES}, a multiple of 4"
        )
    content = packet + zlib.crc32(packet).to_bytes(CRC_BYTES, "little")
    for byte, escape in ESCAPES.items():  # ESCAPE first, because the sequences contain it
        content = content.replace(bytes([byte]), escape)
    return DELIMITER + content + DELIMITER


class FrameDecoder:
    r"""Decoder of a stream of bytes, which may start within a frame.

    Attributes
    ----------
    dropped : int
        Number of damaged frames.

    See Also
    --------
    encode_frame : Return the frame of a packet.

    Examples
    --------
    >>> decoder, frame = FrameDecoder(), encode_frame(bytes(range(20)))
    >>> list(decoder.feed(frame[:7])), list(decoder.feed(frame[7:])) == [bytes(range(20))]
    ([], True)
    >>> list(decoder.feed(frame.replace(b"\x05", b"\x04", 1))), decoder.dropped
    ([], 1)
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._content = bytearray()

    def feed(self, data: bytes, /) -> Iterator[bytes]:
        """Yield the packets whose frames end in the next bytes of the stream.

        Parameters
        ----------
        data : bytes
            Next bytes, of any number. All of them are read when the iterator is exhausted.
        """
        *ended, rest = data.split(DELIMITER)
        for part in ended:
            self._take(part)
            content, self._content = bytes(self._content), bytearray()
            if content:
                packet = _packet(content)
                if packet is None:
                    self.dropped += 1
                else:
                    yield packet
        self._take(rest)

    def _take(self, part: bytes) -> None:
        """Append bytes of a frame, up to one byte more than the longest frame has."""
        self._content += part[: MOST_ENCODED + 1 - len(self._content)]


def _packet(content: bytes) -> bytes | None:
    """Return the packet of a frame's content; None if it is damaged."""
    pieces = content.split(bytes([ESCAPE]))
    marks = {END_MARK: END, ESCAPE_MARK: ESCAPE}
    if any(not piece or piece[0] not in marks for piece in pieces[1:]):
        return None
    plain = pieces[0] + b"".join(bytes([marks[piece[0]]]) + piece[1:] for piece in pieces[1:])
    packet, check = plain[:-CRC_BYTES], plain[-CRC_BYTES:]
    if not _is_length(len(packet)) or zlib.crc32(packet) != int.from_bytes(check, "little"):
        return None
    return packet


def _is_length(n_bytes: int) -> bool:
    return 4 * MIN_WORDS <= n_bytes <= PACKET_BYTES and n_bytes % 4 == 0
