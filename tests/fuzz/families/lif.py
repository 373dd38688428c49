"""LIF: a hand-made file with one FLIM image, without photons: no open reader decodes Leica's records."""

import re
import struct

from tests.fuzz.families.text import numbers
from tests.fuzz.families.values import INTEGERS, Mutated, Rng, pick

XML = (
    '<LMSDataContainerHeader Version="2"><Element Name="a" UniqueID="1"><Children><Element Name="flim" UniqueID="2">'  # noqa: E501
    '<Data><SingleMoleculeDetection IsImage="true"><Dataset><RawData><LaserPulseFrequency>80000000'
    "</LaserPulseFrequency><Format>x</Format><ClockPeriod>9.7e-11</ClockPeriod><VoxelSizeX>1e-6</VoxelSizeX><VoxelSizeY>1e-6</VoxelSizeY>"
    "<Dimensions><Dimension><DimensionIdentifier>X</DimensionIdentifier><Size>8</Size></Dimension>"
    "<Dimension><DimensionIdentifier>Y</DimensionIdentifier><Size>6</Size></Dimension></Dimensions></RawData></Dataset>"
    '</SingleMoleculeDetection></Data><Memory Size="64" MemoryBlockID="MemBlock_1"/></Element></Children></Element>'  # noqa: E501
    "</LMSDataContainerHeader>"
)


def lif_file(
    xml: str = XML,
    /,
    *,
    xml_length: int | None = None,
    id_length: int | None = None,
    block_size: int = 64,
    marks: tuple[int, int, int] = (0x70, 0x2A, 0x2A),
) -> bytes:
    """Return a LIF file, with declared lengths other than the true ones if they are given."""
    text, name = xml.encode("utf-16-le"), "MemBlock_1".encode("utf-16-le")
    length = len(text) // 2 if xml_length is None else xml_length
    content = struct.pack("<IIBI", 0x70, (2 * length + 5) % 2**32, 0x2A, length) + text
    length = len(name) // 2 if id_length is None else id_length
    first, second, third = marks
    content += struct.pack("<IIBQBI", first, len(name) + 14, second, block_size, third, length) + name
    return content + bytes(64)


def mutate(_: bytes, rng: Rng) -> Mutated:
    """Change a number or tag of the XML, or a declared length."""
    length = pick(rng, INTEGERS) % 2**32
    match int(rng.integers(7)):
        case 0:
            return lif_file(xml_length=length), False
        case 1:
            return lif_file(id_length=length), False
        case 2:
            return lif_file(block_size=pick(rng, INTEGERS) % 2**64), False
        case 3:
            return lif_file(marks=tuple(rng.choice([0x70, 0x2A, 0], 3))), False
        case 4:
            tag = pick(rng, list(re.finditer(r"<(\w+)[^>]*>", XML)))
            return lif_file(XML.replace(tag.group(0), pick(rng, ("", "<x>", tag.group(0) * 2)), 1)), False
    return lif_file(numbers(XML.encode(), rng)[0].decode("latin-1").replace("\0", "")), False
