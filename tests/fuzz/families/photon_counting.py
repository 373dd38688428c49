"""PTU: tags of the header by name. SDT: file, measurement and block headers."""

import struct

import numpy as np
from tests.fuzz.families.values import FLOATS, Mutated, Rng, integer, pick, put

TAGS = (
    b"TTResult_NumberOfRecords", b"ImgHdr_Dimensions", b"ImgHdr_PixX", b"ImgHdr_PixY", b"ImgHdr_PixResol",
    b"ImgHdr_LineStart", b"ImgHdr_LineStop", b"ImgHdr_Frame", b"ImgHdr_BiDirect", b"ImgHdr_SinCorrection",
    b"MeasDesc_Resolution", b"MeasDesc_GlobalResolution", b"TTResult_SyncRate", b"TTResultFormat_TTTRRecType",
    b"TTResultFormat_BitsPerRecord", b"Measurement_Mode", b"Measurement_SubMode", b"HW_Type", b"HW_BaseResolution",  # noqa: E501
    b"HW_InpChannels", b"File_GUID", b"Header_End",
)  # fmt: skip
TYPES = (
    0xFFFF0008, 0x00000008, 0x10000008, 0x11000008, 0x12000008, 0x20000008, 0x21000008, 0x2001FFFF, 0x4001FFFF,  # noqa: E501
    0x4002FFFF, 0xFFFFFFFF, 1,
)  # fmt: skip
RECORD_TYPES = (
    0x00010203,
    0x00010303,
    0x00010204,
    0x00010304,
    0x01010204,
    0x01010304,
    0x00010207,
    0x00010307,
    7,
)


def ptu(content: bytes, rng: Rng) -> Mutated:
    """Change value, type, index or name of a header tag."""
    name = pick(rng, TAGS)
    place = content.index(name.ljust(32, b"\0"))
    kind = int.from_bytes(content[place + 36 : place + 40], "little")
    match int(rng.integers(8)):
        case 0:
            return put(content, place + 36, struct.pack("<I", pick(rng, TYPES))), False
        case 1:
            return put(content, place + 32, integer(rng, 4)), False
        case 2:
            other = pick(rng, (*TAGS, b"x", b"\xff"))
            return put(content, place, other.ljust(32, b"\0")), False
        case 3 if name == b"TTResultFormat_TTTRRecType":
            return put(content, place + 40, struct.pack("<q", pick(rng, RECORD_TYPES))), False
    value = struct.pack("<d", pick(rng, FLOATS)) if kind in (0x20000008, 0x21000008) else integer(rng, 8)
    return put(content, place + 40, value), False


def sdt(content: bytes, rng: Rng) -> Mutated:
    """Change a field of a header or a byte of the setup text."""
    from sdtfile import sdtfile

    header = np.dtype(sdtfile.FILE_HEADER).newbyteorder("<")
    values = np.frombuffer(content, header, 1)[0]
    measured = sdtfile.record_dtype(sdtfile.MEASURE_INFO, int(values["meas_desc_block_length"]))
    places = {
        "header": (0, header),
        "block": (int(values["data_block_offs"]), np.dtype(sdtfile.BLOCK_HEADER).newbyteorder("<")),
        "measurement": (int(values["meas_desc_block_offs"]), measured),
    }
    chosen = pick(rng, ("header", "header", "block", "block", "block", "measurement", "text"))
    if chosen == "text":
        begin, size = pick(rng, (("info_offs", "info_length"), ("setup_offs", "setup_length")))
        at = int(values[begin]) + int(rng.integers(min(400, int(values[size]))))
        return put(content, at, pick(rng, (b"\0", b"\xff", b"*END", b"[", b",", b"9"))), False
    start, dtype = places[chosen]
    names = [name for name in dtype.names or () if dtype[name].kind in "iuf"]
    if chosen == "measurement":
        names = [
            name
            for name in names
            if name in ("adc_re", "scan_x", "scan_y", "image_x", "image_y", "tac_r", "tac_g")
        ]
        names = names or ["adc_re"]
    name = pick(rng, names)
    field, offset = dtype[name], (dtype.fields or {})[name][1]
    value = struct.pack("<f", pick(rng, (0.0, -1.0, np.nan, np.inf, 1e-30))) if field.kind == "f" else None
    return put(content, start + offset, value or integer(rng, field.itemsize)), False
