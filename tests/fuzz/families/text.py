"""Text: decays in columns, headers of ICS, TOML."""

import re

from tests.fuzz.families.values import Mutated, Rng, pick, put

WORDS = (
    "nan", "inf", "-1", "0", "1e400", "-1e308", "1e30", "9" * 40, "0x10", "1,5", "", "x", "µ", "\0", "--", "1_000",  # noqa: E501
    "4294967296", "1000000000000", "٣",
)  # fmt: skip
NUMBER = re.compile(rb"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
TOML = (
    "nan", "inf", "-inf", "-1", "0", "1e400", "9" * 30, "9" * 5000, "true", '""', '"x"', '"../evil"', "[]", "[[1], [2]]",  # noqa: E501
    "{a = {b = 1}}", "2026-01-01", "1e-300", "[1, 'x']", "['a', 'a']", "[" * 200 + "]" * 200, '"' + "x" * 10**5 + '"',  # noqa: E501
)  # fmt: skip


def numbers(content: bytes, rng: Rng) -> Mutated:
    """Replace one number of a text."""
    found = list(NUMBER.finditer(content))
    if not found:
        return content + b"1", False
    place = pick(rng, found)
    return content[: place.start()] + pick(rng, WORDS).encode() + content[place.end() :], False


def columns(content: bytes, rng: Rng) -> Mutated:
    """Change numbers, separators, rows, columns or header lines of decays in text."""
    lines = content.splitlines()
    row = int(rng.integers(len(lines)))
    separator = pick(rng, (b";", b"\t", b" ", b",,", b"|", b"", b", \t"))
    match int(rng.integers(8)):
        case 0:
            lines[row] = lines[row].replace(b",", separator)
        case 1:
            lines = [line.replace(b",", separator) for line in lines]
        case 2:
            lines.insert(row, lines[row])
        case 3:
            del lines[row]
        case 4:
            heads = (
                b"# time calibration: 1e400 ns/ch",
                b"time calibration: -1 ps/ch",
                b"\xff\xfe",
                b"1 2 3",
                b"a,b",
            )
            lines.insert(0, pick(rng, heads))
        case 5:
            lines = [b",".join((line, line)) for line in lines]
        case 6:
            lines = [b",".join(reversed(line.split(b","))) for line in lines]
        case _:
            return numbers(content, rng)
    return b"\n".join(lines) + b"\n", False


def ics(content: bytes, rng: Rng) -> Mutated:
    """Change a field of an ICS header, which no checksum covers."""
    end = content.index(b"\nend")
    lines = content[:end].split(b"\n")
    fields = (
        b"layout",
        b"representation",
        b"ics_version",
        b"history\tlabels",
        b"history\tdimensions",
        b"history\textents",
    )
    row = pick(rng, [index for index, line in enumerate(lines) if line.startswith(fields)])
    words = lines[row].split(b"\t")
    match int(rng.integers(5)):
        case 0:
            del lines[row]
        case 1:
            lines.insert(row, b"\t".join((*words[:-1], pick(rng, WORDS).encode())))
        case 2:
            lines.insert(row, b"source\tfile\t" + pick(rng, (b"/etc/passwd", b"a.ics", b"")))
        case _:
            kinds = (
                "float",
                "complex",
                "signed",
                "uncompressed",
                "compress",
                "x y t",
                "t",
                "1.0",
                "2 1",
                "1 2 3 4",
            )
            words[int(rng.integers(1, len(words)))] = pick(rng, (*WORDS, *kinds)).encode()
            lines[row] = b"\t".join(words)
    return b"\n".join(lines) + content[end:], True


def toml(content: bytes, rng: Rng) -> Mutated:
    """Give a key of a TOML file a value of another type or size, or rename, repeat or remove it."""
    lines = content.decode().splitlines()
    row = pick(rng, [index for index, line in enumerate(lines) if re.match(r"\w+ = |\[", line)])
    key, equals, _ = lines[row].partition(" = ")
    match int(rng.integers(6)):
        case 0:
            lines.insert(row, lines[row])
        case 1:
            del lines[row]
        case 2:
            lines[row] = lines[row].replace(key, pick(rng, ("x", '""', "[a]", "a.b", "[[x]]")), 1)
        case _:
            lines[row] = f"{key} = {pick(rng, TOML)}" if equals else key
    return "\n".join(lines).encode() + b"\n", False


def digits(content: bytes, rng: Rng) -> Mutated:
    """Replace digits in place, so that the length of a text is unchanged."""
    place = pick(rng, list(NUMBER.finditer(content)))
    digit = pick(rng, (b"0", b"9", b"x", b"-"))
    return put(content, place.start(), digit * len(place.group())), False
