"""Packets between a computer and a board, as specified in docs/spec/link.md."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.wire.bitpack import n_words
from seq2seqlite.hardware.wire.memory_status import READY
from seq2seqlite.integer import COUNT_BITS

__all__ = [
    "ANSWER",
    "COUNT_WIDTHS",
    "FRAMES_WORDS",
    "HEADER_WORDS",
    "IDENTIFICATION",
    "LINK_VERSION",
    "MAX_ACCESSES",
    "MIN_WORDS",
    "PACKET_BYTES",
    "PACKET_WORDS",
    "PEER_BITS",
    "UDP_PORT",
    "WRITE",
    "ErrorCode",
    "Kind",
    "LinkStatus",
    "Packet",
    "max_pixels",
    "packet",
    "packet_from_bytes",
    "pixel_requests",
    "pixel_words",
    "register_request",
    "results_pixels",
]

IDENTIFICATION = 0x5332
"""Bits 31:16 of the first word of each packet."""
LINK_VERSION = 1
"""Version of the packets: bits 15:8 of the first word."""
UDP_PORT = 6000
"""Default UDP port of a board."""
PEER_BITS = 48
"""Width of the address of a computer: IPv4 address (31:0) and UDP port (47:32)."""
PACKET_BYTES = 1472
"""Largest packet: the payload of a UDP datagram in an Ethernet frame of 1,500 bytes."""
PACKET_WORDS = PACKET_BYTES // 4
MIN_WORDS = 5
"""Smallest packet, in words."""
HEADER_WORDS = 4
ANSWER = 0x80
"""Bit of the kind of an answer."""
WRITE = 1 << 31
"""Bit of the first word of an access that writes."""
MAX_ACCESSES = (PACKET_WORDS - HEADER_WORDS) // 2
"""Largest number of accesses in a register request."""
FRAMES_WORDS = 4
"""Words of the body of an answer to a frames request."""
COUNT_WIDTHS = (8, COUNT_BITS)
"""Widths of the counts in a pixels request, in bits."""


class Kind(IntEnum):
    """Kind of a packet: a request, whose answer has the bit :data:`ANSWER` in addition, or an error.

    ``RESULTS`` always has this bit: results of a camera at the board are sent without a request.

    See Also
    --------
    Packet : Packet with its fields.
    """

    STATUS = 1
    OPEN = 2
    REGISTERS = 3
    PIXELS = 4
    FRAMES = 5
    RESULTS = 6
    ERROR = 0xFF


class ErrorCode(IntEnum):
    """Reason of an error answer.

    See Also
    --------
    Kind : Kind of a packet.
    """

    VERSION = 1
    SESSION = 2


@dataclass(frozen=True)
class Packet:
    """Packet with its fields.

    Parameters
    ----------
    kind : int
        A :class:`Kind`, with the bit :data:`ANSWER` in answers other than errors.
    session, sequence, argument : int
        Words of the header, 32 bits.
    body : ndarray of uint32
        Words after the header.
    version : int
        Version of the link.

    See Also
    --------
    packet_from_bytes : Read a packet.
    packet : Write a packet.
    """

    kind: int
    session: int
    sequence: int
    argument: int
    body: NDArray[np.uint32]
    version: int = LINK_VERSION


@dataclass(frozen=True)
class LinkStatus:
    """Body of an answer to a status or open request: limits of the board, and counters since its reset.

    Parameters
    ----------
    max_pixels : int
        Largest number of pixels in a pixels request.
    max_requests : int
        Largest number of pixels requests without an answer.
    pixels_inside : int
        Pixels that the design accepts before it delivers the first result.
    buffer_words : int
        Words of requests that wait in the board.
    packets_in, packets_malformed, packets_refused : int
        Requests received; those of a wrong form; those of a wrong version, session or order, and pixels
        requests beyond ``max_requests``, which were not executed.
    packets_out : int
        Answers sent.
    packets_dropped : int
        Datagrams that the board dropped before the link, e.g. those with a wrong checksum.
    frame_pixels : int
        Pixels of a frame of the camera at the board; 0 if the board has no front end.
    memory : int
        Status of the memory of the front end; see :mod:`~seq2seqlite.hardware.wire.memory_status`.

    See Also
    --------
    Packet : Packet with its fields.
    """

    max_pixels: int
    max_requests: int
    pixels_inside: int
    buffer_words: int
    packets_in: int
    packets_malformed: int
    packets_refused: int
    packets_out: int
    packets_dropped: int
    frame_pixels: int = 0
    memory: int = READY

    @classmethod
    def from_body(cls, body: NDArray[np.uint32], /) -> "LinkStatus":
        """Return the status in the body of an answer, which has a word for each field."""
        return cls(*(int(word) for word in body[: len(fields(cls))]))


def packet(kind: int, body: ArrayLike, /, *, session: int = 0, sequence: int = 0, argument: int = 0) -> bytes:
    """Return the bytes of a packet.

    Parameters
    ----------
    kind : int
        Kind of the packet.
    body : array_like of uint32
        Words after the header; at least one.
    session, sequence, argument : int
        Words of the header.

    See Also
    --------
    packet_from_bytes : The inverse.

    Examples
    --------
    >>> packet(Kind.STATUS, [0], sequence=7).hex()
    '0101325300000000070000000000000000000000'
    """
    words = np.asarray(body, np.uint32).reshape(-1)
    assert MIN_WORDS <= HEADER_WORDS + words.size <= PACKET_WORDS, "the packet has a valid size"
    return np.concatenate([_header(kind, session, sequence, argument), words]).astype("<u4").tobytes()


def packet_from_bytes(data: bytes | bytearray | memoryview, /) -> Packet | None:
    """Return the packet in a datagram, or None if it is not a packet of this link.

    See Also
    --------
    packet : The inverse.

    Examples
    --------
    >>> packet_from_bytes(packet(Kind.STATUS, [5], sequence=7)).body.tolist()
    [5]
    """
    if len(data) % 4 or not 4 * MIN_WORDS <= len(data) <= PACKET_BYTES:
        return None
    words = np.frombuffer(data, "<u4").astype(np.uint32)
    first, session, sequence, argument = words[:HEADER_WORDS].tolist()
    if first >> 16 != IDENTIFICATION:
        return None
    return Packet(first & 0xFF, session, sequence, argument, words[HEADER_WORDS:], first >> 8 & 0xFF)


def _header(kind: int, session: int, sequence: int, argument: int) -> NDArray[np.uint32]:
    first = kind | LINK_VERSION << 8 | IDENTIFICATION << 16
    return np.array([first, session, sequence, argument], np.uint32)


def register_request(accesses: Sequence[tuple[int, int | None]], /, *, session: int, sequence: int) -> bytes:
    """Return a register request.

    Parameters
    ----------
    accesses : sequence of (int, int or None)
        Byte address, and the value to write; None: a read. At most :data:`MAX_ACCESSES`.
    session, sequence : int
        Words of the header.

    See Also
    --------
    packet : Packets of other kinds.
    """
    body = [
        word
        for address, value in accesses
        for word in ((address, 0) if value is None else (address | WRITE, value))
    ]
    return packet(Kind.REGISTERS, body, session=session, sequence=sequence, argument=len(accesses))


def pixel_words(n_gates: int, count_bits: int, /, *, has_user: bool) -> int:
    """Return the number of words of a pixel in a request.

    Parameters
    ----------
    n_gates : int
        Counts of a pixel.
    count_bits : int
        Width of a count: 8 or 16.
    has_user : bool
        Whether TUSER precedes the counts, as for direct programs.

    See Also
    --------
    max_pixels : Number of pixels in a packet.

    Examples
    --------
    >>> pixel_words(135, 16, has_user=False), pixel_words(135, 8, has_user=True)
    (68, 35)
    """
    return n_words(n_gates * count_bits) + has_user


def max_pixels(n_gates: int, count_bits: int, /, *, has_user: bool, record_bits: int) -> int:
    """Return the number of pixels of a request so that it and its answer fit a packet.

    Parameters
    ----------
    n_gates, count_bits, has_user
        As for :func:`pixel_words`.
    record_bits : int
        Bits of a result.

    Returns
    -------
    int
        0 if a pixel exceeds a packet.

    See Also
    --------
    pixel_requests : Requests of any number of pixels.

    Examples
    --------
    >>> max_pixels(135, 16, has_user=False, record_bits=128)
    5
    """
    words = max(pixel_words(n_gates, count_bits, has_user=has_user), n_words(record_bits))
    return (PACKET_WORDS - HEADER_WORDS) // words


def results_pixels(record_bits: int, /) -> int:
    """Return the number of pixels of a packet of results, except for the last one of a frame.

    See Also
    --------
    max_pixels : Number of pixels in a request.

    Examples
    --------
    >>> results_pixels(128), results_pixels(192)
    (91, 60)
    """
    return (PACKET_WORDS - HEADER_WORDS) // n_words(record_bits)


def pixel_requests(
    counts: NDArray[np.integer],
    /,
    *,
    count_bits: int,
    user: NDArray[np.uint32] | None,
    n_pixels: int,
    session: int,
    first_sequence: int,
) -> list[bytes]:
    """Return the requests of pixels, in order.

    Parameters
    ----------
    counts : ndarray of int, shape (n, n_gates)
        Counts.
    count_bits : int
        Width of a count in the packets.
    user : ndarray of uint32, shape (n,), optional
        TUSER of the pixels, of direct programs.
    n_pixels : int
        Pixels of a request; the last one may have fewer. See :func:`max_pixels`.
    session, first_sequence : int
        Session, and sequence number of the first request; the others follow it.

    Returns
    -------
    list of bytes

    Raises
    ------
    InputError
        If a count does not fit.

    See Also
    --------
    max_pixels : Largest number of pixels of a request.

    Examples
    --------
    >>> two = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    >>> requests = pixel_requests(two, count_bits=8, user=None, n_pixels=2, session=1, first_sequence=0)
    >>> [packet_from_bytes(one).body.tolist() for one in requests]
    [[197121, 394500], [591879]]
    """
    if counts.size and not 0 <= counts.min() <= counts.max() < 1 << count_bits:
        raise InputError(f"counts from {counts.min()} to {counts.max()} do not fit {count_bits} bits")
    n, n_gates = counts.shape
    per_word = 32 // count_bits
    padded = np.pad(counts.astype(f"<u{count_bits // 8}"), ((0, 0), (0, -n_gates % per_word)))
    pixels = padded.view("<u4")
    if user is not None:
        pixels = np.concatenate([user.astype("<u4")[:, None], pixels], axis=1)
    argument = count_bits << 16
    found = []
    for number, start in enumerate(range(0, n, n_pixels)):
        part = pixels[start : start + n_pixels]
        sequence = (first_sequence + number) & 0xFFFFFFFF
        header = _header(Kind.PIXELS, session, sequence, argument | len(part)).astype("<u4")
        found.append(header.tobytes() + part.tobytes())
    return found
