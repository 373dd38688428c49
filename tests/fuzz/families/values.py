"""Values that break readers."""

import math
from typing import Any

import numpy as np

Rng = np.random.Generator
Mutated = tuple[bytes, bool]

INTEGERS = (
    0,
    1,
    -1,
    2,
    3,
    7,
    255,
    256,
    32767,
    65535,
    2**20,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    10**12,
    2**63 - 1,
)
FLOATS = (0.0, -1.0, 1e-300, 1e300, math.nan, math.inf, -math.inf, 1e-14, 1e9)
JSON: tuple[Any, ...] = (
    None, True, False, "", "x", "../evil", "x" * 5000, [], {}, [[[1]]], {"a": {"b": 1}}, [1, 2], [None], [-1, 3],  # noqa: E501
    *INTEGERS, 10**30, *FLOATS, 0.5,
)  # fmt: skip


def pick(rng: Rng, items: Any) -> Any:
    """Return one of the items."""
    return items[int(rng.integers(len(items)))]


def integer(rng: Rng, size: int) -> bytes:
    """Return an integer at a bound, little-endian in ``size`` bytes."""
    return (pick(rng, INTEGERS) % 256**size).to_bytes(size, "little")


def put(content: bytes, offset: int, value: bytes) -> bytes:
    """Return the content with a value in place of as many bytes."""
    return content[:offset] + value + content[offset + len(value) :]


def mutate_json(table: Any, rng: Rng) -> Any:  # noqa: C901 - a table of cases
    """Change, remove, rename or add a value anywhere in a JSON value."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    if not isinstance(table, dict | list) or not table or rng.random() < 0.03:
        return pick(rng, JSON)
    walk(table)
    node, key = pick(rng, places)
    match int(rng.integers(8)):
        case 0:
            del node[key]
        case 1 if isinstance(node, dict):
            node[str(pick(rng, ("x", "", "shape", key + "_", key.upper())))] = node.pop(key)
        case 2 if isinstance(node, list):
            node.insert(key, node[key])
        case 3 if isinstance(node[key], int | float):
            node[key] = pick(
                rng, (-node[key], node[key] + 1, node[key] * 1000, float(node[key]), str(node[key]))
            )
        case 4:
            deep: Any = node[key]
            for _ in range(int(pick(rng, (1, 50, 900)))):
                deep = [deep]
            node[key] = deep
        case _:
            node[key] = pick(rng, JSON)
    return table
