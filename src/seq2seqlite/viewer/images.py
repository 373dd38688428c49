"""Opened measurements, their maps, and the decays of pixels and regions."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import Irf
from seq2seqlite.errors import InputError
from seq2seqlite.estimators import ESTIMATORS
from seq2seqlite.figures import DecayRecord, PhasorOptions, PhasorRecord
from seq2seqlite.imaging.frame_analysis import Analysis, analyse_measurement
from seq2seqlite.imaging.options import MapOptions
from seq2seqlite.io.cameras.gate_series import GATE_SUFFIXES
from seq2seqlite.io.measurement import SUFFIXES, read_measurement
from seq2seqlite.io.read_options import ReadOptions
from seq2seqlite.maps import STD_OF, with_maps
from seq2seqlite.models import model_names
from seq2seqlite.predictors.source import FIT, NamedSource, predictor_source
from seq2seqlite.protocols import error_maps, fit_model, predictor_and_remarks, quantities
from seq2seqlite.regions import Regions, region_rows, table_text
from seq2seqlite.regions.outlines import inside_rings
from seq2seqlite.responses import standard_errors
from seq2seqlite.results.phasor_maps import map_phasors
from seq2seqlite.results.summed_decay import summed_decay
from seq2seqlite.viewer.state import ViewState

__all__ = ["DEFAULT_MODEL", "OpenedImage", "OpenedImages", "SelectedDecay"]

DEFAULT_MODEL = "seq2seqlite-tcspc-80mhz-direct-int8"
"""Model of the page if none is given: it estimates standard errors."""
# Analysed measurements, and measurements, that are kept in memory.
KEPT, KEPT_DATA = 3, 2
QUANTITIES = tuple(STD_OF)


@dataclass(frozen=True)
class SelectedDecay:
    """Decay of a pixel, of a region or of the whole image, with both results.

    Parameters
    ----------
    title : str
        Name of the selection.
    record : DecayRecord
        Decay, IRF, fit and curve of the model.
    network, fit : dict of str to (float, float)
        Values and standard errors by quantity; NaN where unknown.

    See Also
    --------
    OpenedImage.selected : Method that returns it.
    """

    title: str
    record: DecayRecord
    network: dict[str, tuple[float, float]]
    fit: dict[str, tuple[float, float]]

    @classmethod
    def of(
        cls, title: str, record: DecayRecord, network: dict[str, tuple[float, float]], /
    ) -> "SelectedDecay":
        """Return the decay with the values and standard errors of the fit in its record."""
        fit = record.fit
        if fit is None or record.response is None or not fit.taus_ns:
            return cls(title, record, network, {})
        errors = standard_errors(fit, axis=record.axis, irf=record.response.irf)
        values = {"tau_mean_ns": fit.tau_mean_ns}
        if len(fit.taus_ns) > 1:
            found = (fit.taus_ns[0], fit.taus_ns[-1], fit.amplitude_fractions[0])
            values |= dict(zip(QUANTITIES[1:], found, strict=True))
        return cls(title, record, network, {name: (values[name], errors[name]) for name in values})


@dataclass(frozen=True, eq=False)
class OpenedImage:
    """Measurement with its maps.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Measurement.
    maps : xarray.Dataset
        Its maps, as ``image`` writes them.
    analysis : Analysis
        Steps by which they were computed.
    irf : Irf or None
        Measured IRF.
    read : ReadOptions
        Options of the reader.
    phasor : PhasorOptions
        Calibration of the phasors.

    See Also
    --------
    OpenedImages.image : Method that returns it.
    """

    data: xr.DataArray
    maps: xr.Dataset
    analysis: Analysis
    irf: Irf | None
    read: ReadOptions = ReadOptions()  # noqa: RUF009 - frozen
    phasor: PhasorOptions = PhasorOptions()  # noqa: RUF009 - frozen
    _phasors: dict[int, PhasorRecord] = field(default_factory=dict, init=False)

    @cached_property
    def whole(self) -> DecayRecord:
        """Summed decay of all pixels with a lifetime, as in ``decay.png``."""
        return summed_decay(self.data, self.maps, self.analysis, self.irf)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (Y, X) of the image."""
        return (self.data.sizes["Y"], self.data.sizes["X"])

    def regions(self, state: ViewState, /) -> Regions:
        """Return the drawn regions of the image."""
        return Regions.named(
            (
                (outline.name, inside_rings([np.array(outline.points)], shape=self.shape))
                for outline in state.regions
            ),
            shape=self.shape,
        )

    def table(self, state: ViewState, /) -> str:
        """Return the table of the regions (of the whole image without regions), as in ``regions.csv``."""
        regions = self.regions(state) if state.regions else Regions.whole(self.shape)
        model = fit_model(self.analysis.predictor)
        maps = with_maps(self.maps, self.phasors(state).maps())
        return table_text(region_rows(self.data, maps, regions, self.whole, model))

    def phasors(self, state: ViewState, /) -> PhasorRecord:
        """Return the phasors of all pixels with a lifetime, with the cursors of a state.

        Raises
        ------
        InputError
            If the reference cannot be read or does not fit.
        """
        options = state.phasor(self.phasor)
        if options.medians not in self._phasors:
            self._phasors[options.medians] = map_phasors(
                self.data, self.maps, self.analysis, self.whole, options=options, read=self.read
            )
        return replace(self._phasors[options.medians], options=options)

    def selected(self, state: ViewState, /) -> SelectedDecay:
        """Return the decay of the selected pixel or region, or of all pixels with a lifetime.

        Raises
        ------
        InputError
            If the pixel is outside of the image, or the region has no pixel with a lifetime.
        """
        if state.selected:
            return self._of_region(state)
        if state.pixel is not None:
            return self._of_pixel(*state.pixel)
        return SelectedDecay.of("whole image", self.whole, self._predicted(self.whole))

    def _of_region(self, state: ViewState) -> SelectedDecay:
        regions = self.regions(state)
        if state.selected not in regions.names:
            raise InputError(f"region {state.selected!r} does not exist; draw it")
        inside = np.zeros(self.shape, np.bool_)
        inside.reshape(-1)[regions.pixels[regions.names.index(state.selected)]] = True
        inside &= np.isfinite(self.maps["tau_mean_ns"].values)
        if not inside.any():
            raise InputError(f"region {state.selected!r} has no pixel with a lifetime; draw a larger one")
        record = self._record(inside)
        return SelectedDecay.of(f"region {state.selected}", record, self._predicted(record))

    def _of_pixel(self, x: int, y: int) -> SelectedDecay:
        height, width = self.shape
        if not (0 <= x < width and 0 <= y < height):
            raise InputError(f"pixel ({x}, {y}) is outside of the image of {width} x {height} pixels")
        reach = self.analysis.options.binning
        chosen = np.zeros(self.shape, np.bool_)
        chosen[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1] = True
        chosen &= self.analysis.mask
        values = {name: (self._at(name, x, y), self._at(STD_OF[name], x, y)) for name in QUANTITIES}
        known = {name: value for name, value in values.items() if name in self.maps}
        return SelectedDecay.of(f"pixel ({x}, {y})", self._record(chosen), known)

    def _at(self, name: str, x: int, y: int) -> float:
        return float(self.maps[name].values[y, x]) if name in self.maps else np.nan

    def _record(self, chosen: NDArray[np.bool_]) -> DecayRecord:
        """Return the record of pixels, from the rows and columns around them."""
        rows, columns = (np.flatnonzero(chosen.any(axis=axis)) for axis in (1, 0))
        part = (
            (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
            if rows.size
            else (slice(0, 1),) * 2
        )
        return summed_decay(
            self.data[part],
            self.maps,
            self.analysis,
            self.irf,
            chosen=chosen[part],
            placed=self.whole.response,
        )

    def _predicted(self, record: DecayRecord) -> dict[str, tuple[float, float]]:
        """Return the lifetimes that the model returns for a summed decay."""
        predictor, start = self.analysis.predictor, round(record.start_ns / record.axis.gate_width_ns)
        whole = np.zeros((1, self.data.sizes["H"]))
        whole[0, start : start + record.counts.size] = record.counts
        found = predictor.lifetimes(self.analysis.rebinner.apply(whole).astype(np.float32))
        errors = error_maps(predictor)

        def number(name: str) -> float:
            return float(getattr(found, name)[0])

        return {
            name: (number(name), number(STD_OF[name]) if STD_OF[name] in errors else np.nan)
            for name in quantities(predictor).names
            if name in QUANTITIES
        }


class OpenedImages:
    """Measurements of an opened file or folder; no other file can be reached.

    Parameters
    ----------
    path : pathlib.Path
        Measurement, or folder of measurements.
    model, irf : str
        Model and IRF given by the user, which are offered beside the shipped models.
    read : ReadOptions
        Options of the reader.
    irf_options : dict
        Further options of :func:`~seq2seqlite.predictors.source.predictor_source`.
    backend : str
        Back end of models.
    phasor : PhasorOptions
        Calibration of the phasors: a measurement of a reference dye, or the response.
    address : dict of str to str
        Further parameters of the URL of the page, which lead to these measurements.

    Raises
    ------
    InputError
        If the path does not exist or contains no measurement.

    See Also
    --------
    seq2seqlite.viewer.ViewServer : Server of the page.
    """

    def __init__(
        self,
        path: Path,
        /,
        *,
        model: str = DEFAULT_MODEL,
        irf: str = "",
        read: ReadOptions = ReadOptions(),  # noqa: B008 - frozen
        irf_options: dict[str, Any] | None = None,
        backend: str = "auto",
        phasor: PhasorOptions = PhasorOptions(),  # noqa: B008 - frozen
        address: dict[str, str] | None = None,
    ) -> None:
        if not path.exists():
            raise InputError(f"{path} does not exist; check the path")
        self.read, self.irf_options, self.backend = read, irf_options or {}, backend
        self.models = list(dict.fromkeys([model, *model_names(), *ESTIMATORS]))
        self.irfs = list(dict.fromkeys([irf, "", FIT]))
        self.path, self.phasor, self.address = path, phasor, address or {}
        self._lock = threading.Lock()
        self._images: OrderedDict[tuple[Any, ...], OpenedImage] = OrderedDict()
        self._data: OrderedDict[tuple[Path, int], xr.DataArray] = OrderedDict()
        if not self.files():
            raise InputError(f"{path} contains no measurement; open a file or folder of {' '.join(SUFFIXES)}")

    def files(self) -> dict[str, Path]:
        """Return the measurements by name, those that were added since included."""
        if not self.path.is_dir() or self.path.suffix.lower() == ".zarr":
            return {self.path.name: self.path}
        try:
            inside = sorted(self.path.iterdir())
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"{self.path} cannot be read ({reason}); open another folder") from None
        root = self.path.resolve()
        found = {
            item.name: item
            for item in inside
            if item.suffix.lower() in SUFFIXES and item.resolve().is_relative_to(root)
        }
        if all(item.suffix.lower() in GATE_SUFFIXES for item in found.values()):
            images = [item for item in inside if item.suffix.lower() in GATE_SUFFIXES]
            return {self.path.name: self.path} if len(images) > 1 else found
        return found

    def check(self, state: ViewState, /) -> None:
        """Raise InputError if a state names a file, model or IRF that was not offered."""
        for kind, value, offered in (
            ("file", state.file, self.files()),
            ("model", state.model, self.models),
            ("irf", state.irf, self.irfs),
        ):
            if value not in offered:
                raise InputError(f"{kind}={value!r} is not offered by this page; choose another one")
        state.check()

    def image(
        self, state: ViewState, /, *, progress: Callable[[int, int], None] | None = None
    ) -> OpenedImage:
        """Return the measurement and maps of a state; the last three are kept.

        Raises
        ------
        InputError
            If the file, model or IRF is not offered, or the measurement cannot be read or mapped.
        """
        self.check(state)
        path = self.files()[state.file]
        with self._lock:
            file = (path, _modified(path))
            key = (file, state.model, state.irf, state.min_photons, state.binning)
            if key in self._images:
                self._images.move_to_end(key)
                return self._images[key]
            data = self._measurement(file)
            source = self._source(state.model, state.irf)
            predictor, remarks = predictor_and_remarks(source, data)
            maps, analysis = analyse_measurement(
                data,
                predictor,
                MapOptions(state.min_photons, state.binning),
                irf=source.irf(),
                progress=progress,
            )
            maps.attrs["warnings"] = [*remarks["warnings"], *maps.attrs["warnings"]]
            image = OpenedImage(data, maps, analysis, source.irf(), self.read, self.phasor)
            self._images[key] = image
            while len(self._images) > KEPT:
                self._images.popitem(last=False)
            return image

    def _measurement(self, file: tuple[Path, int]) -> xr.DataArray:
        """Return a measurement by path and time of its last change; the last two are kept."""
        if file not in self._data:
            self._data[file] = read_measurement(file[0], self.read)
            while len(self._data) > KEPT_DATA:
                self._data.popitem(last=False)
        self._data.move_to_end(file)
        return self._data[file]

    def _source(self, model: str, irf: str) -> NamedSource:
        measured = irf not in ("", FIT)
        options = self.irf_options if measured else {}
        return predictor_source(model, backend=self.backend, irf=irf or None, **options)

    def options(self, state: ViewState, /) -> dict[str, Any]:
        """Return the options of ``image`` besides those of the state."""
        read = {
            name: getattr(self.read, name)
            for name in ("channel", "block", "frames", "period_ns", "gate_width_ns", "gate_length_ns")
        }
        if self.phasor.reference is not None:
            read |= {
                "reference": str(self.phasor.reference),
                "reference_tau_ns": self.phasor.reference_tau_ns,
            }
        return read | (self.irf_options if state.irf not in ("", FIT) else {})


def _modified(path: Path) -> int:
    """Return the time of the last change of a file, in ns."""
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{path.name} cannot be read ({reason}); choose another measurement") from None
