"""A reader of program files written from docs/spec/integer.md alone, compared with the project's reader.

The reader below imports nothing from :mod:`seq2seqlite`: it shows that the page is sufficient.
"""

import hashlib
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

ACTIVATIONS = {"input": 0, "gate": 0, "state": 1, "candidate": 1, "product": 1, "output": None}
NUMBERS = ("gate_width_ns", "period_ns", "rising_edge_ns")
TEXTS = {"format", "name", "instrument", "model_sha256"}
INTEGERS = {"format_version", "spec_version", "n_gates", "n_baseline"}
TABLES = {"formats", "weights", "accumulator_bits"}
KEYS = TEXTS | INTEGERS | TABLES | set(NUMBERS) | {"gate_length_ns"}
DIRECT_KEYS = {"response_lifetimes_ns", "tau_low", "tau_high", "max_background"}
RESPONSE_KEYS = {
    "response_lifetimes_ns", "max_background", "tau_range_ns", "error_octave", "error_half_octave",
}  # fmt: skip
FACTORS, TABLE = "errors/factors", "errors/table"


class RefusedError(Exception):
    """The file breaks a rule of the page."""


def must(condition, rule):
    if not condition:
        raise RefusedError(rule)


def read_from_page(path):
    """Return header and arrays of a program file, or raise RefusedError."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            must(len(archive.files) == len(set(archive.files)), "each array once")
            arrays = {name: archive[name] for name in archive.files}
        text, digest = str(arrays.pop("header")), str(arrays.pop("sha256"))
        header = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (OSError, ValueError, KeyError, EOFError, RecursionError) as error:
        raise RefusedError(str(error)) from error
    must(isinstance(header, dict) and header.get("spec_version") in (1, 2), "version")
    more = DIRECT_KEYS if FACTORS in arrays else {"tau_fraction_bits"}
    more = more | (RESPONSE_KEYS if TABLE in arrays else set())
    more = more | ({"full_gate"} if header["spec_version"] == 2 else set())
    must(set(header) == KEYS | more, "header keys")
    must(digest == _sha256(text, arrays), "SHA-256")
    _check_header(header, direct=FACTORS in arrays)
    if TABLE in arrays:
        _check_response(header, arrays[TABLE])
    _check_arrays(header, arrays)
    must(header["accumulator_bits"] == _widths(header, arrays), "accumulator widths")
    return header, arrays


def _refuse_constant(name):
    raise RefusedError(name)


def _unique(pairs):
    must(len(dict(pairs)) == len(pairs), "repeated key")
    return dict(pairs)


def _sha256(text, arrays):
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name].astype(arrays[name].dtype.newbyteorder("<"))
        digest.update(f"\n{name} {array.dtype.str} {'x'.join(map(str, array.shape))}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _check_header(header, *, direct):
    must(all(isinstance(header[key], str) and len(header[key]) <= 1000 for key in TEXTS), "texts")
    must(all(type(header[key]) is int for key in INTEGERS), "integers")
    must(all(isinstance(header[key], dict) for key in TABLES), "objects")
    versions = [header[key] for key in ("format", "format_version")]
    must(versions == ["seq2seqlite integer program", 2], "version")
    added = direct or header.get("full_gate", False) or bool({"operand", "response"} & set(header["formats"]))
    added = added or header["n_baseline"] == 0
    must(header["spec_version"] == (2 if added else 1), "lowest version")
    must(type(header.get("full_gate", False)) is bool, "full_gate")
    must(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}", header["name"]), "name")
    must(2 <= header["n_gates"] <= 65536, "T")
    if not direct:
        must(0 <= header["n_baseline"] < header["n_gates"], "B")
        must(type(header["tau_fraction_bits"]) is int, "tau_fraction_bits")
        must(0 <= header["tau_fraction_bits"] <= 16, "tau_fraction_bits")
    must(all(type(header[key]) in (int, float) and math.isfinite(header[key]) for key in NUMBERS), "numbers")
    width, period, edge = (header[key] for key in NUMBERS)
    must(0 < width <= 1e6 and 0 < period <= 1e6 and 0 <= edge <= period, "axis")
    must(header["n_gates"] * width <= period * (1 + 1e-9), "window")
    length = header["gate_length_ns"]
    must(length is None or (type(length) in (int, float) and 0 < length <= period), "gate_length_ns")
    known = dict(ACTIVATIONS)
    known |= {"operand": 1} if "operand" in header["formats"] else {}
    lifetimes = header.get("response_lifetimes_ns", [])
    must(isinstance(lifetimes, list), "columns")
    known |= {"response": None} if lifetimes else {}
    must(set(header["formats"]) == set(known), "formats")
    for triple in [*header["formats"].values(), *header["weights"].values()]:
        must(isinstance(triple, list) and [type(part) for part in triple] == [int] * 3, "format")
        signed, i, f = triple
        must(signed in (0, 1) and abs(i) <= 64 and abs(f) <= 64, "format")
        must(i + f >= 1 and signed + i + f <= 24, "format width")
    for name, signed in known.items():
        must(signed is None or header["formats"][name][:2] == [signed, 0], f"format of {name}")
    if "response" in known:
        must(header["formats"]["response"][0] == 0, "unsigned response")
    if "operand" in known:
        must(header["formats"]["operand"][2] <= header["formats"]["state"][2], "width of the operand")
    must(all(type(bits) is int for bits in header["accumulator_bits"].values()), "accumulator widths")
    if direct:
        _check_direct(header)


def _check_training(header):
    lifetimes, share = header["response_lifetimes_ns"], header["max_background"]
    must(isinstance(lifetimes, list) and len(lifetimes) <= 15, "R")
    must(all(type(tau) in (int, float) and 0 <= tau <= 1e6 for tau in lifetimes), "columns")
    must(type(share) in (int, float) and 0 <= share <= 1, "max_background")


def _check_response(header, table):
    _check_training(header)
    must(header["response_lifetimes_ns"], "R > 0")
    limits, first, half = (header[key] for key in ("tau_range_ns", "error_octave", "error_half_octave"))
    must(isinstance(limits, list) and len(limits) == 2, "tau_range_ns")
    must(all(type(tau) in (int, float) for tau in limits), "tau_range_ns")
    must(0 < limits[0] < limits[1] <= 1e6, "tau_range_ns")
    must(table.ndim == 4 and table.shape[::3] == (2, 4) and min(table.shape) >= 2, "table of errors")
    must(type(first) is int and 0 <= first <= 34 - table.shape[1], "error_octave")
    must(type(half) is int and 0 <= half <= 33 - table.shape[2], "error_half_octave")
    must(np.abs(table.astype(object)).max() <= 32767, "errors")


def _check_direct(header):
    must(header["n_baseline"] == 0, "B")
    _check_training(header)
    low, high, (_, i, f) = header["tau_low"], header["tau_high"], header["formats"]["output"]
    must(type(low) is int and type(high) is int, "limits")
    must(1 <= low < high <= 2 ** (i + f) - 1, "limits")


def _check_arrays(header, arrays):
    units = len(np.atleast_1d(arrays.get("encoder/recurrent", 0)))
    must(1 <= units <= 4096, "U")
    direct = FACTORS in arrays
    outputs = 8 if direct else 3
    shapes = {"head/kernel": (units, outputs), "head/bias": (1, outputs)}
    for part, rows in _parts(header, direct=direct):
        shapes[f"{part}/kernel"], shapes[f"{part}/bias"] = (rows, 3 * units), (1, 3 * units)
        shapes[f"{part}/recurrent"] = (units, 3 * units)
    must(set(header["weights"]) == set(shapes), "weights")
    if direct:
        shapes[FACTORS] = (2, 34, 4)
    else:
        shapes["reduction/tau_codes"] = (8 * header["n_gates"] + 1,)
        if TABLE in arrays:
            shapes[TABLE] = arrays[TABLE].shape
    must({name: array.shape for name, array in arrays.items()} == shapes, "arrays and shapes")
    must(all(array.dtype == np.int32 for array in arrays.values()), "int32")
    for name, (signed, i, f) in header["weights"].items():
        high = 2 ** (i + f) - 1
        must(all(-high * signed <= code <= high for code in arrays[name].ravel().tolist()), "codes")
    if direct:
        must(np.abs(arrays[FACTORS].astype(object)).max() <= 32767, "factors")
        return
    table = arrays["reduction/tau_codes"].tolist()
    must(table == sorted(table) and table[0] >= 0 and table[-1] <= 65535, "table")


def _parts(header, *, direct):
    """Return the steps, and the number of rows of their kernels."""
    encoder = ("encoder", 1 + len(header.get("response_lifetimes_ns", [])))
    return [encoder] if direct else [encoder, ("decoder", 0)]


def _widths(header, arrays):
    units, formats = len(arrays["encoder/recurrent"]), header["formats"]
    direct = FACTORS in arrays
    high = {name: 2 ** (i + f) - 1 for name, (_, i, f) in formats.items()}
    fraction = {name: f for name, (_, _, f) in formats.items()}
    exact = {name: array.astype(object) for name, array in arrays.items()}
    if header.get("full_gate"):
        high["gate"] += 1
    operand = "state"
    if "operand" in formats:
        operand, high["operand"] = "operand", high["operand"] + 1
    weights = dict(header["weights"])
    # The rows of the TPSF and those of the response have different operands.
    exact["encoder/response"], weights["encoder/response"] = (
        exact["encoder/kernel"][1:],
        weights["encoder/kernel"],
    )
    exact["encoder/kernel"] = exact["encoder/kernel"][:1]

    def column_sum(bias, operands, columns):
        def fw(name):
            return weights[name][2]

        terms = {name: operand for name, operand in operands.items() if exact[name].size}
        common = max([fw(name) + fraction[operand] for name, operand in terms.items()] + [fw(bias)])
        must(0 <= common <= 56, "fraction bits of a sum")
        sizes = [(np.abs(exact[bias]), 2 ** (common - fw(bias)))]
        for name, operand in terms.items():
            factor = high[operand] * 2 ** (common - fw(name) - fraction[operand])
            sizes.append((np.abs(exact[name]), factor))
        bound = sum(len(codes) * int(codes.max()) * factor for codes, factor in sizes)
        must(bound.bit_length() <= 56, "56 bits")
        return max(sum(codes.sum(axis=0) * factor for codes, factor in sizes)[columns]) + 2 * 2**common

    found = {}
    update = fraction["gate"] + max(fraction["state"], fraction["candidate"])
    for part, _ in _parts(header, direct=direct):
        for name, used, columns in (
            ("gates", operand, slice(0, 2 * units)),
            ("candidate", "product", slice(2 * units, None)),
        ):
            operands = {f"{part}/kernel": "input", f"{part}/recurrent": used}
            if part == "encoder":
                operands["encoder/response"] = "response"
            found[f"{part}.{name}"] = column_sum(f"{part}/bias", operands, columns)
        found[f"{part}.product"] = high["gate"] * high[operand]
        found[f"{part}.update"] = 2 * 2**update + 2 ** (update - 1)
    found["head"] = column_sum("head/bias", {"head/kernel": "state" if direct else operand}, slice(None))
    signal = 65535 * max(header["n_baseline"], 1)
    found["normaliser"] = 2 * signal * high["input"] + signal
    if direct:
        return {name: int(magnitude).bit_length() + 1 for name, magnitude in found.items()}
    found["reduction"] = max(2**12 * header["n_gates"] * high["output"], 2**31, 2**15 * high["output"])
    return {name: int(magnitude).bit_length() + 1 for name, magnitude in found.items()}


# ---- The comparison; from here on the project's modules are used. ----

STUDENTS = (
    "seq2seqlite-narrow-gate-int8",
    "seq2seqlite-narrow-gate-narrow",
    "seq2seqlite-tcspc-80mhz-int8",
    "seq2seqlite-tcspc-80mhz-narrow",
    "seq2seqlite-tcspc-80mhz-tiny",
)


DIRECT, RESPONSE = "direct", "response"


def _response_program():
    """Return the program of a network with a decoder that gets the response, not trained."""
    from tests.integer.test_response_program import network_of

    from seq2seqlite.integer import lower

    return lower(network_of(n_gates=24, units=4, gate_bits=7, full_gate=True, state_bits=10, operand_bits=8))


def _direct_program():
    """Return the program of a direct network, quantised without training."""
    from seq2seqlite.compression.ptq import quantise_network
    from seq2seqlite.compression.recipe import QuantisationPlan
    from seq2seqlite.integer import lower_direct
    from seq2seqlite.models import load_model

    plan = QuantisationPlan(
        method="ptq", bias_bits=12, head_bits=12, gate_bits=7, full_gate=True, state_bits=12, operand_bits=8
    )
    return lower_direct(quantise_network(load_model("seq2seqlite-narrow-gate-direct-float"), plan))


@pytest.fixture(scope="module")
def program_file(tmp_path_factory):
    """Return the path of the program file of a shipped student, or of a direct network."""
    from seq2seqlite.integer import load_program, write_program

    folder = tmp_path_factory.mktemp("programs")

    def path_of(name) -> Path:
        path = folder / f"{name}.program"
        if not path.exists():
            made = {DIRECT: _direct_program, RESPONSE: _response_program}
            write_program(path, made[name]() if name in made else load_program(name))
        return path

    return path_of


@pytest.mark.parametrize("name", STUDENTS)
def test_shipped_students_are_accepted(program_file, name):
    from seq2seqlite.integer import read_program

    header, arrays = read_from_page(program_file(name))
    program = read_program(program_file(name))
    assert header["name"] == program.name == name
    assert _sha256(_stored(program_file(name))["header"].item(), arrays) == program.sha256
    for array, codes in program.arrays.items():
        np.testing.assert_array_equal(arrays[array], codes)


def _stored(path):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def _set(*keys, to):
    def change(header, arrays):
        table = header
        for key in keys[:-1]:
            table = table[key]
        table[keys[-1]] = to

    return change


def _code(name, index, to):
    def change(header, arrays):
        arrays[name][index] = to

    return change


def _array(name, function):
    def change(header, arrays):
        arrays[name] = function(arrays[name])

    return change


def _no_units(header, arrays):
    for name in arrays:
        if not name.startswith(("reduction", "head/bias")):
            arrays[name] = np.zeros((1 if name.endswith(("bias", "er/kernel")) else 0, 0), np.int32)
    arrays["decoder/kernel"] = np.zeros((0, 0), np.int32)
    arrays["head/kernel"] = np.zeros((0, 3), np.int32)


def _negative_sum(header, arrays):
    for name in ("head/kernel", "head/bias"):
        header["weights"][name] = [1, 20, -16]
        arrays[name][:] = 0
    header["accumulator_bits"]["head"] = 1


ALTERED = {
    "format": _set("format", to="seq2seqlite model"),
    "format version": _set("format_version", to=1),
    "specification version": _set("spec_version", to=2),
    "version as a float": _set("format_version", to=2.0),
    "version as a truth value": _set("spec_version", to=True),
    "additional key": _set("comment", to="x"),
    "missing key": lambda header, arrays: header.pop("rising_edge_ns"),
    "name that is a path": _set("name", to="../evil"),
    "name that begins with a dot": _set("name", to=".hidden"),
    "name that is a number": _set("name", to=3),
    "one gate": _set("n_gates", to=1),
    "huge number of gates": _set("n_gates", to=10**12),
    "fractional number of gates": _set("n_gates", to=135.0),
    "no baseline gates": _set("n_baseline", to=0),
    "all gates are baseline": _set("n_baseline", to=135),
    "another baseline": _set("n_baseline", to=100),
    "no gate width": _set("gate_width_ns", to=0),
    "window longer than the period": _set("period_ns", to=5.0),
    "edge beyond the period": _set("rising_edge_ns", to=12.6),
    "edge as a text": _set("rising_edge_ns", to="1.0"),
    "gate longer than the period": _set("gate_length_ns", to=13.0),
    "negative gate length": _set("gate_length_ns", to=-1.0),
    "tau_fraction_bits": _set("tau_fraction_bits", to=17),
    "signed gate": _set("formats", "gate", to=[1, 0, 8]),
    "unsigned state": _set("formats", "state", to=[0, 0, 7]),
    "integer bits of the input": _set("formats", "input", to=[0, 1, 8]),
    "wide format": _set("formats", "output", to=[0, 0, 25]),
    "empty format": _set("formats", "output", to=[0, 4, -4]),
    "format of two numbers": _set("formats", "output", to=[0, 8]),
    "sign of two": _set("formats", "output", to=[2, 0, 8]),
    "another state format": _set("formats", "state", to=[1, 0, 12]),
    "additional format": _set("formats", "residue", to=[1, 0, 7]),
    "additional weight": _set("weights", "head/scale", to=[1, 0, 7]),
    "missing weight format": lambda header, arrays: header["weights"].pop("decoder/kernel"),
    "accumulator width": _set("accumulator_bits", "head", to=8),
    "additional accumulator": _set("accumulator_bits", "other", to=8),
    "no accumulators": _set("accumulator_bits", to=None),
    "code beyond its format": _code("head/bias", (0, 0), 4000),
    "most negative code": _code("head/kernel", (0, 0), -128),
    "falling table": _code("reduction/tau_codes", 5, 65535),
    "negative table": _code("reduction/tau_codes", 0, -1),
    "short table": _array("reduction/tau_codes", lambda codes: codes[:-1]),
    "int64 array": _array("head/bias", lambda codes: codes.astype(np.int64)),
    "transposed array": _array("head/kernel", np.transpose),
    "scalar array": _array("encoder/recurrent", lambda codes: np.int32(3)),
    "decoder with an input": _array("decoder/kernel", lambda codes: np.zeros((1, 24), np.int32)),
    "missing array": lambda header, arrays: arrays.pop("head/bias"),
    "additional array": lambda header, arrays: arrays.update(extra=np.zeros(1, np.int32)),
    "no units": _no_units,
    "sum of negative fraction bits": _negative_sum,
}
DIRECT_ALTERED = {
    "first version": _set("spec_version", to=1),
    "no full_gate": lambda header, arrays: header.pop("full_gate"),
    "full_gate of 1": _set("full_gate", to=1),
    "baseline gates": _set("n_baseline", to=2),
    "fewer columns": _set("response_lifetimes_ns", to=[0.0, 0.5]),
    "negative column": _set("response_lifetimes_ns", to=[0.0, 0.5, -2.0]),
    "no response format": lambda header, arrays: header["formats"].pop("response"),
    "signed response": _set("formats", "response", to=[1, 1, 7]),
    "no operand": lambda header, arrays: header["formats"].pop("operand"),
    "operand wider than the state": _set("formats", "operand", to=[1, 0, 12]),
    "operand of another width": _set("formats", "operand", to=[1, 0, 8]),
    "lowest lifetime of zero": _set("tau_low", to=0),
    "highest lifetime below the lowest": _set("tau_high", to=1),
    "highest lifetime beyond its format": _set("tau_high", to=65536),
    "background above 1": _set("max_background", to=1.5),
    "wide factor": _code(FACTORS, (0, 0, 0), 32768),
    "short factors": _array(FACTORS, lambda codes: codes[:1]),
    "table of lifetimes": lambda header, arrays: arrays.update(
        {"reduction/tau_codes": np.zeros(1081, np.int32)}
    ),
    "head of three outputs": _array("head/kernel", lambda codes: codes[:, :3]),
}
RESPONSE_ALTERED = {
    "first version": _set("spec_version", to=1),
    "all gates are baseline": _set("n_baseline", to=24),
    "fewer columns": _set("response_lifetimes_ns", to=[0.0, 0.5]),
    "no columns": _set("response_lifetimes_ns", to=[]),
    "negative column": _set("response_lifetimes_ns", to=[0.0, 0.5, -2.0]),
    "no response format": lambda header, arrays: header["formats"].pop("response"),
    "signed response": _set("formats", "response", to=[1, 1, 7]),
    "background above 1": _set("max_background", to=1.5),
    "falling range": _set("tau_range_ns", to=[4.0, 0.2]),
    "range of three": _set("tau_range_ns", to=[0.2, 1.0, 4.0]),
    "high octave": _set("error_octave", to=30),
    "negative half octave": _set("error_half_octave", to=-1),
    "octave as a truth value": _set("error_octave", to=True),
    "wide error": _code(TABLE, (0, 0, 0, 0), 32768),
    "errors of one row": _array(TABLE, lambda codes: codes[:, :1]),
    "errors of three quantities": _array(TABLE, lambda codes: codes[..., :3]),
    "flat table of errors": _array(TABLE, lambda codes: codes[0]),
    "no table of errors": lambda header, arrays: arrays.pop(TABLE),
    "factors of errors": lambda header, arrays: arrays.update({FACTORS: np.zeros((2, 34, 4), np.int32)}),
    "decoder with the response": _array("decoder/kernel", lambda codes: np.zeros((3, 12), np.int32)),
}
UNHASHED = {
    "weight": _code("encoder/recurrent", (0, 0), 0),
    "axis": _set("gate_width_ns", to=0.05),
    "edge": _set("rising_edge_ns", to=1.0),
    "instrument": _set("instrument", to="other"),
}


def _both_refuse(path):
    from seq2seqlite.errors import InputError
    from seq2seqlite.integer import read_program

    with pytest.raises(RefusedError):
        read_from_page(path)
    with pytest.raises(InputError) as caught:
        read_program(path)
    assert "\n" not in str(caught.value)


def _altered(source, target, change, *, rehash):
    arrays = _stored(source)
    header, digest = json.loads(str(arrays.pop("header"))), arrays.pop("sha256")
    change(header, arrays)
    text = json.dumps(header)
    stored = np.array(_sha256(text, {k: np.asarray(v) for k, v in arrays.items()})) if rehash else digest
    with target.open("wb") as file:
        np.savez(file, header=np.array(text), sha256=stored, **arrays)


@pytest.mark.parametrize("case", ALTERED)
def test_altered_files_with_a_correct_digest_are_refused(program_file, tmp_path, case):
    _altered(program_file(STUDENTS[-1]), tmp_path / "a.program", ALTERED[case], rehash=True)
    _both_refuse(tmp_path / "a.program")


@pytest.mark.parametrize("case", DIRECT_ALTERED)
def test_altered_direct_programs_are_refused(program_file, tmp_path, case):
    _altered(program_file(DIRECT), tmp_path / "a.program", DIRECT_ALTERED[case], rehash=True)
    _both_refuse(tmp_path / "a.program")


@pytest.mark.parametrize("case", RESPONSE_ALTERED)
def test_altered_programs_with_a_response_are_refused(program_file, tmp_path, case):
    _altered(program_file(RESPONSE), tmp_path / "a.program", RESPONSE_ALTERED[case], rehash=True)
    _both_refuse(tmp_path / "a.program")


@pytest.mark.parametrize("name", [DIRECT, RESPONSE])
def test_programs_of_the_second_version_are_accepted(program_file, name):
    from seq2seqlite.integer import read_program

    header, arrays = read_from_page(program_file(name))
    program = read_program(program_file(name))
    assert header["spec_version"] == program.spec_version == 2
    for array, codes in program.arrays.items():
        np.testing.assert_array_equal(arrays[array], codes)


@pytest.mark.parametrize("case", UNHASHED)
def test_altered_files_with_the_old_digest_are_refused(program_file, tmp_path, case):
    _altered(program_file(STUDENTS[-1]), tmp_path / "a.program", UNHASHED[case], rehash=False)
    _both_refuse(tmp_path / "a.program")


def test_another_spelling_of_the_same_header_is_accepted(program_file, tmp_path):
    from seq2seqlite.integer import read_program

    path = tmp_path / "a.program"
    _altered(program_file(STUDENTS[-1]), path, _set("period_ns", to=12.5), rehash=True)
    assert read_from_page(path)[0]["n_gates"] == read_program(path).n_gates


VALUES: tuple[object, ...] = (
    None,
    True,
    0,
    1,
    -1,
    2,
    1e308,
    -1.5,
    10**30,
    "",
    "x",
    "../e",
    [],
    [1, 0, 7],
    {},
    2**31,
)


def _paths(value, before=()):
    """Yield the path of every value of a header."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield (*before, key)
        yield from _paths(part, (*before, key))


@pytest.mark.parametrize("name", [STUDENTS[-1], DIRECT, RESPONSE])
def test_both_readers_agree_on_random_headers(program_file, tmp_path, name):
    from seq2seqlite.errors import InputError
    from seq2seqlite.integer import read_program

    source, path = program_file(name), tmp_path / "a.program"
    paths = list(_paths(json.loads(_stored(source)["header"].item())))
    rng = np.random.default_rng(15)
    for _ in range(200):
        where, value = paths[rng.integers(len(paths))], VALUES[rng.integers(len(VALUES))]
        _altered(source, path, _set(*where, to=value), rehash=True)
        refused = []
        for reader, error in ((read_from_page, RefusedError), (read_program, InputError)):
            try:
                reader(path)
                refused.append(False)
            except error:
                refused.append(True)
        assert refused[0] == refused[1], (where, value)
