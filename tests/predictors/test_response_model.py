"""Direct networks with the IRF of a measurement, from the file to the maps."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import seq2seqlite
from seq2seqlite.cli.app import main
from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_response, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.imaging import lifetime_map
from seq2seqlite.imaging.quality import Quality
from seq2seqlite.io import signal_from_counts
from seq2seqlite.models import Architecture, ErrorScale, ModelFile, Network, initial_parameters
from seq2seqlite.predictors import load_predictor
from seq2seqlite.predictors.response_model import ResponseModel
from seq2seqlite.predictors.source import predictor_source
from seq2seqlite.protocols import ResponsePredictor
from seq2seqlite.rebinning import plan_rebinning
from seq2seqlite.responses import aligned_irf

AXIS = TimeAxis(125, 0.1, 12.5)
IRF = ParametricIrf(2.0, 0.3, tail_fraction=0.1, tail_ns=0.3)
ERRORS = ["tau_mean_std_ns", "tau_short_std_ns", "tau_long_std_ns", "amplitude_fraction_std"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A direct network with random weights: what matters here is the path of its inputs."""
    architecture = Architecture((8,), "lite", n_inputs=3, output="lifetimes")
    parameters = initial_parameters(architecture, seed=4)
    parameters["head/bias"] = np.array([1.5, 1.0, 2.0, 0.5, 0.0, 0.3, 0.3, 0.1], np.float32)
    content = ModelFile(
        name="random-direct", architecture=architecture, axis=AXIS, rising_edge_ns=1.5, n_baseline=0,
        instrument="mine", parameters=parameters, response_lifetimes_ns=(0.0, 1.0),
        error_scale=ErrorScale((100.0, 1e4), ((1.0, 1.1, 1.2, 1.3),) * 2, ((2.0, 2.1, 2.2, 2.3),) * 2),
        tau_range_ns=(0.1, 4.0), max_background=0.05,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("model") / "random-direct.npz"
    Network(content).write(path)
    return path


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A measurement of 8 x 8 pixels, and its IRF with another bin width and another delay."""
    folder = tmp_path_factory.mktemp("sample")
    counts = np.random.default_rng(3).poisson(
        expected_tpsf(np.ones((8, 8, 1)), [2.0], axis=AXIS, irf=IRF.moved(0.7), photons=2000, background=0.5)
    )
    np.savez(folder / "sample.npz", tpsf=counts, gate_width_ns=0.1, period_ns=12.5)
    fine = TimeAxis(500, 0.025, 12.5)
    pulse = expected_tpsf([1.0], [1e-3], axis=fine, irf=IRF, photons=1e6)
    np.savetxt(folder / "irf.txt", np.column_stack([fine.starts_ns, np.round(pulse)]), fmt=["%.4f", "%d"])
    return folder / "sample.npz", folder / "irf.txt"


def test_irf_gets_the_delay_of_the_summed_decay(model: Path, sample: tuple[Path, Path]) -> None:
    source = predictor_source(model, irf=sample[1])
    data = seq2seqlite.read(sample[0])
    predictor = source.predictor(data)
    assert isinstance(predictor, ResponseModel)
    decay = data.values.sum(axis=(0, 1)).astype(np.float64)
    placed, described = predictor.on_decay(decay)
    assert isinstance(placed, ResponsePredictor)
    assert placed.response_given
    assert described["origin"] == "aligned"
    assert described["background"] == pytest.approx(0.5 * 125 / (2000 + 0.5 * 125), abs=0.01)
    assert "warning" not in described
    assert described["shift_ns"] == pytest.approx(0.7, abs=0.03)
    response = placed.network.response  # type: ignore[attr-defined]
    center = (response @ (AXIS.starts_ns + 0.05)) / response.sum()
    assert center == pytest.approx(aligned_irf(IRF, decay, axis=AXIS).mean_ns, abs=0.02)
    assert center == pytest.approx(IRF.mean_ns + 0.7, abs=0.03)


def test_map_uses_the_response_and_has_errors(model: Path, sample: tuple[Path, Path]) -> None:
    data = seq2seqlite.read(sample[0])
    maps: dict[str, Any] = {}
    for name, irf in (("blind", None), ("given", sample[1])):
        maps[name] = lifetime_map(data, predictor_source(model, irf=irf).predictor(data))
    assert all(error in maps["given"] for error in ERRORS)
    assert (maps["given"]["tau_mean_std_ns"].values > 0).all()
    assert maps["given"]["tau_mean_std_ns"].attrs["units"] == "ns"
    assert not np.array_equal(maps["blind"]["tau_mean_ns"], maps["given"]["tau_mean_ns"])
    texts = {name: " ".join(one.attrs["warnings"]) for name, one in maps.items()}
    assert "random-direct runs without an IRF: errors are larger" in texts["blind"]
    assert "without an IRF" not in texts["given"]


def test_command_writes_maps_of_errors(model: Path, sample: tuple[Path, Path], tmp_path: Path) -> None:
    arguments = ["image", str(sample[0]), "--model", str(model), "--irf", str(sample[1])]
    assert main([*arguments, "--out", str(tmp_path / "maps")]) == 0
    written = {path.stem for path in (tmp_path / "maps").glob("*.tif")}
    assert set(ERRORS) < written
    assert np.isfinite(tifffile.imread(tmp_path / "maps" / "tau_mean_std_ns.tif")).all()


def test_fit_writes_maps_of_its_errors(sample: tuple[Path, Path], tmp_path: Path) -> None:
    arguments = ["image", str(sample[0]), "--model", "mle-mono", "--irf", str(sample[1])]
    assert main([*arguments, "--out", str(tmp_path / "maps")]) == 0
    std = tifffile.imread(tmp_path / "maps" / "tau_mean_std_ns.tif")
    tau = tifffile.imread(tmp_path / "maps" / "tau_mean_ns.tif")
    assert np.median(std) == pytest.approx(np.std(tau), rel=0.4)
    assert not (tmp_path / "maps" / "tau_short_std_ns.tif").exists()


def test_shift_of_the_irf_is_fitted_fixed_or_given(model: Path, sample: tuple[Path, Path]) -> None:
    data = seq2seqlite.read(sample[0])
    maps = {}
    for shift in ("fit", "fixed", 0.7, "0.7"):
        for name in (model, "mle-mono"):
            source = predictor_source(name, irf=sample[1], irf_shift=shift)
            maps[shift, name] = lifetime_map(data, source.predictor(data))
    for name in (model, "mle-mono"):
        fitted, given = maps["fit", name], maps[0.7, name]
        assert fitted.attrs["irf"]["shift_ns"] == pytest.approx(0.7, abs=0.03)
        for shift, shift_ns in ((0.7, 0.7), ("fixed", 0.0)):
            described = maps[shift, name].attrs["irf"]
            assert (described["origin"], described["shift_ns"]) == ("fixed", shift_ns)
        np.testing.assert_array_equal(given["tau_mean_ns"], maps["0.7", name]["tau_mean_ns"])
        away = abs(float((fitted["tau_mean_ns"] - given["tau_mean_ns"]).mean()))
        assert away < 0.03
    mle = "mle-mono"
    assert float((maps["fixed", mle]["tau_mean_ns"] - maps[0.7, mle]["tau_mean_ns"]).mean()) > 0.3


def test_network_can_get_a_fitted_irf(model: Path, sample: tuple[Path, Path]) -> None:
    data = seq2seqlite.read(sample[0])
    maps = lifetime_map(data, predictor_source(model, irf="fit").predictor(data))
    assert (maps.attrs["irf"]["origin"], maps.attrs["irf"]["shift_ns"]) == ("fitted", None)
    decay = data.values.sum(axis=(0, 1)).astype(np.float64)
    responses = []
    for irf in ("fit", sample[1]):
        predictor = predictor_source(model, irf=irf).predictor(data)
        assert isinstance(predictor, ResponseModel)
        response = predictor.on_decay(decay)[0].network.response  # type: ignore[attr-defined]
        responses.append(response / response.sum())
    fitted, measured = responses
    assert np.abs(fitted - measured).sum() < 0.15


@pytest.mark.parametrize(("width_ns", "widened"), [(0.02, False), (0.06, True), (0.08, True)])
def test_a_measured_irf_is_rebinned_like_the_decays(model: Path, width_ns: float, *, widened: bool) -> None:
    """Bins that do not fit the gates widen the decays; with a narrower response, lifetimes are too long."""
    narrow, source = ParametricIrf(2.0, 0.1), TimeAxis(int(12.5 / width_ns), width_ns, 12.5)
    decay = expected_tpsf([1.0], [2.0], axis=source, irf=narrow.moved(0.35), photons=1e7)
    data = signal_from_counts(
        decay[None], source="made up", file_format="none", gate_width_ns=width_ns, period_ns=12.5
    )
    network = load_predictor(model)
    assert isinstance(network, ResponsePredictor)
    rebinner = plan_rebinning(data, decay=decay, axis=network.axis, edge_ns=network.rising_edge_ns)
    expected = rebinner.apply(expected_response(narrow.moved(0.35), axis=source)[None])[0]
    away = {}
    for given in (rebinner, None):
        placed, described = ResponseModel(network, narrow).on_decay(
            rebinner.decay, delay_ns=rebinner.done.shift_ns, rebinner=given
        )
        assert described["shift_ns"] == pytest.approx(0.35, abs=0.002 if given else 0.02)
        found = placed.network.response  # type: ignore[attr-defined]
        away[given is not None] = np.abs(found / found.sum() - expected / expected.sum()).max()
    assert away[True] < 0.01
    assert bool(away[False] > 0.03) == widened


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"irf_shift": "fixed"}, "irf_shift=fixed is an option of a measured IRF; pass irf as well"),
        ({"irf": "fit", "irf_shift": 0.1}, "irf_shift=0.1 is an option of a measured IRF"),
        ({"irf": "IRF", "irf_shift": "late"}, "irf_shift=late must be fit, fixed, or a number in ns"),
        ({"irf": "IRF", "irf_shift": float("nan")}, "irf_shift=nan must be fit, fixed, or a number"),
        ({"irf": "missing.txt"}, "missing.txt does not exist"),
    ],
)
def test_options_of_the_irf_are_checked(
    model: Path, sample: tuple[Path, Path], options: dict[str, Any], message: str
) -> None:
    options = {key: sample[1] if value == "IRF" else value for key, value in options.items()}
    with pytest.raises(InputError, match=message):
        predictor_source(model, **options)


def test_more_background_than_in_the_training_is_a_warning(model: Path, sample: tuple[Path, Path]) -> None:
    data = seq2seqlite.read(sample[0])
    counts = data.values + np.random.default_rng(1).poisson(3, data.shape)
    bright = signal_from_counts(
        counts, source="bright", file_format="test", gate_width_ns=0.1, period_ns=12.5
    )
    maps = lifetime_map(bright, predictor_source(model, irf=sample[1]).predictor(bright))
    assert "background, more than the 5% that random-direct was trained for" in maps.attrs["warnings"][0]
    assert maps.attrs["irf"]["background"] == pytest.approx(0.18, abs=0.02)


def test_quality_flag_uses_the_shift_of_the_prediction(sample: tuple[Path, Path]) -> None:
    data = seq2seqlite.read(sample[0])
    means = {}
    for shift in (0.0, 0.7, "fit"):
        source = predictor_source("mle-mono", irf=sample[1], irf_shift=shift)
        maps = lifetime_map(data, source.predictor(data), quality=Quality(irf=source.irf()))
        means[shift] = maps.attrs["quality"]["irf_mean_ns"]
        assert maps.attrs["quality"]["irf"] == ("given, aligned" if shift == "fit" else "given, fixed")
    assert means[0.7] - means[0.0] == pytest.approx(0.7)
    assert means["fit"] == pytest.approx(means[0.7], abs=0.03)
