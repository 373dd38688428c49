"""Instruments in TOML."""

import os
import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seqlite.errors import InputError
from seq2seqlite.io.irf import read_irf
from seq2seqlite.simulation.instrument import Instrument, instrument_names, load_instrument
from seq2seqlite.simulation.simulator import Simulator

TOML = """
name = "mine"
[axis]
n_gates = 100
gate_width_ns = 0.1
period_ns = 12.5
[irf]
center_ns = [1.4, 1.6]
fwhm_ns = 0.2
n_irfs = 4
[decays]
tau_ns = [0.2, 4.0]
"""


def changed(**values):
    table = tomllib.loads(TOML)
    for key, value in values.items():
        section, _, name = key.partition("__")
        if name:
            table.setdefault(section, {})[name] = value
        else:
            table[section] = value
    return table


@pytest.mark.parametrize(
    ("name", "axis", "gate_ns"),
    [
        ("iccd", (140, 0.04, 12.5), (0.2, 0.4)),
        ("narrow-gate", (135, 0.09, 12.5), None),
        ("spad512s", (67, 0.183489, 12.3305), (5.0, 7.0)),
        ("swissspad3", (135, 0.09, 12.5), (1.0, 4.0)),
        ("tcspc-80mhz", (135, 0.09, 12.5), None),
    ],
)
def test_shipped_instruments(name, axis, gate_ns):
    instrument = load_instrument(name)
    assert (instrument.axis.n_gates, instrument.axis.gate_width_ns, instrument.axis.period_ns) == axis
    assert (None if instrument.gate is None else instrument.gate.length_ns) == gate_ns


def test_no_other_instrument_is_shipped():
    assert instrument_names() == ["iccd", "narrow-gate", "spad512s", "swissspad3", "tcspc-80mhz"]


@pytest.mark.parametrize(
    "detector",
    [
        {"kind": "photon-counting", "dark_counts_per_gate": 0.5},
        {"kind": "spad-frames", "n_frames": 255},
        {"kind": "tcspc-pile-up", "n_pulses": 100_000},
        {"kind": "iccd", "gain": 3.0, "read_noise": 2.0, "offset": 25.0, "bits": 12},
    ],
)
def test_dictionary_comes_back_and_simulates(detector):
    instrument = Instrument.from_dict(changed(detector=detector))
    assert Instrument.from_dict(instrument.to_dict()) == instrument
    tpsf = Simulator(instrument, seed=1, split="train").decays(20).tpsf
    assert tpsf.shape == (20, 100)
    assert tpsf.max() > 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"detector": {"kind": ["a"]}}, r"detector\.kind=\['a'\] is unknown; choose one of photon-counting"),
        ({"decays__photons": 1e10}, r"decays\.photons=\[10000000000\.0, 10000000000\.0\] must be <= 1e\+09"),
        ({"decays__tau_ns": 1e300}, r"decays\.tau_ns=\[1e\+300, 1e\+300\] must be <= 1000 period_ns=12\.5"),
        ({"irf__n_irfs": 10**7}, r"irf\.n_irfs=10000000 must be between 1 and 100000 \(e\.g\. 512\)"),
        ({"irf__center_ns": 100.0}, r"irf\.center_ns=\[100\.0, 100\.0\] must be <= period_ns=12\.5"),
        ({"irf__fwhm_ns": 1e9}, r"irf\.fwhm_ns=.* must be <= period_ns=12\.5"),
        ({"name": "n" * 1000}, r"name='n{80}' must be 1 to 64 letters"),
        ({"name": "a\nb"}, r"name='a\\nb' must be 1 to 64 letters"),
    ],
)
def test_value_that_nothing_can_be_simulated_with(change, text):
    with pytest.raises(InputError, match=text):
        Instrument.from_dict(changed(**change))


@pytest.mark.parametrize("rows", [["0 5"], ["0 5", "1 6", "4 2", "9 1"]])
def test_irf_whose_times_do_not_rise_evenly(tmp_path, rows):
    (tmp_path / "irf.txt").write_text("\n".join(rows))
    with pytest.raises(InputError, match=r"irf\.txt.*(not evenly spaced|at least 3)"):
        read_irf(tmp_path / "irf.txt")


def test_irf_that_is_cut_short(tmp_path, shared_data):
    whole = (shared_data / "nadh-yeast" / "IRF.sdt").read_bytes()
    (tmp_path / "irf.sdt").write_bytes(whole[:-500])
    with pytest.raises(InputError, match=r"irf\.sdt.*truncated.*copy it again"):
        read_irf(tmp_path / "irf.sdt")


@given(st.floats(0.01, 5), st.floats(0, 3), st.floats(1, 1e5), st.floats(0, 0.9))
def test_any_valid_ranges_come_back(low, width, photons, background):
    table = changed(
        decays__tau_ns=[low, low + width],
        decays__photons=[photons, 2 * photons],
        decays__background=[0.0, background],
    )
    instrument = Instrument.from_dict(table)
    assert instrument.decays.tau_ns == (low, low + width)
    assert Instrument.from_dict(instrument.to_dict()) == instrument


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.floats()
        | st.integers()
        | st.text(max_size=5)
        | st.lists(st.floats(), max_size=3),
        lambda children: st.dictionaries(st.text(max_size=5), children, max_size=3),
        max_leaves=6,
    ),
    st.sampled_from(
        ["name", "axis", "irf", "decays", "detector", "axis__n_gates", "irf__fwhm_ns", "decays__tau_ns"]
    ),
)
def test_any_other_value_is_taken_or_refused_in_one_line(value, key):
    message = ""
    try:
        Instrument.from_dict(changed(**{key: value}))
    except InputError as error:
        message = str(error)
    assert "\n" not in message


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"axis__n_gatse": 5},
            "axis has an unknown key 'n_gatse'; known keys are gate_length_ns, gate_width_ns",
        ),
        ({"axis": {"n_gates": 5}}, "axis lacks the required key 'gate_width_ns'"),
        ({"axis__n_gates": 13.5}, "axis.n_gates=13.5 must be an integer"),
        ({"axis__period_ns": "80 MHz"}, "axis.period_ns='80 MHz' must be a number"),
        ({"irf__fwhm_ns": [1, 2, 3]}, r"irf.fwhm_ns=\[1, 2, 3\] must be \[low, high\] or one number"),
        ({"irf__fwhm_ns": 0.0}, r"irf.fwhm_ns=\[0.0, 0.0\] must be > 0"),
        ({"irf__tail_fraction": 1.5}, r"irf.tail_fraction=\[1.5, 1.5\] must be <= 1"),
        (
            {"decays__tau_ns": [3.0, 1.0]},
            r"decays.tau_ns=\[3.0, 1.0\] must be \[low, high\] with 0 <= low <= high",
        ),
        ({"decays__background": [0.0, 1.0]}, r"decays.background=\[0.0, 1.0\] must be <= 0.99"),
        ({"decays__mono_exponential": 2}, "decays.mono_exponential=2.0 must be between 0 and 1"),
        (
            {"detector__kind": "pmt"},
            "detector.kind='pmt' is unknown; choose one of photon-counting, spad-frames",
        ),
        ({"detector": {"kind": "spad-frames"}}, "detector lacks the required key 'n_frames'"),
        ({"name": 3}, "name=3 must be 1 to 64 letters"),
        ({"irf": 1}, r"irf=1 must be a table \(\[irf\]\)"),
    ],
)
def test_bad_value_says_key_value_and_rule(values, text):
    with pytest.raises(InputError, match=text):
        Instrument.from_dict(changed(**values))


def test_unknown_instrument_lists_the_known():
    with pytest.raises(
        InputError,
        match=(
            "instrument 'swisspad' is unknown; choose one of iccd, narrow-gate, spad512s, swissspad3, "
            "tcspc-80mhz or pass the path"
        ),
    ):
        load_instrument("swisspad")


def test_bad_file_says_which(tmp_path):
    with pytest.raises(InputError, match=r"instrument file .*nowhere.toml does not exist"):
        load_instrument(tmp_path / "nowhere.toml")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.toml")  # reading it would wait for a writer
        with pytest.raises(InputError, match=r"pipe.toml is a pipe, device or socket; copy"):
            load_instrument(tmp_path / "pipe.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    with pytest.raises(InputError, match=r"broken.toml is not valid TOML: Invalid value"):
        load_instrument(broken)
    broken.write_text(TOML.replace("n_gates = 100", "n_gates = 1000"))
    with pytest.raises(
        InputError, match=r"broken.toml: n_gates=1000 x gate_width_ns=0.1 = 100 ns is longer than period"
    ):
        load_instrument(broken)


def test_measured_irf_of_other_bins_makes_an_instrument(tmp_path):
    (tmp_path / "irf.csv").write_text("".join(f"{c}\n" for c in np.bincount([40, 41, 41, 42], minlength=400)))
    path = tmp_path / "mine.toml"
    path.write_text(
        TOML.replace("fwhm_ns = 0.2", 'file = "irf.csv"\nbin_width_ns = 0.01\nextra_fwhm_ns = [0.0, 0.05]')
    )
    instrument = load_instrument(path)
    centers = [instrument.draw_irf(np.random.default_rng(i)).mean_ns for i in range(20)]
    assert 1.4 <= min(centers) < max(centers) <= 1.6
    assert Simulator(instrument, seed=1, split="train").decays(5).tpsf.shape == (5, 100)
    path.write_text(path.read_text().replace("bin_width_ns = 0.01", ""))
    with pytest.raises(InputError, match="irf.csv does not contain its bin width; pass bin_width_ns"):
        load_instrument(path)
    path.write_text(path.read_text().replace("irf.csv", "gone.csv"))
    with pytest.raises(InputError, match="gone.csv does not exist"):
        load_instrument(path)


def test_irf_longer_than_the_period_is_refused(tmp_path):
    (tmp_path / "irf.txt").write_text("".join(f"{t * 0.1:.1f} {max(0, t - 50)}\n" for t in range(400)))
    irf = read_irf(tmp_path / "irf.txt")
    assert irf.bin_width_ns == pytest.approx(0.1)
    with pytest.raises(
        InputError, match=r"the IRF extends over [\d.]+ ns, longer than the laser period of 12.5 ns"
    ):
        irf.coefficients(10, period_ns=12.5)


def test_bad_irf_files(tmp_path):
    for content, text in [
        ("a b\nc d\n", "0 rows of numbers"),
        ("1 2 3\n4 5 6\n7 8 9\n", "has 3 columns"),
        ("1\n-1\n5\n", "the IRF has negative or non-finite counts"),
    ]:
        (tmp_path / "irf.txt").write_text(content)
        with pytest.raises(InputError, match=text):
            read_irf(tmp_path / "irf.txt", bin_width_ns=0.1)
    (tmp_path / "irf.sdt").write_bytes(b"not an sdt")
    with pytest.raises(InputError, match="irf.sdt: not a readable SDT"):
        read_irf(tmp_path / "irf.sdt")


def test_measured_irfs_of_the_data_folder(shared_data):
    pmt = read_irf(shared_data / "irfs" / "IRF_inhouse_PMT.sdt")
    assert pmt.weights.size == 256
    assert pmt.bin_width_ns == pytest.approx(0.09766, abs=1e-4)
    apd = read_irf(shared_data / "irfs" / "IRF_inhouse_APD.csv", bin_width_ns=0.09766)
    assert apd.weights.size == 256
    yeast = read_irf(shared_data / "nadh-yeast" / "IRF.sdt")
    assert yeast.weights.size == 4096
    assert yeast.bin_width_ns == pytest.approx(0.002927, abs=1e-5)
    atto = read_irf(shared_data / "atto550" / "irf.txt", bin_width_ns=0.02743)
    assert atto.weights.size == 4096
