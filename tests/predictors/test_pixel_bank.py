"""Images whose pixels have different responses."""

import numpy as np
import pytest

from seq2seqlite import read
from seq2seqlite.cli.app import main
from seq2seqlite.decay import IrfBank, MeasuredIrf, ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.imaging import lifetime_map
from seq2seqlite.imaging.quality import Quality
from seq2seqlite.predictors.source import predictor_source

AXIS = TimeAxis(125, 0.1, 12.5)
SHAPE = (12, 16)
TAU_NS = 1.5
# The delay of a pixel differs by up to 0.6 ns from column to column.
DELAYS_NS = np.broadcast_to(np.linspace(-0.3, 0.3, SHAPE[1]), SHAPE)


def irf_at(delay_ns):
    return ParametricIrf(2.0 + delay_ns, 0.3, tail_fraction=0.1, tail_ns=0.3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An image, its response in each pixel, its mean response, and the map of its delays."""
    path = tmp_path_factory.mktemp("pixels")
    rng = np.random.default_rng(5)
    decays = np.empty((*SHAPE, AXIS.n_gates), int)
    responses = np.empty((*SHAPE, AXIS.n_gates), int)
    for column, delay_ns in enumerate(DELAYS_NS[0]):
        shape = expected_tpsf([1.0], [TAU_NS], axis=AXIS, irf=irf_at(delay_ns), photons=20_000)
        pulse = expected_tpsf([1.0], [1e-3], axis=AXIS, irf=irf_at(delay_ns - 0.5), photons=3_000)
        decays[:, column] = rng.poisson(shape + 1, (SHAPE[0], AXIS.n_gates))
        responses[:, column] = rng.poisson(pulse + 0.5, (SHAPE[0], AXIS.n_gates))
    np.savez(path / "image.npz", tpsf=decays, gate_width_ns=0.1, period_ns=12.5)
    np.savez(path / "irf.npz", tpsf=responses, gate_width_ns=0.1, period_ns=12.5)
    sharp = expected_tpsf([1.0], [1e-3], axis=AXIS, irf=irf_at(0), photons=1e6)
    np.savetxt(path / "irf.txt", np.column_stack([AXIS.starts_ns, np.round(sharp)]), fmt=["%.4f", "%d"])
    np.save(path / "delays.npy", DELAYS_NS)
    return path


def test_bank_of_a_cube_has_the_delays_of_its_pixels(folder):
    cube = np.load(folder / "irf.npz")["tpsf"]
    bank = IrfBank.from_cube(cube, bin_width_ns=0.1)
    assert bank.shape == SHAPE
    assert 16 <= len(bank.irfs) <= 64
    mean_ns = np.array([irf.mean_ns for irf in bank.irfs])[bank.index]
    assert np.std(mean_ns - DELAYS_NS) < 0.03
    whole = MeasuredIrf(cube.sum(axis=(0, 1)), bin_width_ns=0.1)
    assert bank.mean_ns == pytest.approx(whole.mean_ns, abs=0.06)
    assert bank.moved(0.2).mean_ns == pytest.approx(bank.mean_ns + 0.2)


def test_pixels_without_a_response_get_the_mean(folder):
    cube = np.array(np.load(folder / "irf.npz")["tpsf"])
    cube[3, 4] = 0
    bank = IrfBank.from_cube(cube, bin_width_ns=0.1)
    whole = MeasuredIrf(cube.sum(axis=(0, 1)), bin_width_ns=0.1)
    assert bank.irfs[bank.index[3, 4]].mean_ns == pytest.approx(whole.mean_ns, abs=1e-6)
    assert (bank.index == bank.index[3, 4]).sum() == 1


def test_bank_of_delays_has_steps_of_a_64th():
    rng = np.random.default_rng(1)
    delays = rng.uniform(-1, 1, (40, 50))
    bank = IrfBank.from_delays(ParametricIrf(2.0, 0.2), delays)
    mean_ns = np.array([irf.mean_ns for irf in bank.irfs])[bank.index]
    assert len(bank.irfs) == 64
    assert np.abs(mean_ns - 2.0 - delays).max() <= 1 / 63 + 1e-9


@pytest.mark.parametrize(
    "model",
    [
        "mle-mono",
        pytest.param("phasor", marks=pytest.mark.exhaustive),
        "seq2seqlite-tcspc-80mhz-direct-float",
    ],
)
def test_lifetimes_do_not_follow_the_delays(folder, model):
    data = read(folder / "image.npz")
    spread = {}
    for name, options in {
        "one": {"irf": folder / "irf.txt"},
        "cube": {"irf": folder / "irf.npz", "irf_per_pixel": True},
        "delays": {"irf": folder / "irf.txt", "delay_map": folder / "delays.npy"},
    }.items():
        maps = lifetime_map(data, predictor_source(model, **options).predictor(data))
        columns = maps["tau_mean_ns"].values.mean(axis=0)
        spread[name] = np.ptp(columns)
        if name != "one":
            assert columns.mean() == pytest.approx(TAU_NS, abs=0.04)
            assert "responses" in maps.attrs["predictor"]
    assert spread["cube"] < 0.12
    assert spread["delays"] < 0.12
    # A network follows a wrong delay less than a fit does.
    assert spread["one"] > (0.15 if "direct" in model else 0.3)


def test_quality_flag_knows_the_response_of_each_pixel(folder):
    data = read(folder / "image.npz")
    flagged = {}
    for name in ("cube", "one"):
        irf = folder / ("irf.npz" if name == "cube" else "irf.txt")
        source = predictor_source("mle-mono", irf=irf, irf_per_pixel=name == "cube")
        maps = lifetime_map(data, source.predictor(data), quality=Quality(irf=source.irf()))
        flagged[name] = float(maps["flagged"].mean())
    assert flagged["cube"] < 0.1
    assert flagged["one"] > 0.5


def test_command_with_a_bank(folder, tmp_path):
    words = ["image", str(folder / "image.npz"), "--model", "mle-mono", "--out", str(tmp_path / "maps")]
    assert main([*words, "--irf", str(folder / "irf.txt"), "--delay-map", str(folder / "delays.npy")]) == 0
    assert (tmp_path / "maps" / "tau_mean_ns.tif").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--delay-map", "delays.npy"], "is an option of a measured IRF; pass irf as well"),
        (["--irf-per-pixel"], "is an option of a measured IRF"),
        (["--irf", "irf.npz", "--irf-per-pixel", "--delay-map", "delays.npy"], "cannot be combined"),
        (["--irf", "irf.txt", "--delay-map", "wrong.npy"], "has shape (2, 2), but the image (12, 16)"),
        (["--irf", "irf.txt", "--delay-map", "nan.npy"], "must be finite numbers of shape (Y, X), in ns"),
        (["--irf", "irf.txt", "--delay-map", "none.npy"], "does not exist; check the path of the delay map"),
        (["--irf", "dark.npz", "--irf-per-pixel"], "the responses have no counts"),
        (["--irf", "irf.txt", "--irf-per-pixel"], "has shape (1, 1), but the image (12, 16)"),
    ],
)
def test_bad_banks_are_one_line(folder, tmp_path, capsys, words, message):
    np.save(folder / "wrong.npy", np.zeros((2, 2)))
    np.save(folder / "nan.npy", np.full(SHAPE, np.nan))
    np.savez(folder / "dark.npz", tpsf=np.zeros((*SHAPE, 125), int), gate_width_ns=0.1, period_ns=12.5)
    words = [str(folder / word) if "." in word else word for word in words]
    out = tmp_path / "maps"
    assert main(["image", str(folder / "image.npz"), "--model", "mle-mono", "--out", str(out), *words]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("irfs", "index", "message"),
    [
        ((), [[0]], "a bank of 0 responses must have 1 to 64"),
        ((ParametricIrf(1.0, 0.2),), [[1]], "values from 1 to 1, but the bank has 1"),
        ((ParametricIrf(1.0, 0.2),), [0], "must be integers"),
    ],
)
def test_bank_is_checked(irfs, index, message):
    with pytest.raises(InputError, match=message):
        IrfBank(irfs, np.array(index))
