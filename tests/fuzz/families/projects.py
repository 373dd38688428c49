"""JSON files of results and projects: changed values, and nesting that exceeds the recursion limit."""

import json

from tests.fuzz.families.values import Mutated, Rng, mutate_json, pick

OTHERS = (b"[" * 100_000, b"{}", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"NaN", b"")


def json_file(content: bytes, rng: Rng) -> Mutated:
    """Change any value of a JSON file, or replace the file by other JSON."""
    if rng.random() < 0.1:
        return pick(rng, OTHERS), False
    return json.dumps(mutate_json(json.loads(content), rng)).encode(), False
