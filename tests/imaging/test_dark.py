"""Dark level, flat field and bad pixels of a camera in maps."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from seq2seqlite.decay import Gate, GatedIrf, Lifetimes, ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.figures import DecayRecord, lifetime_picture
from seq2seqlite.imaging import Quality, lifetime_map
from seq2seqlite.io.signal import signal_from_counts, with_references
from seq2seqlite.predictors.source import predictor_source
from seq2seqlite.regions import Regions, region_table
from seq2seqlite.results.phasor_maps import phasor_record

N_GATES = 100
SHAPE = (4, 5)
DARK = np.arange(20, dtype=np.float64).reshape(SHAPE)


@dataclass
class Recorder:
    """Predictor that keeps what it gets; optionally one that uses a known background."""

    uses_background: bool
    seen: list[Any] = field(default_factory=list)
    name: str = "recorder"
    kind: str = "test"
    axis: TimeAxis = TimeAxis(N_GATES, 0.125, 12.5)  # noqa: RUF009 - frozen
    rising_edge_ns: float = 0.95  # where it is, so that nothing is shifted

    def lifetimes(self, tpsf: np.ndarray) -> Lifetimes:
        self.seen.append((tpsf, None, None))
        one = np.ones(len(tpsf))
        return Lifetimes(one, one, one, one / 2)

    def lifetimes_above(self, tpsf: np.ndarray, background: np.ndarray, pixels: np.ndarray) -> Lifetimes:
        found = self.lifetimes(tpsf)
        self.seen[-1] = (tpsf, background, pixels)
        return found


def measured(seed: int = 0) -> tuple[np.ndarray, Any]:
    """Return Poisson counts of 2 ns decays above the dark level, and their measurement."""
    signal = 60 * np.exp(-np.arange(N_GATES) * 0.125 / 2.0)
    signal = np.roll(signal, 8)
    signal[:8] = 0
    counts = np.random.default_rng(seed).poisson(signal + DARK[..., None]).astype(np.float32)
    data = signal_from_counts(counts, source="a", file_format="x", gate_width_ns=0.125, period_ns=12.5)
    return counts, data


def test_predictors_with_a_background_get_all_counts_and_the_level() -> None:
    counts, data = measured()
    recorder = Recorder(uses_background=True)
    lifetime_map(with_references(data, dark=DARK), recorder, min_photons=1)
    ((tpsf, background, pixels),) = recorder.seen
    np.testing.assert_array_equal(tpsf, counts.reshape(-1, N_GATES))
    np.testing.assert_allclose(background, DARK.ravel()[pixels])


def test_other_predictors_get_counts_without_the_level_and_none_below_zero() -> None:
    counts, data = measured()
    recorder = Recorder(uses_background=False)
    lifetime_map(with_references(data, dark=DARK), recorder, min_photons=1)
    ((tpsf, _, _),) = recorder.seen
    expected = np.maximum(counts - DARK[..., None], 0).reshape(-1, N_GATES)
    np.testing.assert_allclose(tpsf, expected, rtol=1e-6)


def test_binning_adds_the_dark_level_of_the_pixels_that_are_added() -> None:
    counts, data = measured()
    bad = np.zeros(SHAPE, np.bool_)
    bad[1, 2] = True
    recorder = Recorder(uses_background=True)
    lifetime_map(with_references(data, dark=DARK, bad=bad), recorder, min_photons=1, binning=1)
    ((tpsf, background, pixels),) = recorder.seen
    place = int(np.flatnonzero(pixels == 0)[0])  # the corner, whose neighbours do not touch the bad pixel
    assert background[place] == DARK[:2, :2].sum()
    np.testing.assert_array_equal(tpsf[place], counts[:2, :2].sum(axis=(0, 1)))
    place = int(np.flatnonzero(pixels == 1)[0])
    assert background[place] == DARK[:2, :3].sum() - DARK[1, 2]
    np.testing.assert_array_equal(tpsf[place], counts[:2, :3].sum(axis=(0, 1)) - counts[1, 2])


def test_intensity_and_threshold_are_without_the_dark_level() -> None:
    counts, data = measured()
    flat = np.full(SHAPE, 2.0)
    bad = np.zeros(SHAPE, np.bool_)
    bad[3, 4] = True
    signal = counts.sum(axis=-1) - N_GATES * DARK
    least = float(np.median(signal))
    maps = lifetime_map(
        with_references(data, dark=DARK, flat=flat, bad=bad),
        Recorder(uses_background=True),
        min_photons=least,
    )
    expected = np.where(bad, np.nan, np.maximum(signal, 0) / 2)
    np.testing.assert_allclose(maps["intensity"], expected, rtol=1e-5)
    np.testing.assert_array_equal(np.isfinite(maps["tau_mean_ns"]), (signal >= least - 1e-6) & ~bad)


def test_bad_pixels_have_no_data_are_flagged_and_not_in_regions() -> None:
    _, data = measured()
    bad = np.zeros(SHAPE, np.bool_)
    bad[0, :2] = True
    data = with_references(data, dark=DARK, bad=bad)
    predictor = predictor_source("phasor").predictor(data)
    maps = lifetime_map(data, predictor, min_photons=1, quality=Quality())
    assert not np.isfinite(maps["tau_mean_ns"].values[bad]).any()
    assert (maps["flagged"].values[bad] == 1).all()
    lifetime_picture(maps)  # an intensity of NaN has no brightness
    regions = Regions.whole(SHAPE).without(bad)
    (row,) = region_table(maps, regions)
    assert row["pixels"] == 18
    assert row["photons"] == pytest.approx(float(np.nansum(maps["intensity"].values, dtype=np.float64)))


def test_phasors_are_those_without_the_dark_level() -> None:
    counts, data = measured()
    chosen = np.ones(SHAPE, np.bool_)
    summed = counts.sum(axis=(0, 1), dtype=np.float64)
    found = []
    for one, dark in ((data, 0.0), (with_references(data, dark=DARK), float(DARK.sum()))):
        record = DecayRecord(TimeAxis(N_GATES, 0.125, 12.5), 0.0, summed, 20, "a", "m", dark)
        found.append(phasor_record(one, chosen, record))
    plain, corrected = (np.hypot(one.real, one.imag) for one in found)
    assert plain[3, 4] < 0.5 * plain[0, 0]  # a background moves phasors to zero
    assert corrected[3, 4] == pytest.approx(corrected[0, 0], rel=0.25)
    light = summed - DARK.sum()
    wave = np.exp(2j * np.pi * (np.arange(N_GATES) + 0.5) / N_GATES)
    assert complex(*found[1].mean) == pytest.approx(complex(light @ wave / light.sum()))


def test_too_much_background_for_a_network_is_a_warning_unless_it_is_the_dark_level() -> None:
    axis = TimeAxis(67, 0.183489, 12.3305)
    irf = GatedIrf(ParametricIrf(7.5, 0.3), Gate(6.0, 0.5, 0.9))
    shape = expected_tpsf([1.0], [2.0], axis=axis.sampled(), irf=irf)
    signal = 3000 * shape / shape.sum()
    level = float(signal.mean())  # half of the counts
    counts = np.random.default_rng(4).poisson(np.tile(signal + level, (20, 20, 1))).astype(np.float32)
    data = signal_from_counts(
        counts, source="a", file_format="x", gate_width_ns=0.183489, period_ns=12.3305, gate_length_ns=6.0
    )
    source = predictor_source("seq2seqlite-spad512s-direct-float", irf="fit")
    dark = with_references(data, dark=np.full((20, 20), level))
    plain, corrected = (lifetime_map(one, source.predictor(one)) for one in (data, dark))
    (warning,) = [one for one in plain.attrs["warnings"] if "background" in one]
    assert "of the counts are background, more than the 40% that" in warning
    assert not [one for one in corrected.attrs["warnings"] if "background" in one]
    assert corrected.attrs["irf"]["background"] < 0.05
    assert np.median(corrected["tau_mean_ns"]) == pytest.approx(2.0, rel=0.1)
