"""C header of the packets between a computer and a board."""

from collections.abc import Iterator
from dataclasses import fields

from seq2seqlite.hardware.wire.link_packets import (
    ANSWER,
    HEADER_WORDS,
    IDENTIFICATION,
    LINK_VERSION,
    MAX_ACCESSES,
    MIN_WORDS,
    PACKET_BYTES,
    PACKET_WORDS,
    UDP_PORT,
    WRITE,
    ErrorCode,
    Kind,
    LinkStatus,
)
from seq2seqlite.hardware.wire.results import Flag

__all__ = ["link_header"]

PREFIX = "SEQ2SEQLITE_LINK"


def link_header() -> str:
    """Return a C header with the constants of ``docs/spec/link.md``, and the flags of results.

    It is the same for all designs. Names start with ``SEQ2SEQLITE_LINK_``, those of the flags with
    ``SEQ2SEQLITE_FLAG_``.

    See Also
    --------
    seq2seqlite.hardware.register_header.register_header : Header of the registers of a design.
    seq2seqlite.hardware.wire.link_packets.packet : The packets in Python.
    """
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "/* Packets between a computer and a board, docs/spec/link.md. By seq2seqlite. */"
    yield f"#ifndef {PREFIX}_H"
    yield f"#define {PREFIX}_H"
    yield "\n/* word 0: kind | version << 8 | identification << 16; then session, sequence, argument */"
    constants = {
        "IDENTIFICATION": IDENTIFICATION,
        "VERSION": LINK_VERSION,
        "UDP_PORT": UDP_PORT,
        "PACKET_BYTES": PACKET_BYTES,
        "PACKET_WORDS": PACKET_WORDS,
        "MIN_WORDS": MIN_WORDS,
        "HEADER_WORDS": HEADER_WORDS,
        "MAX_ACCESSES": MAX_ACCESSES,
        "WRITE": WRITE,
        "ANSWER": ANSWER,
    }
    for name, value in constants.items():
        yield f"#define {PREFIX}_{name} 0x{value:x}u"
    yield "\n/* kinds of requests; those of answers have ANSWER in addition, except for ERROR */"
    for kind in Kind:
        yield f"#define {PREFIX}_{kind.name} 0x{kind:x}u"
    yield "\n/* arguments of an error */"
    for code in ErrorCode:
        yield f"#define {PREFIX}_ERROR_{code.name} {code}u"
    yield "\n/* words of the body of an answer to a status or open request */"
    for place, field in enumerate(fields(LinkStatus)):
        yield f"#define {PREFIX}_STATUS_{field.name.upper()} {place}u"
    yield "\n/* flags of a result */"
    for flag in Flag:
        yield f"#define SEQ2SEQLITE_FLAG_{flag.name} 0x{int(flag):02x}u"
    yield "\n#endif"
