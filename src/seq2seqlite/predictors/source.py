"""A predictor by name, with its IRF: created where it is needed, also in worker processes."""

import math
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import Irf, IrfBank, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.files import sha256_of
from seq2seqlite.hardware.host import BoardPredictor, DirectBoardPredictor
from seq2seqlite.io.image_file import read_image
from seq2seqlite.io.irf import read_irf, read_irf_bank
from seq2seqlite.predictors.boards import is_board
from seq2seqlite.predictors.fit_options import FitOptions
from seq2seqlite.predictors.misfits import camera_of, coarse_irf, cut_irf, unknown_gate, wrong_instrument
from seq2seqlite.predictors.native_axis import NativeAxisPredictor, native_axis
from seq2seqlite.predictors.pixel_bank import PixelBank
from seq2seqlite.predictors.resolve import check_backend, is_estimator, load_predictor, package_of
from seq2seqlite.predictors.response_model import ResponseModel
from seq2seqlite.predictors.shared_lifetimes import Sharing, SharingEstimator
from seq2seqlite.protocols import Predictor, ResponsePredictor
from seq2seqlite.resources import pretrained_folder
from seq2seqlite.responses import PlacedIrf, placed_irf

__all__ = ["FIT", "NamedSource", "predictor_source"]

FIT = "fit"
MAX_SHIFT_NS = 1e4


@dataclass(frozen=True)
class NamedSource:
    """Source of a model or estimator by name; implements :class:`~seq2seqlite.protocols.PredictorSource`.

    Parameters
    ----------
    model : str
        Shipped model, model file, program file or estimator.
    irf_file : pathlib.Path, optional
        Measured IRF.
    irf_bin_width_ns : float, optional
        Bin width of the IRF in ns, if its file does not contain it.
    irf_range_ns : tuple of float, optional
        Part of the IRF that is used, in ns.
    digests : tuple of str, optional
        SHA-256 of the files of model, IRF and delay map; None without a file.
    threads : int, optional
        Threads of a model; default: all cores. Use 1 with one process per core.
    backend : str
        Back end, as for :func:`~seq2seqlite.predictors.load_predictor`.
    irf_fit : bool
        Whether a network that uses the response gets one fitted to the summed decay. Estimators without a
        measured IRF always get one.
    irf_shift_ns : float, optional
        Delay of the measurement against the measured IRF, in ns; default: fitted to the summed decay.
    irf_per_pixel : bool
        Whether the file of the IRF has a response for each pixel; otherwise its pixels are added up.
    delay_map : pathlib.Path, optional
        Image with the delay of each pixel, in ns, which is added to the measured IRF.
    fit : FitOptions
        Options of a maximum-likelihood fit.

    See Also
    --------
    predictor_source :
        Return the source of a predictor, after loading the model and the IRF once to check them.
    """

    model: str
    irf_file: Path | None = None
    irf_bin_width_ns: float | None = None
    irf_range_ns: tuple[float, float] | None = None
    digests: tuple[str | None, str | None, str | None] = (None, None, None)
    threads: int | None = None
    backend: str = "auto"
    irf_fit: bool = False
    irf_shift_ns: float | None = None
    irf_per_pixel: bool = False
    delay_map: Path | None = None
    fit: FitOptions = FitOptions()  # noqa: RUF009 - frozen

    def __getstate__(self) -> dict[str, Any]:
        """Return the pickled state: names and digests, without network and IRF."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def predictor(self, data: xr.DataArray, /) -> Predictor:
        """Return the model, or the estimator on the time axis of a measurement.

        Raises
        ------
        InputError
            If there is a response for each pixel, and the image has another shape.
        """
        if isinstance(self.measured, IrfBank):
            shape = (data.sizes["Y"], data.sizes["X"])
            if self.measured.shape != shape:
                file = self.delay_map or self.irf_file
                raise InputError(f"{file} has shape {self.measured.shape}, but the image {shape}")
        gate_length_ns = data.attrs.get("gate_length_ns")
        if self.trained is not None:
            return self.network(gate_length_ns)
        axis, decay, edge_ns, start_ns = native_axis(data)
        estimator, placed = self._estimator(axis, decay, gate_length_ns=gate_length_ns, delay_ns=-start_ns)
        response, shared = placed.described(-start_ns), self.fit.shared
        if shared is not None:
            found, warnings = shared.described(), tuple(shared.warnings)
            return NativeAxisPredictor(estimator, edge_ns, response, found, warnings)
        kind = SharingEstimator if self.fit.shared_lifetimes == Sharing.IMAGE else NativeAxisPredictor
        return kind(estimator, edge_ns, response)

    def on_axis(self, axis: TimeAxis, decay: NDArray[Any], /) -> Predictor:
        """Return the model, or the estimator for decays on an axis.

        Parameters
        ----------
        axis : TimeAxis
            Time axis of the decays.
        decay : ndarray, shape (n_gates,)
            Summed decay. The measured IRF is shifted to it; without one, an IRF is fitted to it.
        """
        if self.trained is not None:
            model = self.network(None)
            return model.on_decay(decay)[0] if isinstance(model, ResponseModel) else model
        return self._estimator(axis, decay)[0]

    def _estimator(
        self,
        axis: TimeAxis,
        decay: NDArray[Any],
        *,
        gate_length_ns: float | None = None,
        delay_ns: float = 0.0,
    ) -> tuple[Predictor, PlacedIrf]:
        placed = placed_irf(
            np.asarray(decay, np.float64),
            axis=axis,
            measured=self.measured,
            gate_length_ns=gate_length_ns,
            shift_ns=None if self.irf_shift_ns is None else self.irf_shift_ns + delay_ns,
            scatter=self.fit.scatter,
        )

        def estimator_of(irf: Irf) -> Predictor:
            if self.fit:
                return self.fit.estimator(self.model, placed.axis, irf, start_ns=-delay_ns)
            return load_predictor(self.model, axis=placed.axis, irf=irf, backend=self.backend)

        return PixelBank.of(placed.irf, estimator_of), placed

    def network(self, gate_length_ns: float | None, /) -> Predictor:
        """Return the model; one that uses the response, together with the measured or fitted IRF.

        Parameters
        ----------
        gate_length_ns : float or None
            Length of the gates of a camera, in ns.

        Raises
        ------
        InputError
            If the source is that of an estimator.
        """
        model = self.trained
        if model is None:
            raise InputError(f"model={self.model!r} is an estimator; pass a trained model")
        if self.measured is None and not self.irf_fit:
            return model
        if not isinstance(model, ResponsePredictor) or not model.uses_response:
            return model
        return ResponseModel(model, self.measured, gate_length_ns, self.irf_shift_ns)

    def irf(self) -> Irf | None:
        """Return the measured IRF, or None."""
        return self.measured

    def with_remarks(self, data: xr.DataArray, /) -> tuple[Predictor, dict[str, Any]]:
        """Return the predictor for a measurement, and warnings about them, for the summary."""
        if camera_of(self.model) is None and self.measured is None:
            return self.predictor(data), {"warnings": []}
        warnings = wrong_instrument(self.model, data)
        warnings += cut_irf(self.measured, period_ns=data.attrs.get("period_ns"))
        if self.irf_fit or self.measured is not None:
            warnings += unknown_gate(self.model, data)
        if data.attrs.get("gate_length_ns") is None:  # a gate, not a pulse, is the response of a camera
            warnings += coarse_irf(self.measured)
        return self.predictor(data), {"warnings": warnings}

    def described(self) -> dict[str, Any]:
        """Return everything that the result depends on: names and digests."""
        described = {
            "model": self.model if is_board(self.model) else Path(self.model).name,
            "sha256": self.digests[0],
            "irf_sha256": self.digests[1],
            "irf_bin_width_ns": self.irf_bin_width_ns,
            "irf_range_ns": self.irf_range_ns,
        }
        extra: dict[str, Any] = {
            "backend": None if self.backend == "auto" else self.backend,
            "irf_fit": self.irf_fit or None,
            "irf_shift_ns": self.irf_shift_ns,
            "irf_per_pixel": self.irf_per_pixel or None,
            "delay_map_sha256": self.digests[2],
            "fit": self.fit.described() or None,
            "package": package_of(self.model),
            "program_sha256": self.trained.program.sha256
            if isinstance(self.trained, BoardPredictor | DirectBoardPredictor)
            else None,
        }
        return described | {key: value for key, value in extra.items() if value is not None}

    @cached_property
    def trained(self) -> Predictor | None:
        """Trained model; None for an estimator."""
        if is_estimator(self.model):
            return None
        return load_predictor(self.model, threads=self.threads, backend=self.backend)

    @cached_property
    def measured(self) -> Irf | None:
        """Selected part of the measured IRF, or those of all pixels, or None."""
        if self.irf_file is None:
            return None
        if self.irf_per_pixel:
            return read_irf_bank(self.irf_file, bin_width_ns=self.irf_bin_width_ns)
        whole = read_irf(self.irf_file, bin_width_ns=self.irf_bin_width_ns)
        irf = whole if self.irf_range_ns is None else whole.within(*self.irf_range_ns)
        if self.delay_map is None:
            return irf
        delays = read_image(self.delay_map, what="delay map")
        try:
            return IrfBank.from_delays(irf, delays)
        except InputError as error:
            raise InputError(f"{self.delay_map}: {error}") from None


def predictor_source(
    name_or_path: str | Path,
    /,
    *,
    backend: str = "auto",
    threads: int | None = None,
    irf: str | Path | None = None,
    irf_bin_width_ns: float | None = None,
    irf_range_ns: tuple[float, float] | None = None,
    irf_shift: str | float = FIT,
    irf_per_pixel: bool = False,
    delay_map: str | Path | None = None,
    fit: FitOptions = FitOptions(),  # noqa: B008 - frozen
) -> NamedSource:
    """Return the source of a predictor, after loading the model and the IRF once to check them.

    Parameters
    ----------
    name_or_path, backend, threads
        As for :func:`~seq2seqlite.predictors.load_predictor`.
    irf : path-like, optional
        File of a measured IRF; or ``"fit"``: fit one to the summed decay, also for networks that use it.
    irf_bin_width_ns, irf_range_ns
        As for :class:`NamedSource`.
    irf_shift : str or float
        Delay of the measurement against the measured IRF: ``"fit"`` to the summed decay, ``"fixed"`` at 0,
        or a number in ns. The first bins of both files are at the same time.
    irf_per_pixel, delay_map
        As for :class:`NamedSource`; only for images of the same shape.
    fit : FitOptions
        Options of a maximum-likelihood fit.

    Raises
    ------
    InputError
        If the name is unknown, the model or the IRF cannot be read, or options of an IRF are given without
        one.

    See Also
    --------
    seq2seqlite.load_predictor : Return a model, an integer program or an estimator as a predictor.
    NamedSource : Source of a model or estimator by name; implements ``PredictorSource``.
    """
    model = str(name_or_path)
    check_backend(model, backend)
    fit.check(model)
    irf_fit, irf = str(irf) == FIT, None if irf is None or str(irf) == FIT else Path(irf)
    shift_ns = _shift_ns(irf_shift)
    if irf is None and shift_ns is not None:
        raise InputError(
            f"irf_shift={irf_shift} is an option of a measured IRF; pass irf as well, or omit it"
        )
    for key, value in (("irf_bin_width_ns", irf_bin_width_ns), ("irf_range_ns", irf_range_ns)):
        if irf is None and value is not None:
            raise InputError(f"{key}={value} is an option of a measured IRF; pass irf as well, or omit it")
    for key, chosen in (("irf_per_pixel", irf_per_pixel), ("delay_map", delay_map)):
        if irf is None and chosen:
            raise InputError(f"{key}={chosen} is an option of a measured IRF; pass irf as well, or omit it")
    if irf_per_pixel and (delay_map is not None or irf_range_ns is not None):
        raise InputError("irf_per_pixel cannot be combined with delay_map or irf_range_ns; omit one of them")
    if fit.scatter and irf is None:
        raise InputError(
            "scatter=True requires a measured IRF, because scattered light has its shape; pass irf as well"
        )
    if fit.shared_lifetimes and (irf_per_pixel or delay_map is not None):
        raise InputError(
            f"shared_lifetimes={fit.shared_lifetimes} requires one response for all pixels; omit "
            "irf_per_pixel and delay_map"
        )
    file = Path(model)
    if not is_estimator(model) and file.is_file():
        file = file.absolute()  # a worker may have another working directory
        model = str(file)
    else:
        file = pretrained_folder() / f"{model}.npz"
    place = None if irf is None else irf.absolute()
    delays = None if delay_map is None else Path(delay_map).absolute()
    digests = (_digest(file), _digest(place), _digest(delays))
    source = NamedSource(
        model,
        place,
        irf_bin_width_ns,
        irf_range_ns,
        digests,
        threads,
        backend,
        irf_fit,
        shift_ns,
        irf_per_pixel,
        delays,
        fit,
    )
    source.irf()
    _ = source.trained
    return source


def _shift_ns(shift: str | float) -> float | None:
    """Return the shift in ns; None for one that is fitted."""
    if shift == FIT:
        return None
    try:
        value = 0.0 if shift == "fixed" else float(shift)
    except ValueError:
        value = math.nan
    if not abs(value) <= MAX_SHIFT_NS:
        raise InputError(
            f"irf_shift={shift} must be fit, fixed, or a number in ns from {-MAX_SHIFT_NS:g} to "
            f"{MAX_SHIFT_NS:g}"
        )
    return value


def _digest(file: Path | None) -> str | None:
    return sha256_of(file) if file is not None and file.is_file() else None
