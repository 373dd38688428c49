"""Programs on disk, and what a predictor makes of counts."""

import json
import zipfile

import numpy as np
import pytest

from seq2seqlite.archive import archive_digest
from seq2seqlite.errors import InputError
from seq2seqlite.integer import (
    ProgramPredictor,
    load_program,
    lower,
    read_program,
    run,
    scaled_counts,
    write_program,
)
from seq2seqlite.models import load_model


def test_a_program_comes_back_equal(tiny, tmp_path):
    write_program(tmp_path / "a.program", tiny)
    write_program(tmp_path / "b.program", tiny)
    assert (tmp_path / "a.program").read_bytes() == (tmp_path / "b.program").read_bytes()
    again = load_program(tmp_path / "a.program")
    assert again.sha256 == tiny.sha256
    counts = np.random.default_rng(0).poisson(9.0, (50, 135))
    np.testing.assert_array_equal(run(again, counts).sfd, run(tiny, counts).sfd)


def test_the_hash_is_that_of_the_whole_program(tiny):
    other = lower(load_model("seq2seqlite-tcspc-80mhz-int8"))
    assert other.sha256 != tiny.sha256


def _altered(path, change):
    """Write a program's file again with something changed."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    header, digest = json.loads(str(arrays.pop("header"))), arrays.pop("sha256")
    change(header, arrays)
    text = json.dumps(header, sort_keys=True)
    if change is not _one_weight:
        digest = np.array(archive_digest(text, arrays))
    arrays |= {"header": np.array(text), "sha256": digest}
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _one_weight(header, arrays):
    arrays["encoder/recurrent"][0, 0] += 1


def _more_widths(header, arrays):
    header["accumulator_bits"]["head"] = 8


def _other_version(header, arrays):
    header["spec_version"] = 9


def _float_array(header, arrays):
    arrays["head/bias"] = arrays["head/bias"].astype(np.float32)


def _no_axis(header, arrays):
    del header["n_gates"]


def _no_axes(header, arrays):
    arrays["encoder/recurrent"] = np.int32(3)


def _one_axis(header, arrays):
    arrays["head/kernel"] = arrays["head/kernel"].reshape(-1)


def _too_wide(header, arrays):
    arrays["head/bias"][0, 0] = 4000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_one_weight, "its content does not have the recorded SHA-256: it was altered"),
        (_more_widths, "its accumulator widths do not match its weights"),
        (_other_version, "spec_version=9 is not one of those supported"),
        (_float_array, "array head/bias must be int32, not float32"),
        (_no_axis, "its header lacks 'n_gates'"),
        (_no_axes, r"array encoder/recurrent has shape \(\); lower the model again"),
        (_one_axis, r"array head/kernel has shape \(24,\); lower the model again"),
        (_too_wide, "array head/bias has codes from"),
    ],
)
def test_a_file_that_was_altered(tiny, tmp_path, change, message):
    path = tmp_path / "a.program"
    write_program(path, tiny)
    _altered(path, change)
    with pytest.raises(InputError, match=message):
        read_program(path)


def test_a_header_that_is_none(tiny, tmp_path):
    path = tmp_path / "a.program"
    write_program(path, tiny)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    with path.open("wb") as file:
        np.savez(file, **(arrays | {"header": np.array("[1]")}))
    with pytest.raises(InputError, match="its header is a list, not an object; lower the model again"):
        read_program(path)


def test_a_file_that_is_missing_or_cut_short(tiny, tmp_path):
    with pytest.raises(InputError, match=r"program file .*no\.program does not exist"):
        load_program(tmp_path / "no.program")
    path = tmp_path / "a.program"
    write_program(path, tiny)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(
        InputError, match="is not a valid seq2seqlite program file of plain arrays, or is damaged"
    ):
        read_program(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "y")
    with pytest.raises(InputError, match="is not a valid seq2seqlite program"):
        read_program(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "seq2seqlite-tcspc-80mhz-kd",
            "is a float network, but an integer program requires a fully quantised model",
        ),
        ("seq2seq-tcspc-80mhz-float", "is a float network"),
    ],
)
def test_a_model_that_is_no_program(name, message):
    with pytest.raises(InputError, match=message):
        load_program(name)


def test_scaled_counts_keep_what_is_whole():
    counts = np.array([[3, 70], [0, 9]])
    np.testing.assert_array_equal(scaled_counts(counts)[0], counts)
    np.testing.assert_array_equal(scaled_counts(counts / 4)[0], counts * 16)
    assert scaled_counts(np.array([[1e6, 0.0]]))[0].max() <= 65535
    with pytest.raises(InputError, match="counts must be finite and >= 0"):
        scaled_counts(np.array([[np.nan, 0.0]]))


def test_a_program_predicts_what_its_network_predicts(tiny):
    counts = np.random.default_rng(1).poisson(np.geomspace(80, 0.1, 135), (40, 135)) * 0.37
    expected = load_model("seq2seqlite-tcspc-80mhz-tiny").lifetimes(counts)
    found = ProgramPredictor(tiny).lifetimes(counts)
    assert np.nanmax(np.abs(found.tau_mean_ns - expected.tau_mean_ns)) < 2 * tiny.reduction.tau_step_ns
