"""TIFF: entries of the image file directories (IFD), their chain, and the image description."""

import struct

from tests.fuzz.families.text import digits
from tests.fuzz.families.values import Mutated, Rng, integer, pick, put

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 12: 8, 16: 8}
# Width, length, bits, compression, photometric, description, strip offsets, samples, rows, strip byte counts,
# planar configuration, predictor, extra samples, sample format.
TAGS = (256, 257, 258, 259, 262, 270, 273, 277, 278, 279, 284, 317, 338, 339)


def mutate(content: bytes, rng: Rng) -> Mutated:
    """Change tag, type, count or value of an IFD entry, a link to an IFD, or a number of the description."""
    entries, links = [], []
    offset = int.from_bytes(content[4:8], "little")
    links.append(4)
    while offset:
        (count,) = struct.unpack_from("<H", content, offset)
        entries += [offset + 2 + 12 * index for index in range(count)]
        links.append(offset + 2 + 12 * count)
        offset = int.from_bytes(content[links[-1] : links[-1] + 4], "little")
    places = {place: struct.unpack_from("<HHI", content, place) for place in entries}
    known = [place for place in entries if places[place][0] in TAGS]
    place = pick(rng, known)
    _, kind, count = places[place]
    size = SIZES.get(kind, 1)
    match int(rng.integers(8)):
        case 0:
            return put(content, place, struct.pack("<H", pick(rng, (*TAGS, 330, 65535)))), False
        case 1:
            return put(content, place + 2, struct.pack("<H", pick(rng, (0, *SIZES, 99)))), False
        case 2:
            return put(content, place + 4, integer(rng, 4)), False
        case 3:
            target = (0, 8, int(rng.integers(len(content))), len(content), 2**32 - 1, links[-1])
            return put(content, pick(rng, links), struct.pack("<I", pick(rng, target))), False
        case 4 if texts := [p for p in entries if places[p][0] == 270 and places[p][2] > 4]:
            begin = int.from_bytes(content[texts[0] + 8 : texts[0] + 12], "little")
            end = begin + places[texts[0]][2]
            text = content[begin:end]
            if any(48 <= byte < 58 for byte in text):
                return put(content, begin, digits(text, rng)[0]), False
    inline = size * count <= 4
    at = place + 8 if inline else int.from_bytes(content[place + 8 : place + 12], "little")
    at += size * int(rng.integers(count))
    return put(content, at, integer(rng, min(size, 8))), False
