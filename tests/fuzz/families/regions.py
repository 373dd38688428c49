"""Regions: values of GeoJSON, and the header fields of Fiji ROIs, alone or in an archive with valid CRCs."""

import io
import json
import zipfile

from tests.fuzz.families.archive import zip_fields
from tests.fuzz.families.values import Mutated, Rng, integer, mutate_json, pick, put

# Offset and size of the fields of a ROI (big-endian) that sizes, types and places of coordinates depend on.
ROI = {"version": (4, 2), "type": (6, 1), "top": (8, 2), "left": (10, 2), "bottom": (12, 2), "right": (14, 2),
       "points": (16, 2), "x1": (18, 4), "shape size": (36, 4), "subtype": (48, 2), "options": (50, 2),
       "position": (56, 4), "header 2": (60, 4)}  # fmt: skip
SPECIAL = ("NaN", "Infinity", "-Infinity", "1e400", "9" * 400)


def geojson(content: bytes, rng: Rng) -> Mutated:
    """Change any value of the JSON, or put a number in a place that only non-standard JSON has."""
    if rng.random() < 0.2:
        text = content.decode()
        return text.replace("1.5", pick(rng, SPECIAL), int(rng.integers(1, 3))).encode(), False
    return json.dumps(mutate_json(json.loads(content), rng)).encode(), False


def roi(content: bytes, rng: Rng) -> Mutated:
    """Change a field of the header, or of the second header."""
    second = int.from_bytes(content[60:64], "big")
    if second and rng.random() < 0.3:
        place = second + 4 * int(rng.integers(16))
        return put(content, place, integer(rng, 4)[::-1]), False
    offset, size = ROI[pick(rng, list(ROI))]
    return put(content, offset, integer(rng, size)[::-1]), False


def roi_archive(content: bytes, rng: Rng) -> Mutated:
    """Change a field of a zip header; or of a ROI, with a valid CRC."""
    if rng.random() < 0.4:
        return zip_fields(content, rng)
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            new.writestr(name, roi(old.read(name), rng)[0])
    return stream.getvalue(), False
