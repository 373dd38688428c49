"""Stored sets and plain .npz files of other simulators."""

import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.simulation.decay_set import read_decay_set, reference_set, simulated_set, write_decay_set
from seq2seqlite.simulation.instrument import load_instrument


def plain(**changes):
    arrays = {"tpsf": np.ones((4, 135), np.int32), "gate_width_ns": 0.09, "period_ns": 12.5}
    truth = {
        "tau_short_ns": np.ones(4),
        "tau_long_ns": np.full(4, 2.0),
        "amplitude_fraction": np.full(4, 0.25),
    }
    arrays = {**arrays, **truth, **changes}
    return {key: value for key, value in arrays.items() if value is not None}


def test_stored_set_comes_back_with_its_manifest(tmp_path):
    data = simulated_set(load_instrument("narrow-gate"), 50, seed=7, split="train")
    write_decay_set(tmp_path / "set.npz", data)
    back = read_decay_set(tmp_path / "set.npz")
    np.testing.assert_array_equal(back.tpsf, data.tpsf)
    assert back.truth is not None
    assert data.truth is not None
    np.testing.assert_array_equal(back.truth.tau_mean_ns, data.truth.tau_mean_ns)
    assert back.axis == data.axis
    assert back.manifest is not None
    assert back.manifest["seed"] == 7
    assert back.manifest["instrument"]["name"] == "narrow-gate"


def test_reference_set_is_always_the_same():
    first, second = (reference_set("tcspc-80mhz", n=100) for _ in range(2))
    assert first.sha256 == second.sha256


def test_changed_set_is_refused(tmp_path):
    path = tmp_path / "set.npz"
    write_decay_set(path, simulated_set(load_instrument("narrow-gate"), 5, seed=7, split="train"))
    with np.load(path) as archive:
        arrays = dict(archive)
    changes = {"tpsf": arrays["tpsf"] + 1, "gate_width_ns": 0.08, "tau_long_ns": np.full(5, 3.0)}
    for key, value in changes.items():
        np.savez(path, **(arrays | {key: value}))
        with pytest.raises(InputError, match="its content does not match the SHA-256 in its manifest"):
            read_decay_set(path)


def test_plain_file_with_and_without_truth(tmp_path):
    np.savez(tmp_path / "a.npz", **plain())
    truth = read_decay_set(tmp_path / "a.npz").truth
    assert truth is not None
    np.testing.assert_allclose(truth.tau_mean_ns, 1.75)
    np.savez(tmp_path / "b.npz", **plain(tau_short_ns=None, tau_long_ns=None, amplitude_fraction=None))
    assert read_decay_set(tmp_path / "b.npz").truth is None


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"tpsf": None}, "array 'tpsf' is missing; the file contains amplitude_fraction, gate_width_ns"),
        ({"period_ns": None}, "array 'period_ns' is missing"),
        ({"tpsf": np.ones(135)}, r"tpsf of shape \(135,\) must be \(n, n_gates\)"),
        ({"tpsf": np.ones((0, 135))}, r"tpsf of shape \(0, 135\) must be \(n, n_gates\), with n >= 1"),
        ({"tpsf": np.full((4, 135), -1)}, "tpsf has negative or NaN counts"),
        ({"tpsf": np.full((4, 135), np.nan)}, "tpsf has negative or NaN counts"),
        ({"gate_width_ns": 0.2}, "n_gates=135 x gate_width_ns=0.2 = 27 ns is longer than period_ns=12.5"),
        ({"gate_width_ns": np.ones(3)}, r"gate_width_ns must be one number, not an array of shape \(3,\)"),
        (
            {"tau_long_ns": None},
            "the true lifetimes require the arrays tau_short_ns, tau_long_ns, amplitude_fraction",
        ),
        (
            {"tau_long_ns": np.ones(3)},
            r"tau_long_ns must be 4 finite numbers of shape \(4,\), not shape \(3,\) and type float64",
        ),
        ({"tpsf": np.ones((4, 135), bool)}, "tpsf has negative or NaN counts, or is not numeric"),
        ({"tpsf": np.full((4, 135), 1e300)}, r"tpsf has counts up to 1e\+300; they must be <= 2\^53"),
        (
            {"tau_long_ns": np.full(4, "2")},
            r"tau_long_ns must be 4 finite numbers of shape \(4,\), not shape \(4,\) and type <U1",
        ),
        ({"tau_long_ns": np.full(4, 0.5)}, "the true lifetimes must satisfy 0 < tau_short_ns <= tau_long_ns"),
    ],
)
def test_bad_file_says_what(tmp_path, changes, text):
    np.savez(tmp_path / "bad.npz", **plain(**changes))
    with pytest.raises(InputError, match=f"bad.npz: {text}"):
        read_decay_set(tmp_path / "bad.npz")


def test_foreign_or_short_file(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, **plain())
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="a.npz is not a valid data file of plain arrays, or is damaged"):
        read_decay_set(path)
    with pytest.raises(InputError, match=r"data file .*b.npz does not exist"):
        read_decay_set(tmp_path / "b.npz")
    np.savez(path, tpsf=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="a.npz is not a valid data file of plain arrays"):
        read_decay_set(path)
    np.save(tmp_path / "c.npy", np.ones((4, 135)))
    with pytest.raises(InputError, match="c.npy is not a valid data file of plain arrays"):
        read_decay_set(tmp_path / "c.npy")
