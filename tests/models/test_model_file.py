"""Model files: round trip, and everything that can be wrong with one."""

import json

import numpy as np
import pytest

from seq2seqlite.archive import archive_digest
from seq2seqlite.decay import TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.models import Architecture, ModelFile, Network, initial_parameters, load_model

ABSENT = object()
ARCHITECTURE = Architecture((4,), "lite")
AXIS = TimeAxis(n_gates=30, gate_width_ns=0.1, period_ns=12.5)


@pytest.fixture
def model():
    parameters = initial_parameters(ARCHITECTURE, seed=1)
    return Network(ModelFile("tiny", ARCHITECTURE, AXIS, 1.4, 10, "mine", parameters))


def rewritten(path, *, signed=True, **changes):
    """Write the model file again with other content, and a digest that fits it or the old one."""
    with np.load(path) as archive:
        arrays = dict(archive)
    header, digest = json.loads(str(arrays.pop("header"))), arrays.pop("sha256")
    for key, value in changes.items():
        if "/" in key:
            arrays[key] = value
        elif value is ABSENT:
            header.pop(key)
        else:
            header[key] = value
    text = json.dumps(header, sort_keys=True)
    if signed:
        digest = np.array(archive_digest(text, arrays))
    np.savez(path, **arrays, header=np.array(text), sha256=digest)


def test_model_comes_back(model, tmp_path):
    path = tmp_path / "tiny.npz"
    model.write(path)
    back = load_model(path)
    assert (back.name, back.axis, back.rising_edge_ns, back.architecture) == ("tiny", AXIS, 1.4, ARCHITECTURE)
    tpsf = np.random.default_rng(0).poisson(20, (5, 30))
    np.testing.assert_array_equal(back.sfd(tpsf), model.sfd(tpsf))
    first = path.read_bytes()
    model.write(path)
    assert path.read_bytes() == first


def test_batches_do_not_change_the_prediction(model):
    tpsf = np.random.default_rng(0).poisson(20, (1500, 30))
    np.testing.assert_allclose(model.sfd(tpsf)[1200:1210], model.sfd(tpsf[1200:1210]), atol=1e-6)
    assert model.lifetimes(tpsf).tau_mean_ns.shape == (1500,)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"format_version": 2}, r"format 'seq2seqlite model', format_version=2 is not the one supported"),
        ({"format_version": True}, r"format_version=True is not the one supported"),
        ({"format": "other"}, "format 'other', format_version=3 is not the one supported"),
        ({"layers": [5]}, r"its arrays do not match layers=\[5\] with cell='lite'"),
        ({"layers": 4}, "layers=4 must be a list"),
        ({"layers": [4.0]}, r"layers=\[4\.0\] must be integers from 1 to 4096"),
        ({"layers": [4] * 17}, "must be a list of 1 to 16 integers"),
        ({"cell": "lstm"}, "cell='lstm' is unknown"),
        ({"axis": 1, "n_gates": ABSENT}, "its header lacks 'n_gates'"),
        ({"n_gates": 1e300}, r"n_gates=1e\+300 must be an integer from 2 to 65536"),
        ({"n_gates": 10**30}, "n_gates=10+ must be an integer from 2 to 65536"),
        ({"n_gates": True}, "n_gates=True must be an integer"),
        ({"gate_width_ns": "0.1"}, "gate_width_ns='0.1' must be a number from 0 to 1e\\+06"),
        ({"gate_width_ns": 5.0}, "is longer than period_ns=12.5"),
        ({"period_ns": None}, "period_ns=None must be a number"),
        ({"n_baseline": 30}, "n_baseline=30 must be an integer from 0 to 29"),
        ({"rising_edge_ns": -1}, "rising_edge_ns=-1 must be a number from 0 to 12.5"),
        ({"name": "../evil"}, "name='../evil' must be 1 to 64 letters"),
        ({"instrument": 3}, "instrument=3 must be a string"),
        ({"quantisation": []}, r"quantisation=\[\] must be an object"),
        ({"quantisation": {"weights": {}}}, "its quantisation is not valid"),
        ({"quantisation": {"weights": 7, "activations": None}}, "its quantisation is not valid"),
        ({"bits/head/bias": np.ones(3, np.uint8)}, "it has bit widths of weights .* but no quantisation"),
        (
            {"head/bias": np.full(3, np.nan, np.float32)},
            "array head/bias must have type float32 and finite values",
        ),
        ({"head/bias": np.ones(3)}, "array head/bias must have type float32 and finite values"),
    ],
)
def test_bad_content_says_what(model, tmp_path, changes, text):
    path = tmp_path / "tiny.npz"
    model.write(path)
    rewritten(path, **changes)
    with pytest.raises(InputError, match=f"tiny.npz: .*{text}"):
        load_model(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"head/bias": np.ones(3, np.float32)},
        {"rising_edge_ns": 1.5},
        {"quantisation": None, "n_baseline": 9},
        {"name": "another"},
        {"period_ns": 12.0},
    ],
)
def test_whatever_is_altered_the_digest_tells(model, tmp_path, changes):
    path = tmp_path / "tiny.npz"
    model.write(path)
    rewritten(path, signed=False, **changes)
    with pytest.raises(InputError, match="tiny.npz: its content does not have the recorded SHA-256"):
        load_model(path)


def test_file_cut_short_foreign_or_missing(model, tmp_path):
    path = tmp_path / "tiny.npz"
    model.write(path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"hello"):
        path.write_bytes(content)
        with pytest.raises(
            InputError, match="tiny.npz is not a valid seq2seqlite model file of plain arrays"
        ):
            load_model(path)
    np.savez(path, header=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="is not a (valid )?seq2seqlite model"):
        load_model(path)
    with pytest.raises(InputError, match=r"model file .*gone.npz does not exist"):
        load_model(tmp_path / "gone.npz")


def test_unknown_model_lists_the_known():
    with pytest.raises(
        InputError,
        match=r"model 'best' is unknown; choose one of seq2seq.*-float.* or pass the path of an .npz file",
    ):
        load_model("best")


def test_other_number_of_gates_is_refused(model):
    with pytest.raises(InputError, match=r"TPSFs have shape \(2, 31\), but model tiny requires \(n, 30\)"):
        model.sfd(np.ones((2, 31)))
