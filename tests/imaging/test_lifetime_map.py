"""Maps: right values at the right pixels, the same for every block size, and refusals that say what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seq2seqlite.errors import InputError
from seq2seqlite.figures import lifetime_picture
from seq2seqlite.imaging.frame_analysis import Analysis, lifetime_map
from seq2seqlite.imaging.mask import neighbourhood_sum, read_mask
from seq2seqlite.imaging.options import MapOptions
from seq2seqlite.io.measurement import load
from seq2seqlite.io.signal import signal_from_counts, survey
from seq2seqlite.predictors.source import predictor_source
from seq2seqlite.protocols import Predictor
from seq2seqlite.results.summary import Summary

# The window cuts the tail of a decay, and what of it precedes the pulse is subtracted.
TRUNCATION_NS = 0.02
# The stand-in predictor sums float32 in an order that depends on the size of its batch.
FLOAT32_SUMS = 1e-5


def test_lifetimes_land_at_their_pixels(
    predictor: Predictor, decay_image: Callable[..., xr.DataArray]
) -> None:
    tau = np.linspace(0.3, 1.0, 12).reshape(3, 4)
    maps = lifetime_map(decay_image(tau), predictor)
    # one edge is common to the image, the half height of its sum: decays differ from it by a constant
    offset = maps["tau_mean_ns"].values - tau
    np.testing.assert_allclose(offset, offset.mean(), atol=2 * TRUNCATION_NS)
    np.testing.assert_allclose(maps["tau_long_ns"], 2 * maps["tau_mean_ns"], rtol=1e-6)
    np.testing.assert_allclose(maps["amplitude_fraction"], 0.25)
    np.testing.assert_allclose(maps["intensity"], 2000, rtol=1e-6)
    assert maps["tau_mean_ns"].dtype == np.float32
    assert (maps.attrs["model"], maps.attrs["predictor"]) == ("centre-of-mass", "closed form")
    assert (maps.attrs["pixels"], maps.attrs["pixels_analysed"]) == (12, 12)


@pytest.mark.parametrize("binning", [0, 2])
def test_blocks_and_lazy_sources_change_nothing(
    predictor: Predictor, decay_image: Callable[..., xr.DataArray], binning: int
) -> None:
    rng = np.random.default_rng(3)
    data = decay_image(rng.uniform(0.5, 3, (13, 7)))
    data = data.copy(data=rng.poisson(data.values).astype(np.uint16))
    mask = rng.random((13, 7)) > 0.2
    seen: list[tuple[int, int]] = []
    whole = lifetime_map(data, predictor, binning=binning, mask=mask)
    blocks = lifetime_map(
        data.chunk({"Y": 5}),
        predictor,
        binning=binning,
        mask=mask,
        block_pixels=15,
        progress=lambda done, todo: seen.append((done, todo)),
    )
    for name in whole.data_vars:
        np.testing.assert_allclose(blocks[name], whole[name], rtol=FLOAT32_SUMS)
    assert seen[-1] == (mask.sum(), mask.sum())
    assert len(seen) > 3


def test_binning_sums_the_neighbourhood_and_keeps_the_size() -> None:
    image = np.random.default_rng(1).integers(0, 60_000, (6, 5, 2)).astype(np.uint16)
    naive = np.zeros(image.shape, np.int64)
    for y in range(6):
        for x in range(5):
            naive[y, x] = image[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].sum(axis=(0, 1), dtype=np.int64)
    np.testing.assert_array_equal(neighbourhood_sum(image, binning=2), naive)


def test_binning_beyond_the_image_sums_it_all() -> None:
    image = np.full((300, 300), 65_000, np.uint16)
    assert (neighbourhood_sum(image, binning=10**8) == image.size * 65_000).all()  # above 2^32


def test_nan_of_a_mask_is_outside(tmp_path: Path) -> None:
    assert read_mask([[np.nan, 2.0]], shape=(1, 2)).tolist() == [[False, True]]
    np.save(tmp_path / "m.npy", np.ones((2, 4, 4)))
    with pytest.raises(
        InputError, match=r"m\.npy has shape \(2, 4, 4\), but the image \(4, 4\); draw the mask"
    ):
        read_mask(tmp_path / "m.npy", shape=(4, 4))


def test_masked_and_dim_pixels_are_nan_and_in_no_sum(
    predictor: Predictor, decay_image: Callable[..., xr.DataArray]
) -> None:
    data = decay_image(np.full((3, 3), 1.0))
    data[0, 0] = 0.01 * data[0, 0]  # 20 photons
    mask = np.ones((3, 3))
    mask[2, 2] = 0
    maps = lifetime_map(data, predictor, mask=mask)
    assert np.isnan(maps["tau_mean_ns"].values[[0, 2], [0, 2]]).all()
    assert maps.attrs["pixels_analysed"] == 7
    assert maps["intensity"].values[2, 2] == pytest.approx(2000, rel=1e-6)
    # 3 x 3 around (1, 1): seven bright ones and the dim one, without the masked
    assert (
        lifetime_map(data, predictor, mask=mask, binning=1, min_photons=14_019).attrs["pixels_analysed"] == 1
    )


def test_saturated_pixels_are_left_out_and_counted(
    predictor: Predictor, decay_image: Callable[..., xr.DataArray]
) -> None:
    data = decay_image(np.full((2, 2), 1.0))
    data = data.copy(data=data.values.round().astype(np.uint8))
    data[0, 1, 45] = 255
    maps = lifetime_map(data, predictor)
    assert maps.attrs["pixels_saturated"] == 1
    assert np.isnan(maps["tau_mean_ns"].values[0, 1])
    assert np.isfinite(maps["tau_mean_ns"].values).sum() == 3


def test_single_pixel(predictor: Predictor, decay_image: Callable[..., xr.DataArray]) -> None:
    maps = lifetime_map(decay_image(np.array([[1.0]])), predictor)
    assert maps["tau_mean_ns"].shape == (1, 1)
    assert maps["tau_mean_ns"].item() == pytest.approx(
        1.0, abs=0.15
    )  # the edge lies before the centre of the IRF


def changed(data: xr.DataArray, value: float, dtype: Any = np.float64) -> xr.DataArray:
    values = data.values.astype(dtype)
    values[..., 45] = value
    return data.copy(data=values)


@pytest.mark.parametrize(
    ("value", "dtype", "options", "text"),
    [
        (-3, np.int32, {}, r"image\.npz: counts must be >= 0, found -3; pass raw counts"),
        (np.nan, np.float32, {}, r"image\.npz: counts must be finite, found 4 NaN or infinite; replace"),
        (255, np.uint8, {}, r"image\.npz: all 4 pixels with counts are saturated at 255; measure"),
        (5, np.uint16, {"min_photons": 5000}, r"below the threshold min_photons=5000 \(the brightest"),
        (5, np.uint16, {"min_photons": 0}, r"min_photons=0 must be finite and > 0 \(e\.g\. 100\)"),
        (5, np.uint16, {"binning": -1}, r"binning=-1 must be >= 0 \(1 sums 3 x 3 pixels\)"),
        (5, np.uint16, {"mask": np.ones((3, 2))}, r"mask has shape \(3, 2\), but the image \(2, 2\); draw"),
        (5, np.uint16, {"mask": np.zeros((2, 2))}, r"mask is zero everywhere; set the pixels to be analysed"),
    ],
)  # fmt: skip
def test_bad_input(
    predictor: Predictor,
    decay_image: Callable[..., xr.DataArray],
    *,
    value: float,
    dtype: Any,
    options: dict[str, Any],
    text: str,
) -> None:
    with pytest.raises(InputError, match=text):
        lifetime_map(changed(decay_image(np.full((2, 2), 1.0)), value, dtype), predictor, **options)


def test_all_zero_image(predictor: Predictor) -> None:
    data = signal_from_counts(np.zeros((2, 2, 250)), source="dark.npz", file_format="npz", gate_width_ns=0.05)
    with pytest.raises(InputError, match=r"dark\.npz: all 4 pixels are zero; check the channel, .* shutter"):
        lifetime_map(data, predictor)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".npy"])
def test_mask_files(tmp_path: Path, suffix: str) -> None:
    import tifffile
    from PIL import Image

    mask = np.array([[0, 255, 0], [255, 0, 0]], np.uint8)
    file = tmp_path / f"mask{suffix}"
    write: dict[str, Callable[..., object]] = {
        ".tif": tifffile.imwrite,
        ".npy": np.save,
        ".png": lambda to, image: Image.fromarray(image).save(to),
    }
    write[suffix](file, mask)
    np.testing.assert_array_equal(read_mask(file, shape=(2, 3)), mask > 0)
    with pytest.raises(InputError, match=rf"mask\{suffix} has shape \(2, 3\), but the image \(4, 4\)"):
        read_mask(file, shape=(4, 4))
    file.write_bytes(b"no mask")
    with pytest.raises(InputError, match=rf"mask\{suffix}: not a readable mask file"):
        read_mask(file, shape=(2, 3))


@pytest.mark.parametrize(
    ("name", "options", "settings", "filled"),
    [
        ("nadh-yeast/SDT_c01.sdt", {"block": 1}, {"binning": 3}, "interpolated"),
        ("ptu-tiny/ptu_example.ptu", {}, {"min_photons": 5}, "interpolated"),
        ("iccd-wells", {"drop": ("B149",)}, {"extrapolate": True}, "extrapolated"),
        ("ics/Csarseven.ics", {"period_ns": 12.5}, {"extrapolate": True}, "extrapolated"),
    ],
    ids=["nadh", "ptu", "iccd", "ics"],
)
def test_measured_images_become_maps(
    shared_data: Path,
    predictor: Predictor,
    *,
    name: str,
    options: dict[str, Any],
    settings: dict[str, Any],
    filled: str,
) -> None:
    maps = lifetime_map(load(shared_data / name, **options), predictor, **settings)
    done = maps.attrs["rebinning"]
    assert done.filled == filled
    assert done.photons_in == maps.attrs["photons"]
    assert done.photons_out == pytest.approx(done.photons_in - done.photons_dropped + done.photons_filled)
    assert done.photons_dropped < 0.01 * done.photons_in
    assert maps.attrs["pixels_analysed"] > 50
    assert np.isfinite(maps["tau_mean_ns"].values).sum() == maps.attrs["pixels_analysed"]


def test_iccd_window_is_refused_without_extrapolation(shared_data: Path, predictor: Predictor) -> None:
    data = load(shared_data / "iccd-wells", drop=["B149"])
    with pytest.raises(
        InputError, match=r"the window of 5\.96 ns is shorter than the 12\.15 ns of model centre-of-mass"
    ):
        lifetime_map(data, predictor)


class Recorder:
    """A stand-in that keeps the types of what it is given."""

    def __init__(self, predictor: Predictor) -> None:
        self.name, self.kind, self.axis = predictor.name, predictor.kind, predictor.axis
        self.rising_edge_ns, self.inner = predictor.rising_edge_ns, predictor
        self.types: set[str] = set()

    def lifetimes(self, tpsf: Any, /) -> Any:
        self.types.add(str(tpsf.dtype))
        return self.inner.lifetimes(tpsf)


@pytest.mark.parametrize(("start_ns", "kinds"), [(-0.4, {"uint16"}), (0.0, {"float32"})])
def test_counts_on_the_models_axis_reach_it_as_integers(
    predictor: Predictor, decay_image: Callable[..., xr.DataArray], start_ns: float, kinds: set[str]
) -> None:
    fine = decay_image(np.full((4, 5), 1.0), width_ns=0.01, photons=50_000.0).values
    first = round(-start_ns / 0.01)  # the IRF lies at 2 ns, the model's edge at 1.5 ns
    gates = np.roll(fine, -first, axis=-1)[..., :1215].reshape(4, 5, 135, 9).sum(axis=-1)
    data = signal_from_counts(
        (gates + 1).astype(np.uint16), source="a", file_format="npz", gate_width_ns=0.09, period_ns=12.5
    )
    recorder = Recorder(predictor)
    lifetime_map(data, recorder)
    assert recorder.types == kinds


def test_frames_are_analysed_as_planned_with_the_first(
    predictor: Predictor, decay_image: Callable[..., xr.DataArray]
) -> None:
    first = decay_image(np.linspace(0.5, 2, 12).reshape(3, 4))
    analysis = Analysis.plan(first, survey(first), predictor, MapOptions(binning=1))
    whole = lifetime_map(first, predictor, binning=1)
    for name in whole.data_vars:
        np.testing.assert_array_equal(analysis.maps(first, survey(first))[name], whole[name])
    late = first.copy(data=np.roll(first.values, 10, axis=-1))  # 0.5 ns: seen, as nothing is planned anew
    shift = analysis.maps(late, survey(late))["tau_mean_ns"].values - whole["tau_mean_ns"].values
    np.testing.assert_allclose(shift, 0.5, atol=0.05)
    nothing = first.copy(data=np.zeros(first.shape))
    dark = analysis.maps(nothing, survey(nothing))
    assert np.isnan(dark["tau_mean_ns"].values).all()
    assert dark.attrs["pixels_analysed"] == 0


def test_a_frame_unlike_the_first_is_refused(
    predictor: Predictor, decay_image: Callable[..., xr.DataArray]
) -> None:
    first = decay_image(np.full((2, 2), 1.0))
    analysis = Analysis.plan(first, survey(first), predictor)
    with pytest.raises(
        InputError,
        match=r"image\.npz: shape \(2, 3, 250\) differs from the shape \(2, 2, 250\) .*; start a new",
    ):
        wider = decay_image(np.full((2, 3), 1.0))
        analysis.maps(wider, survey(wider))
    other = decay_image(np.full((2, 2), 1.0)).assign_coords(H=np.arange(250) * 0.051)
    with pytest.raises(
        InputError, match=r"image\.npz: the time axis differs from that of the first frame; start"
    ):
        analysis.maps(other, survey(other))
    with pytest.raises(InputError, match=r"image\.npz: counts must be finite, found 4 NaN"):
        survey(changed(first, np.nan)).check(may_be_dark=True)


def test_maps_of_one_lifetime_say_which(decay_image: Callable[..., xr.DataArray]) -> None:
    """The mean of the phasor is not the amplitude-weighted one, and it has no components."""
    data = decay_image(np.full((3, 4), 2.0))
    maps = lifetime_map(data, predictor_source("phasor").predictor(data))
    assert set(maps.data_vars) == {"tau_mean_ns", "intensity"}
    assert maps["tau_mean_ns"].attrs["long_name"] == "phasor lifetime, of the nearest single exponential"
    assert maps.attrs["quantities"]["tau_mean_ns"] == maps["tau_mean_ns"].attrs["long_name"]
    labels = [axes.get_ylabel() for axes in lifetime_picture(maps).axes]
    assert "phasor lifetime, of the nearest single exponential / ns" in labels
    with pytest.raises(InputError, match="also=photon_fraction needs two lifetimes, but model phasor"):
        lifetime_map(data, predictor_source("phasor").predictor(data), also=["photon_fraction"])


def test_derived_maps(predictor: Predictor, decay_image: Callable[..., xr.DataArray]) -> None:
    data = decay_image(np.linspace(0.5, 1.5, 12).reshape(3, 4))
    maps = lifetime_map(data, predictor, also=["tau_intensity_ns", "fret_efficiency"], donor_tau_ns=3.0)
    mean = maps["tau_mean_ns"].values  # the stand-in has 0.25 of half and 0.75 of twice this lifetime
    expected = mean * (0.25 * 0.25 + 0.75 * 4) / (0.25 * 0.5 + 0.75 * 2)
    np.testing.assert_allclose(maps["tau_intensity_ns"], expected, rtol=1e-6)
    np.testing.assert_allclose(maps["fret_efficiency"], 1 - mean / 3, rtol=1e-5)
    assert maps["tau_intensity_ns"].attrs == {"units": "ns", "long_name": "intensity-weighted mean lifetime"}
    assert Summary.of(maps).to_dict()["donor_tau_ns"] == 3.0


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"also": ("tau",)}, "also=tau must contain different names of tau_intensity_ns, photon_fraction"),
        ({"also": ("photon_fraction",) * 2}, "must contain different names"),
        ({"also": ("fret_efficiency",)}, "donor_tau_ns=None do not match: the map fret_efficiency requires"),
        ({"donor_tau_ns": 2.5}, "do not match"),
        ({"also": ("fret_efficiency",), "donor_tau_ns": 0.0}, "donor_tau_ns=0.0 must be finite and > 0"),
    ],
)
def test_derived_maps_that_do_not_exist(more: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        MapOptions(**more)
