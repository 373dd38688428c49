"""Model files: round trip, and everything that can be wrong with one."""

import json

import numpy as np
import pytest

from seq2seqlite.decay import TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.models import Architecture, ModelFile, Network, initial_parameters, load_model

ARCHITECTURE = Architecture((4,), "lite")
AXIS = TimeAxis(n_gates=30, gate_width_ns=0.1, period_ns=12.5)


@pytest.fixture
def model():
    parameters = initial_parameters(ARCHITECTURE, seed=1)
    return Network(ModelFile("tiny", ARCHITECTURE, AXIS, 1.4, 10, "mine", parameters))


def rewritten(path, **changes):
    """Write the model file again with other header values or arrays."""
    with np.load(path) as archive:
        arrays = dict(archive)
    header = json.loads(str(arrays["header"]))
    for key, value in changes.items():
        if "/" in key:
            arrays[key] = value
        elif value is None:
            header.pop(key)
        else:
            header[key] = value
    np.savez(path, **{**arrays, "header": np.array(json.dumps(header))})


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
        ({"format_version": 1}, r"format 'seq2seqlite model' version 1 is not the one read here"),
        ({"format": "other"}, "format 'other' version 2 is not the one read here"),
        ({"layers": [5]}, r"its arrays do not fit layers \[5\] of cell 'lite'"),
        ({"cell": "lstm"}, "cell='lstm' is unknown"),
        ({"axis": 1, "n_gates": None}, "its header is not valid"),
        ({"head/bias": np.ones(3, np.float32)}, "its weights do not have the recorded SHA-256"),
        ({"head/bias": np.full(3, np.nan, np.float32)}, "array head/bias must be finite float32"),
        ({"head/bias": np.ones(3)}, "array head/bias must be finite float32"),
    ],
)
def test_bad_content_says_what(model, tmp_path, changes, text):
    path = tmp_path / "tiny.npz"
    model.write(path)
    rewritten(path, **changes)
    with pytest.raises(InputError, match=f"tiny.npz: .*{text}"):
        load_model(path)


def test_file_cut_short_foreign_or_missing(model, tmp_path):
    path = tmp_path / "tiny.npz"
    model.write(path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"hello"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="tiny.npz is not a seq2seqlite model, or was cut short"):
            load_model(path)
    np.savez(path, header=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="is not a seq2seqlite model"):
        load_model(path)
    with pytest.raises(InputError, match=r"model file .*gone.npz does not exist"):
        load_model(tmp_path / "gone.npz")


def test_unknown_model_lists_the_known():
    with pytest.raises(
        InputError, match=r"model 'best' is unknown; choose one of seq2seq.*-float.* or name a .npz file"
    ):
        load_model("best")


def test_other_number_of_gates_is_refused(model):
    with pytest.raises(
        InputError, match=r"TPSFs of shape \(2, 31\) do not fit model tiny, which takes \(n, 30\)"
    ):
        model.sfd(np.ones((2, 31)))
