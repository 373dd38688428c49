"""A reader of program files, written from docs/spec/integer.md alone: NumPy, JSON, SHA-256."""

import hashlib
import json
import math
import re

import numpy as np
import pytest

PARTS = ("encoder", "decoder")
FORMATS = ("input", "state", "gate", "candidate", "product", "output")
KEYS = {
    *("format", "format_version", "spec_version", "name", "model_sha256", "instrument", "n_gates"),
    *("n_baseline", "gate_width_ns", "period_ns", "gate_length_ns", "rising_edge_ns", "formats", "weights"),
    *("tau_fraction_bits", "accumulator_bits"),
}


class RefusedError(Exception):
    """The file is not a program by the specification."""


def need(condition, reason):
    if not condition:
        raise RefusedError(reason)


def number(value, low, high):
    return type(value) in {int, float} and math.isfinite(value) and low <= value <= high


def read_by_the_page(path):
    """Return the header and arrays of a program file."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    text, digest = str(arrays.pop("header")), str(arrays.pop("sha256"))
    header = json.loads(text)
    need(isinstance(header, dict) and set(header) == KEYS, "keys")
    kind = (header["format"], header["format_version"], header["spec_version"])
    need(kind == ("seq2seqlite integer program", 2, 1), "version")
    need(digest == digest_of(text, arrays), "digest")
    need(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}", header["name"]), "name")
    n_gates, period = header["n_gates"], header["period_ns"]
    need(type(n_gates) is int and 2 <= n_gates <= 65536, "n_gates")
    need(type(header["n_baseline"]) is int and 1 <= header["n_baseline"] < n_gates, "n_baseline")
    need(number(header["gate_width_ns"], 1e-300, 1e6) and number(period, 1e-300, 1e6), "axis")
    need(n_gates * header["gate_width_ns"] <= period * (1 + 1e-9), "window")
    need(header["gate_length_ns"] is None or number(header["gate_length_ns"], 1e-300, period), "length")
    need(number(header["rising_edge_ns"], 0, period), "edge")
    need(type(header["tau_fraction_bits"]) is int and 0 <= header["tau_fraction_bits"] <= 16, "tau bits")
    check_arrays(header, arrays)
    need(header["accumulator_bits"] == widths(header, arrays), "widths")
    return header, arrays


def digest_of(text, arrays):
    digest = hashlib.sha256(text.encode("utf-8"))
    for name in sorted(arrays):
        little = arrays[name].astype(arrays[name].dtype.newbyteorder("<"))
        shape = "x".join(map(str, little.shape))
        digest.update(f"\n{name} {little.dtype.str} {shape}\n".encode("ascii"))
        digest.update(little.tobytes(order="C"))
    return digest.hexdigest()


def high(fmt):
    return 2 ** (fmt[1] + fmt[2]) - 1


def check_arrays(header, arrays):
    units = arrays["encoder/recurrent"].shape[0] if "encoder/recurrent" in arrays else 0
    shapes = {
        "head/kernel": (units, 3),
        "head/bias": (1, 3),
        "reduction/tau_codes": (8 * header["n_gates"] + 1,),
    }
    for part, rows in (("encoder", 1), ("decoder", 0)):
        shapes |= {f"{part}/kernel": (rows, 3 * units), f"{part}/bias": (1, 3 * units)}
        shapes[f"{part}/recurrent"] = (units, 3 * units)
    need(units >= 1 and {name: array.shape for name, array in arrays.items()} == shapes, "shapes")
    need(all(array.dtype == np.int32 for array in arrays.values()), "types")
    table = arrays["reduction/tau_codes"]
    need(table.min() >= 0 and table.max() <= 65535 and (np.diff(table) >= 0).all(), "table")
    need(set(header["weights"]) == set(shapes) - {"reduction/tau_codes"}, "weights")
    need(set(header["formats"]) == set(FORMATS), "formats")
    for fmt in [*header["weights"].values(), *header["formats"].values()]:
        need(isinstance(fmt, list) and [type(x) for x in fmt] == [int] * 3 and fmt[0] in {0, 1}, "format")
        need(max(abs(fmt[1]), abs(fmt[2])) <= 64 and 1 <= fmt[1] + fmt[2] <= 24 - fmt[0], "format")
    for name, signed in zip(FORMATS[:5], (0, 1, 0, 1, 1), strict=True):
        need(header["formats"][name][:2] == [signed, 0], "format of activations")
    for name, fmt in header["weights"].items():
        codes = arrays[name]
        if codes.size:
            need(-high(fmt) * fmt[0] <= codes.min() and codes.max() <= high(fmt), "codes")


def widths(header, arrays):
    """Return the accumulator widths that follow from weights and formats."""
    f, w = header["formats"], header["weights"]
    units = arrays["encoder/recurrent"].shape[0]

    def bits(magnitude):
        return int(magnitude).bit_length() + 1

    def of_sum(terms, bias, columns):
        used = [(name, operand) for name, operand in terms if arrays[name].size]
        grid = max([w[name][2] + f[operand][2] for name, operand in used] + [w[bias][2]])
        need(grid <= 56, "grid")
        total = abs(arrays[bias][0, columns].astype(object)) * 2 ** (grid - w[bias][2])
        for name, operand in used:
            scale = 2 ** (grid - w[name][2] - f[operand][2]) * high(f[operand])
            total = total + (abs(arrays[name][:, columns].astype(object)) * scale).sum(axis=0)
        return bits(max(total) + 2 * 2**grid)

    found = {}
    n = f["gate"][2] + max(f["state"][2], f["candidate"][2])
    for part in PARTS:
        x, bias = (f"{part}/kernel", "input"), f"{part}/bias"
        gates, candidate = slice(0, 2 * units), slice(2 * units, None)
        found[f"{part}.gates"] = of_sum([x, (f"{part}/recurrent", "state")], bias, gates)
        found[f"{part}.candidate"] = of_sum([x, (f"{part}/recurrent", "product")], bias, candidate)
        found[f"{part}.product"] = bits(high(f["gate"]) * high(f["state"]))
        found[f"{part}.update"] = bits(2 * 2**n + 2 ** (n - 1))
    found["head"] = of_sum([("head/kernel", "state")], "head/bias", slice(None))
    s, top = 65535 * header["n_baseline"], high(f["output"])
    found["normaliser"] = bits(2 * s * high(f["input"]) + s)
    found["reduction"] = bits(max(2 * header["n_gates"] * top * 2**11, 2**31, top * 2**15))
    return found


PROGRAMS = [
    *("seq2seqlite-tcspc-80mhz-tiny", "seq2seqlite-tcspc-80mhz-int8", "seq2seqlite-tcspc-80mhz-narrow"),
    *("seq2seqlite-swissspad3-int8", "seq2seqlite-swissspad3-narrow"),
]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The program files of all shipped students, written by the command line."""
    from seq2seqlite.cli.app import main

    folder = tmp_path_factory.mktemp("programs")
    for name in PROGRAMS:
        assert main(["lower", "--model", name, "--out", str(folder / f"{name}.program")]) == 0
    return folder


@pytest.mark.parametrize("name", PROGRAMS)
def test_shipped_programs_are_read_from_the_page_alone(shipped, name):
    header, arrays = read_by_the_page(shipped / f"{name}.program")
    assert header["name"] == name
    assert arrays["head/kernel"].shape[1] == 3


def test_every_shipped_student_is_among_them():
    from seq2seqlite.models import load_model, model_names

    assert set(PROGRAMS) == {name for name in model_names() if load_model(name).formats is not None}


def header_value(key, value):
    return lambda header, arrays: header.__setitem__(key, value)


def array_value(name, change):
    def altered(header, arrays):
        arrays[name] = change(arrays[name].copy())

    return altered


def added(array, index, value):
    array[index] += value
    return array


UNSIGNED = {
    "a weight": array_value("encoder/recurrent", lambda a: added(a, (0, 0), 1)),
    "an entry of the table": array_value("reduction/tau_codes", lambda a: added(a, -1, 1)),
    "the edge": header_value("rising_edge_ns", 1.0),
    "the name": header_value("name", "another"),
}
SIGNED = {
    "version of the file": header_value("format_version", 1),
    "version of the specification": header_value("spec_version", 2),
    "another format": header_value("format", "something"),
    "a name that is a path": header_value("name", "../evil"),
    "one gate": header_value("n_gates", 1),
    "gates as a float": header_value("n_gates", 135.0),
    "no baseline": header_value("n_baseline", 0),
    "baseline of all gates": header_value("n_baseline", 135),
    "a window beyond the period": header_value("period_ns", 5.0),
    "a negative edge": header_value("rising_edge_ns", -0.1),
    "a key that is not known": header_value("comment", "hello"),
    "a key that is missing": lambda header, arrays: header.pop("instrument"),
    "widths that do not follow": lambda header, arrays: header["accumulator_bits"].__setitem__("head", 9),
    "a missing width": lambda header, arrays: header["accumulator_bits"].pop("head"),
    "a format without bits": lambda header, arrays: header["formats"].__setitem__("state", [1, 0, 0]),
    "a format with integer bits": lambda header, arrays: header["formats"].__setitem__("state", [1, 1, 7]),
    "a format of 25 bits": lambda header, arrays: header["weights"].__setitem__("head/kernel", [1, 0, 24]),
    "a format that is not whole": lambda header, arrays: header["formats"].__setitem__("gate", [0, 0, 8.0]),
    "an array too many": lambda header, arrays: arrays.__setitem__("x", np.zeros(1, np.int32)),
    "an array too few": lambda header, arrays: arrays.pop("head/bias"),
    "another shape": array_value("head/kernel", lambda a: a[:-1]),
    "another type": array_value("head/kernel", lambda a: a.astype(np.int64)),
    "a code beyond its format": array_value("head/kernel", lambda a: added(a, (0, 0), 2**23)),
    "a table that falls": array_value("reduction/tau_codes", lambda a: a[::-1].copy()),
    "a table beyond 16 bits": array_value("reduction/tau_codes", lambda a: added(a, -1, 65536)),
    "lifetimes of 17 fraction bits": header_value("tau_fraction_bits", 17),
}


@pytest.mark.parametrize("case", [*UNSIGNED, *SIGNED])
def test_altered_programs_are_refused_by_the_page_and_by_the_package(shipped, tmp_path, case):
    from seq2seqlite.errors import InputError
    from seq2seqlite.integer import read_program

    with np.load(shipped / f"{PROGRAMS[0]}.program") as archive:
        arrays = {name: archive[name] for name in archive.files}
    header, digest = json.loads(str(arrays.pop("header"))), arrays.pop("sha256")
    (UNSIGNED | SIGNED)[case](header, arrays)
    text = json.dumps(header, sort_keys=True)
    if case in SIGNED:
        digest = np.array(digest_of(text, arrays))
    path = tmp_path / "altered.program"
    with path.open("wb") as file:
        np.savez(file, **arrays, header=np.array(text), sha256=digest)
    with pytest.raises(RefusedError):
        read_by_the_page(path)
    with pytest.raises(InputError):
        read_program(path)
