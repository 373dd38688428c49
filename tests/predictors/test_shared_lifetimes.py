"""Lifetimes shared by an image, a stack or a batch: what is fitted, resumed runs, bad input."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from seq2seqlite import write_lifetime_maps
from seq2seqlite.cli.app import main
from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.maximum_likelihood import MaximumLikelihood
from seq2seqlite.estimators.shared_lifetimes import fit_shared_lifetimes
from seq2seqlite.io import read_irf
from seq2seqlite.workflows import shared_lifetimes

AXIS = TimeAxis(125, 0.1, 12.5)
IRFS = {"a": ParametricIrf(1.5, 0.3), "b": ParametricIrf(2.5, 0.5)}
# Shares of the short component.
FRACTIONS = {"a": 0.2, "b": 0.8}
TAUS = (0.5, 2.5)
# Fits of the same decay in 32 and 64 bits end within a hundredth of a standard error.
SAME_FIT = 2e-3
OPTIONS: dict[str, Any] = {"irf_shift": "fixed", "decay_figure": False, "phasor": False}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two images of the same lifetimes, with other fractions and IRFs, and a corner of another lifetime."""
    rng, found = np.random.default_rng(1), []
    for name, irf in IRFS.items():
        fraction = FRACTIONS[name]
        tpsf = expected_tpsf([fraction, 1 - fraction], TAUS, axis=AXIS, irf=irf, photons=3000, background=2)
        counts = rng.poisson(np.broadcast_to(tpsf, (4, 4, 125))).astype(np.uint16)
        counts[0, :2] = rng.poisson(expected_tpsf([1.0], [8.0], axis=AXIS, irf=irf, photons=3000))
        path = tmp_path / f"{name}.npz"
        np.savez(path, tpsf=counts, gate_width_ns=0.1, period_ns=12.5)
        pulse = expected_tpsf([1.0], [1e-3], axis=AXIS, irf=irf, photons=1e6)
        rows = np.column_stack([np.arange(125) * 0.1, pulse.round()])
        np.savetxt(tmp_path / f"{name}_irf.txt", rows, fmt="%.3f")
        found.append(path)
    mask = np.ones((4, 4), np.uint8)
    mask[0, :2] = 0
    np.save(tmp_path / "mask.npy", mask)
    return found


def mapped(files: list[Path], out: Path, sharing: str, **more: Any) -> list[Any]:
    folder = files[0].parent
    given = OPTIONS | {"irf": str(folder / "{stem}_irf.txt"), "mask": folder / "mask.npy"} | more
    return write_lifetime_maps(files, "mle-bi", out, shared_lifetimes=sharing, **given)


def decays(path: Path) -> np.ndarray:
    """Return the decays of the analysed pixels."""
    with np.load(path) as found:
        return np.asarray(found["tpsf"].reshape(16, 125)[2:], np.float64)


def estimator(path: Path) -> MaximumLikelihood:
    return MaximumLikelihood(AXIS, read_irf(path.with_name(f"{path.stem}_irf.txt")), components=2)


def test_lifetimes_of_an_image_are_those_of_its_summed_decay(files: list[Path], tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", np.ones((4, 4), np.uint8))
    (done,) = mapped(
        files[:1], tmp_path / "out", "image", regions=tmp_path / "labels.npy", decay_figure=True, quality=True
    )
    shared = done.summary["shared_lifetimes"]
    summed = estimator(files[0]).lifetimes(decays(files[0]).sum(axis=0)[None])
    expected = (summed.tau_short_ns.item(), summed.tau_long_ns.item())
    assert shared["taus_ns"] == pytest.approx(expected, rel=SAME_FIT)
    assert summed.tau_short_std_ns is not None
    assert shared["taus_std_ns"][0] == pytest.approx(summed.tau_short_std_ns.item(), rel=0.02)
    assert shared["of"] == "image"
    assert shared["chi_squares"][0] == pytest.approx(1, abs=0.5)
    for name, tau in zip(("tau_short_ns", "tau_long_ns"), shared["taus_ns"], strict=True):
        assert list(done.summary[name].values()) == pytest.approx([tau] * 3)
    assert done.summary["amplitude_fraction"]["median"] == pytest.approx(0.2, abs=0.05)
    assert done.summary["decay"]["predicted"]["taus_ns"] == pytest.approx(shared["taus_ns"])
    with (done.folder / "regions.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["decay_tau_short_ns"]) == pytest.approx(shared["taus_ns"][0])
    assert float(row["decay_amplitude_fraction"]) == pytest.approx(0.2, abs=0.05)


def test_lifetimes_of_a_batch_and_a_resumed_run(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    first = mapped(files, out, "batch")
    shared = first[0].summary["shared_lifetimes"]
    assert shared == first[1].summary["shared_lifetimes"]
    fits = [estimator(path) for path in files]
    expected = fit_shared_lifetimes(fits, [decays(path).sum(axis=0)[None] for path in files])
    assert shared["taus_ns"] == pytest.approx(expected.tau_ns, rel=SAME_FIT)
    assert shared["taus_std_ns"] == pytest.approx(expected.tau_std_ns, rel=0.01)
    for tau, std, truth in zip(shared["taus_ns"], shared["taus_std_ns"], TAUS, strict=True):
        assert abs(tau - truth) < 4 * std
    # Each image alone determines less.
    for path in files:
        alone = fit_shared_lifetimes(estimator(path), decays(path).sum(axis=0)[None])
        assert all(both < one for both, one in zip(shared["taus_std_ns"], alone.tau_std_ns, strict=True))
    record = json.loads((out / "shared_lifetimes.json").read_text())
    assert [Path(row["file"]).name for row in record["files"]] == ["a.npz", "b.npz"]
    made_by = json.loads((first[0].folder / "job.json").read_text())["made_by"]["model"]["fit"]
    assert made_by["shared_lifetimes"] == "batch"
    assert made_by["shared"]["taus_ns"] == pytest.approx(shared["taus_ns"])
    # A run that stopped before the second file resumes with the lifetimes of the record.
    (first[1].folder / "summary.json").unlink()
    with monkeypatch.context() as patched:
        patched.setattr(shared_lifetimes, "fit_shared", None)
        again = mapped(files, out, "batch")
    assert [done.state for done in again] == ["skipped", "done"]
    assert again[1].summary["shared_lifetimes"]["taus_ns"] == pytest.approx(shared["taus_ns"], rel=0, abs=0)
    # A broken file is left to its job: the others have the same lifetimes, and keep their maps.
    (tmp_path / "c.npz").write_bytes(b"no archive")
    (tmp_path / "c_irf.txt").write_bytes((tmp_path / "a_irf.txt").read_bytes())
    more = mapped([*files, tmp_path / "c.npz"], out, "batch")
    assert sorted(done.state for done in more) == ["failed", "skipped", "skipped"]
    assert len(json.loads((out / "shared_lifetimes.json").read_text())["files"]) == 2
    # A damaged record is fitted again.
    damaged = json.loads((out / "shared_lifetimes.json").read_text())
    damaged["shared"]["taus_ns"] = ["damaged"]
    (out / "shared_lifetimes.json").write_text(json.dumps(damaged))
    states = [done.state for done in mapped([*files, tmp_path / "c.npz"], out, "batch")]
    assert sorted(states) == ["failed", "skipped", "skipped"]


def test_lifetimes_of_a_stack_are_those_of_all_its_tiles(
    files: list[Path], tmp_path: Path, write_stack: Callable[..., np.ndarray]
) -> None:
    with np.load(files[0]) as found:
        counts = found["tpsf"]
    stack = tmp_path / "stack.zarr"
    write_stack(stack, (2, 8, 4), chunk_rows=4)
    whole: Any = zarr.open_array(str(stack), mode="r+")
    whole[:] = np.tile(counts, (2, 2, 1, 1))
    np.save(tmp_path / "twice.npy", np.tile(np.load(tmp_path / "mask.npy"), (2, 1)))
    options = {"irf": tmp_path / "a_irf.txt", "mask": tmp_path / "twice.npy"}
    (done,) = mapped([stack], tmp_path / "out", "image", **options)
    assert done.state == "done", done.reason
    fit = fit_shared_lifetimes(estimator(files[0]), 4 * decays(files[0]).sum(axis=0)[None])
    assert done.summary["shared_lifetimes"]["taus_ns"] == pytest.approx(fit.tau_ns, rel=SAME_FIT)
    assert done.summary["tau_long_ns"]["median"] == pytest.approx(fit.tau_ns[1], rel=1e-2)  # of a histogram
    with pytest.raises(InputError, match=r"stack\.zarr is a stack; shared_lifetimes=batch is for files"):
        mapped([stack, files[0]], tmp_path / "batch", "batch", irf=tmp_path / "a_irf.txt", mask=None)


def test_scattered_light_reaches_maps_and_figure(files: list[Path], tmp_path: Path) -> None:
    with np.load(files[0]) as found:
        counts = found["tpsf"] + np.random.default_rng(2).poisson(
            np.broadcast_to(expected_tpsf([1.0], [1e-3], axis=AXIS, irf=IRFS["a"], photons=1000), (4, 4, 125))
        )
    np.savez(files[0], tpsf=counts, gate_width_ns=0.1, period_ns=12.5)
    arguments = ["image", str(files[0]), "--model", "mle-bi", "--out", str(tmp_path / "out"), "--no-phasor"]
    arguments += ["--irf", str(tmp_path / "a_irf.txt"), "--mask", str(tmp_path / "mask.npy"), "--scatter"]
    arguments += ["--fixed-tau-ns", "0.5", "--fixed-tau-ns", "2.5", "--irf-shift", "fixed"]
    assert main(arguments) == 0
    summary: dict[str, Any] = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["scatter_fraction"]["median"] == pytest.approx(0.25, abs=0.03)
    assert summary["decay"]["fit"]["scatter_fraction"] > 0.1  # with free lifetimes
    assert summary["decay"]["predicted"]["scatter_fraction"] == pytest.approx(0.25, abs=0.03)
    assert "scattered light" in summary["quantities"]["scatter_fraction"]
    assert (tmp_path / "out" / "scatter_fraction.tif").is_file()


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--model", "phasor", "--shared-lifetimes", "image"], "shared_lifetimes=image is an option of the"),
        (["--model", "phasor", "--scatter"], "scatter=True is an option of the estimators mle-mono, mle-bi"),
        (["--model", "mle-mono", "--scatter"], "scatter=True requires a measured IRF, because scattered"),
        (
            ["--model", "mle-mono", "--shared-lifetimes", "image", "--fixed-tau-ns", "2"],
            "shared_lifetimes=image fits the lifetimes that fixed_tau_ns=2 fixes; omit one of them",
        ),
        (
            [
                "--model",
                "mle-mono",
                "--shared-lifetimes",
                "image",
                "--irf",
                "a_irf.txt",
                "--delay-map",
                "d.npy",
            ],
            "shared_lifetimes=image requires one response for all pixels; omit",
        ),
        (
            ["--model", "mle-mono", "--shared-lifetimes", "batch", "--channel", "all", "b.npz"],
            "shared_lifetimes=batch cannot be combined with channel=all; use image",
        ),
        (["--model", "mle-tri", "--also", "bound_free_ratio"], "model mle-tri determines three"),
    ],
)
def test_bad_values_are_one_line(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], text: str
) -> None:
    np.save(tmp_path / "d.npy", np.zeros((4, 4)))
    given = [str(tmp_path / one) if (tmp_path / one).is_file() else one for one in more]
    assert main(["image", str(files[0]), "--out", str(tmp_path / "out"), *given]) == 2
    error = capsys.readouterr().err
    assert text in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_another_file_is_not_overwritten(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "shared_lifetimes.json").write_text("{}")
    with pytest.raises(InputError, match="is not recorded as a result of seq2seqlite"):
        mapped(files, out, "batch")
    assert (out / "shared_lifetimes.json").read_text() == "{}"
