"""Fit options: fixed lifetimes, fit window and excluded bands, from the options to the maps."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seq2seqlite import write_lifetime_maps
from seq2seqlite.cli.app import main
from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.maximum_likelihood import MaximumLikelihood
from seq2seqlite.predictors import FitOptions

AXIS, IRF = TimeAxis(125, 0.1, 12.5), ParametricIrf(1.5, 0.2)


def test_gates_of_a_window_without_excluded_bands() -> None:
    options = FitOptions(fit_range_ns=(1.0, 3.0), exclude_ns=((1.5, 2.0), (2.45, 2.55)))
    gates = options.gates(AXIS, start_ns=0.0)
    assert gates.tolist() == [*range(10, 15), *range(20, 24), *range(26, 30)]
    assert options.gates(AXIS, start_ns=0.5).tolist() == [*range(5, 10), *range(15, 19), *range(21, 25)]
    assert FitOptions().gates(AXIS, start_ns=0.0).size == 125
    assert (bool(FitOptions()), bool(options)) == (False, True)


def test_a_reflection_is_excluded() -> None:
    tpsf = expected_tpsf([1.0], [2.0], axis=AXIS, irf=IRF, photons=20_000)
    tpsf[60:64] += 500  # a reflection
    whole = MaximumLikelihood(AXIS, IRF).lifetimes(tpsf[None]).tau_mean_ns.item()
    chosen = FitOptions(exclude_ns=((6.0, 6.4),)).estimator("mle-mono", AXIS, IRF, start_ns=0.0)
    assert whole > 2.1
    assert chosen.lifetimes(tpsf[None]).tau_mean_ns.item() == pytest.approx(2.0, abs=2e-3)


def test_fixed_lifetimes_leave_the_fraction() -> None:
    tpsf = expected_tpsf([0.6, 0.4], [0.5, 2.5], axis=AXIS, irf=IRF, photons=20_000)
    fit = FitOptions((0.5, 2.5)).estimator("mle-bi", AXIS, IRF, start_ns=0.0)
    found = fit.lifetimes(tpsf[None])
    assert (found.tau_short_ns.item(), found.tau_long_ns.item()) == pytest.approx((0.5, 2.5))
    assert found.amplitude_fraction.item() == pytest.approx(0.6, abs=2e-3)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two measurements with IRFs of their own, which differ in delay and width."""
    found = []
    for name, irf in (("a", ParametricIrf(1.5, 0.2)), ("b", ParametricIrf(2.5, 0.4))):
        tpsf = expected_tpsf([1.0], [2.0], axis=AXIS, irf=irf, photons=20_000).round().astype(np.uint16)
        np.savez(
            tmp_path / f"{name}.npz",
            tpsf=np.broadcast_to(tpsf, (3, 3, 125)),
            gate_width_ns=0.1,
            period_ns=12.5,
        )
        pulse = expected_tpsf([1.0], [1e-3], axis=AXIS, irf=irf, photons=1e6)
        times = np.arange(125) * 0.1
        np.savetxt(tmp_path / f"{name}_irf.txt", np.column_stack([times, pulse.round()]), fmt="%.3f")
        found.append(tmp_path / f"{name}.npz")
    return found


def test_one_irf_per_file_and_the_irf_beside_the_maps(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    pattern = str(tmp_path / "{stem}_irf.txt")
    done = write_lifetime_maps(files, "phasor", out, irf=pattern, irf_shift="fixed")
    peaks = []
    for one in done:
        assert one.summary is not None
        assert one.summary["tau_mean_ns"]["median"] == pytest.approx(2.0, abs=0.05)
        with (one.folder / "irf.csv").open(encoding="utf-8", newline="") as file:
            rows = [(float(row["time_ns"]), float(row["irf"])) for row in csv.DictReader(file)]
        assert sum(share for _, share in rows) == pytest.approx(1.0, abs=1e-3)
        peaks.append(max(rows, key=lambda row: row[1])[0])
    assert peaks == pytest.approx([1.5, 2.5], abs=0.15)
    digests = [json.loads((one.folder / "job.json").read_text())["made_by"]["model"] for one in done]
    assert digests[0]["irf_sha256"] != digests[1]["irf_sha256"]
    (tmp_path / "b_irf.txt").unlink()
    with pytest.raises(InputError, match=r"irf=.*b_irf\.txt does not exist; it is needed for .*b\.npz"):
        write_lifetime_maps(files, "phasor", tmp_path / "more", irf=pattern)
    assert not (tmp_path / "more").exists()


def test_options_reach_the_maps(files: list[Path], tmp_path: Path) -> None:
    arguments = ["image", str(files[0]), "--model", "mle-mono", "--out", str(tmp_path / "out"), "--no-decay"]
    arguments += ["--fixed-tau-ns", "1.7", "--fit-range-ns", "1", "9", "--exclude-ns", "6:6.5"]
    assert main(arguments) == 0
    summary: dict[str, Any] = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["tau_mean_ns"]["median"] == pytest.approx(1.7)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (
            ["--model", "phasor", "--fixed-tau-ns", "2"],
            "fixed_tau_ns=2 is an option of the estimators",
        ),
        (["--model", "mle-bi", "--fixed-tau-ns", "2"], "fixed_tau_ns=2 must be 2 lifetimes, those of all"),
        (
            ["--model", "mle-mono", "--fixed-tau-ns", "-1"],
            "must be finite and > 0 (e.g. 2.5) (option --",
        ),
        (
            ["--model", "mle-mono", "--fit-range-ns", "5", "2"],
            "fit_range_ns=5 2 must be two increasing",
        ),
        (["--model", "mle-mono", "--exclude-ns", "5"], "exclude_ns=5 must be two times in ns, LOW:HIGH"),
        (["--model", "mle-mono", "--fit-range-ns", "2", "2.2"], "2 gates are too few for 3 parameters"),
        (
            ["--exclude-ns", "5:6"],
            "exclude_ns=5 6 is an option of the estimators mle-mono, mle-bi, mle-tri",
        ),
    ],
)
def test_bad_values_are_one_line(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], text: str
) -> None:
    assert main(["image", str(files[0]), "--out", str(tmp_path / "out"), *more]) == 2
    error = capsys.readouterr().err
    assert text in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()
